package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
)

// description is what the tests need of docs/openapi.json.
type description struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas map[string]struct {
			Properties map[string]json.RawMessage
			Required   []string
		}
		SecuritySchemes map[string]struct{ Name string }
	}
}

func readDescription(t *testing.T) (d description, raw []byte) {
	t.Helper()
	raw, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	err = json.Unmarshal(raw, &d)
	if err != nil {
		t.Fatal(err)
	}
	return d, raw
}

// operations lists what is described, such as "GET /api/me".
func (d description) operations() []string {
	var all []string
	for p, item := range d.Paths {
		for member := range item {
			method := strings.ToUpper(member)
			if slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method) {
				all = append(all, method+" "+p)
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestEveryRouteIsDescribed(t *testing.T) {
	d, _ := readDescription(t)
	var routes, described []string
	for pattern, m := range (&api{}).routes() {
		for method := range m {
			routes = append(routes, method+" "+pattern)
		}
	}
	for _, op := range d.operations() {
		if strings.Contains(op, " /api/") {
			described = append(described, op)
		}
	}
	slices.Sort(routes)
	if !slices.Equal(routes, described) {
		t.Errorf("routes:    %q\ndescribed: %q", routes, described)
	}
}

// docs/PROTOCOL.md is for people, docs/openapi.json for programs: they list the same requests.
func TestTheTwoDocumentsAgree(t *testing.T) {
	protocol, err := os.ReadFile("../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	var explained []string
	request := regexp.MustCompile("`(?:(GET|POST|PUT|PATCH|DELETE) )?(…?/[^` ]+)`")
	for line := range strings.Lines(string(protocol)) {
		cell, isRow := strings.CutPrefix(line, "| ")
		if !isRow {
			continue
		}
		cell, _, _ = strings.Cut(cell, " |")
		method, last := "", ""
		for _, m := range request.FindAllStringSubmatch(cell, -1) {
			if m[1] != "" {
				method = m[1]
			}
			if rest, abbreviated := strings.CutPrefix(m[2], "…"); abbreviated {
				last = path.Dir(last) + rest
			} else {
				last = m[2]
			}
			explained = append(explained, method+" "+last)
		}
	}
	slices.Sort(explained)
	d, _ := readDescription(t)
	if described := d.operations(); !slices.Equal(explained, described) {
		t.Errorf("only in PROTOCOL.md: %q\nonly in openapi.json: %q", missing(explained, described), missing(described, explained))
	}
}

// missing lists what is in a and not in b.
func missing(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func TestEveryReferenceLeadsSomewhere(t *testing.T) {
	_, raw := readDescription(t)
	var tree any
	err := json.Unmarshal(raw, &tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"\$ref": "#/([^"]+)"`).FindAllSubmatch(raw, -1) {
		at := tree
		for part := range strings.SplitSeq(string(m[1]), "/") {
			object, _ := at.(map[string]any)
			at = object[part]
		}
		if at == nil {
			t.Errorf("#/%s is not there", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`"operationId": "([^"]+)"`).FindAllSubmatch(raw, -1) {
		if bytes.Count(raw, m[0]) != 1 {
			t.Errorf("operation %s is there twice", m[1])
		}
	}
}

// What is answered has the members that are described, and each that is required.
func TestAnswersAreAsDescribed(t *testing.T) {
	d, _ := readDescription(t)
	h := newHouse(t)
	live, over := string(h.newRoom(room.Live)), string(h.newRoom(room.Ended))
	host := with(h.cookie)
	for _, tt := range []struct {
		schema string
		answer *httptest.ResponseRecorder
	}{
		{"Me", h.do("GET", "/api/me", "")},
		{"Rooms", h.do("GET", "/api/rooms", "", host)},
		{"Room", h.do("POST", "/api/rooms", `{"title":"a"}`, host)},
		{"Room", h.do("GET", "/api/rooms/"+live, "", host)},
		{"Room", h.do("GET", "/api/rooms/"+over, "", host)},
		{"Token", h.do("POST", "/api/rooms/"+live+"/token", "", host)},
		{"Invite", h.do("POST", "/api/rooms/"+live+"/invites", `{"name":"Grace","role":"cohost"}`, host)},
		{"Chapters", h.do("GET", "/api/rooms/"+live+"/chapters", "", host)},
		{"Chapter", h.do("POST", "/api/rooms/"+live+"/chapters", `{"at":5}`, host)},
		{"Replay", h.do("GET", "/api/rooms/"+live+"/replay", "", host)},
		{"Tracks", h.do("GET", "/api/rooms/"+over+"/tracks", "", host)},
		{"Problem", h.do("GET", "/api/rooms", "")},
	} {
		var answer map[string]json.RawMessage
		err := json.Unmarshal(tt.answer.Body.Bytes(), &answer)
		if err != nil {
			t.Fatal(err)
		}
		members := slices.Collect(maps.Keys(answer))
		schema := d.Components.Schemas[tt.schema]
		if extra := missing(members, slices.Collect(maps.Keys(schema.Properties))); len(extra) != 0 {
			t.Errorf("%s: not described: %q", tt.schema, extra)
		}
		if absent := missing(schema.Required, members); len(absent) != 0 || len(schema.Required) == 0 {
			t.Errorf("%s: required, and not answered: %q", tt.schema, absent)
		}
	}
	if d.Components.SecuritySchemes["hostCookie"].Name != plainCookie || d.Components.SecuritySchemes["hostCookieTLS"].Name != secureCookie {
		t.Error("the cookies have other names than described")
	}
}
