package whip_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage"
	"github.com/epidaurus-live/epidaurus/stage/whip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testRoom = room.ID("harbour-k3f9")

// host is a stage that can be stopped as by kill -9, and started again on the same ports.
type host struct {
	t     *testing.T
	key   room.Key
	voice recorder
	web   string // address
	media string // address

	stage  *stage.Stage
	server *http.Server
	served chan struct{}
}

func (h *host) start() {
	h.t.Helper()
	media, err := net.ListenPacket("udp", or(h.media, "127.0.0.1:0"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.media = media.LocalAddr().String()
	h.stage, err = stage.New(stage.Config{
		Verify: func(token string) (room.Grant, error) { return h.key.Verify(token, time.Now()) },
		Rooms:  h, Mix: h, Media: media,
		Remove: func(room.ID, room.PersonID) error { return nil },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", or(h.web, "127.0.0.1:0"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.web = ln.Addr().String()
	h.server = &http.Server{Handler: h.stage.Handler(), ReadHeaderTimeout: time.Second}
	split := h.stage.Split(ln)
	h.served = make(chan struct{})
	go func() {
		defer close(h.served)
		_ = h.server.Serve(split)
	}()
}

// kill stops the server without a word to its clients: the sockets close before the sessions do.
func (h *host) kill(media net.PacketConn) {
	h.t.Helper()
	_ = h.server.Close()
	<-h.served
	if media != nil {
		_ = media.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = h.stage.Close(ctx)
}

func (h *host) Facts(id room.ID) (room.Facts, bool) {
	return room.Facts{ID: id, State: room.Live}, id == testRoom
}

func (h *host) Open(room.ID, room.PersonID) (stage.Voice, error) { return &h.voice, nil }

func (h *host) target() whip.Target {
	token := h.key.Sign(room.Grant{Room: testRoom, Person: "p1", Role: room.Speaker, Name: "Ada", Expires: time.Now().Add(time.Hour).Unix()})
	return whip.Target{URL: "http://" + h.web + "/r/" + string(testRoom) + "/whip", Token: token}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// recorder is a voice of the mix that counts.
type recorder struct {
	mu      sync.Mutex
	packets int
}

func (r *recorder) Push(uint16, uint32, []byte, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets++
}
func (r *recorder) Mute(bool) {}
func (r *recorder) Close()    {}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.packets
}

func eventually(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func silence() ([]byte, error) { return []byte{0xf8, 0xff, 0xfe}, nil }

// publish runs a client until the test ends.
func publish(t *testing.T, target whip.Target) *whip.Client {
	t.Helper()
	client, err := whip.New(target, whip.SourceFunc(silence), whip.Config{HTTP: &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second,
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		err := <-ended
		if err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return client
}

func TestPublish(t *testing.T) {
	h := &host{t: t}
	h.start()
	t.Cleanup(func() { h.kill(nil) })
	client := publish(t, h.target())
	eventually(t, 5*time.Second, "50 packets in the mix", func() bool { return h.voice.count() >= 50 })
	if s := client.Stats(); s.State != whip.OnStage || s.Packets < 50 || s.Connections != 1 || s.RTT <= 0 {
		t.Errorf("stats = %+v", s)
	}
}
