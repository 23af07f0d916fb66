package whip_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage"
	"github.com/epidaurus-live/epidaurus/stage/internal/cutnet"
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
	socket net.PacketConn
	server *http.Server
	served chan struct{}

	mu     sync.Mutex
	people int // guarded by mu; on stage
}

func (h *host) start() {
	h.t.Helper()
	media, err := net.ListenPacket("udp", or(h.media, "127.0.0.1:0"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.media, h.socket = media.LocalAddr().String(), media
	h.stage, err = stage.New(stage.Config{
		Verify: func(token string) (room.Grant, error) { return h.key.Verify(token, time.Now()) },
		Rooms:  h, Mix: h, Media: media,
		Remove: func(room.ID, room.PersonID) error { return nil },
		Block:  func(room.ID, string) error { return nil }, HandOver: func(room.ID, room.PersonID, room.PersonID) error { return nil },
		Consent:   func(room.ID, room.PersonID, room.Consent) error { return nil },
		TakeLead:  func(room.ID, room.PersonID, room.PersonID, room.Role) error { return nil },
		TakeHands: func(room.ID, bool) error { return nil }, NewPerson: func() (room.PersonID, error) { return "nobody", nil },
		Admit: func(room.ID, room.Hand) stage.Admitted { return stage.Admitted{} },
		People: func(_ room.ID, people []room.Person) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.people = len(people)
		},
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

// kill stops the server as kill -9 does: no word reaches its clients, since the sockets close before the sessions do.
func (h *host) kill() {
	h.t.Helper()
	_ = h.server.Close()
	<-h.served
	_ = h.socket.Close()
	h.stop()
}

// stop ends what serves.
func (h *host) stop() {
	h.t.Helper()
	_ = h.server.Close()
	<-h.served
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := h.stage.Close(ctx)
	if err != nil {
		h.t.Errorf("close stage: %v", err)
	}
}

func (h *host) onStage() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.people
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

// patience is how long anything may take on a machine that does other work beside.
const patience = time.Minute

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func silence() ([]byte, error) { return []byte{0xf8, 0xff, 0xfe}, nil }

// start runs a client, and returns how to stop it.
func start(t *testing.T, target whip.Target, settings func(*webrtc.SettingEngine)) (client *whip.Client, stop func() error) {
	t.Helper()
	client, err := whip.New(target, whip.SourceFunc(silence), whip.Config{
		HTTP:     &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience},
		Settings: settings,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return client, stop
}

func TestPublish(t *testing.T) {
	h := &host{t: t}
	h.start()
	t.Cleanup(h.stop)
	client, stop := start(t, h.target(), nil)
	eventually(t, "50 packets in the mix", func() bool { return h.voice.count() >= 50 })
	eventually(t, "a round trip is known", func() bool { return client.Stats().RTT > 0 })
	if s := client.Stats(); s.State != whip.OnStage || s.Packets < 50 || s.Connections != 1 {
		t.Errorf("stats = %+v", s)
	}
	if n := h.onStage(); n != 1 {
		t.Errorf("%d on stage", n)
	}
	err := stop()
	if err != nil {
		t.Error(err)
	}
	eventually(t, "the voice has left", func() bool { return h.onStage() == 0 })
	if s := client.Stats(); s.State != whip.Closed {
		t.Errorf("stats = %+v", s)
	}
}

// A recording that ends leaves the stage, and that is no error.
func TestPublishToItsEnd(t *testing.T) {
	h := &host{t: t}
	h.start()
	t.Cleanup(h.stop)
	left := 30
	err := whip.Publish(t.Context(), h.target(), whip.SourceFunc(func() ([]byte, error) {
		if left--; left < 0 {
			return nil, io.EOF
		}
		return silence()
	}), whip.Config{HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	if err != nil {
		t.Error(err)
	}
	eventually(t, "the voice has left", func() bool { return h.onStage() == 0 && h.voice.count() > 0 })
}

// A server that was killed and started again has the voice back without anybody's doing.
func TestServerKilledAndBack(t *testing.T) {
	h := &host{t: t}
	h.start()
	client, _ := start(t, h.target(), nil)
	eventually(t, "it is heard", func() bool { return h.voice.count() >= 10 })
	h.kill()
	eventually(t, "the loss is noticed", func() bool { return client.Stats().State != whip.OnStage })
	before := h.voice.count()
	h.start()
	t.Cleanup(h.stop)
	eventually(t, "it is heard again", func() bool { return h.voice.count() >= before+10 })
	if s := client.Stats(); s.Connections != 2 || s.Lost == 0 {
		t.Errorf("stats = %+v", s)
	}
}

// A network that was cut and mended has the voice back, in the place that was kept.
func TestNetworkCutAndMended(t *testing.T) {
	h := &host{t: t}
	h.start()
	t.Cleanup(h.stop)
	var cut cutnet.Net
	mux := cut.Mux(t)
	client, _ := start(t, h.target(), func(s *webrtc.SettingEngine) {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
		s.SetICEUDPMux(mux)
	})
	eventually(t, "it is heard", func() bool { return h.voice.count() >= 10 })
	cut.Cut(true)
	eventually(t, "the loss is noticed", func() bool { return client.Stats().State != whip.OnStage })
	cut.Cut(false)
	before := h.voice.count()
	eventually(t, "it is heard again", func() bool { return h.voice.count() >= before+10 })
	if n := h.onStage(); n != 1 {
		t.Errorf("%d on stage", n)
	}
}

// A refusal that time does not change ends the client, in the server's words; others are tried again when the server says.
func TestRefusal(t *testing.T) {
	h := &host{t: t}
	h.start()
	t.Cleanup(h.stop)
	target := h.target()
	target.Token += "x"
	err := whip.Publish(t.Context(), target, whip.SourceFunc(silence), whip.Config{})
	if !errors.Is(err, whip.ErrRefused) || !strings.Contains(err.Error(), "new link") && !strings.Contains(err.Error(), "copy the whole link") {
		t.Errorf("error %v", err)
	}

	tries := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries++; tries < 3 {
			problem.Write(w, problem.Problem{Code: problem.StageFull, RetryAfter: time.Millisecond})
			return
		}
		problem.Write(w, problem.New(problem.RoomEnded, "The room has ended."))
	}))
	defer server.Close()
	err = whip.Publish(t.Context(), whip.Target{URL: server.URL}, whip.SourceFunc(silence), whip.Config{})
	if !errors.Is(err, whip.ErrRefused) || err.Error() != "The room has ended." || tries != 3 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// A voice that cannot be read is an error, and leaves the stage.
func TestSourceFails(t *testing.T) {
	h := &host{t: t}
	h.start()
	t.Cleanup(h.stop)
	broken := errors.New("the disk is gone")
	err := whip.Publish(t.Context(), h.target(), whip.SourceFunc(func() ([]byte, error) { return nil, broken }), whip.Config{
		HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	eventually(t, "the voice has left", func() bool { return h.onStage() == 0 })
}

// A program whose speaker agrees to be recorded says so, to the version of the question; others say nothing.
func TestAgreeing(t *testing.T) {
	var said []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said = append(said, r.Header.Get(stage.ConsentField))
		problem.Write(w, problem.New(problem.ConsentNeeded, "This conversation is recorded."))
	}))
	defer server.Close()
	for _, text := range []int{0, room.ConsentText} {
		err := whip.Publish(t.Context(), whip.Target{URL: server.URL}, whip.SourceFunc(silence), whip.Config{Agree: text})
		if !errors.Is(err, whip.ErrRefused) || err.Error() != "This conversation is recorded." {
			t.Errorf("refused with %v", err)
		}
	}
	if len(said) != 2 || said[0] != "" || said[1] != "1" {
		t.Errorf("said was %q", said)
	}
}
