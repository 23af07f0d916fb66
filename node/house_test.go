package node

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/drill/listener"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// together is how many tests run at the same time, where -parallel does not say it: most of them wait for sound, in real time.
const together = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	parallel := flag.Lookup("test.parallel")
	if parallel.Value.String() == parallel.DefValue {
		_ = flag.Set(parallel.Name, together) // it is a number
	}
	goleak.VerifyTestMain(m,
		// certmagic keeps the first for as long as the process lives, and the second for some seconds after a lock; a test's authority the third.
		goleak.IgnoreTopFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).permit"),
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"),
		goleak.IgnoreTopFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"),
	)
}

// patience is how long anything may take on a machine that does other work beside.
const patience = time.Minute

// usual is a configuration of a new, empty node on ports of its own. Its hold sound is short: to decode the usual one takes a second where races
// are looked for.
func usual(t testing.TB) Config {
	t.Helper()
	dir := t.TempDir()
	hold := write(t, filepath.Join(dir, "hold.wav"), string(wavFile(t, dir, 3*tape.SampleRate)))
	return Config{
		HoldSound: hold,
		Data:      filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0", Stage: "127.0.0.1:0", Private: "127.0.0.1:0",
		StageTLS: "auto", HoldAfter: 30 * time.Second, Complexity: 0,
	}
}

// house is an open node with a host who has come in.
type house struct {
	*Node
	t    testing.TB
	host *client.Client
}

func open(t testing.TB, cfg Config) *Node {
	t.Helper()
	n, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, n) })
	return n
}

// shut closes a node; a second time does nothing.
func shut(t testing.TB, n *Node) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := n.Close(ctx)
	if err != nil {
		t.Errorf("close: %v", err)
	}
}

func openHouse(t testing.TB, cfg Config) *house {
	t.Helper()
	n := open(t, cfg)
	link, err := n.FirstHostLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	host, err := client.Claim(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	return &house{n, t, host}
}

func (h *house) room() client.Room {
	h.t.Helper()
	r, err := h.host.CreateRoom(h.t.Context(), "Harbour talk", "en", true)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// ask makes a request, with a stage token if there is one, and returns its status and its body. Redirects are not followed.
func (n *Node) ask(t testing.TB, method, url, token string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// hear listens to a room until some frames have arrived.
func hear(t testing.TB, n *Node, id room.ID, frames int64) listener.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := listener.Listen(ctx, listener.Config{URL: n.RoomURL(id)}, func(e listener.Event) {
		if e.Report.Frames >= frames {
			cancel()
		}
	})
	if err != nil || r.Frames < frames || !r.Faultless() {
		t.Fatalf("heard %+v (%v)", r, err)
	}
	return r
}

// until waits for something that happens beside.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v, and still not: %s", patience, what)
		}
	}
}

func write(t testing.TB, file, text string) string {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// fails checks an error's words.
func fails(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}

// contextOf is one that ends with the test, or when it has taken too long.
func contextOf(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), patience)
}
