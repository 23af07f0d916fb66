package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// patience is how long anything may take on a machine that does other work beside.
const patience = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) *Bus {
	t.Helper()
	b, err := Open(t.Context(), Config{Dir: dir, Node: "one", Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	b.leaseTTL = 300 * time.Millisecond
	return b
}

// peer is another node on the same server.
func peer(t *testing.T, of *Bus, node string) *Bus {
	t.Helper()
	b := newBus(Config{Node: node, Log: of.log})
	b.leaseTTL = of.leaseTTL
	err := b.connect(t.Context(), "", nats.InProcessServer(of.server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

type heard struct{ lines chan string }

func (h heard) Takeover(k tape.Takeover) { h.lines <- fmt.Sprintf("takeover %d@%d", k.Term, k.First) }
func (h heard) Frame(v tape.Variant, f tape.Frame) {
	h.lines <- fmt.Sprintf("%s %d/%d %s", v, f.N, f.Term, f.Packet)
}
func (h heard) Event(e tape.Event) {
	h.lines <- fmt.Sprintf("%s %d/%d %s", e.Kind, e.At, e.Term, e.Data)
}

func (h heard) next(t *testing.T) string {
	t.Helper()
	select {
	case s := <-h.lines:
		return s
	case <-time.After(patience):
		t.Fatal("nothing more was heard")
		return ""
	}
}

func TestChannelArrivesInOrder(t *testing.T) {
	b := open(t, t.TempDir())
	edge := peer(t, b, "edge")
	h := heard{make(chan string, 100)}
	stop, err := edge.Subscribe("harbour", tape.Floor, h)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	err = edge.conn.Flush() // the server knows the subscription before anything is published
	if err != nil {
		t.Fatal(err)
	}
	say := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	say(b.PublishEvent("harbour", tape.Floor, 10, tape.Event{At: 12, Term: 1, Kind: "stage", Data: []byte(`{"t":"stage"}`)}))
	say(b.PublishFrame("harbour", tape.Floor, tape.Opus48, 10, tape.Frame{N: 12, Term: 1, Packet: []byte("a")}))
	say(b.PublishFrame("elsewhere", tape.Floor, tape.Opus48, 10, tape.Frame{N: 12, Term: 1, Packet: []byte("x")}))
	say(b.PublishFrame("harbour", "fr", tape.Opus48, 10, tape.Frame{N: 12, Term: 1, Packet: []byte("x")}))
	say(b.conn.Publish("room.harbour.floor.opus-48", []byte("junk")))
	say(b.PublishFrame("harbour", tape.Floor, tape.Opus24, 13, tape.Frame{N: 13, Term: 2, Packet: []byte("b")}))
	for _, want := range []string{
		"takeover 1@10", `stage 12/1 {"t":"stage"}`, "opus-48 12/1 a", "takeover 2@13", "opus-24 13/2 b",
	} {
		if got := h.next(t); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
}

// A folder that cannot be used is told at once.
func TestOpenInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bus")
	err := os.WriteFile(file, nil, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Config{Dir: file, Node: "one", Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "start the bus in "+file) || errors.Is(err, errSlowStart) {
		t.Errorf("error %v", err)
	}
}

// The echo of a change comes late, and must not undo the one after it.
func TestOldFactsAreIgnored(t *testing.T) {
	b := newBus(Config{})
	told := 0
	b.WatchFacts(func(room.Facts) { told++ })
	b.learn(room.Facts{ID: "harbour", Title: "second"}, rest{}, 8)
	b.learn(room.Facts{ID: "harbour", Title: "first"}, rest{}, 7)
	b.learn(room.Facts{ID: "harbour", Title: "second"}, rest{}, 8)
	if f, _ := b.Facts("harbour"); f.Title != "second" || told != 1 {
		t.Errorf("the room is %+v, told %d times", f, told)
	}
}

func TestFactsSurviveAndSpread(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	edge := peer(t, b, "edge")
	news := make(chan room.Facts, 10)
	stop := edge.WatchFacts(func(f room.Facts) { news <- f })
	defer stop()
	facts := room.Facts{ID: "harbour", Title: "Harbour", State: room.Doors}
	err := b.PutFacts(t.Context(), facts)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case f := <-news:
		if f.Title != "Harbour" {
			t.Errorf("the edge heard of %+v", f)
		}
	case <-time.After(patience):
		t.Fatal("the edge heard nothing")
	}
	_ = edge.Close()
	err = b.Close()
	if err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if f, ok := again.Facts("harbour"); !ok || f.State != room.Doors {
		t.Errorf("after a restart: %+v, %v", f, ok)
	}
}

// Two nodes that change a room at the same moment do not undo each other.
func TestChangesOfTwoNodes(t *testing.T) {
	b := open(t, t.TempDir())
	other := peer(t, b, "two")
	err := b.ChangeFacts(t.Context(), "harbour", func(*room.Facts) error { return nil })
	if !errors.Is(err, room.ErrNotFound) {
		t.Errorf("a room that there is not: %v", err)
	}
	err = b.PutFacts(t.Context(), room.Facts{ID: "harbour", State: room.Doors})
	if err != nil {
		t.Fatal(err)
	}
	known := make(chan struct{}, 1000)
	defer other.WatchFacts(func(room.Facts) { known <- struct{}{} })()
	<-known
	const each = 25
	var all sync.WaitGroup
	for name, node := range map[string]*Bus{"one": b, "two": other} {
		for i := range each {
			all.Go(func() {
				err := node.ChangeFacts(t.Context(), "harbour", func(f *room.Facts) error {
					f.Removed = append(f.Removed, room.PersonID(fmt.Sprint(name, i)))
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	err = b.ChangeFacts(t.Context(), "harbour", func(f *room.Facts) error { f.State = room.Live; return nil })
	if err != nil {
		t.Fatal(err)
	}
	f, _ := b.Facts("harbour")
	if f.State != room.Live || len(f.Removed) != 2*each {
		t.Errorf("%d changes are left of %d", len(f.Removed), 2*each)
	}
	refused := errors.New("refused")
	err = b.ChangeFacts(t.Context(), "harbour", func(f *room.Facts) error { f.Removed[0] = "changed"; return refused })
	if f, _ := b.Facts("harbour"); !errors.Is(err, refused) || f.IsRemoved("changed") {
		t.Errorf("a change that was refused was made: %v", err)
	}
}

func TestSeatsAreSummed(t *testing.T) {
	b := open(t, t.TempDir())
	edge := peer(t, b, "edge")
	for _, of := range []*Bus{b, edge} {
		err := of.PublishPresence(Presence{Rooms: map[room.ID]int{"harbour": 3}})
		if err != nil {
			t.Fatal(err)
		}
		err = of.conn.Flush()
		if err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.After(patience)
	for b.Seats("harbour") != 6 {
		select {
		case <-deadline:
			t.Fatalf("%d seats, want 6", b.Seats("harbour"))
		case <-time.After(time.Millisecond):
		}
	}
}

func TestLease(t *testing.T) {
	acquire := func(t *testing.T, b *Bus) *Lease {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		l, err := b.Acquire(ctx, "harbour", tape.Floor)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	t.Run("OwnSuccessor", func(t *testing.T) {
		dir := t.TempDir()
		b := open(t, dir)
		first := acquire(t, b)
		epoch := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
		if first.before.Term != 0 || first.Takeover().Term != 1 {
			t.Errorf("a new channel: before %+v, now %+v", first.before, first.Takeover())
		}
		if err := first.Declare(t.Context(), epoch, 0); err != nil {
			t.Fatal(err)
		}
		if err := first.Renew(t.Context(), 500); err != nil {
			t.Fatal(err)
		}
		_ = b.Close() // no release: as after a kill
		second := acquire(t, open(t, dir))
		if second.Takeover().Term != 2 || second.before.Reserved != 500 || !second.before.Epoch.Equal(epoch) {
			t.Errorf("after a restart: before %+v, now %+v", second.before, second.Takeover())
		}
	})
	t.Run("AnotherWaitsAndTheFirstNotices", func(t *testing.T) {
		b := open(t, t.TempDir())
		other := peer(t, b, "two")
		first := acquire(t, b)
		second := acquire(t, other)
		if second.Takeover().Term != 2 {
			t.Errorf("the second maker has term %d", second.Takeover().Term)
		}
		if err := first.Renew(t.Context(), 10); !errors.Is(err, ErrLeaseLost) {
			t.Errorf("the first maker renewed a lost lease: %v", err)
		}
	})
	t.Run("ReleaseHandsOver", func(t *testing.T) {
		b := open(t, t.TempDir())
		other := peer(t, b, "two")
		other.leaseTTL = time.Hour
		first := acquire(t, b)
		if err := first.Release(t.Context(), 77); err != nil {
			t.Fatal(err)
		}
		if second := acquire(t, other); second.before.Reserved != 77 {
			t.Errorf("handed over: %+v", second.before)
		}
	})
	t.Run("RenewAfterUnansweredWrite", func(t *testing.T) {
		b := open(t, t.TempDir())
		l := acquire(t, b)
		before := l.revision
		if err := l.Renew(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		l.revision = before // the write was done, but its answer was lost
		if err := l.Renew(t.Context(), 20); err != nil {
			t.Errorf("a lease that is ours was given up: %v", err)
		}
	})
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendHead(nil, tape.Takeover{Term: 1, First: 5}, 7))
	f.Add(append(appendHead(nil, tape.Takeover{Term: 1, First: 5}, 7), `{"kind":"stage","data":{}}`...))
	f.Add(append([]byte{0xf1}, bytes.Repeat([]byte{1}, 100)...)) // of a later version
	f.Fuzz(func(t *testing.T, msg []byte) {
		h := heard{make(chan string, 4)}
		for _, last := range []string{"opus-48", eventsToken} {
			d := deliverer{to: h, bad: func(string, error) {}}
			d.deliver("room.x.floor."+last, msg)
		}
		if k, n, body, err := parseHead(msg); err == nil && msg[0] == messageVersion && !bytes.Equal(append(appendHead(nil, k, n), body...), msg) {
			t.Error("a message does not come back as it was")
		}
	})
}

// What a node says that it needs reaches who makes the channel, of the room that is meant, and nobody who only hears it.
func TestWantsReachTheMaker(t *testing.T) {
	b := open(t, t.TempDir())
	edge := peer(t, b, "edge")
	wanted := make(chan tape.Variant, 10)
	stop, err := b.Wants("harbour", tape.Floor, func(v tape.Variant) { wanted <- v })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	h := heard{make(chan string, 10)}
	unhear, err := b.Subscribe("harbour", tape.Floor, h)
	if err != nil {
		t.Fatal(err)
	}
	defer unhear()
	err = errors.Join(
		b.conn.Flush(), edge.Want("market", tape.Floor, tape.AAC64), edge.conn.Publish(wantSubject("harbour", tape.Floor), []byte("?")),
		edge.conn.Publish(wantSubject("harbour", tape.Floor), []byte(`{"variant":"aac-32","since":3}`)), edge.Want("harbour", tape.Floor, tape.AAC64),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []tape.Variant{"aac-32", tape.AAC64} {
		select {
		case got := <-wanted:
			if got != want {
				t.Errorf("%s is wanted, want %s", got, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("nobody heard that %s is wanted", want)
		}
	}
	if len(h.lines) > 0 {
		t.Errorf("a receiver heard %q", <-h.lines)
	}
}
