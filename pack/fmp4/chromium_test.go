package fmp4_test

import (
	_ "embed"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

//go:embed testdata/chromium.html
var chromiumPage []byte

// played is what the page found out about one stream.
type played struct {
	Start    float64 // s, where the buffered sound begins
	End      float64
	Advanced float64 // s that were played
	Level    float64 // loudest sample, full scale 1
	Error    string
}

// Chromium plays a stream joined in the middle, in both containers: fragments by MediaSource, as the page does, and Ogg by <audio>,
// as old players do.
func TestChromiumPlays(t *testing.T) {
	const from, frames = 12 * 100_000, 192 // joined 6.7 hours into the room
	p := tonePackets(t, frames)
	mp4 := fmp4.AppendFragment(fmp4.Init(codec.OpusPreSkip), from, p[:96], []tape.Event{event(from, "room")})
	mp4 = fmp4.AppendFragment(mp4, from+96, p[96:], nil)
	audio := ogg.AppendHeaders(nil, 1, ogg.Head{PreSkip: codec.OpusPreSkip})
	audio = ogg.AppendEnd(ogg.AppendPages(audio, 1, from, p), 1, from+frames, codec.OpusPreSkip)

	mux := http.NewServeMux()
	serve := func(path, kind string, body []byte) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body)
		})
	}
	serve("/", "text/html", chromiumPage)
	serve("/live.mp4", "audio/mp4", mp4)
	serve("/live.ogg", "audio/ogg", audio)
	server := httptest.NewServer(mux)
	defer server.Close()

	page := browsertest.Open(t, browsertest.New(t, browsertest.Autoplay), server.URL)
	got := browsertest.Eval[map[string]played](page, "played()")
	t.Logf("%+v", got)
	for name, p := range got {
		if p.Error != "" || p.Advanced < 0.5 || p.Level < 0.25 || p.Level > 0.35 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	begin := tape.Number(from).Duration().Seconds()
	if p := got["mp4"]; math.Abs(p.Start-begin) > 0.001 || p.End-p.Start < 3.8 {
		t.Errorf("mp4: buffered from %v to %v, want from %v", p.Start, p.End, begin)
	}
	// Chromium takes the pre-skip off the beginning. How far it has buffered it tells when it likes, even long after it has played that.
	if p := got["ogg"]; math.Abs(p.Start-begin) > 0.007 {
		t.Errorf("ogg: buffered from %v, want from %v", p.Start, begin)
	}
}
