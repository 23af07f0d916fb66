package node

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/epidaurus-live/epidaurus/bus"
	"github.com/epidaurus-live/epidaurus/room"
)

// A port that is taken is told before anything else happens: no folder, no database.
func TestTakenPort(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close() //nolint:errcheck // nothing came in
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close() //nolint:errcheck // nothing came in
	for _, row := range []struct {
		flag, addr string
		set        func(c *Config, addr string)
	}{
		{"listen", tcp.Addr().String(), func(c *Config, addr string) { c.Listen = addr }},
		{"stage", tcp.Addr().String(), func(c *Config, addr string) { c.Stage = addr }},
		{"private", tcp.Addr().String(), func(c *Config, addr string) { c.Private = addr }},
		{"media", udp.LocalAddr().String(), func(c *Config, addr string) { c.Media = addr }},
	} {
		t.Run(row.flag, func(t *testing.T) {
			cfg := usual(t)
			row.set(&cfg, row.addr)
			_, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
			fails(t, err, "another program uses "+row.addr+": stop it, or choose another address with --"+row.flag)
			if _, err := os.Stat(cfg.Data); !os.IsNotExist(err) {
				t.Errorf("the data folder: %v", err)
			}
		})
	}
	t.Run("NoSuchAddress", func(t *testing.T) {
		cfg := usual(t)
		cfg.Listen = "203.0.113.1:0"
		_, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
		fails(t, err, "open 203.0.113.1:0 (--listen)")
	})
}

// Whatever fails at the start, everything that was opened before it is closed again.
func TestOpenFailsHalfWay(t *testing.T) {
	shut(t, open(t, usual(t))) // what a process opens once and keeps is there
	junk := func(name string) func(*testing.T, *Config) {
		return func(t *testing.T, c *Config) { write(t, filepath.Join(c.Data, name), strings.Repeat("junk ", 1000)) }
	}
	for _, row := range []struct {
		name  string
		spoil func(*testing.T, *Config)
		want  string
	}{
		{"Configuration", func(_ *testing.T, c *Config) { c.Complexity = 11 }, "the configuration is wrong: complexity: 11"},
		{"FolderIsAFile", func(t *testing.T, c *Config) { write(t, c.Data, "") }, "make the data folder"},
		{"LockIsAFolder", func(t *testing.T, c *Config) { write(t, filepath.Join(c.Data, "lock", "x"), "") }, "open the data folder's lock"},
		{"NameIsAFolder", func(t *testing.T, c *Config) { write(t, filepath.Join(c.Data, "node", "x"), "") }, "read the node's name"},
		{"DatabaseIsJunk", junk("epidaurus.db"), "open the database"},
		{"KeyIsJunk", junk("stage.key"), "open the database"},
		{"BusIsAFile", junk("bus"), "bus"},
		{"HoldSoundIsJunk", func(t *testing.T, c *Config) { c.HoldSound = write(t, filepath.Join(t.TempDir(), "x"), "junk") }, "is neither WAV nor Ogg Opus"},
		{"CertificateIsJunk", func(t *testing.T, c *Config) {
			c.TLSCert = write(t, filepath.Join(t.TempDir(), "x"), "junk")
			c.TLSKey = c.TLSCert
		}, "load the certificate"},
		{"CertificateCannotBeKept", func(t *testing.T, c *Config) { write(t, filepath.Join(c.Data, "stage-key.pem", "x"), "") }, "keep the self-signed certificate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := usual(t)
			row.spoil(t, &cfg)
			before := descriptors(t)
			n, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
			fails(t, err, row.want)
			if n != nil {
				t.Error("there is a node")
			}
			until(t, "nothing is left open", func() bool { return descriptors(t) <= before })
		})
	}
	t.Run("Cancelled", func(t *testing.T) {
		before := descriptors(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Open(ctx, usual(t), slog.New(slog.DiscardHandler))
		fails(t, err, "context canceled")
		until(t, "nothing is left open", func() bool { return descriptors(t) <= before })
	})
}

// descriptors is how many files and sockets this process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// A node that is closed in the middle of everything ends, and so do all who are connected. To close it again does nothing.
func TestCloseWhileBusy(t *testing.T) {
	h := openHouse(t, usual(t))
	r := h.room()
	token, err := h.host.Token(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	secure := strings.Replace(h.StageURL(), "http://", "https://", 1)
	var busy sync.WaitGroup
	follow := func(url string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := h.insecure(t).Do(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v (%v)", url, resp, err)
		}
		body := bufio.NewReader(resp.Body)
		_, err = body.ReadByte()
		if err != nil {
			t.Fatal(err)
		}
		busy.Go(func() { _, _ = body.WriteTo(nowhere{}); _ = resp.Body.Close() })
	}
	follow(r.ListenURL + "/live.mp4")
	follow(h.StageURL() + "/r/" + string(r.ID) + "/stage/events")
	follow(secure + "/r/" + string(r.ID) + "/stage/events")
	follow(secure + "/r/" + string(r.ID) + "/live.ogg")
	silent, err := net.Dial("tcp", strings.TrimPrefix(strings.Replace(h.StageURL(), "localhost", "127.0.0.1", 1), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // nothing was sent
	for range 8 {        // joins that race with the end
		busy.Go(func() {
			for {
				resp, err := http.Get(r.ListenURL + "/live.mp4") //nolint:noctx // it ends with the server
				if err != nil {
					return
				}
				_, _ = resp.Body.Read(make([]byte, 1))
				_ = resp.Body.Close()
			}
		})
	}
	var closing sync.WaitGroup
	for range 2 {
		closing.Go(func() { shut(t, h.Node) })
	}
	closing.Wait()
	busy.Wait()
	shut(t, h.Node)
	select {
	case err := <-h.Failed():
		t.Errorf("a part says that it failed: %v", err)
	default:
	}
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// When a port stops by itself, the node says so.
func TestFailed(t *testing.T) {
	t.Parallel()
	n := open(t, usual(t))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.start("another", ln, http.NotFoundHandler())
	_ = ln.Close()
	fails(t, <-n.Failed(), "the another port stopped")
}

// An edge is made ready for its part of all that the rooms expect together; edges that drain have none of it, and rooms that are over neither.
func TestExpectedAudience(t *testing.T) {
	known := map[room.ID]room.Facts{}
	facts := func(id room.ID) (room.Facts, bool) { f, ok := known[id]; return f, ok }
	n := &Node{cfg: Config{Expect: 100}}
	harbour := room.Facts{ID: "harbour", State: room.Doors, Expect: 900_000}
	for _, row := range []struct {
		name  string
		facts room.Facts
		edges int32
		want  int // in the harbour
	}{
		{"NotFollowedYet", room.Facts{ID: "nowhere", State: room.Ended}, 0, 900_000},
		{"Doors", harbour, 1, 900_000},
		{"Again", harbour, 1, 900_000},
		{"ThreeEdges", harbour, 3, 300_000},
		{"AnotherRoom", room.Facts{ID: "lighthouse", State: room.Live, Expect: 300_000}, 3, 400_000},
		{"OneWithoutAFigure", room.Facts{ID: "quay", State: room.Live}, 2, 600_050},
		{"TheOtherIsOver", room.Facts{ID: "lighthouse", State: room.Ended, Expect: 300_000}, 2, 450_050},
	} {
		known[row.facts.ID] = row.facts
		n.audience.follow(row.facts.ID, facts, n.cfg.Expect)
		n.edges.Store(row.edges)
		if got := n.expect(harbour); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
	delete(known, "harbour")
	n.audience.follow("harbour", facts, n.cfg.Expect)
	if len(n.audience.rooms) != 1 || n.audience.expected() != 100 {
		t.Errorf("%v, %d together", n.audience.rooms, n.audience.expected())
	}
	if got := seating([]bus.Presence{{Edge: "a"}, {Edge: "b", Draining: true}, {Edge: "c", Full: true}}); got != 2 {
		t.Errorf("%d edges seat newcomers, want 2", got)
	}
}
