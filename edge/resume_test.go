//go:build linux

package edge

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

func TestResume(t *testing.T) {
	tests := []struct {
		name  string
		from  tape.Number // of a channel with the frames 10000 to 14999, of which the last 3000 are kept
		exact bool
	}{
		{"JustNow", 14990, true},
		{"TheNextFrameToBeMade", 15000, true},
		{"TheFirstFrameOfAFragment", 14988, true},
		{"OnTheGridOfSegments", 14976, true},
		{"TwentySecondsAgo", 14001, true},
		{"TheOldestFrameKept", 12000, true},
		{"OlderThanWhatIsKept", 11999, false},
		{"BeforeTheBeginning", 0, false},
		{"NotYetMade", 15001, false},
		{"NeverToBeMade", 1 << 62, false},
	}
	for _, file := range []string{"live.mp4", "live.ogg"} {
		for _, tt := range tests {
			t.Run(file+"/"+tt.name, func(t *testing.T) {
				h := open(t, nil)
				h.head = 10000
				h.record(5000)
				l := h.get(fmt.Sprintf("/r/harbour/%s?from=%d", file, tt.from))
				first := l.frame()
				switch {
				case tt.exact && first != tt.from:
					t.Errorf("the answer begins at frame %d, want %d", first, tt.from)
				case !tt.exact && (first < 14788-12 || first > 14800):
					t.Errorf("the answer begins at frame %d, want the live burst's 14788", first)
				}
				h.play(48)
				var packets [][]byte
				if file == "live.ogg" {
					packets = l.hearOgg(first, 15024)
				} else {
					packets = l.hear(first, 15036)
				}
				checkSound(t, tape.Opus48, first, packets)
				if s := h.edge.Stats(); s.Gaps != 0 {
					t.Errorf("%d gaps", s.Gaps)
				}
			})
		}
	}
}

// A listener who loses an edge and goes on at another hears each frame once.
func TestResumeAtAnotherEdgeJoinsExactly(t *testing.T) {
	one, two := open(t, nil), open(t, nil)
	one.record(300)
	two.record(300)
	l := one.get("/r/harbour/live.mp4")
	first := l.frame()
	one.play(100)
	two.play(100)
	heard := l.hear(first, 372)
	l.conn.Close()
	next := first + tape.Number(len(heard))
	again := two.get(fmt.Sprintf("/r/harbour/live.mp4?from=%d", next))
	if got := again.frame(); got != next {
		t.Fatalf("resumed at %d, want %d", got, next)
	}
	two.play(50)
	heard = append(heard, again.hear(next, 438)...)
	checkSound(t, tape.Opus48, first, heard)
}

// What resuming players get after their first piece is on the grid of segments, so one copy serves all of them.
func TestResumingSeatsShareTheirBytes(t *testing.T) {
	h := open(t, nil)
	h.record(3000)
	hub := h.edge.hubs[hubKey{harbour, tape.Floor}]
	p := hub.reels[0].presses[mp4]
	a, b := bridge(1000), bridge(1003)
	if a != b || a%tape.SegmentFrames != 0 || p.sound(a, bridge(a)) != p.sound(b, bridge(b)) {
		t.Errorf("pieces from %d and %d are not shared", a, b)
	}
}

// Two edges that hear two makers' frames in opposite order serve equal bytes.
func TestEqualBytesWhateverTheOrder(t *testing.T) {
	for _, path := range []string{"/r/harbour/live.mp4", "/r/harbour/live.ogg", "/r/harbour/live.mp4?from=130&variant=opus-12"} {
		t.Run(path, func(t *testing.T) {
			var answers [2][]byte
			for i := range answers {
				h := open(t, nil)
				to := h.feed.to(harbour)
				h.record(100)
				old := func() {
					for n := h.head; n < 220; n++ {
						for _, v := range tape.Variants {
							to.Frame(v, tape.Frame{N: n, Term: 1, Packet: packet(v, n)})
						}
					}
					to.Event(tape.Event{At: 150, Term: 1, Kind: "speaking", Data: []byte(`{"t":"speaking","ids":["old"]}`)})
					to.Event(tape.Event{At: 210, Term: 1, Kind: "speaking", Data: []byte(`{"t":"speaking","ids":["late"]}`)})
				}
				young := func() {
					to.Takeover(tape.Takeover{Term: 2, First: 200})
					for n := tape.Number(200); n < 300; n++ {
						for _, v := range tape.Variants {
							to.Frame(v, tape.Frame{N: n, Term: 2, Packet: append(packet(v, n), " of the second maker"...)})
						}
					}
					to.Event(tape.Event{At: 205, Term: 2, Kind: "speaking", Data: []byte(`{"t":"speaking","ids":["new"]}`)})
				}
				if i == 0 {
					old()
					young()
				} else {
					young()
					old()
				}
				l := h.get(path)
				h.head, h.term = 300, 2
				h.play(48)
				h.endRoom()
				body, err := io.ReadAll(l.resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				answers[i] = body
			}
			if !bytes.Equal(answers[0], answers[1]) {
				t.Errorf("the answers differ: %d and %d bytes", len(answers[0]), len(answers[1]))
			}
			if !bytes.Contains(answers[0], []byte("of the second maker")) || bytes.Contains(answers[0], []byte("late")) {
				t.Error("the old maker is heard after the takeover")
			}
		})
	}
}

// Seats that joined at different moments, and so sit in different phases, hear the same.
func TestSeatsOfDifferentPhasesHearTheSame(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	var listeners []*listener
	for range 30 {
		listeners = append(listeners, h.get("/r/harbour/live.mp4"), h.get("/r/harbour/live.ogg"))
		h.play(5)
	}
	h.play(40)
	for i, l := range listeners {
		first := l.frame()
		hear := l.hear
		if i%2 == 1 {
			hear = l.hearOgg
		}
		packets := hear(first, h.head-24)
		checkSound(t, tape.Opus48, first, packets)
		if len(packets) == 0 {
			t.Fatal("nothing heard")
		}
	}
	if s := h.edge.Stats(); s.Gaps != 0 || s.Seats != 60 {
		t.Errorf("%+v", s)
	}
}
