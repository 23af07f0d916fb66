//go:build linux

package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

// TestMain is also an agent that the test of processes starts.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "agent" {
		err := Serve(context.Background(), AgentConfig{URL: os.Getenv(AddressVariable), Once: true})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// endless is a server of endless bytes, and a plan for it.
func endless(t *testing.T, n int, long time.Duration) plan.Plan {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		_, _ = w.Write(make([]byte, 5000))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	p := plan.Default()
	p.Target, p.Kind = server.URL+"/stream", plan.HTTP
	p.Phases = []plan.Phase{
		{Shape: plan.Ramp, Listeners: n, Over: plan.Duration(200 * time.Millisecond)},
		{Shape: plan.Hold, Over: plan.Duration(long)},
	}
	return p
}

func home(t *testing.T) *Home {
	t.Helper()
	h, err := OpenHome()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// serve starts an agent that ends with the test.
func serve(t *testing.T, cfg AgentConfig) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := Serve(ctx, cfg)
		if err != nil && !cfg.Once {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// Two agents play a drill together: each its share, and the result is of both.
func TestTwoAgents(t *testing.T) {
	t.Parallel()
	h := home(t)
	serve(t, AgentConfig{URL: h.URL(), Name: "one"})
	serve(t, AgentConfig{URL: h.URL(), Name: "two"})
	var shown []Progress
	show := func(p Progress) { shown = append(shown, p) }
	r, err := Run(t.Context(), RunConfig{URL: h.URL(), Agents: 2, Plan: endless(t, 41, 3*time.Second), Show: show})
	if err != nil {
		t.Fatal(err)
	}
	all := r.Total()
	if all.Due != 41 || all.Seated != 41 || len(r.Agents) != 2 || r.Agents[0].Late.Count()+r.Agents[1].Late.Count() != 41 {
		t.Errorf("%+v, %d agents", all, len(r.Agents))
	}
	if n := r.Agents[0].Late.Count(); n != 20 && n != 21 {
		t.Errorf("one played %d of 41", n)
	}
	if len(shown) == 0 || shown[len(shown)-1].All.Seated != 41 || shown[len(shown)-1].FirstSound.Count() != 41 {
		t.Errorf("%d times shown, at last %+v", len(shown), shown[max(len(shown)-1, 0):])
	}
	// They wait for the next one.
	r, err = Run(t.Context(), RunConfig{URL: h.URL(), Agents: 2, Plan: endless(t, 10, 500*time.Millisecond)})
	if err != nil || r.Total().Due != 10 {
		t.Errorf("%+v, %v", r.Total(), err)
	}
}

// Agents that are processes of their own, and a run that is stopped.
func TestProcesses(t *testing.T) {
	t.Parallel()
	h := home(t)
	started, err := Start(t.Context(), h.URL(), 2, "agent")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := Run(ctx, RunConfig{URL: h.URL(), Agents: 2, Plan: endless(t, 20, time.Minute), Show: func(p Progress) {
		if p.All.Seated == 20 {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	err = started.Wait()
	if err != nil {
		t.Error(err)
	}
	pids := map[int]bool{}
	for _, a := range r.Agents {
		pids[a.PID] = true
	}
	if r.Total().Seated != 20 || len(pids) != 2 || pids[os.Getpid()] {
		t.Errorf("%+v by %v", r.Total(), pids)
	}
}

// What an agent cannot do it says, and nobody begins.
func TestRefusedWork(t *testing.T) {
	t.Parallel()
	h := home(t)
	serve(t, AgentConfig{URL: h.URL()})
	p := endless(t, 5, time.Second)
	p.Target = "http://192.0.2.1/stream"
	_, err := Run(t.Context(), RunConfig{URL: h.URL(), Agents: 1, Plan: p})
	if err == nil || !strings.Contains(err.Error(), "not on this machine") {
		t.Errorf("error %v", err)
	}
}

// NATS is for those who know the secret.
func TestSecret(t *testing.T) {
	t.Parallel()
	h := home(t)
	_, err := connect("nats://"+h.server.Addr().String(), "stranger")
	if err == nil || !strings.Contains(err.Error(), "does not let us in") {
		t.Errorf("error %v", err)
	}
}

// A lost agent makes what is left invalid.
func TestLostAgent(t *testing.T) {
	one := result.Result{Name: "x", Seconds: []result.Second{{At: 1, Seated: 3}}}
	r := &run{agents: []hello{{Name: "a"}, {Name: "b"}}, results: []*result.Result{&one, nil}, lost: []string{"", "it said nothing"}}
	got, err := r.merge()
	const why = "agent-2 (b) was lost: it said nothing"
	if err != nil || got.Valid || len(got.Invalid) != 1 || !strings.Contains(got.Invalid[0], why) || got.Total().Seated != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	r.results[0] = nil
	_, err = r.merge()
	if err == nil {
		t.Error("nothing is a result")
	}
}

func TestProgressAddsUp(t *testing.T) {
	a := Progress{Now: result.Second{At: 7, Seats: 5, Refused: map[string]int64{"full": 1}}, All: result.Second{At: 3, Seats: 9, Seated: 9}}
	b := Progress{
		Now: result.Second{At: 8, Seats: 6, Refused: map[string]int64{"full": 2}},
		All: result.Second{At: 3, Seats: 1, Seated: 1}, Saturated: true,
	}
	a.FirstSound.Record(time.Second)
	b.FirstSound.Record(time.Second)
	got := a.add(b)
	if got.Now.Seats != 11 || got.Now.Refused["full"] != 3 || got.All.Seated != 10 || got.FirstSound.Count() != 2 || !got.Saturated ||
		a.FirstSound.Count() != 1 {
		t.Errorf("%+v", got)
	}
}

// A long result travels in parts.
func TestParts(t *testing.T) {
	var r result.Result
	chance := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		r.Seconds = append(r.Seconds, result.Second{At: int64(i), Bytes: chance.Int64(), Frames: chance.Int64(), Seated: chance.Int64()})
	}
	r.Settle()
	parts, err := pack(r)
	if err != nil || len(parts) < 2 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	back, err := unpack(parts)
	if err != nil || !reflect.DeepEqual(back.Seconds, r.Seconds) {
		t.Errorf("%d seconds came back, %v", len(back.Seconds), err)
	}
	_, err = unpack(parts[:1])
	if err == nil {
		t.Error("a part is a whole")
	}
}

func TestProc(t *testing.T) {
	stat := "42 (a (b) c) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 100 1000000 25 18446744073709551615 1 1"
	cpu, rss, err := parseStat([]byte(stat))
	if err != nil || cpu != 2*time.Second || rss != 25*int64(os.Getpagesize()) {
		t.Errorf("%v, %d, %v", cpu, rss, err)
	}
	for _, bad := range []string{"", "42 (x) S 1", strings.Replace(stat, "150", "x", 1)} {
		_, _, err = parseStat([]byte(bad))
		if err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0 100 0 0 10 0
   1: 0100007F:1F92 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 888 1 0 100 0 0 10 0
   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 999 1 0 100 0 0 10 0
`
	found := map[string]bool{}
	listening([]byte(table), []netip.Addr{netip.MustParseAddr("127.0.0.1")}, 0x1f92, found)
	if !reflect.DeepEqual(found, map[string]bool{"777": true}) {
		t.Errorf("%v", found)
	}
	clear(found)
	listening([]byte(table), []netip.Addr{netip.MustParseAddr("127.0.0.2")}, 0x1f92, found)
	if len(found) != 0 {
		t.Errorf("%v listens at another address", found)
	}
	for text, want := range map[string]string{
		"0100007F": "127.0.0.1", "00000000": "0.0.0.0", // as a little-endian machine writes them
		"00000000000000000000000001000000": "::1", "0000000000000000FFFF00000100007F": "127.0.0.1",
	} {
		if got, ok := kernelAddress(text); !ok || got.String() != want {
			t.Errorf("%s is %v, want %s", text, got, want)
		}
	}
}

// This process is found by what it listens at, and watched.
func TestWatch(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	pid := os.Getpid()
	all, err := Find(t.Context(), []int{pid}, []string{server.URL})
	if err != nil || len(all) != 1 || all[0].pid != pid {
		t.Fatalf("%+v, %v", all, err)
	}
	_, err = Find(t.Context(), nil, []string{"http://127.0.0.1"})
	if err == nil {
		t.Error("no port is a port")
	}
	if Alive([]int{pid}) != nil || Alive([]int{1 << 30}) == nil {
		t.Error("who lives is not told from who does not")
	}
	build, config := Identify(pid)
	again, same := Identify(pid)
	if build.Program == "" || build != again || len(config) != 16 || config != same {
		t.Errorf("%+v, %q", build, config)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	seen, notes := Watch(ctx, all)
	if len(notes) != 0 || len(seen) != 1 || seen[0].PID != pid || seen[0].Config != config || seen[0].Build != build ||
		seen[0].Name == "" || len(seen[0].Seconds) == 0 || seen[0].Seconds[0].RSS <= 0 {
		t.Errorf("%+v", seen)
	}
}

func FuzzReports(f *testing.F) {
	f.Add([]byte(`{"share":0,"progress":{}}`))
	f.Add([]byte(`{"share":1,"part":0,"parts":1,"data":"AAAA"}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		r := &run{
			agents: make([]hello, 2), progress: make([]Progress, 2), parts: make([][][]byte, 2), results: make([]*result.Result, 2),
			lost: make([]string, 2), heard: make([]time.Time, 2),
		}
		r.take(text)
		r.together()
	})
}

// What an agent says comes back, whole, and of what is no result it is said so.
func FuzzPack(f *testing.F) {
	f.Add("a note", int64(7), []byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, note string, at int64, junk []byte) {
		if _, err := unpack([][]byte{junk}); err == nil {
			t.Fatalf("% x is a result", junk)
		}
		if !utf8.ValidString(note) {
			return
		}
		at &= 1<<31 - 1
		parts, err := pack(result.Result{Format: result.Format, Valid: true, Notes: []string{note}, Seconds: []result.Second{{At: at}}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpack(parts)
		if err != nil || len(got.Notes) != 1 || got.Notes[0] != note || len(got.Seconds) != 1 || got.Seconds[0].At != at {
			t.Errorf("%q at %d comes back as %+v (%v)", note, at, got, err)
		}
	})
}
