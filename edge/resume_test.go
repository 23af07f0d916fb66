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
		back  tape.Number // from the next frame to be made, in a channel of which the last 3000 are kept
		exact bool
	}{
		{"JustNow", 10, true},
		{"TheNextFrameToBeMade", 0, true},
		{"TheLastFragment", 12, true},
		{"TwentySecondsAgo", 999, true},
		{"TheOldestFrameKept", resumeFrames, true},
		{"OlderThanWhatIsKept", resumeFrames + 1, false},
		{"BeforeTheBeginning", 10000, false},
		{"NotYetMade", -1, false},
		{"NeverToBeMade", -1 << 62, false},
	}
	for _, file := range []string{"live.mp4", "live.ogg"} {
		h := open(t, nil)
		h.head = 10000
		h.record(resumeFrames + 1000)
		for _, tt := range tests {
			t.Run(file+"/"+tt.name, func(t *testing.T) {
				from := max(0, h.head-tt.back)
				l := h.get(fmt.Sprintf("/r/harbour/%s?from=%d", file, from))
				first := l.frame()
				depth := h.head - first
				switch {
				case tt.exact && first != from:
					t.Errorf("the answer begins at frame %d, want %d", first, from)
				case !tt.exact && (depth < 200 || depth >= 200+2*tape.PageFrames):
					t.Errorf("the answer begins %d frames back, want the live burst's 200", depth)
				}
				h.play(48)
				hear := l.hear
				if file == "live.ogg" {
					hear = l.hearOgg
				}
				checkSound(t, tape.Opus48, first, hear(first, h.head-2*tape.PageFrames))
			})
		}
		if s := h.edge.Stats(); s.Gaps != 0 {
			t.Errorf("%d gaps", s.Gaps)
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
				h.record(100)
				makes := func(term tape.Term, from, to tape.Number, mark string, says map[tape.Number]string) {
					for n := from; n < to; n++ {
						if who, ok := says[n]; ok {
							h.feed.to(harbour).Event(tape.Event{At: n, Term: term, Kind: "speaking", Data: fmt.Appendf(nil, `{"t":"speaking","ids":[%q]}`, who)})
						}
						for _, v := range tape.Variants {
							h.feed.to(harbour).Frame(v, tape.Frame{N: n, Term: term, Packet: append(packet(v, n), mark...)})
						}
					}
				}
				old := func() { makes(1, 100, 220, "", map[tape.Number]string{150: "old", 210: "late"}) }
				young := func() {
					h.feed.to(harbour).Takeover(tape.Takeover{Term: 2, First: 200})
					makes(2, 200, 300, " of the second maker", map[tape.Number]string{205: "new"})
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

// What a takeover takes back is not served from memory.
func TestResumeAfterATakeover(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	h.get("/r/harbour/live.mp4?from=250").hear(250, 288)
	h.feed.to(harbour).Takeover(tape.Takeover{Term: 2, First: 250})
	for n := tape.Number(250); n < 300; n++ {
		h.feed.to(harbour).Frame(tape.Opus48, tape.Frame{N: n, Term: 2, Packet: packet(tape.Opus12, n)})
	}
	checkSound(t, tape.Opus12, 250, h.get("/r/harbour/live.mp4?from=250").hear(250, 288))
}
