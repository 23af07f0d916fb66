//go:build linux

package crowd

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/result"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// long is the end of plans that a test ends before.
const long = 30 * time.Second

// A room in which nothing goes wrong: everybody hears it, and nobody says anything else.
func TestCrowdHears(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r, all := play(t, open(t, f, ramp(200, 300*time.Millisecond), hold(long)), func(_ result.Result, all result.Total) bool {
		return all.Seated == 200 && all.Frames >= 200*7*cadence
	})
	if all.Due != 200 || all.Begun != 200 || all.Seated != 200 || all.Gaps != 0 || all.Wrong != 0 || all.Cuts != 0 || all.AllFailed != 0 {
		t.Errorf("%+v", all)
	}
	if all.Frames < 200*7*cadence || r.FirstSound.Count() != 200 || r.FirstByte.Count() != 200 {
		t.Errorf("%d frames, %d first sounds", all.Frames, r.FirstSound.Count())
	}
	if w := r.Wire; w.SeatMillis == 0 || w.Heads == 0 || w.Bursts == 0 || w.Bytes != all.Bytes || w.Bytes <= w.Heads+w.Bursts {
		t.Errorf("%+v", w)
	}
	if r.Listeners.Parsed != 200 || r.Target.Network != result.Loopback || len(r.Agents) != 1 || r.Agents[0].Late.Count() != 200 {
		t.Errorf("%+v, %+v", r.Listeners, r.Agents)
	}
}

// Each fault is found by each listener that met it, and by nobody else.
func TestCrowdFindsFaults(t *testing.T) {
	const n = 20
	first := func(what fault) func(int64, bool) fault {
		return func(_ int64, resumes bool) fault {
			if resumes {
				return fine
			}
			return what
		}
	}
	early := func(n int64, _ bool) fault {
		if n < 20 {
			return full
		}
		return fine
	}
	for _, row := range []struct {
		name  string
		fault func(int64, bool) fault
		check func(r result.Result, all result.Total) bool
	}{
		{"DroppedFrame", first(drop), func(_ result.Result, all result.Total) bool { return all.Gaps == n && all.Wrong == 0 }},
		{"Repeated", first(repeat), func(_ result.Result, all result.Total) bool { return all.Wrong == n && all.Gaps == 0 }},
		{"WrongBox", first(wrong), func(_ result.Result, all result.Total) bool {
			return all.Wrong == n && all.Cuts == n && all.Resumed == n && all.Gaps == 0
		}},
		// It is seen once, or where it came first, once by each way to look at it.
		{"FlippedBit", func(n int64, _ bool) fault {
			if n == 7 {
				return flip
			}
			return fine
		}, func(r result.Result, all result.Total) bool {
			said := strings.Contains(strings.Join(r.Notes, "\n"), "not what others got")
			return said && all.Wrong >= 1 && all.Wrong <= 3 && all.Gaps == 0 && all.Cuts == 0
		}},
		{"Cut", first(cut), func(_ result.Result, all result.Total) bool {
			return all.Cuts == n && all.Resumed == n && all.Gaps == 0 && all.Wrong == 0 && all.Seated == n
		}},
		{"Refused", early, func(_ result.Result, all result.Total) bool {
			return all.Refused["full"] == n && all.Seated == n && all.AllFailed == 0
		}},
		{"Ended", first(end), func(r result.Result, all result.Total) bool {
			return all.Cuts == 0 && all.Resumed == 0 && strings.Contains(strings.Join(r.Notes, "\n"), "20 × answers ended properly")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{fault: row.fault}
			r, all := play(t, open(t, f, ramp(n, 100*time.Millisecond), hold(long)), row.check)
			if !row.check(r, all) || f.odd.Load() > 0 {
				t.Errorf("%+v, %q, %d odd requests", all, r.Notes, f.odd.Load())
			}
		})
	}
}

// Whoever loses his edge goes on at another of the signed list, at the frame that is due.
func TestCrowdGoesToAnotherEdge(t *testing.T) {
	t.Parallel()
	other := &fake{begun: time.Now().Add(-time.Minute)}
	second := httptest.NewServer(other)
	t.Cleanup(second.Close)
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	first := &fake{event: edgesEvent(t, key, second.URL), fault: func(int64, bool) fault { return cut }}
	p := open(t, first, ramp(30, 100*time.Millisecond), hold(long))
	other.begun = first.begun
	r, all := play(t, p, func(_ result.Result, all result.Total) bool { return all.Resumed == 30 })
	away, depth := time.Duration(all.Away)*time.Microsecond, time.Duration(r.Depth)
	if r.Away.Count() != 30 || r.Away.Max() < away || depth != 4*cadence*tape.FrameDuration {
		t.Errorf("%d were away, for at most %v; the shallowest began with %v", r.Away.Count(), r.Away.Max(), depth)
	}
	if first.requests.Load() != 30 || other.requests.Load() != 30 || all.Resumed != 30 || all.Gaps != 0 || all.Wrong != 0 {
		t.Errorf("%d and %d requests, %+v", first.requests.Load(), other.requests.Load(), all)
	}
}

// Whoever is refused asks the other edges of the list before he waits as he was told.
func TestCrowdAsksAllEdges(t *testing.T) {
	t.Parallel()
	refuses := &fake{retryMS: 60_000, fault: func(int64, bool) fault { return full }}
	var list []string
	for range 3 {
		server := httptest.NewServer(refuses)
		t.Cleanup(server.Close)
		list = append(list, server.URL)
	}
	other := &fake{begun: time.Now().Add(-time.Minute)}
	last := httptest.NewServer(other)
	t.Cleanup(last.Close)
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	first := &fake{event: edgesEvent(t, key, append(list, last.URL)...), fault: func(int64, bool) fault { return cut }}
	p := open(t, first, ramp(30, 100*time.Millisecond), hold(long))
	other.begun = first.begun
	_, all := play(t, p, func(_ result.Result, all result.Total) bool { return all.Resumed == 30 })
	if all.Resumed != 30 || other.requests.Load() != 30 || all.Gaps != 0 || all.AllRefused == 0 || all.AllRefused > 90 {
		t.Errorf("%d requests, %+v", other.requests.Load(), all)
	}
}

// The edges that are left share those of the one that is gone, whatever its place in the list.
func TestAnotherEdgeIsFair(t *testing.T) {
	l := &loop{random: rand.New(rand.NewPCG(1, 2)), places: map[string]*place{}}
	origins := []string{"http://a", "http://b", "http://c", "http://d"}
	for _, o := range origins {
		l.places[o] = &place{origin: o}
	}
	for _, gone := range origins {
		went := map[string]int{}
		for range 3000 {
			x := &listener{place: l.places[gone], failed: []*place{{origin: gone}}, edges: &edgeList{origins: origins}}
			went[l.another(x).origin]++
		}
		for _, o := range origins {
			if n := went[o]; o == gone && n > 0 || o != gone && (n < 900 || n > 1100) {
				t.Errorf("%s is gone: %v", gone, went)
				break
			}
		}
	}
}

// Leaving and reconnecting are done by the clock.
func TestCrowdLeavesAndReconnects(t *testing.T) {
	t.Parallel()
	f := &fake{}
	reconnect := plan.Phase{Shape: plan.Reconnect, Over: plan.Duration(100 * time.Millisecond)}
	leave := plan.Phase{Shape: plan.Leave, Listeners: 30, Over: plan.Duration(100 * time.Millisecond)}
	p := open(t, f, ramp(50, 100*time.Millisecond), hold(3*time.Second), reconnect, hold(5*time.Second), leave, hold(long))
	r, all := play(t, p, func(_ result.Result, all result.Total) bool { return all.Left == 30 && all.Resumed == 50 })
	if all.Left != 30 || all.Resumed != 50 || all.Cuts != 50 || all.Gaps != 0 || all.Seated != 50 || f.requests.Load() != 100 {
		t.Errorf("%d requests, %+v, %q", f.requests.Load(), all, r.Notes)
	}
}

// What only counts says so, and still notices a cut.
func TestCrowdCounts(t *testing.T) {
	t.Parallel()
	for _, level := range []plan.Check{plan.Bytes, plan.Chunks} {
		f := &fake{fault: func(n int64, _ bool) fault {
			if n < 5 {
				return cut
			}
			return fine
		}}
		p := open(t, f, ramp(10, 50*time.Millisecond), hold(long))
		p.Sample, p.Rest = 0, level
		r, all := play(t, p, func(_ result.Result, all result.Total) bool { return all.Seated == 10 && all.Cuts == 5 })
		if all.Seated != 10 || all.Cuts != 5 || all.Frames != 0 || all.Bytes < 10*1000 || r.Listeners.Counted != 10 {
			t.Errorf("%s: %+v, %+v", level, all, r.Listeners)
		}
		if !strings.Contains(strings.Join(r.Notes, "\n"), "counted "+string(level)) {
			t.Errorf("%s: %q", level, r.Notes)
		}
	}
}

func TestCrowdOverTLS(t *testing.T) {
	t.Parallel()
	for _, mode := range []plan.TLSMode{plan.TLSFull, plan.TLSResumed} {
		for _, level := range []plan.Check{plan.Frames, plan.Bytes} {
			f := &fake{begun: time.Now().Add(-time.Minute)}
			server := httptest.NewTLSServer(f)
			t.Cleanup(server.Close)
			ca := t.TempDir() + "/ca.pem"
			err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600)
			if err != nil {
				t.Fatal(err)
			}
			p := plan.Default()
			p.Target, p.Rest, p.TLS = server.URL+"/r/room", level, plan.TLS{Mode: mode, CA: ca}
			p.Phases = []plan.Phase{ramp(40, 200*time.Millisecond), hold(long)}
			r, all := play(t, p, func(_ result.Result, all result.Total) bool {
				return all.Seated == 40 && (level == plan.Bytes || all.Frames >= 40*5*cadence)
			})
			full, resumed := int64(40), int64(0)
			if mode == plan.TLSResumed {
				full, resumed = 0, 40
			}
			hands := r.Handshakes
			if all.Seated != 40 || all.Gaps != 0 || all.Wrong != 0 || all.AllFailed != 0 || hands.Full != full || hands.Resumed != resumed {
				t.Errorf("%s, %s: %+v, %d full, %d resumed, %q", mode, level, all, r.Handshakes.Full, r.Handshakes.Resumed, r.Notes)
			}
			if level == plan.Frames && all.Frames < 40*5*cadence || level == plan.Bytes && all.Frames != 0 {
				t.Errorf("%s, %s: %d frames", mode, level, all.Frames)
			}
		}
	}
}

// A certificate that nobody knows is refused unless the plan says otherwise.
func TestCrowdVerifies(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(&fake{begun: time.Now().Add(-time.Minute)})
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it says that it was not trusted
	server.StartTLS()
	t.Cleanup(server.Close)
	p := plan.Default()
	p.Target, p.Retry, p.TLS.Mode = server.URL+"/r/room", false, plan.TLSFull
	p.Phases = []plan.Phase{ramp(3, 0), hold(long)}
	_, all := play(t, p, func(_ result.Result, all result.Total) bool { return all.AllFailed == 3 })
	if all.Failed["handshake"] != 3 || all.Seated != 0 {
		t.Errorf("%+v", all)
	}
	p.TLS.Insecure = true
	_, all = play(t, p, func(_ result.Result, all result.Total) bool { return all.Seated == 3 })
	if all.Seated != 3 {
		t.Errorf("%+v", all)
	}
}

// Endless Ogg of another server: pages are looked at, and sound time is that of the stream. One listener gets a page with a wrong byte.
func TestCrowdHearsOgg(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/ogg")
		body := ogg.AppendHeaders(nil, 7, ogg.Head{PreSkip: 312})
		wrong := asked.Add(1) == 4
		for n := tape.Number(120); ; n += 12 {
			if n != 240 {
				body = ogg.AppendPages(body, 7, n, packetsOf(n, n+12))
			}
			if n == 180 && wrong {
				body[len(body)-1] ^= 1
			}
			_, err := w.Write(body)
			_ = http.NewResponseController(w).Flush()
			if err != nil || n > 300 {
				<-r.Context().Done()
				return
			}
			body = body[:0]
		}
	}))
	t.Cleanup(server.Close)
	p := plan.Default()
	p.Target, p.Kind = server.URL+"/stream.ogg", plan.HTTP
	p.Phases = []plan.Phase{ramp(10, 0), hold(long)}
	_, all := play(t, p, func(_ result.Result, all result.Total) bool { return all.Seated == 10 && all.Gaps == 10 })
	if all.Seated != 10 || all.Gaps != 10 || all.Wrong != 1 {
		t.Errorf("%+v", all)
	}
}

// HLS: playlist and segments over one connection, and a segment that went away is a gap.
func TestCrowdHearsHLS(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	var connections atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/live.m3u8", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow/list.m3u8\n")
	})
	mux.HandleFunc("/low/list.m3u8", func(w http.ResponseWriter, _ *http.Request) {
		n := 100 + int(time.Since(begun)/(200*time.Millisecond))
		fmt.Fprintf(w, "#EXTM3U\n#EXT-X-TARGETDURATION:0.2\n#EXT-X-MEDIA-SEQUENCE:%d\n", n)
		for i := range 4 {
			fmt.Fprintf(w, "#EXTINF:0.2,\ns%d.aac\n", n+i)
		}
	})
	mux.HandleFunc("/low/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "5.aac") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(make([]byte, 5000))
	})
	server := httptest.NewUnstartedServer(mux)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	p := plan.Default()
	p.Target, p.Kind = server.URL+"/live.m3u8", plan.HLS
	p.Phases = []plan.Phase{ramp(10, 0), hold(long)}
	_, all := play(t, p, func(_ result.Result, all result.Total) bool {
		return all.Seated == 10 && all.Frames >= 10*3*10 && all.Gaps >= 10*10
	})
	if all.Seated != 10 || all.Frames < 10*3*10 || all.Wrong != 0 || all.Cuts != 0 || all.Gaps < 10*10 {
		t.Errorf("%+v", all)
	}
	if n := connections.Load(); n > 30 {
		t.Errorf("%d connections of 10 listeners, who meet one 404 or two", n)
	}
}

// A server that is not there.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	p := plan.Default()
	p.Target, p.Retry, p.Phases = address+"/r/room", false, []plan.Phase{ramp(5, 0), hold(long)}
	r, all := play(t, p, func(_ result.Result, all result.Total) bool { return all.AllFailed == 5 })
	if all.Failed["connect"] != 5 || all.Seated != 0 || r.FirstSound.Count() != 0 {
		t.Errorf("%+v", all)
	}
}

// A target elsewhere is refused before anything is sent.
func TestAbroad(t *testing.T) {
	p := plan.Default()
	p.Target, p.Phases = "http://192.0.2.1/r/room", []plan.Phase{ramp(5, 0)}
	_, err := New(t.Context(), Config{Plan: p, Name: "test"})
	if err == nil || !strings.Contains(err.Error(), "not on this machine") {
		t.Errorf("error %v", err)
	}
	here, err := Loopback(t.Context(), &p)
	if here || err != nil {
		t.Errorf("%v, %v", here, err)
	}
}

// A plan can be stopped, and what was found is kept.
func TestStopped(t *testing.T) {
	t.Parallel()
	p := open(t, &fake{}, ramp(10, 0), hold(time.Minute))
	c, err := New(t.Context(), Config{Plan: p, Name: "test", Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watched := make(chan struct{})
	go func() { // stops it once all sit
		defer close(watched)
		for tick := time.Tick(20 * time.Millisecond); ctx.Err() == nil; <-tick {
			if all := c.Snapshot(); all.Total().Seated == 10 {
				cancel()
			}
		}
	}()
	r, err := c.Run(ctx)
	cancel()
	<-watched
	if err != nil || len(r.Stopped) != 1 || !strings.Contains(r.Stopped[0], "before the plan's end") || r.Total().Seated != 10 {
		t.Errorf("%q, %+v, %v", r.Stopped, r.Total(), err)
	}
}

// A listener is cheap: less than 5 KB of heap, measured as the slope between two numbers of them.
func TestHeapPerListener(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), self)
	server.Env = append(os.Environ(), "DRILL_TEST_SERVER=1")
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = server.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close(); _ = server.Wait() }()
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	const few, many = 100, 600
	p := plan.Default()
	p.Target, p.Sample = strings.TrimSpace(address)+"/r/room", 0
	p.Phases = []plan.Phase{ramp(few, 100*time.Millisecond), hold(2 * time.Second), ramp(many-few, time.Second), hold(2 * long)}
	var before, after, first, last int64
	play(t, p, func(_ result.Result, all result.Total) bool {
		switch {
		case first == 0 && all.Seats >= few:
			first, before = all.Seats, heapInUse()
		case all.Seats == many:
			last, after = all.Seats, heapInUse()
			return true
		}
		return false
	})
	if last == 0 || first > many/2 {
		t.Fatalf("measured with %d and %d listeners", first, last)
	}
	per := (after - before) / (last - first)
	t.Logf("%d bytes of heap per listener", per)
	if per > 5<<10 || per <= 0 {
		t.Errorf("%d bytes of heap per listener, and 5 KB are the limit", per)
	}
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The busiest ten seconds, or all of a shorter time.
func TestBusiest(t *testing.T) {
	s := func(at, used float64) cpuSample {
		return cpuSample{time.Duration(at * float64(time.Second)), time.Duration(used * float64(time.Second))}
	}
	var calm []cpuSample
	for i := range 31 {
		used := float64(i) * 0.1
		if i > 15 {
			used += float64(min(i, 25)-15) * 0.8
		}
		calm = append(calm, s(float64(i), used))
	}
	for _, row := range []struct {
		samples []cpuSample
		want    string
	}{{nil, "0.00"}, {calm[:1], "0.00"}, {calm[:4], "0.10"}, {calm, "0.90"}} {
		if got := fmt.Sprintf("%.2f", busiest(row.samples)); got != row.want {
			t.Errorf("%d samples: %s, want %s", len(row.samples), got, row.want)
		}
	}
}
