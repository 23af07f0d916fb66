//go:build linux

package edge

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Whatever is lost on the way, comes late, is taken over or ends, each listener's timeline is whole from his first frame to the
// last, with the right sound or with silence where there was loss.
func TestTimelineIsWholeWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := open(t, func(c *Config) { c.MaxBehind, c.MaxStuck = time.Hour, time.Hour })
		defer h.close()
		h.head = tape.Number(rapid.IntRange(0, 1000).Draw(rt, "first"))
		h.play(rapid.IntRange(1, 300).Draw(rt, "before"))
		lost := make(map[tape.Number]bool)
		var listeners []*listener
		join := func(path string) { listeners = append(listeners, h.get(path)) }
		rt.Repeat(map[string]func(*rapid.T){
			"play":   func(rt *rapid.T) { h.play(rapid.IntRange(1, 40).Draw(rt, "frames")) },
			"record": func(rt *rapid.T) { h.record(rapid.IntRange(1, 100).Draw(rt, "frames")) },
			"lose": func(rt *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(rt, "frames") {
					lost[h.head] = true
					h.head++
				}
				h.play(1)
			},
			"late": func(*rapid.T) { // three frames in the wrong order
				for _, n := range []tape.Number{2, 0, 1} {
					for _, v := range tape.Variants {
						h.feed.to(harbour).Frame(v, tape.Frame{N: h.head + n, Term: h.term, Packet: packet(v, h.head+n)})
					}
					h.step()
				}
				h.head += 3
			},
			"takeOver": func(*rapid.T) {
				h.term++
				h.feed.to(harbour).Takeover(tape.Takeover{Term: h.term, First: h.head})
				h.say(room.SpeakingEvent{Kind: room.KindSpeaking})
			},
			"join": func(*rapid.T) { join("/r/harbour/live.mp4") },
			"resume": func(rt *rapid.T) {
				join(fmt.Sprintf("/r/harbour/live.mp4?from=%d", max(0, h.head-tape.Number(rapid.IntRange(0, 500).Draw(rt, "back")))))
			},
			"joinOgg": func(*rapid.T) { join("/r/harbour/live.ogg") },
			"":        func(*rapid.T) {},
		})
		h.play(1) // behind what was lost last, or nobody would know of it
		h.endRoom()
		h.edge.tidy()
		h.clock.advance(endWait)
		h.edge.tidy()
		h.step()
		for i, l := range listeners {
			first := l.frame()
			hear := l.hear
			if l.resp.Header.Get("Content-Type") == oggOpus.contentType() {
				hear = l.hearOgg
			}
			for k, p := range hear(first, h.head) {
				n := first + tape.Number(k)
				want := packet(tape.Opus48, n)
				if lost[n] {
					want = tape.SilencePacket
				}
				if string(p) != string(want) {
					rt.Fatalf("listener %d: frame %d is %q, want %q", i, n, p, want)
				}
			}
			l.end()
			l.conn.Close()
		}
	})
}

// Listeners who come and go while frames arrive and sections tick by the clock: what the race detector is for.
func TestManyAtOnce(t *testing.T) {
	const total, crowd, perListener = 2000, 40, 3
	f, c := newFeed(), newClock()
	known := &rooms{facts: map[room.ID]room.Facts{harbour: {ID: harbour, State: room.Live}}}
	e, err := New(Config{Rooms: known, Feed: f, Sections: 3, MaxBehind: time.Hour, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e.Handler())
	h := &house{t: t, edge: e, server: server, feed: f, rooms: known, clock: c, term: 1}
	err = e.Open(harbour)
	if err != nil {
		t.Fatal(err)
	}
	f.to(harbour).Takeover(tape.Takeover{Term: 1})
	h.record(300)
	var listening sync.WaitGroup
	for i := range crowd {
		listening.Go(func() {
			for range perListener {
				l := h.get([]string{"/r/harbour/live.mp4", "/r/harbour/live.mp4?from=100"}[i%2])
				first := l.frame()
				checkSound(t, tape.Opus48, first, l.hear(first, first+200))
				l.conn.Close()
			}
		})
	}
	for h.head < total {
		h.record(1)
	}
	listening.Wait()
	last := h.get("/r/harbour/live.mp4")
	h.say(room.RoomEvent{Kind: room.KindRoom, ID: harbour, State: room.Ended})
	first := last.frame()
	checkSound(t, tape.Opus48, first, last.hear(first, total))
	last.end()
	server.Close()
	err = e.Close(context.Background())
	if err != nil {
		t.Error(err)
	}
	if s := e.Stats(); s.Seats != 0 || s.Seated != crowd*perListener+1 || s.Gaps != 0 {
		t.Errorf("%+v", s)
	}
}
