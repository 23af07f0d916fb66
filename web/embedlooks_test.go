package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// The small player fits where it is shown, with a long title, in each state, language and light.
func TestEmbedFits(t *testing.T) {
	t.Parallel()
	for i, l := range []look{{480, 140, "light", "en"}, {300, 180, "dark", "fr"}, {480, 140, "dark", "fr"}, {360, 140, "light", "en"}} {
		state := []room.State{room.Live, room.Announced, room.Ended, room.Doors}[i]
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			facts := func(id room.ID) (room.Facts, bool) {
				f, ok := testFacts(id)
				f.State = state
				return f, ok
			}
			mux := http.NewServeMux()
			mux.Handle("/", Embed(EmbedConfig{Facts: facts, Base: func(r *http.Request) string { return "http://" + r.Host }}))
			mux.Handle("/r/{room}/event.json", Event(EventConfig{Facts: facts, Now: time.Now, Picture: testImage, URL: func(*http.Request, room.ID) string { return "" }}))
			mux.HandleFunc("/r/{room}/tape/index.json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") })
			s := httptest.NewServer(mux)
			t.Cleanup(s.Close)
			p := openLook(t, chromium.New(t), s.URL+"/r/"+testRoom+"/embed?lang="+l.lang, l)
			p.until(`document.getElementById("status").textContent !== "" && document.body.dataset.state === ` + fmt.Sprintf("%q", state))
			p.fits(l, "embed-"+string(state))
		})
	}
}
