package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// replays serves chapters and edits as docs/PROTOCOL.md has them, by the facts of room.
func (d *deskServer) replays(mux *http.ServeMux) {
	change := func(w http.ResponseWriter, r *http.Request, how func(*room.Facts, map[string]any) any) {
		var asked map[string]any
		if r.ContentLength > 0 {
			err := json.NewDecoder(r.Body).Decode(&asked)
			if err != nil {
				d.t.Error(err)
			}
		}
		id := room.ID(r.PathValue("room"))
		var answer any
		d.change(id, func(f *room.Facts) { answer = how(f, asked) })
		d.stage.Refresh(id)
		d.answer(w, http.StatusOK, answer)
	}
	mux.HandleFunc("GET /api/rooms/{room}/chapters", func(w http.ResponseWriter, r *http.Request) {
		f, _ := d.Facts(room.ID(r.PathValue("room")))
		d.answer(w, 200, map[string]any{"chapters": append([]room.Chapter{}, f.Life.Chapters...), "revision": f.Life.Revision})
	})
	mux.HandleFunc("POST /api/rooms/{room}/chapters", func(w http.ResponseWriter, r *http.Request) {
		change(w, r, func(f *room.Facts, _ map[string]any) any {
			c, err := f.Mark(int64(1000+500*len(f.Life.Chapters)), "")
			if err != nil {
				d.t.Error(err)
			}
			return c
		})
	})
	mux.HandleFunc("PATCH /api/rooms/{room}/chapters/1", func(w http.ResponseWriter, r *http.Request) {
		change(w, r, func(f *room.Facts, asked map[string]any) any {
			title, _ := asked["title"].(string)
			c, err := f.ChangeChapter(1, &title, nil)
			if err != nil {
				d.t.Error(err)
			}
			return c
		})
	})
	mux.HandleFunc("GET /api/rooms/{room}/tracks", func(w http.ResponseWriter, r *http.Request) {
		at := "/api/rooms/" + r.PathValue("room") + "/tracks"
		d.answer(w, http.StatusOK, map[string]any{"wanted": true, "ready": true, "zip_url": at + ".zip", "tracks": []map[string]any{
			{"person": "grace", "name": "Grace", "bytes": 1_234_567, "url": at + "/grace.ogg"}, {"person": "bob", "name": "", "bytes": 5000, "url": at + "/bob.ogg"},
		}})
	})
	replay := func(f *room.Facts) map[string]any {
		e := f.Life.Edit
		return map[string]any{
			"title": f.Heading(), "from": e.From, "to": e.To, "clips": !f.Life.NoClips, "posted": f.Life.Withdrawn.IsZero(), "tape": []int{1000, 361_000}, "revision": f.Life.Revision,
		}
	}
	mux.HandleFunc("GET /api/rooms/{room}/replay", func(w http.ResponseWriter, r *http.Request) {
		f, _ := d.Facts(room.ID(r.PathValue("room")))
		d.answer(w, 200, replay(&f))
	})
	mux.HandleFunc("PATCH /api/rooms/{room}/replay", func(w http.ResponseWriter, r *http.Request) {
		change(w, r, func(f *room.Facts, asked map[string]any) any {
			var c room.EditChange
			number := func(name string) *int64 {
				v, ok := asked[name].(float64)
				n := int64(v)
				if !ok {
					return nil
				}
				return &n
			}
			if title, ok := asked["title"].(string); ok {
				c.Title = &title
			}
			if posted, ok := asked["posted"].(bool); ok {
				c.Posted = &posted
			}
			c.From, c.To = number("from"), number("to")
			err := f.Change(c, 0, f.Created)
			if err != nil {
				d.t.Error(err)
			}
			return replay(f)
		})
	})
}

// until waits for what the server has to know.
func (d *deskServer) until(what string, ok func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(browsertest.Patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// One key marks a chapter, and not while one writes; its title comes later. Who only speaks has no such key.
func TestDeskMarksChapters(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := chromium.New(t)
	p := openDesk(t, b, d.link("pru", "Pru", room.Producer, "?lang=en"))
	p.until(browsertest.At("mark"))
	p.Write("invite-name", "c c")
	p.until(browsertest.At("invite-name") + `.value === "c c"`)
	p.until(`(` + browsertest.At("invite-name") + `.blur(), true)`)
	if f, _ := d.Facts(testRoom); len(f.Life.Chapters) != 0 {
		t.Errorf("what is written marks %v", f.Life.Chapters)
	}
	p.Do(chromedp.KeyEvent("c"))
	p.until(browsertest.At("chapter-1"))
	p.Press("mark")
	p.until(browsertest.At("chapter-2"))
	p.until(`(` + browsertest.At("chapter-1") + `.value = "Tides", ` + browsertest.At("chapter-1") + `.dispatchEvent(new Event("change", {bubbles: true})), true)`)
	p.until(browsertest.At("chapter-1") + `.defaultValue === "Tides" || ` + browsertest.At("chapter-1") + `.value === "Tides"`)
	d.until("the title is kept", func() bool {
		f, _ := d.Facts(testRoom)
		return slices.Equal(f.Life.Chapters, []room.Chapter{{ID: 1, At: 1000, Title: "Tides"}, {ID: 2, At: 1500}})
	})
	speaker := openDesk(t, b, d.link("bob", "Bob", room.Speaker, "?raw=1"))
	speaker.says("nobody", "not-on-stage")
	speaker.until(browsertest.At("mark") + ` === null`)
}

// A host cuts the replay of a room that has ended, and takes it back, from the list of rooms.
func TestDeskEditsAReplay(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	d.change(testRoom, func(f *room.Facts) {
		f.State, f.Tape, f.Tracks, f.Life.Chapters = room.Ended, room.TapeOn, true, []room.Chapter{{ID: 1, At: 2000}}
	})
	l := look{360, 740, "light", "en"}
	p := deskTab{openLook(t, chromium.New(t), "http://"+d.address+"/desk/?lang=en#claim="+hostSecret, l)}
	p.until(browsertest.At("claim"))
	p.Press("claim")
	edit := "edit-" + testRoom
	p.until(browsertest.At(edit))
	p.until(`(document.querySelector('[data-testid="` + edit + `"] summary').click(), true)`)
	p.until(browsertest.At("replay-from") + `?.value === "0:00" && ` + browsertest.At("replay-to") + `.value === "2:00:00"`)
	p.until(browsertest.At("tracks-"+testRoom) + `?.innerText.replace(/\s+/g, " ").trim() === "Grace 1.2 MB bob 0 MB"`)
	p.until(browsertest.At("tracks-"+testRoom) + `.querySelector("a").pathname === "/api/rooms/` + testRoom + `/tracks/grace.ogg" && ` + browsertest.At("tracks-zip-"+testRoom) + `.pathname.endsWith("/tracks.zip")`)
	p.fits(l, "edit-replay")
	write := func(id, text string) {
		t.Helper()
		p.until(`(` + browsertest.At(id) + `.value = "` + text + `", true)`)
	}
	write("replay-from", "nonsense")
	p.Press("replay-save")
	p.reads("edit-word-"+testRoom, "1:02:03")
	write("replay-from", "1:30.5")
	write("replay-title", "Sea talk")
	p.Press("replay-save")
	p.reads("edit-word-"+testRoom, "Saved")
	f, _ := d.Facts(testRoom)
	if f.Life.Edit != (room.Edit{Title: "Sea talk", From: 1000 + 4525}) {
		t.Errorf("edited: %+v", f.Life.Edit)
	}
	p.Press("posted-" + testRoom)
	d.until("it is taken back", func() bool { f, _ := d.Facts(testRoom); return !f.Life.Withdrawn.IsZero() })
	p.until(browsertest.At("posted-"+testRoom) + `.textContent === "Post it again"`)
}
