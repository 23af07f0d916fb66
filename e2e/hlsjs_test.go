package e2e

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// playerPage is a page of a stranger, at an origin of its own: hls.js at its default settings, and what it does. A network that fails for longer
// than hls.js tries is tried again, as its manual says.
const playerPage = `<!doctype html><meta charset="utf-8"><title>hls.js</title>
<audio id="audio" controls></audio>
<script src="hls.js"></script>
<script>
const query = new URLSearchParams(location.search), audio = document.getElementById("audio"), hls = new Hls();
const seen = { frozen: [], stalls: [], delays: [], fatal: [], errors: {}, last: [], parts: 0, segments: 0, codec: "" };
hls.on(Hls.Events.MANIFEST_PARSED, () => {
	const codec = query.get("codec");
	if (codec) hls.startLevel = hls.loadLevel = hls.levels.findIndex((l) => l.audioCodec === codec);
	audio.play();
});
hls.on(Hls.Events.FRAG_LOADED, (_, e) => { e.part ? seen.parts++ : seen.segments++; });
hls.on(Hls.Events.BUFFER_CODECS, (_, e) => { seen.codec = e.audio?.codec ?? seen.codec; });
hls.on(Hls.Events.ERROR, (_, e) => {
	seen.errors[e.details] = (seen.errors[e.details] ?? 0) + 1;
	seen.last.push(new Date().toISOString().slice(14, 23) + " " + e.details + " " + (e.response?.code ?? "") + " " + (e.error?.message ?? "").slice(0, 60));
	if (!e.fatal) return;
	seen.fatal.push({ at: Date.now(), what: e.details });
	if (e.type === Hls.ErrorTypes.NETWORK_ERROR) {
		// What the playlist said of a server before it was restarted may not be so any more.
		setTimeout(() => hls.levels?.length ? hls.startLoad() : hls.loadSource(query.get("src")), 500);
	} else if (e.type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
});
let last = 0, moved = 0, stall = null, ticked = Date.now();
setInterval(() => {
	const now = Date.now();
	if (now - ticked > 1000) seen.frozen.push({ at: ticked, ms: now - ticked }); // the machine stood still, and all clocks but that of the wall
	ticked = now;
	if (audio.currentTime !== last) {
		if (stall) stall.ms = now - moved;
		[last, moved, stall] = [audio.currentTime, now, null];
		if (hls.playingDate) seen.delays.push({ at: now, ms: now - hls.playingDate });
	} else if (moved && !stall && now - moved > 1000) seen.stalls.push(stall = { at: moved, ms: now - moved });
	else if (stall) stall.ms = now - moved;
}, 100);
hls.loadSource(query.get("src"));
hls.attachMedia(audio);
</script>`

// hlsPlayer serves the page, and returns its address.
func hlsPlayer(t testing.TB) string {
	t.Helper()
	script, err := os.ReadFile("../web/node_modules/hls.js/dist/hls.min.js")
	if err != nil {
		t.Fatalf("%v (run npm ci in web)", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(playerPage))
	})
	mux.HandleFunc("GET /hls.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// hlsSeen is what a page saw.
type hlsSeen struct {
	Frozen          []struct{ At, MS float64 } // times at which not even a timer of the page came
	Stalls, Delays  []struct{ At, MS float64 }
	Fatal           []struct{ What string }
	Errors          map[string]int
	Last            []string // errors, in order
	Parts, Segments int
	Codec           string
}

func playHLS(t *testing.T, page, master, codec string) *browsertest.Tab {
	t.Helper()
	return browsertest.Open(t, listeners.New(t), page+"/?"+url.Values{"src": {master}, "codec": {codec}}.Encode())
}

func (s hlsSeen) String() string {
	return fmt.Sprintf("%d segments, %d parts of %s; errors %v, fatal %v, stalls %v", s.Segments, s.Parts, s.Codec, s.Errors, s.Fatal, s.Stalls)
}

// delay is a quantile of how far the ear was behind the clock of the room, outside of a time.
func (s hlsSeen) delay(quantile float64, but func(at float64) bool) time.Duration {
	var all []float64
	for _, d := range s.Delays {
		if but == nil || !but(d.At) {
			all = append(all, d.MS)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return time.Duration(all[int(quantile*float64(len(all)-1))]) * time.Millisecond
}

// jumps are the moments at which the delay became another one by so many ms, and stayed there: when, from, to.
func (s hlsSeen) jumps(by float64) (all [][3]float64) {
	if len(s.Delays) == 0 {
		return nil
	}
	was := s.Delays[0].MS
	for i, d := range s.Delays {
		if i+5 < len(s.Delays) && math.Abs(d.MS-was) > by && math.Abs(s.Delays[i+5].MS-d.MS) < by/2 {
			all, was = append(all, [3]float64{d.At, was, d.MS}), d.MS
		}
	}
	return all
}

const sayHLS = `JSON.stringify({ ...seen, delays: seen.delays.slice(-1), state: audio.readyState, time: audio.currentTime })`

// hls.js plays the plain master, the low-latency one and AAC, at its default settings, in a page of another origin; of the plain master it never
// asks for a part.
func TestHLSJS(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Levels", false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	speak(t, s.invite("Grace"), writeWAV(t, tone(660)))
	s.tape("it is taped", func(i tapeIndex) bool { return i.Last-i.First >= 4*96 })
	page := hlsPlayer(t)
	for _, row := range []struct {
		name, master, codec string
		parts               bool
		delay               time.Duration
	}{
		{"Plain", "master.m3u8", "", false, 8 * time.Second},
		{"LowLatency", "low.m3u8", "", true, 1500 * time.Millisecond},
		{"AAC", "master.m3u8", "mp4a.40.2", false, 8 * time.Second},
		{"LowLatencyAAC", "low.m3u8", "mp4a.40.2", true, 2 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := playHLS(t, page, s.room.ListenURL+"/hls/"+row.master, row.codec)
			p.Until(`audio.currentTime > 0 && !audio.paused && seen.delays.length > 5`, sayHLS)
			hearsCleanly(p, captured, 2, 2, bothTones(20))
			seen := browsertest.Eval[hlsSeen](p, "seen")
			t.Logf("%v; %v behind the clock", seen, seen.delay(0.5, nil))
			if (seen.Parts > 0) != row.parts || seen.Segments == 0 && !row.parts || row.codec != "" && seen.Codec != row.codec || row.codec == "" && seen.Codec != "opus" {
				t.Error("it plays something else")
			}
			if exactly && seen.delay(0.5, nil) > row.delay {
				t.Errorf("it is %v behind", seen.delay(0.5, nil))
			}
		})
	}
}

// edgeOf starts an edge beside a server that listens for others, and returns it.
func (s *server) edgeOf(bus string, ports ...int) *server {
	s.t.Helper()
	e := &server{t: s.t, dir: s.t.TempDir(), command: s.command}
	data := filepath.Join(s.dir, "data")
	listen := fmt.Sprintf("127.0.0.1:%d", ports[0])
	e.start("--roles", "edge", "--listen", listen, "--private", fmt.Sprintf("127.0.0.1:%d", ports[1]), "--public-url", "http://"+listen,
		"--nats", "tls://"+bus, "--nats-ca", filepath.Join(data, "cluster-ca.pem"), "--cluster-secret-file", filepath.Join(data, "cluster.secret"))
	return e
}

// For so long as EPIDAURUS_HLSJS says (10m), hls.js at its default settings plays the plain and the low-latency master of an edge, which is killed
// in the middle and comes back: no stall beyond a second but for that, and no more delay than is promised.
func TestHLSJSForMinutes(t *testing.T) {
	text := os.Getenv("EPIDAURUS_HLSJS")
	if text == "" {
		t.Skip("EPIDAURUS_HLSJS=10m measures it")
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	bus := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s := serve(t, "--bus-listen", bus).open("Levels", false)
	ports := []int{freePort(t), freePort(t)}
	edge := s.edgeOf(bus, ports...)
	t.Cleanup(func() { edge.signal(syscall.SIGTERM) })
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	speak(t, s.invite("Grace"), writeWAV(t, tone(660)))
	s.tape("it is taped", func(i tapeIndex) bool { return i.Last-i.First >= 6*96 })
	page := hlsPlayer(t)
	rows := []struct {
		name, master string
		delay        time.Duration
		tab          *browsertest.Tab
	}{{"plain", "master.m3u8", 8 * time.Second, nil}, {"low-latency", "low.m3u8", 1500 * time.Millisecond, nil}}
	for i := range rows {
		rows[i].tab = playHLS(t, page, fmt.Sprintf("http://127.0.0.1:%d/r/%s/hls/%s", ports[0], s.room.ID, rows[i].master), "")
		rows[i].tab.Until(`audio.currentTime > 0`, sayHLS)
	}
	time.Sleep(length / 2) // how long it plays is what is measured
	edge.signal(syscall.SIGKILL)
	killed := float64(time.Now().UnixMilli())
	edge = s.edgeOf(bus, ports...)
	back := float64(time.Now().UnixMilli())
	time.Sleep(length / 2)
	const settle = 20_000 // milliseconds after the edge is back
	froze := math.Inf(1)
	for _, row := range rows {
		for _, f := range browsertest.Eval[hlsSeen](row.tab, "seen").Frozen {
			t.Logf("%s: the machine stood still for %.1f s at %s: what comes after it is not judged", row.name, f.MS/1000, time.UnixMilli(int64(f.At)).Format("04:05"))
			froze = min(froze, f.At)
		}
	}
	restart := func(at float64) bool { return at > killed-1000 && at < back+settle || at >= froze-1000 }
	t.Logf("the channel itself declared %d gaps: the machine had no time for it", strings.Count(s.log(), "declared a gap"))
	for _, row := range rows {
		seen := browsertest.Eval[hlsSeen](row.tab, "seen")
		t.Logf("%s", strings.Join(seen.Last, "\n"))
		t.Logf("%s, %v, the edge away for %.1f s: %v", row.name, length, (back-killed)/1000, seen)
		t.Logf("%s: behind the clock %v (median), %v (95 %%), %v (most)", row.name, seen.delay(0.5, restart), seen.delay(0.95, restart), seen.delay(1, restart))
		for _, j := range seen.jumps(500) {
			t.Logf("%s: %s from %.1f to %.1f s behind the clock", row.name, time.UnixMilli(int64(j[0])).Format("04:05"), j[1]/1000, j[2]/1000)
		}
		for _, stall := range seen.Stalls {
			if !restart(stall.At) {
				t.Errorf("%s: a stall of %.1f s", row.name, stall.MS/1000)
			}
		}
		if d := seen.delay(0.95, restart); d > row.delay || d == 0 {
			t.Errorf("%s: %v behind", row.name, d)
		}
	}
}
