package web_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/web"
)

var shownRooms = map[room.ID]room.Facts{
	"harbour": {ID: "harbour", Title: `The "sea" <b>`, Language: "fr", State: room.Live},
	"draft":   {ID: "draft", Title: "Not yet told", State: room.Draft},
}

func shown(id room.ID) (room.Facts, bool) { f, ok := shownRooms[id]; return f, ok }

func embedding(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	web.Embed(web.EmbedConfig{Facts: shown, Base: func(r *http.Request) string { return "http://" + r.Host }}).ServeHTTP(w, r)
	return w
}

// The small player may be shown by anybody, and by no other page of ours may that be said. It brings no script and no style in itself, and asks for no cookie.
func TestEmbedPage(t *testing.T) {
	t.Parallel()
	w := embedding(httptest.NewRequest(http.MethodGet, "http://live.example.org/r/harbour/embed", nil))
	body, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors *", "form-action 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s: %s", want, policy)
		}
	}
	if w.Code != http.StatusOK || strings.Contains(policy, "unsafe") || w.Header().Get("Set-Cookie") != "" || w.Header().Get("X-Frame-Options") != "" {
		t.Errorf("%d, %v", w.Code, w.Header())
	}
	if inline := regexp.MustCompile(`<style|\sstyle=|\son\w+=|<script(?: [^>]*)?>[^<]`).FindString(body); inline != "" {
		t.Errorf("in the page is %q", inline)
	}
	for _, want := range []string{`<script src="/r/harbour/embed.js" defer></script>`, `lang="fr">The &#34;sea&#34; &lt;b&gt;</h1>`, `href="/r/harbour"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
	for path, status := range map[string]int{"/r/harbour/embed.js": 200, "/r/draft/embed": 404, "/r/nobody/embed": 404, "/r/UPPER/embed": 404, "/r/harbour/embed/x": 404} {
		if w := embedding(httptest.NewRequest(http.MethodGet, path, nil)); w.Code != status {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	page := web.ListenPage(shown, func(room.Facts) string { return "" })
	other := httptest.NewRecorder()
	page.ServeHTTP(other, httptest.NewRequest(http.MethodGet, "/r/harbour", nil))
	if policy := other.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("the room's page: %s", policy)
	}
	if link := `<link rel="alternate" type="application/json+oembed" href="/oembed?url=/r/harbour">`; !strings.Contains(other.Body.String(), link) {
		t.Error("the room's page does not say where it can be embedded from")
	}
}

func TestOEmbed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		query         string
		status        int
		width, height int
	}{
		{"url=http://live.example.org/r/harbour", 200, 480, 140},
		{"url=https://LIVE.example.org/r/harbour&format=json", 200, 480, 140},
		{"url=/r/harbour", 200, 480, 140},
		{"url=http://live.example.org/r/harbour/embed?lang=fr&maxwidth=300&maxheight=100", 200, 300, 100},
		{"url=http://live.example.org/r/harbour/tape/%23t=3&maxwidth=9000&maxheight=-1", 200, 480, 140},
		{"url=http://live.example.org/r/harbour&format=xml", 501, 0, 0},
		{"url=http://live.example.org/r/nobody", 404, 0, 0},
		{"url=http://live.example.org/r/draft", 404, 0, 0},
		{"url=http://other.example.org/r/harbour", 404, 0, 0},
		{"url=//other.example.org/r/harbour", 404, 0, 0},
		{"url=javascript:/r/harbour", 404, 0, 0},
		{"url=http://live.example.org/r/harbour/live.ogg", 404, 0, 0},
		{"url=http://live.example.org/desk/harbour", 404, 0, 0},
		{"url=%25zz", 404, 0, 0},
		{"", 404, 0, 0},
	} {
		w := embedding(httptest.NewRequest(http.MethodGet, "http://live.example.org/oembed?"+row.query, nil))
		if w.Code != row.status || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d, %v", row.query, w.Code, w.Header())
			continue
		}
		if row.status != http.StatusOK {
			continue
		}
		var got struct {
			Version, Type, Title, HTML string
			Width, Height              int
		}
		err := json.Unmarshal(w.Body.Bytes(), &got)
		if err != nil || got.Version != "1.0" || got.Type != "rich" || got.Title != `The "sea" <b>` || got.Width != row.width || got.Height != row.height {
			t.Errorf("%s: %+v (%v)", row.query, got, err)
		}
		if !strings.HasPrefix(got.HTML, `<iframe src="http://live.example.org/r/harbour/embed" `) || !strings.Contains(got.HTML, `title="`+html.EscapeString(got.Title)+`"`) {
			t.Errorf("%s: %s", row.query, got.HTML)
		}
	}
}

// No link makes a page of something else, or panics.
func FuzzOEmbed(f *testing.F) {
	for _, seed := range []string{"http://live.example.org/r/harbour", "/r/harbour", "//x/r/harbour", "http://[::1/r/harbour", "javascript:alert(1)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, link string) {
		w := embedding(httptest.NewRequest(http.MethodGet, "http://live.example.org/oembed?url="+url.QueryEscape(link), nil))
		if w.Code == http.StatusOK && !strings.Contains(w.Body.String(), `live.example.org/r/harbour/embed`) {
			t.Errorf("%q: %s", link, w.Body)
		}
	})
}
