package bus

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const secret = "a-secret-of-the-cluster"

// ownCertificate is a server's certificate for this machine, and the file by which others know it.
func ownCertificate(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	err = os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, file
}

// place is a server for other nodes that can be restarted where it was.
type place struct {
	t      *testing.T
	config ServerConfig
	server *Server
	ca     string
}

func openPlace(t *testing.T) *place {
	t.Helper()
	cert, ca := ownCertificate(t)
	p := &place{t: t, ca: ca, config: ServerConfig{
		Name: "place", Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Listen: "127.0.0.1:0", TLS: cert, Token: secret,
	}}
	p.start()
	p.config.Listen = p.server.Addr().String()
	t.Cleanup(func() { p.server.Close() })
	return p
}

func (p *place) start() {
	p.t.Helper()
	var err error
	p.server, err = StartServer(p.config)
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) restart() {
	p.t.Helper()
	p.server.Close()
	p.start()
}

func (p *place) node(name string) Config {
	return Config{Node: name, Log: slog.New(slog.DiscardHandler), URL: "tls://" + p.config.Listen, CA: p.ca, Token: secret}
}

func (p *place) open(name string) *Bus {
	p.t.Helper()
	b, err := Open(p.t.Context(), p.node(name))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = b.Close() })
	return b
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// Who cannot show the cluster's secret, or does not know the server, or would speak in the open, is told what is wrong.
func TestStrangersAreRefused(t *testing.T) {
	p := openPlace(t)
	_, otherCA := ownCertificate(t)
	for _, row := range []struct {
		name string
		set  func(*Config)
		want string
	}{
		{"WrongSecret", func(c *Config) { c.Token = "a-guess-of-the-secret" }, "refuses this node: its secret, user or credentials are not the ones of the cluster"},
		{"NoSecret", func(c *Config) { c.Token = "" }, "refuses this node"},
		{"AnotherCA", func(c *Config) { c.CA = otherCA }, "is not known by its certificate"},
		{"SystemCA", func(c *Config) { c.CA = "" }, "is not known by its certificate"},
		{"CAIsJunk", func(c *Config) { c.CA = "config.go" }, "there is no certificate in config.go"},
		{"CAIsMissing", func(c *Config) { c.CA = "/nowhere" }, "read the certificates of the bus"},
		{"CertificateIsJunk", func(c *Config) { c.Cert, c.Key = "config.go", "config.go" }, "load this node's certificate"},
		{"NobodyThere", func(c *Config) { c.URL = "tls://127.0.0.1:1" }, "there is no bus at tls://127.0.0.1:1"},
		{"PlainToAnotherMachine", func(c *Config) { c.URL = "nats://192.0.2.7:4222" }, "is not encrypted"},
		{"NobodyToAnotherMachine", func(c *Config) { c.URL, c.Token = "tls://192.0.2.7:4222", "" }, "must know who comes"},
		{"NoAddress", func(c *Config) { c.URL = "192.0.2.7" }, "write one such as tls://bus.example.org:4222"},
		{"OneOfTwoIsPlain", func(c *Config) { c.URL += ",nats://192.0.2.7" }, "is not encrypted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := p.node("stranger")
			row.set(&c)
			b, err := Open(t.Context(), c)
			if b != nil {
				_ = b.Close()
			}
			if row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
			if err != nil && strings.Contains(err.Error(), c.Token) && c.Token != "" {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
	t.Run("InTheOpen", func(t *testing.T) {
		conn, err := net.Dial("tcp", p.config.Listen)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it is refused
		_, _ = conn.Write([]byte("CONNECT {\"auth_token\":\"" + secret + "\",\"verbose\":false}\r\nPING\r\n"))
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		said := make([]byte, 64<<10)
		n := 0
		for err == nil && n < len(said) {
			var m int
			m, err = conn.Read(said[n:])
			n += m
		}
		if strings.Contains(string(said[:n]), "PONG") {
			t.Errorf("a plain connection was answered: %q", said[:n])
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("a plain connection was not closed")
		}
	})
}

func TestListenNeedsCertificateAndSecret(t *testing.T) {
	cert, _ := ownCertificate(t)
	for _, c := range []Config{
		{Listen: "127.0.0.1:0", Token: secret}, {Listen: "127.0.0.1:0", TLS: cert}, {Listen: "here", TLS: cert, Token: secret},
		{Listen: "127.0.0.1:x", TLS: cert, Token: secret},
	} {
		c.Dir, c.Node, c.Log = t.TempDir(), "one", slog.New(slog.DiscardHandler)
		b, err := Open(t.Context(), c)
		if err == nil {
			_ = b.Close()
			t.Errorf("%+v was opened", c)
		}
	}
}

// A node that holds the server, and one that reaches it over the network, hear each other.
func TestListen(t *testing.T) {
	cert, ca := ownCertificate(t)
	log := slog.New(slog.DiscardHandler)
	b, err := Open(t.Context(), Config{Dir: t.TempDir(), Node: "stage", Log: log, Listen: "127.0.0.1:0", TLS: cert, Token: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	edge, err := Open(t.Context(), Config{Node: "edge", Log: log, URL: "tls://" + b.ListenAddr().String(), CA: ca, Token: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = edge.Close() })
	err = b.PutFacts(t.Context(), room.Facts{ID: "harbour", Title: "Harbour"})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the edge knows the room", func() bool { f, _ := edge.Facts("harbour"); return f.Title == "Harbour" })
	if edge.ListenAddr() != nil {
		t.Error("the edge listens")
	}
}

// A server that was away and came back: sound goes on, facts are not stale, leases hold.
func TestServerRestart(t *testing.T) {
	p := openPlace(t)
	stage, edge := p.open("stage"), p.open("edge")
	h := heard{make(chan string, 1000)}
	stop, err := edge.Subscribe("harbour", tape.Floor, h)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	err = stage.PutFacts(t.Context(), room.Facts{ID: "harbour", Title: "before", State: room.Live})
	if err != nil {
		t.Fatal(err)
	}
	lease, err := stage.Acquire(t.Context(), "harbour", tape.Floor)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the edge knows the room", func() bool { f, _ := edge.Facts("harbour"); return f.Title == "before" })
	for round := range 2 {
		p.server.Close()
		until(t, "both miss it", func() bool { return !stage.Connected() && !edge.Connected() })
		if f, ok := edge.Facts("harbour"); !ok || f.State != room.Live {
			t.Error("the edge forgot the room")
		}
		p.start()
		until(t, "both are back", func() bool { return stage.Connected() && edge.Connected() })
		title := "after " + string(rune('a'+round))
		err = stage.ChangeFacts(t.Context(), "harbour", func(f *room.Facts) error { f.Title = title; return nil })
		if err != nil {
			t.Fatal(err)
		}
		until(t, "the edge hears what is new", func() bool { f, _ := edge.Facts("harbour"); return f.Title == title })
		n := tape.Number(round)
		until(t, "sound is heard again", func() bool {
			err := stage.PublishFrame("harbour", tape.Floor, tape.Opus48, 0, tape.Frame{N: n, Term: 1, Packet: []byte(title)})
			if err != nil {
				t.Fatal(err)
			}
			select {
			case line := <-h.lines:
				return strings.Contains(line, title)
			case <-time.After(10 * time.Millisecond):
				return false
			}
		})
		err = lease.Renew(t.Context(), 10)
		if err != nil {
			t.Errorf("the lease: %v", err)
		}
	}
}

// A server that comes back without its store gets the rooms from those who know them, and nobody stays with old facts.
func TestServerComesBackEmpty(t *testing.T) {
	p := openPlace(t)
	stage, edge := p.open("stage"), p.open("edge")
	for _, title := range []string{"first", "second", "third"} { // the old store's revisions are above the new one's
		err := stage.PutFacts(t.Context(), room.Facts{ID: "harbour", Title: title})
		if err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the edge knows the room", func() bool { f, _ := edge.Facts("harbour"); return f.Title == "third" })
	p.config.Dir = t.TempDir()
	p.restart()
	until(t, "the room can be changed", func() bool {
		return stage.ChangeFacts(t.Context(), "harbour", func(f *room.Facts) error { f.State = room.Live; return nil }) == nil
	})
	until(t, "the edge hears what is new", func() bool {
		f, _ := edge.Facts("harbour")
		return f.Title == "third" && f.State == room.Live
	})
	late := p.open("late")
	if f, ok := late.Facts("harbour"); !ok || f.State != room.Live {
		t.Errorf("a node that comes later knows %+v", f)
	}
}

// A node one version older or newer is understood: what it leaves out is zero, what is not known is passed over.
func TestPresenceOfOtherVersions(t *testing.T) {
	now := time.Now()
	p := &presences{edges: map[string]heardPresence{}}
	for _, msg := range []string{
		`{"edge":"old","rooms":{"harbour":3}}`,
		`{"edge":"new","origin":"https://e2.example","rooms":{"harbour":4},"capacity":50,"step":2,"draining":true,"full":true,"version":"v9","heat":{"cpu":0.5}}`,
		`{"edge":"","rooms":{"harbour":100}}`, `{"edge":"odd","rooms":7}`, `junk`, ``,
	} {
		p.hear([]byte(msg), now)
	}
	b := &Bus{presence: p}
	if got := b.Seats("harbour"); got != 7 {
		t.Errorf("%d seats, want 7", got)
	}
	edges := b.Edges()
	if len(edges) != 2 || edges[1].Edge != "old" || edges[1].Origin != "" || edges[1].Draining || edges[1].Full || edges[1].Capacity != 0 {
		t.Fatalf("%+v", edges)
	}
	if e := edges[0]; e.Origin != "https://e2.example" || e.Capacity != 50 || e.Step != 2 || !e.Draining || !e.Full || e.Version != "v9" {
		t.Errorf("%+v", e)
	}
	p.hear([]byte(`{"edge":"old","rooms":{"harbour":9}}`), now.Add(-edgeExpires-time.Second))
	if got := b.Seats("harbour"); got != 4 {
		t.Errorf("%d seats with a silent edge, want 4", got)
	}
}

// A message with a longer head is of a later version, and is heard; one of another form is dropped. Neither ends anything.
func TestMessagesOfOtherVersions(t *testing.T) {
	h := heard{make(chan string, 10)}
	bad := 0
	d := deliverer{to: h, bad: func(string, error) { bad++ }}
	k := tape.Takeover{Term: 1, First: 5}
	longer := appendHead(nil, k, 7)
	longer[0] |= 2 << 4
	d.deliver("room.x.floor.opus-48", append(longer, "8 bytes.packet"...))
	d.deliver("room.x.floor.opus-48", longer) // cut short
	other := appendHead(nil, k, 8)
	other[0] = 2
	d.deliver("room.x.floor.opus-48", append(other, "packet"...))
	d.deliver("room.x.floor.events", append(appendHead(nil, k, 9), `{"kind":"stage","data":{},"newer":1}`...))
	for _, want := range []string{"takeover 1@5", "opus-48 7/1 packet", "stage 9/1 {}"} {
		if got := h.next(t); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	if bad != 2 {
		t.Errorf("%d messages were dropped, want 2", bad)
	}
}

func TestEdgesAreTold(t *testing.T) {
	b := open(t, t.TempDir())
	other := peer(t, b, "edge")
	told := make(chan string, 1)
	stop, err := other.WatchEdges(func(list []byte) { told <- string(list) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	err = other.conn.Flush()
	if err == nil {
		err = b.PublishEdges([]byte("list"))
	}
	if err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-told:
		if got != "list" {
			t.Errorf("told %q", got)
		}
	case <-time.After(patience):
		t.Error("told nothing")
	}
}

func TestWithoutPasswords(t *testing.T) {
	got := withoutPasswords("tls://user:pass@a:4222,tls://b,nats://token@localhost")
	if got != "tls://a:4222,tls://b,nats://localhost" {
		t.Error(got)
	}
}

func TestRetryDelay(t *testing.T) {
	for attempt := range 100 {
		d := retryDelay(attempt)
		if d < firstRetry/2 || d > lastRetry {
			t.Errorf("attempt %d waits %v", attempt, d)
		}
	}
}

var _ nats.InProcessConnProvider = (*Server)(nil)
