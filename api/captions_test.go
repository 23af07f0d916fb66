package api

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/pack/vtt"
	"github.com/epidaurus-live/epidaurus/room"
)

// captioner is a room on air, and what sends captions to it.
func captioner(t *testing.T) (h *house, air *memoryAir, send func(body string) *httptest.ResponseRecorder) {
	t.Helper()
	h, air = newHouse(t), &memoryAir{}
	h.cfg.Air = air
	h.handler = New(h.cfg)
	id := h.newRoom(room.Live)
	by := h.cfg.Key.Sign(room.Grant{Room: id, Person: "cap1", Role: room.Captioner, Expires: noon.Add(time.Hour).Unix()})
	return h, air, func(body string) *httptest.ResponseRecorder {
		return h.do("POST", "/api/rooms/"+string(id)+"/captions", body, token(by))
	}
}

func TestCaption(t *testing.T) {
	_, air, send := captioner(t)
	for _, tt := range []struct {
		body, want string
		status     int
	}{
		{`{"text":"Good  evening.\n","id":"a","lang":"pt-br"}`, `caption a pt-BR "Good evening." true false false`, 201},
		{`{"text":"Good","id":"a.B_1","final":false,"at":100,"until":150}`, `caption a.B_1 en "Good" false true true`, 201},
		{`{"text":"","id":"a"}`, `caption a en "" true false false`, 201},
		{`{"text":"Good evening.","id":"again"}`, `caption again en "Good evening." true false false`, 200},
	} {
		air.asked = nil
		got := into[captionAnswer](t, send(tt.body), tt.status)
		if len(air.asked) != 1 || air.asked[0] != tt.want || got.HeldMS != 2000 || got.ID == "" {
			t.Errorf("%s: asked %q, answered %+v", tt.body, air.asked, got)
		}
	}
	air.asked = nil
	named := into[captionAnswer](t, send(`{"text":"…"}`), 201)
	if len(named.ID) != captionIDChars || named.Language != "en" {
		t.Errorf("a line without id: %+v", named)
	}
}

func TestCaptionRefused(t *testing.T) {
	_, air, send := captioner(t)
	for body, code := range map[string]problem.Code{
		`{}`:                            problem.BadRequest,
		`{"text":""}`:                   problem.BadRequest, // takes back nothing
		`{"text":"a","lang":"x"}`:       problem.BadRequest,
		`{"text":"a","id":"a b"}`:       problem.BadRequest,
		`{"text":"a","at":-1}`:          problem.BadRequest,
		`{"text":"a","until":-1}`:       problem.BadRequest,
		`{"text":"a","at":2,"until":1}`: problem.BadRequest,
		`{"text":"a","colour":"red"}`:   problem.BadRequest,
		`{"text":"` + strings.Repeat("a", room.MaxCaption+1) + `"}`: problem.BadRequest,
	} {
		refused(t, send(body), http.StatusBadRequest, code)
	}
	w := send(`{"text":"dumped"}`)
	refused(t, w, http.StatusConflict, problem.CaptionDumped)
	if w.Header().Get("Retry-After") != "3" {
		t.Errorf("after a dump: Retry-After %q", w.Header().Get("Retry-After"))
	}
	if len(air.asked) != 0 {
		t.Errorf("asked %q", air.asked)
	}
}

// A captioner who sends more than is read is told when to go on; another one is not kept waiting.
func TestCaptionsAreCounted(t *testing.T) {
	h, _, send := captioner(t)
	for range captionBurst {
		send(`{"text":"a"}`)
	}
	w := send(`{"text":"a"}`)
	p := refused(t, w, http.StatusTooManyRequests, problem.TooMany)
	if p.RetryAfterMS <= 0 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("too many: %+v %v", p, w.Header())
	}
	h.now = h.now.Add(captionEvery)
	if w := send(`{"text":"a"}`); w.Code != 201 {
		t.Errorf("after a while: %d %s", w.Code, w.Body)
	}
}

// Before the first word there is nothing to write, and nobody but a captioner does.
func TestCaptionsNeedARoomOnAir(t *testing.T) {
	h, _, _ := captioner(t)
	doors := h.newRoom(room.Doors)
	for role, want := range map[room.Role]int{room.Captioner: http.StatusConflict, room.Host: http.StatusForbidden} {
		by := h.cfg.Key.Sign(room.Grant{Room: doors, Person: "cap1", Role: role, Expires: noon.Add(time.Hour).Unix()})
		if w := h.do("POST", "/api/rooms/"+string(doors)+"/captions", `{"text":"a"}`, token(by)); w.Code != want {
			t.Errorf("a %s: %d %s", role, w.Code, w.Body)
		}
	}
}

// The host of a room that has ended brings her own file, and is told which line of it cannot be taken.
func TestCaptionFile(t *testing.T) {
	h, _, _ := captioner(t)
	id := h.newRoom(room.Ended)
	at := "/api/rooms/" + string(id) + "/captions/"
	file := header("Content-Type", "text/vtt")
	w := h.do("PUT", at+"pt-br", "WEBVTT\n\n00:01.000 --> 00:02.000\nOlá.\n", with(h.cookie), file)
	got := into[struct {
		Language string `json:"lang"`
		Lines    int
	}](t, w, http.StatusOK)
	if got.Language != "pt-BR" || got.Lines != 1 {
		t.Errorf("answered %+v", got)
	}
	if w := h.do("DELETE", at+"en", "", with(h.cookie)); w.Code != http.StatusNoContent {
		t.Errorf("to take it back: %d %s", w.Code, w.Body)
	}
	if want := []string{"pt-BR 1", "en 0"}; !slices.Equal(h.rooms.captions, want) {
		t.Errorf("set %q, want %q", h.rooms.captions, want)
	}
	p := refused(t, h.do("PUT", at+"en", "WEBVTT\n\n00:01,000 --> 00:02.000\na", with(h.cookie), file), http.StatusBadRequest, problem.BadCaptions)
	if !strings.Contains(p.Detail, "line 3") {
		t.Errorf("it does not name the line: %s", p.Detail)
	}
	refused(t, h.do("PUT", at+"en", "WEBVTT\n", with(h.cookie), file), http.StatusBadRequest, problem.BadRequest)
	refused(t, h.do("PUT", at+"e", "WEBVTT\n", with(h.cookie), file), http.StatusBadRequest, problem.BadRequest)
	refused(t, h.do("PUT", at+"en", "{}", with(h.cookie)), http.StatusUnsupportedMediaType, problem.WrongType)
	refused(t, h.do("PUT", at+"en", strings.Repeat(" ", vtt.MaxSize+1), with(h.cookie), file), http.StatusRequestEntityTooLarge, problem.TooLarge)
	refused(t, h.do("DELETE", at+"de", "", with(h.cookie)), http.StatusNotFound, problem.NoTape)
	live := h.newRoom(room.Live)
	refused(t, h.do("PUT", "/api/rooms/"+string(live)+"/captions/en", "WEBVTT\n", with(h.cookie), file), http.StatusConflict, problem.StepImpossible)
	by := h.cfg.Key.Sign(room.Grant{Room: id, Person: "cap1", Role: room.Captioner, Expires: noon.Add(time.Hour).Unix()})
	refused(t, h.do("PUT", at+"en", "WEBVTT\n", token(by), file), http.StatusForbidden, problem.Forbidden)
}
