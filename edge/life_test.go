//go:build linux

package edge

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

func TestEndOfARoom(t *testing.T) { endOfARoom(t, open) }

func endOfARoom(t *testing.T, open opener) {
	t.Run("ByItsEvent", func(t *testing.T) {
		h := open(t, nil)
		h.record(300)
		l := h.get("/r/harbour/live.mp4")
		first := l.frame()
		h.play(31) // not a whole number of cadences: the last fragment is a short one
		h.endRoom()
		checkSound(t, tape.Opus48, first, l.hear(first, 331))
		l.end()
		h.until("an empty house", func(s Stats) bool { return s.Ended == 1 && s.Seats == 0 })
		checkProblem(t, h.get("/r/harbour/live.mp4").resp, 410, problem.RoomEnded)
	})
	t.Run("LastFramesComeAfterTheEvent", func(t *testing.T) {
		h := open(t, nil)
		h.record(300)
		l := h.get("/r/harbour/live.mp4")
		first := l.frame()
		h.head += 20
		h.say(room.RoomEvent{Kind: room.KindRoom, ID: harbour, State: room.Ended})
		h.head -= 20
		h.play(20)
		checkSound(t, tape.Opus48, first, l.hear(first, 320))
		l.end()
	})
	t.Run("ByItsFactsAlone", func(t *testing.T) {
		h := open(t, nil)
		h.record(300)
		l := h.get("/r/harbour/live.mp4")
		first := l.frame()
		h.rooms.set(room.Facts{ID: harbour, State: room.Ended})
		h.edge.tidy()
		h.play(17)
		if s := h.edge.Stats(); s.Ended != 0 {
			t.Error("the last frames were not waited for")
		}
		h.clock.advance(endWait)
		h.edge.tidy()
		h.step()
		checkSound(t, tape.Opus48, first, l.hear(first, 317))
		l.end()
	})
	t.Run("WithTheLastFramesLost", func(t *testing.T) {
		h := open(t, nil)
		h.record(300)
		l := h.get("/r/harbour/live.mp4")
		first := l.frame()
		h.head += 3 // lost
		h.play(5)
		h.head += 4 // lost
		h.endRoom()
		h.edge.tidy()
		h.clock.advance(endWait)
		h.edge.tidy()
		h.step()
		l.hear(first, 308)
		l.end()
		if s := h.edge.Stats(); s.Lost != 9 || s.Ended != 1 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("SlowListenerHearsTheLastWord", func(t *testing.T) {
		h := open(t, func(c *Config) { c.MaxBehind, c.MaxStuck = time.Hour, time.Hour })
		h.record(300)
		l := ask(t, h.dialNarrow(), joinMP4)
		first := l.frame()
		for h.edge.Stats().Full == 0 {
			h.play(12)
		}
		h.play(100)
		h.endRoom()
		checkSound(t, tape.Opus48, first, l.hear(first, h.head))
		l.end()
	})
}

func TestLossIsGivenUpAfterAWhile(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	l := h.get("/r/harbour/live.mp4")
	first := l.frame()
	h.head += 5 // lost on the way
	h.play(10)  // 180 ms since the first frame after the hole
	if s := h.edge.Stats(); s.Lost != 0 {
		t.Error("given up at once")
	}
	// One of the five comes late, but in time.
	h.feed.to(harbour).Frame(tape.Opus48, tape.Frame{N: 302, Term: 1, Packet: packet(tape.Opus48, 302)})
	h.play(48)
	if s := h.edge.Stats(); s.Lost != 14 {
		t.Errorf("%d frames lost, want 4 of opus-48 and 5 of each other variant", s.Lost)
	}
	packets := l.hear(first, 348)
	for i, p := range packets {
		n := first + tape.Number(i)
		want := packet(tape.Opus48, n)
		if n >= 300 && n < 305 && n != 302 {
			want = tape.SilencePacket
		}
		if string(p) != string(want) {
			t.Errorf("frame %d is %q, want %q", n, p, want)
		}
	}
	if s := h.edge.Stats(); s.Gaps != 0 {
		t.Errorf("%d gaps: a lost frame is not the seat's fault", s.Gaps)
	}
}

func TestHubLingersAfterItsLastSeat(t *testing.T) {
	h := open(t, nil)
	h.rooms.set(room.Facts{ID: "other", State: room.Live})
	go func() {
		to := h.feed.to("other")
		to.Takeover(tape.Takeover{Term: 1})
		to.Frame(tape.Opus48, tape.Frame{N: 3, Term: 1, Packet: packet(tape.Opus48, 3)})
	}()
	l := h.get("/r/other/live.mp4")
	for range 3 {
		h.edge.tidy()
		h.clock.advance(time.Hour)
	}
	if h.feed.count() != 2 {
		t.Fatal("let go of a room with a seat")
	}
	l.conn.Close()
	h.until("an empty house", func(s Stats) bool { return s.Seats == 0 })
	h.edge.tidy()
	h.clock.advance(59 * time.Second)
	h.edge.tidy()
	if h.feed.count() != 2 {
		t.Fatal("let go before the linger was over")
	}
	h.clock.advance(time.Second)
	h.edge.tidy()
	if h.feed.count() != 1 {
		t.Fatal("the hub outlived its linger")
	}

	// The room whose doors are open stays until it has ended.
	h.rooms.set(room.Facts{ID: harbour, State: room.Ended})
	for range 3 {
		h.edge.tidy()
		h.clock.advance(time.Minute)
	}
	h.edge.tidy()
	if h.feed.count() != 0 {
		t.Fatal("the hub outlived its room")
	}
}

// A closing edge cuts: a player that sees no last chunk resumes elsewhere.
func TestCloseCutsSeats(t *testing.T) { closeCutsSeats(t, open) }

func closeCutsSeats(t *testing.T, open opener) {
	h := open(t, nil)
	h.record(300)
	var listeners []*listener
	for range 10 {
		listeners = append(listeners, h.get("/r/harbour/live.mp4"))
	}
	h.close()
	for _, l := range listeners {
		_, err := io.Copy(io.Discard, l.resp.Body)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the answer ended with %v, want an unexpected EOF", err)
		}
	}
	if s := h.edge.Stats(); s.Seats != 0 || s.Cut != 10 {
		t.Errorf("%+v", s)
	}
	if h.feed.count() != 0 {
		t.Error("still subscribed")
	}
	if err := h.edge.Open(harbour); !errors.Is(err, errClosing) {
		t.Errorf("open after close: %v", err)
	}
}

// Who waits for a first frame is answered when the edge closes.
func TestCloseAnswersWhoWaits(t *testing.T) {
	h := open(t, nil)
	conn := h.dial()
	answered := make(chan *listener)
	go func() { answered <- ask(t, conn, joinMP4) }()
	h.until("the request's arrival", func(s Stats) bool { return s.Seats == 1 })
	err := h.edge.Close(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	checkProblem(t, (<-answered).resp, 503, problem.ShuttingDown)
	checkProblem(t, h.get("/r/harbour/live.mp4").resp, 503, problem.ShuttingDown)
}

// With its own clock an edge ticks by itself and looks after its hubs.
func TestEdgeRunsByItself(t *testing.T) {
	h := open(t, nil)
	e, err := New(Config{Rooms: h.rooms, Feed: h.feed})
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for s := e.Stats(); s.Ticks < 10; s = e.Stats() {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", s)
		}
	}
	if s := e.Stats(); s.MaxSeats < 100 {
		t.Errorf("%d seats by the limit of open files", s.MaxSeats)
	}
	err = e.Close(context.Background())
	if err != nil {
		t.Error(err)
	}
	err = e.Close(context.Background())
	if err != nil {
		t.Errorf("a second close: %v", err)
	}
}

func TestNewRefusesWrongConfiguration(t *testing.T) {
	h := open(t, nil)
	for _, c := range []Config{
		{},
		{Rooms: h.rooms},
		{Rooms: h.rooms, Feed: h.feed, Cadence: 100 * time.Millisecond},
		{Rooms: h.rooms, Feed: h.feed, Cadence: -240 * time.Millisecond},
		{Rooms: h.rooms, Feed: h.feed, MaxSeats: -1},
		{Rooms: h.rooms, Feed: h.feed, MaxStuck: -1},
	} {
		_, err := New(c)
		if err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
