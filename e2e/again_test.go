package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// An evening that is heard again: a chapter is marked at the desk while it is live, a clip is made of what was just said, and afterwards the
// replay is cut, taken back, posted again and exported; each by real browsers.
func TestAgain(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Harbour talk", true)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	now, _ := s.tape("it is taped", func(i tapeIndex) bool { return i.Last-i.First >= 2*96 })
	chapter, err := s.client.Mark(t.Context(), s.room.ID, "What the sea remembers")
	if err != nil || chapter.ID != 1 || chapter.At < now.Last || chapter.At > now.Last+60*50 {
		t.Fatalf("marked at %d, on tape up to %d, %v", chapter.At, now.Last, err)
	}
	clip := s.clipWhileLive(t)
	err = s.client.End(t.Context(), s.room.ID)
	if err != nil {
		t.Fatal(err)
	}
	over, _ := s.tape("it is closed", func(i tapeIndex) bool { return i.Closed })
	s.cutAndTakenBack(t, clip, over)
	s.exported(t)
}

// clipWhileLive makes a clip on the page that rewinds, and plays it on its own. It returns the clip's address.
func (s *show) clipWhileLive(t *testing.T) (address string) {
	t.Helper()
	s.tape("there is enough for a clip, and the chapter", func(i tapeIndex) bool { return i.Last-i.First >= 4*96 })
	p := openTapped(t, listeners.New(t), s.room.ListenURL+"/tape/#t=5&play&clip")
	p.Until(`globalThis.epidaurusTape?.time > 5 && document.querySelector("#chapterlist b")?.textContent === "What the sea remembers" && document.getElementById("cliplink").href`, browsertest.Body)
	p.Click("#frommore")
	address = browsertest.Eval[string](p, `document.getElementById("cliplink").href`)
	p.Do(chromedp.Navigate(address))
	p.Until(`globalThis.epidaurusClip?.state === "paused"`, browsertest.Body)
	var from, to int64
	_, err := fmt.Sscanf(address[strings.LastIndex(address, "/")+1:], "%d-%d", &from, &to)
	if total := browsertest.Eval[float64](p, "epidaurusClip.total"); err != nil || total != float64(to-from)/50 {
		t.Errorf("the clip %s lasts %f s, %v", address, total, err)
	}
	p.Click("#play")
	p.Until(`epidaurusClip.time > 0.5`, "JSON.stringify(epidaurusClip)")
	// What a browser decodes of the file are its frames, and no sample more.
	browsertest.Eval[bool](p, `(() => {
		globalThis.samples = 0;
		fetch(audio.src).then((a) => a.arrayBuffer()).then((b) => new OfflineAudioContext(1, 48000, 48000).decodeAudioData(b)).then((s) => (samples = s.length), (e) => (samples = String(e)));
		return true;
	})()`)
	p.Until(`samples === epidaurusClip.total * 48000`, "samples")
	for _, want := range []string{`property="og:image" content="` + address + `/picture.png"`, `content="Harbour talk"`, "Ada · 0:0"} {
		if page := fetch(t, address); !strings.Contains(page, want) {
			t.Errorf("the clip's page does not say %s", want)
		}
	}
	if picture := fetch(t, address+"/picture.png"); !strings.HasPrefix(picture, "\x89PNG") {
		t.Error("the clip has no picture")
	}
	return address
}

// cutAndTakenBack cuts the replay in front of the clip's end, and takes it back.
func (s *show) cutAndTakenBack(t *testing.T, clip string, over tapeIndex) {
	t.Helper()
	seen, err := s.client.Replay(t.Context(), s.room.ID)
	until(t, "the replay is posted", func() bool {
		seen, err = s.client.Replay(t.Context(), s.room.ID)
		return err != nil || seen.PostedAt != ""
	})
	if err != nil || seen.Tape != [2]int64{over.First, over.Last} {
		t.Fatalf("on tape are %v, %v; the index says %+v", seen.Tape, err, over)
	}
	from := over.First + 130
	edited, err := s.client.EditReplay(t.Context(), s.room.ID, map[string]any{"from": from, "to": from + 300, "title": "Sea talk", "revision": seen.Revision})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.client.EditReplay(t.Context(), s.room.ID, map[string]any{"from": 0, "revision": seen.Revision})
	if err == nil {
		t.Error("who has not seen the last edit undoes it")
	}
	p := openTapped(t, listeners.New(t), s.room.ListenURL)
	p.Until(`globalThis.epidaurusTape?.state === "paused" && document.getElementById("title").textContent === "Sea talk"`, browsertest.Body)
	if total := browsertest.Eval[float64](p, "epidaurusTape.total"); total != 6 {
		t.Errorf("cut to 6 s it lasts %f s", total)
	}
	p.Click("#play")
	p.Until(`epidaurusTape.state === "ended" || epidaurusTape.time > 2`, "JSON.stringify(epidaurusTape)")
	file := filepath.Join(t.TempDir(), "cut.ogg")
	err = os.WriteFile(file, []byte(fetch(t, s.room.ListenURL+"/tape/floor/opus-48.ogg")), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	pcm, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", file, "-f", "s16le", "-ar", "48000", "-").Output()
	if err != nil || len(pcm)/2 != 300*960 {
		t.Errorf("ffmpeg plays %d samples of the cut file, not %d: %v", len(pcm)/2, 300*960, err)
	}
	m4a := s.room.ListenURL + "/tape/floor/aac-64.m4a"
	until(t, "it is made as M4A", func() bool { return statusOf(t, m4a) == http.StatusOK })
	said, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-of", "csv=p=0", "-select_streams", "a", "-show_entries", "stream=duration:format_tags=title", m4a).Output()
	if err != nil || string(said) != "6.000000\nSea talk\n" {
		t.Errorf("ffprobe says of it %q, %v", said, err)
	}
	_, err = s.client.EditReplay(t.Context(), s.room.ID, map[string]any{"posted": false})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{s.room.ListenURL + "/tape/index.json", clip, clip + "/sound.ogg", clip + "/sound.m4a", m4a, clip + "/picture.png"} {
		if status := statusOf(t, address); status != http.StatusNotFound {
			t.Errorf("taken back, %s answers %d", address, status)
		}
	}
	again, err := s.client.EditReplay(t.Context(), s.room.ID, map[string]any{"posted": true})
	if err != nil || again.From != edited.From || again.Title != "Sea talk" {
		t.Errorf("posted again: %+v, %v", again, err)
	}
	s.tape("it is posted again", func(i tapeIndex) bool { return i.Last-i.First == 300 })
}

func statusOf(t *testing.T, address string) int {
	t.Helper()
	resp, err := http.Get(address) //nolint:noctx // on this machine
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// exported writes the replay as a site, and opens it from a server of files and as a file.
func (s *show) exported(t *testing.T) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	out, err := command(t, program, "export", string(s.room.ID), "--data", filepath.Join(s.dir, "data"), "--to", dir)
	if err != nil {
		t.Fatalf("export: %v\n%s", err, out)
	}
	out, err = command(t, program, "export", string(s.room.ID), "--data", filepath.Join(s.dir, "data"), "--to", dir)
	if err == nil {
		t.Errorf("it writes over what is there: %s", out)
	}
	said, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-of", "csv=p=0", "-select_streams", "a", "-show_entries", "stream=duration", filepath.Join(dir, "sound.m4a")).Output()
	if err != nil || string(said) != "6.000000\n" {
		t.Errorf("ffprobe says of its M4A %q, %v", said, err)
	}
	s.signal(syscall.SIGTERM)
	var mu sync.Mutex
	var asked []string
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
	}))
	t.Cleanup(files.Close)
	for _, address := range []string{files.URL + "/", "file://" + dir + "/index.html"} {
		p := openTapped(t, listeners.New(t), address)
		p.Until(`globalThis.epidaurusTape?.state === "paused" && document.getElementById("title").textContent === "Sea talk" && document.querySelector("#chapterlist b")`, browsertest.Body)
		if total := browsertest.Eval[float64](p, "epidaurusTape.total"); total != 6 {
			t.Errorf("%s: it lasts %f s", address, total)
		}
		p.Click("#play")
		p.Until(`epidaurusTape.time > 0.5`, "JSON.stringify(epidaurusTape)")
		browsertest.Eval[bool](p, `(() => { audio.currentTime = 4; return true })()`)
		p.Until(`epidaurusTape.state === "ended" || epidaurusTape.time > 4.3`, "JSON.stringify(epidaurusTape)")
		if outside := browsertest.Eval[[]string](p, `performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.endsWith("/sound.ogg"))`); len(outside) > 0 {
			t.Errorf("%s asks for %q", address, outside)
		}
		p.Do(chromedp.Navigate("about:blank"))
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(asked)
	if got := slices.DeleteFunc(slices.Compact(asked), func(p string) bool { return p == "/favicon.ico" }); !slices.Equal(got, []string{"/", "/sound.ogg"}) {
		t.Errorf("it asks for %q", got)
	}
}
