package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/bus"
	"github.com/epidaurus-live/epidaurus/drill/listener"
	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// freeAddress is one of this machine that nobody uses, below the ports that a system gives to those who ask for any: until it is used, no
// connection of another test takes it.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000)))
		if err == nil {
			defer ln.Close() //nolint:errcheck // nothing came in
			return ln.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// withOrigin gives a node an address that it can name before it is open.
func withOrigin(t testing.TB, cfg Config) Config {
	t.Helper()
	cfg.Listen = freeAddress(t)
	cfg.PublicURL = "http://" + cfg.Listen
	return cfg
}

// openFirst opens a node with all parts, whose bus others reach.
func openFirst(t testing.TB) *house {
	t.Helper()
	cfg := withOrigin(t, usual(t))
	cfg.BusListen = "127.0.0.1:0"
	return openHouse(t, cfg)
}

// edgeOf is the configuration of an edge beside a first node, with the files that its operator copies.
func (h *house) edgeOf() Config {
	cfg := withOrigin(h.t, usual(h.t))
	cfg.Roles, cfg.Stage = []string{"edge"}, ""
	cfg.NATS = "tls://" + h.BusAddr().String()
	cfg.NATSCA, cfg.ClusterSecretFile = h.data.file(caFile), h.data.file(secretFile)
	return cfg
}

// listen hears a room until stop is called, which returns what was heard.
func listen(t testing.TB, cfg listener.Config) (heard func() int64, stop func() listener.Report) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var frames atomic.Int64
	done := make(chan struct{})
	var report listener.Report
	var err error
	go func() {
		defer close(done)
		report, err = listener.Listen(ctx, cfg, func(e listener.Event) { frames.Store(e.Report.Frames) })
	}()
	stop = sync.OnceValue(func() listener.Report {
		cancel()
		<-done
		if err != nil {
			t.Errorf("a listener gave up: %v", err)
		}
		return report
	})
	t.Cleanup(func() { stop() })
	return frames.Load, stop
}

// Two nodes with nothing between them but an encrypted connection: an edge has no database and no stage, and what it serves is the same.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	h := openFirst(t)
	r := h.room()
	cfg := h.edgeOf()
	e := open(t, cfg)
	until(t, "the edge knows the room", func() bool { _, ok := e.bus.Facts(r.ID); return ok })
	report := hear(t, e, r.ID, 100)
	if !report.Faultless() {
		t.Errorf("heard %+v", report)
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(h.StageURL(), "http://"))
	for path, want := range map[string]string{"/r/" + string(r.ID): "<!doctype html>", "/r/none/live.mp4": "room_unknown", "/desk/": "not_found"} {
		if _, body := e.ask(t, "GET", e.ListenersURL()+path, ""); !strings.Contains(strings.ToLower(body), want) || strings.Contains(body, port) {
			t.Errorf("the edge answers %s with %.200s", path, body)
		}
	}
	if status, _ := e.ask(t, "GET", e.PrivateURL()+"/metrics", ""); status != http.StatusOK || e.StageURL() != "" {
		t.Errorf("metrics: %d; its stage is %q", status, e.StageURL())
	}
	kept, err := filepath.Glob(filepath.Join(cfg.Data, "*"))
	if err != nil || len(kept) != 2 { // lock and node
		t.Errorf("an edge keeps %q (%v)", kept, err)
	}
	until(t, "the seats of both are counted", func() bool {
		seat(t, e.RoomURL(r.ID))
		seat(t, h.RoomURL(r.ID))
		return h.bus.Seats(r.ID) >= 2 && e.bus.Seats(r.ID) == h.bus.Seats(r.ID)
	})
	// Who missed what was said with the first frames hears it again within two seconds.
	from := (report.First/tape.SegmentFrames + 3) * tape.SegmentFrames
	until(t, "enough was heard to compare", func() bool { return h.rooms.frame(r.ID) > from+4*tape.SegmentFrames })
	ours, theirs := firstBytes(t, h.RoomURL(r.ID), from), firstBytes(t, e.RoomURL(r.ID), from)
	if n := min(len(ours), len(theirs)); n < 10_000 || !bytes.Equal(ours[:n], theirs[:n]) {
		at := commonPrefix(ours, theirs)
		t.Errorf("of %d and %d bytes the first %d are the same; then\n%q\n%q", len(ours), len(theirs), at, ours[at:min(at+200, len(ours))], theirs[at:min(at+200, len(theirs))])
	}
	err = h.host.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the edge knows that the room has ended", func() bool {
		status, _ := e.ask(t, "GET", e.RoomURL(r.ID)+"/live.mp4", "")
		return status == http.StatusGone
	})
}

func commonPrefix(a, b []byte) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// seat takes one and leaves it when the test ends.
func seat(t testing.TB, room string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, room+"/live.mp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
}

// firstBytes are those of the answer that begins at a frame, for more than three seconds of sound.
func firstBytes(t testing.TB, room string, from tape.Number) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/live.mp4?from=%d", room, from), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	var seen bytes.Buffer
	fragments := fmp4.NewReader(io.TeeReader(resp.Body, &seen))
	for to := from; to < from+150; {
		f, err := fragments.Next()
		if err != nil {
			t.Fatal(err)
		}
		to = f.From + tape.Number(len(f.Packets))
	}
	return ofFrames(seen.Bytes()[:min(seen.Len(), 20_000)]) // it reads ahead, to where the answers' fragments may be cut differently
}

// ofFrames is the part of an answer that is made of frames alone, without what concerns one seat or one edge.
func ofFrames(answer []byte) (all []byte) {
	for len(answer) >= 8 {
		size := int(binary.BigEndian.Uint32(answer))
		if size < 8 || size > len(answer) {
			break
		}
		box := answer[:size]
		if !bytes.Contains(box, []byte(`"t":"seat"`)) && !bytes.Contains(box, []byte(`"t":"edges"`)) {
			all = append(all, box...)
		}
		answer = answer[size:]
	}
	return all
}

func TestStrangersOnTheBus(t *testing.T) {
	t.Parallel()
	h := openFirst(t)
	for _, row := range []struct {
		name string
		set  func(*Config)
		want string
	}{
		{"WrongSecret", func(c *Config) {
			c.ClusterSecretFile = write(t, filepath.Join(t.TempDir(), "secret"), strings.Repeat("guess", 10))
		}, "refuses this node: its secret"},
		{"NoSecret", func(c *Config) { c.ClusterSecretFile = "" }, "refuses this node"},
		{"ShortSecret", func(c *Config) { c.ClusterSecretFile = write(t, filepath.Join(t.TempDir(), "secret"), "short") }, "one line of at least 16 characters"},
		{"NoCA", func(c *Config) { c.NATSCA = "" }, "is not known by its certificate"},
		{"Plain", func(c *Config) { c.NATS = "nats://192.0.2.7:4222" }, "nats: nats://192.0.2.7:4222 is not encrypted"},
		{"NobodyThere", func(c *Config) { c.NATS = "tls://" + freeAddress(t) }, "there is no bus at tls://"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := h.edgeOf()
			row.set(&cfg)
			n, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
			fails(t, err, row.want)
			if n != nil {
				t.Error("there is a node")
			}
		})
	}
	for _, name := range []string{secretFile, keyFile, caKeyFile} {
		info, err := os.Stat(h.data.file(name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v (%v)", name, info, err)
		}
	}
}

// While the bus is away, who sits goes on, who comes is seated, and rooms are known; when it is back, sound goes on without a cut.
func TestBusRestart(t *testing.T) {
	t.Parallel()
	place := busPlace(t)
	cfg := usual(t)
	cfg.Roles, cfg.PublicURL, cfg.Listen = []string{"stage"}, "https://live.example.org", ""
	cfg.NATS, cfg.NATSCA, cfg.ClusterSecretFile = place.url, place.ca, place.secret
	h := openHouse(t, cfg)
	if h.BusAddr() != nil {
		t.Error("a node whose bus is elsewhere has one")
	}
	r := h.room()
	cfg = withOrigin(t, usual(t))
	cfg.Roles, cfg.Stage = []string{"edge"}, ""
	cfg.NATS, cfg.NATSCA, cfg.ClusterSecretFile = place.url, place.ca, place.secret
	e := open(t, cfg)
	until(t, "the edge knows the room", func() bool { _, ok := e.bus.Facts(r.ID); return ok })
	heard, stop := listen(t, listener.Config{URL: e.RoomURL(r.ID)})
	until(t, "there is sound", func() bool { return heard() > 50 })
	place.server.Close()
	until(t, "both miss the bus", func() bool { return !e.bus.Connected() && !h.bus.Connected() })
	seat(t, e.RoomURL(r.ID))
	if status, _ := e.ask(t, "GET", e.PrivateURL()+"/readyz", ""); status != http.StatusServiceUnavailable {
		t.Errorf("without a bus it is ready: %d", status)
	}
	place.start()
	before := heard()
	until(t, "there is sound again", func() bool { return heard() > before+100 })
	report := stop()
	if !report.Faultless() || report.Answers != 1 {
		t.Errorf("heard %+v", report)
	}
	t.Logf("%d frames, of them %d silent", report.Frames, report.Silent)
	err := h.host.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the edge knows that the room has ended", func() bool { f, _ := e.bus.Facts(r.ID); return f.State == room.Ended })
}

// aBus is a bus that belongs to no node.
type aBus struct {
	t               testing.TB
	config          bus.ServerConfig
	server          *bus.Server
	url, ca, secret string
}

func busPlace(t testing.TB) *aBus {
	t.Helper()
	dir, err := openDataDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.close() })
	cfg := Config{BusListen: freeAddress(t)}
	cert, err := cfg.busTLS(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	secret, err := dir.clusterSecret("")
	if err != nil {
		t.Fatal(err)
	}
	b := &aBus{t: t, url: "tls://" + cfg.BusListen, ca: dir.file(caFile), secret: dir.file(secretFile), config: bus.ServerConfig{
		Name: "bus", Dir: dir.file("bus"), Log: slog.New(slog.DiscardHandler), Listen: cfg.BusListen, TLS: cert, Token: secret,
	}}
	b.start()
	t.Cleanup(func() { b.server.Close() })
	return b
}

func (b *aBus) start() {
	b.t.Helper()
	var err error
	b.server, err = bus.StartServer(b.config)
	if err != nil {
		b.t.Fatal(err)
	}
}

// lists follows what edges are told of each other.
func lists(t testing.TB, n *Node) func() []string {
	t.Helper()
	var latest atomic.Pointer[[]string]
	none := []string{}
	latest.Store(&none)
	key, err := n.data.clusterKey()
	if err != nil {
		t.Fatal(err)
	}
	stop, err := n.bus.WatchEdges(func(data []byte) {
		event, err := room.ParseEdges(data)
		if err != nil {
			t.Error(err)
			return
		}
		l, err := room.VerifyEdges(event, key.Public().(ed25519.PublicKey), time.Now())
		if err != nil {
			t.Error(err)
		}
		latest.Store(&l.Edges)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return func() []string { return *latest.Load() }
}

// The list names the edges that live; one that has died is on it no more.
func TestListOfEdges(t *testing.T) {
	t.Parallel()
	h := openFirst(t)
	listed := lists(t, h.Node)
	cfg := h.edgeOf()
	e := open(t, cfg)
	nameless := h.edgeOf()
	nameless.PublicURL = ""
	open(t, nameless) // nobody could be sent there
	both := []string{h.cfg.PublicURL, cfg.PublicURL}
	slices.Sort(both)
	until(t, "both are listed", func() bool { return slices.Equal(listed(), both) })
	r := h.room()
	until(t, "a listener of the other one is told", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.RoomURL(r.ID)+"/live.mp4", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close() //nolint:errcheck // nothing was written
		head := make([]byte, 2000)
		_, _ = io.ReadFull(resp.Body, head)
		return bytes.Contains(head, []byte(`{"t":"edges","edges":["`+both[0]+`","`+both[1]+`"],"signed":"`))
	})
	shut(t, e)
	until(t, "the one that is left is listed", func() bool { return slices.Equal(listed(), []string{h.cfg.PublicURL}) })
}

// elsewhere is a player that goes to another edge when the first one has no seat for him.
type elsewhere struct{ first, other string }

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		return resp, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	u, err := url.Parse(e.other)
	if err != nil {
		return nil, err
	}
	again := r.Clone(r.Context())
	again.URL.Host, again.Host = u.Host, u.Host
	return http.DefaultTransport.RoundTrip(again)
}

// An edge that is drained is listed no more, then hands its listeners over to another, and none of them misses a frame.
func TestDrain(t *testing.T) {
	t.Parallel()
	h := openFirst(t)
	r := h.room()
	listed := lists(t, h.Node)
	cfg := h.edgeOf()
	e := open(t, cfg)
	until(t, "the edge knows the room", func() bool { _, ok := e.bus.Facts(r.ID); return ok })
	const listeners = 50
	client := &http.Client{Transport: elsewhere{e.ListenersURL(), h.ListenersURL()}}
	var heard []func() int64
	var stops []func() listener.Report
	for range listeners {
		frames, stop := listen(t, listener.Config{URL: e.RoomURL(r.ID), Client: client})
		heard, stops = append(heard, frames), append(stops, stop)
	}
	until(t, "all hear", func() bool { return !slices.ContainsFunc(heard, func(f func() int64) bool { return f() == 0 }) })
	until(t, "both are listed", func() bool { return len(listed()) == 2 })
	until(t, "the edge knows the other one", e.Replaceable)
	status, body := e.ask(t, "POST", e.PrivateURL()+"/drain?over=2s", "")
	var said DrainStatus
	if err := json.Unmarshal([]byte(body), &said); err != nil || status != http.StatusAccepted || !said.Draining || said.Seats != listeners {
		t.Fatalf("it answers %d %s", status, body)
	}
	began, cutAt := time.Now(), time.Duration(0)
	for len(listed()) != 1 {
		if cutAt == 0 && e.edge.Stats().Cut > 0 {
			cutAt = time.Since(began)
		}
		// The edge may have the list somewhat before this test has it.
		if cutAt > 0 && time.Since(began) > cutAt+patience/4 || time.Since(began) > patience {
			t.Fatalf("after %v it is still listed; the first was cut after %v", time.Since(began), cutAt)
		}
		time.Sleep(time.Millisecond)
	}
	t.Logf("listed no more after %v", time.Since(began))
	if status, body := e.ask(t, "GET", e.PrivateURL()+"/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"draining"`) {
		t.Errorf("it is ready: %d %s", status, body)
	}
	until(t, "nobody is left", func() bool {
		status, body := e.ask(t, "GET", e.PrivateURL()+"/drain", "")
		return status == http.StatusOK && strings.Contains(body, `"seats":0`)
	})
	until(t, "all sit elsewhere", func() bool { return h.edge.Stats().Seats == listeners })
	moved := make([]int64, listeners)
	for i := range moved {
		moved[i] = heard[i]()
	}
	until(t, "all hear there", func() bool {
		for i, f := range heard {
			if f() < moved[i]+25 {
				return false
			}
		}
		return true
	})
	for _, stop := range stops {
		if report := stop(); !report.Faultless() || report.Answers != 2 {
			t.Errorf("heard %+v", report)
		}
	}
	if s := e.edge.Stats(); s.Cut != listeners || s.Left > 0 {
		t.Errorf("the edge counts %+v", s)
	}
}

// The only edge is not emptied by mistake: where nobody can go on with its listeners, the show would be over.
func TestOnlyEdgeIsNotDrained(t *testing.T) {
	t.Parallel()
	n := open(t, withOrigin(t, usual(t)))
	until(t, "the node hears itself", func() bool { return len(n.bus.Edges()) == 1 })
	drain := func(query string) (int, string) { return n.ask(t, "POST", n.PrivateURL()+"/drain?over=1s"+query, "") }
	if status, body := drain(""); status != http.StatusConflict || !strings.Contains(body, "--force") || n.draining() {
		t.Errorf("%d %s", status, body)
	}
	if status, body := drain("&force=1"); status != http.StatusAccepted {
		t.Errorf("with force: %d %s", status, body)
	}
	until(t, "it drains", n.draining)
	if status, body := drain(""); status != http.StatusAccepted {
		t.Errorf("a second time, which changes the time left: %d %s", status, body)
	}
}

func TestReplaceable(t *testing.T) {
	self := bus.Presence{Edge: "a", Origin: "https://a.example"}
	for _, row := range []struct {
		name  string
		other bus.Presence
		want  bool
	}{
		{"Itself", self, false},
		{"Other", bus.Presence{Edge: "b", Origin: "https://b.example"}, true},
		{"SameNameOfHost", bus.Presence{Edge: "b", Origin: self.Origin}, true}, // behind one balancer
		{"Draining", bus.Presence{Edge: "b", Origin: "https://b.example", Draining: true}, false},
		{"Nameless", bus.Presence{Edge: "b"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := replaceable("a", []bus.Presence{self, row.other}); got != row.want {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestDrainIsAskedWrongly(t *testing.T) {
	t.Parallel()
	n := open(t, usual(t))
	for _, over := range []string{"soon", "-1s", "61m"} {
		if status, body := n.ask(t, "POST", n.PrivateURL()+"/drain?over="+over, ""); status != http.StatusBadRequest || n.draining() {
			t.Errorf("over=%s: %d %s", over, status, body)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.PrivateURL()+"/drain", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://evil.example")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || n.draining() {
		t.Errorf("another site's page drains: %d", resp.StatusCode)
	}
	cfg := usual(t)
	cfg.Roles, cfg.PublicURL = []string{"stage"}, "https://live.example.org"
	stage := open(t, cfg)
	if status, body := stage.ask(t, "POST", stage.PrivateURL()+"/drain", ""); status != http.StatusConflict {
		t.Errorf("a stage alone answers %d %s", status, body)
	}
	if err := stage.Drain(t.Context(), time.Hour); err != nil {
		t.Error(err)
	}
}

func TestLister(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	key, err := room.NewClusterKey(bytes.NewReader(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	l := newLister(key, now)
	step := func(what string, want bool, edges ...bus.Presence) {
		t.Helper()
		list, err := l.next(edges, now)
		if err != nil || (list != nil) != want {
			t.Errorf("%s: %s (%v)", what, list, err)
		}
	}
	e1, e2 := bus.Presence{Edge: "1", Origin: "https://e1.example"}, bus.Presence{Edge: "2", Origin: "https://e2.example"}
	gone, hidden := e2, bus.Presence{Edge: "3"}
	gone.Draining = true
	step("who has just come listens first", false, e1)
	now = now.Add(listenTime)
	step("the first list", true, e1)
	step("the same", false, e1, hidden)
	now = now.Add(listAgain)
	step("the same again", true, e1)
	step("one more", true, e1, e2)
	step("one drains", true, e1, gone)
	step("all are gone: the old list is better than none", false, gone)
	full1, full2 := e1, e2
	full1.Full, full2.Full = true, true
	step("one is full", true, full1, e2)
	if want := []string{e2.Origin}; !slices.Equal(l.told, want) {
		t.Errorf("told %v, want %v", l.told, want)
	}
	step("the other one too: better full ones than none", true, full1, full2)
	step("one has room again", true, e1, full2)
	l.listenFirst(now)
	step("after silence", false, e1, e2)
	now = now.Add(listenTime)
	step("and then", true, e1, e2)
}

// An edge that is full says so at once, and takes it back only when there is room for more than those who go and come.
func TestFullness(t *testing.T) {
	var f fullness
	now := time.Unix(1_800_000_000, 0)
	for _, row := range []struct {
		what  string
		after time.Duration
		stats edge.Stats
		want  bool
	}{
		{"Room", 0, edge.Stats{Seats: 99, MaxSeats: 100}, false},
		{"Full", time.Second, edge.Stats{Seats: 100, MaxSeats: 100}, true},
		{"OneLeft", time.Second, edge.Stats{Seats: 99, MaxSeats: 100}, true},
		{"ManyLeftAtOnce", time.Second, edge.Stats{Seats: 10, MaxSeats: 100}, true},
		{"FewLeftLongAgo", fullLeast, edge.Stats{Seats: 91, MaxSeats: 100}, true},
		{"Enough", time.Second, edge.Stats{Seats: 90, MaxSeats: 100}, false},
		{"NoMemory", time.Second, edge.Stats{Seats: 1, MaxSeats: 100, Short: true}, true},
		{"StillNoMemory", fullLeast, edge.Stats{Seats: 1, MaxSeats: 100, Short: true}, true},
		{"MemoryAgain", time.Second, edge.Stats{Seats: 1, MaxSeats: 100}, true},
		{"LongSo", fullLeast, edge.Stats{Seats: 1, MaxSeats: 100}, false},
	} {
		now = now.Add(row.after)
		if got := f.observe(row.stats, now); got != row.want {
			t.Errorf("%s: %v", row.what, got)
		}
	}
}

func TestEdgeNews(t *testing.T) {
	now := time.Now()
	sign := func(seed byte, origins ...string) []byte {
		key, err := room.NewClusterKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		e, err := room.SignEdges(key.PrivateKey, room.NewEdgeList(origins, now))
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var e edgeNews
	step := func(what string, list []byte, announced bool, want error) {
		t.Helper()
		event, err := e.hear(list, now)
		if (event != nil) != announced || !errors.Is(err, want) {
			t.Errorf("%s: %s (%v)", what, event, err)
		}
	}
	step("junk", []byte("junk"), false, room.ErrEdgesMalformed)
	step("the first", sign(1, "https://e1.example", "https://e2.example"), true, nil)
	step("the same", sign(1, "https://e2.example", "https://e1.example"), false, nil)
	step("another key", sign(2, "https://evil.example"), false, errOtherKey)
	omitted := make(chan struct{})
	go func() { e.omits(context.Background(), "https://e2.example"); close(omitted) }()
	step("one less", sign(1, "https://e1.example"), true, nil)
	<-omitted
	now = now.Add(announceAgain)
	step("the same, long after", sign(1, "https://e1.example"), true, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e.omits(ctx, "https://e1.example") // returns
	if !e.complain(now) || e.complain(now.Add(time.Second)) || !e.complain(now.Add(2*time.Minute)) {
		t.Error("it complains too often, or too seldom")
	}
}

// What nodes know each other by is made once, and what cannot be right is refused.
func TestClusterFiles(t *testing.T) {
	d, err := openDataDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.close() //nolint:errcheck // it is the test's own
	for range 2 {
		key, err := d.clusterKey()
		again, err2 := d.clusterKey()
		if err != nil || err2 != nil || !key.Equal(again.PrivateKey) {
			t.Errorf("the key changes: %v, %v", err, err2)
		}
		cfg := Config{BusListen: "bus.example.org:4222", Advertise: []string{"203.0.113.7"}}
		bus, err := cfg.busTLS(d, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(d.file(caFile))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(text)
		leaf, err := x509.ParseCertificate(bus.Certificates[0].Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"bus.example.org", "203.0.113.7", "localhost", "127.0.0.1"} {
			for _, now := range []time.Time{time.Now(), time.Now().AddDate(9, 0, 0)} {
				_, err = leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now})
				if err != nil {
					t.Errorf("%s at %v: %v", name, now, err)
				}
			}
		}
	}
	write(t, d.file(keyFile), "junk")
	_, err = d.clusterKey()
	fails(t, err, "this is no key of a cluster")
	write(t, d.file(caFile), "junk")
	_, err = (&Config{BusListen: ":4222"}).busTLS(d, time.Now())
	fails(t, err, "the certificate of the bus")
	write(t, d.file(secretFile), "two words of a secret")
	_, err = d.clusterSecret("")
	fails(t, err, "there is no secret of a cluster in")
	_, err = d.clusterSecret("/nowhere")
	fails(t, err, "read the cluster's secret")
}
