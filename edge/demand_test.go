//go:build linux

package edge

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/pack/adts"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// unitLag is how many frames AAC comes after the rest in these tests, as it does from a maker.
const unitLag = 4

// aacHouse is a house whose edge says what it needs.
func aacHouse(t *testing.T, change func(*Config)) (h *house, wanted *atomic.Int64) {
	wanted = new(atomic.Int64)
	h = open(t, func(c *Config) {
		c.Want = func(id room.ID, ch tape.Channel, v tape.Variant) error {
			if id != harbour || ch != tape.Floor || v != tape.AAC64 {
				t.Errorf("%s of %s %s is wanted", v, id, ch)
			}
			wanted.Add(1)
			return nil
		}
		if change != nil {
			change(c)
		}
	})
	return h, wanted
}

// unit is what frame n of AAC carries in tests.
func unit(n tape.Number) []byte {
	if _, ok := n.Unit(); !ok {
		return tape.NoUnit
	}
	return fmt.Appendf(nil, "\x00unit of frame %d%*s", n, int(n%40), "")
}

// playUnits is play with AAC, which comes later.
func (h *house) playUnits(count int) {
	for range count {
		late := h.head - unitLag
		h.feed.to(harbour).Frame(tape.AAC64, tape.Frame{N: late, Term: h.term, Packet: unit(late)})
		h.play(1)
	}
}

// hearUnits reads the units of frames from (inclusive) to to (exclusive), and returns how many of them are silence. Those from sound on must
// not be, save for those that silent says.
func (l *listener) hearUnits(r *adts.Reader, from, to, sound tape.Number, silent func(tape.Number) bool) (silence int) {
	l.t.Helper()
	for n := from; n < to; n++ {
		if _, ok := n.Unit(); !ok {
			continue
		}
		got, err := r.Next()
		if err != nil {
			l.t.Fatalf("frame %d: %v", n, err)
		}
		switch {
		case bytes.Equal(got, unit(n)):
		case bytes.Equal(got, tape.SilentUnit) && (n < sound || silent != nil && silent(n)):
			silence++
		default:
			l.t.Fatalf("frame %d is %q", n, got)
		}
	}
	return silence
}

// The first who needs AAC makes it be made, and has silence to live on; who comes later joins in the middle of it. Everybody hears each unit,
// in the same bytes, to the proper end of the room.
func TestLiveAAC(t *testing.T) {
	h, wanted := aacHouse(t, nil)
	h.play(300)
	if wanted.Load() != 0 {
		t.Fatal("AAC is wanted before anybody came for it")
	}
	answered := make(chan *listener)
	conn := h.dial()
	go func() { answered <- ask(t, conn, "GET /r/harbour/live.aac HTTP/1.1") }()
	h.until("the request's arrival", func(s Stats) bool { return wanted.Load() == 1 })
	h.play(37)
	begins := h.head - unitLag // the first frame of AAC
	h.playUnits(20)
	var l *listener
	h.while(func() { l = <-answered })
	if got := l.resp.Header.Get("Content-Type"); got != "audio/aac" {
		t.Errorf("it is served as %q", got)
	}
	first := l.frame()
	if depth := begins + 20 - first; depth < 190 || depth > 200+2*tape.PageFrames {
		t.Errorf("the first listener is given %d frames to live on", depth)
	}
	r := adts.NewReader(l.resp.Body)
	h.playUnits(300)
	silence := l.hearUnits(r, first, h.head-unitLag-tape.PageFrames, begins, nil)
	if silence == 0 || silence > 200 {
		t.Errorf("%d units of silence", silence)
	}

	second := h.get("/r/harbour/live.aac")
	from := second.frame()
	if depth := h.head - unitLag - from; depth < 190 || depth > 200+2*tape.PageFrames {
		t.Errorf("who comes later begins %d frames behind", depth)
	}
	resumed := h.get(fmt.Sprintf("/r/harbour/live.aac?variant=aac-64&from=%d", h.head-unitLag-350))
	begun := h.head - unitLag - tape.PageFrames
	h.playUnits(100)
	h.endRoom()
	end := h.head
	h.playUnits(unitLag + 1)
	h.edge.tidy()
	h.clock.advance(endWait)
	h.edge.tidy()
	h.step()
	l.hearUnits(r, begun, end, begins, nil)
	l.end()
	second.hearUnits(adts.NewReader(second.resp.Body), from, end, 0, nil)
	second.end()
	resumed.hearUnits(adts.NewReader(resumed.resp.Body), resumed.frame(), end, 0, nil)
	if s := h.edge.Stats(); s.Gaps != 0 || s.Ended < 2 {
		t.Errorf("%+v", s)
	}
}

// While somebody has a seat the edge says every few seconds that AAC is needed; then no more. What was left over when it was made last is
// heard by nobody.
func TestAACIsWantedWhileSomebodyListens(t *testing.T) {
	h, wanted := aacHouse(t, func(c *Config) { c.FirstWait = time.Minute })
	h.play(100)
	h.playUnits(300)
	l := h.get("/r/harbour/live.aac")
	before := wanted.Load()
	for range 60 {
		h.edge.tidy()
		h.playUnits(tape.FramesPerSec)
	}
	if n := wanted.Load() - before; n < 11 || n > 12 {
		t.Errorf("it was said %d times in a minute", n)
	}
	l.conn.Close()
	h.until("the listener's leaving", func(s Stats) bool { return s.Seats == 0 })
	before = wanted.Load()
	for range 20 {
		h.edge.tidy()
		h.play(tape.FramesPerSec)
	}
	if n := wanted.Load() - before; n != 0 {
		t.Errorf("it was said %d times when nobody listened", n)
	}

	answered := make(chan *listener)
	conn := h.dial()
	go func() { answered <- ask(t, conn, "GET /r/harbour/live.aac HTTP/1.1") }()
	h.until("the request's arrival", func(s Stats) bool { return wanted.Load() == before+1 })
	begins := h.head - unitLag
	h.playUnits(48)
	h.while(func() { l = <-answered })
	h.playUnits(48)
	l.hearUnits(adts.NewReader(l.resp.Body), l.frame(), h.head-unitLag-tape.PageFrames, begins, func(n tape.Number) bool { return n < begins })
	if l.frame() < begins-300 {
		t.Errorf("the answer begins at frame %d, AAC at %d", l.frame(), begins)
	}
}

// What the line carries decides between the Opus variants; AAC is none of them.
func TestAACIsNoStepOfTheLine(t *testing.T) {
	h, _ := aacHouse(t, nil)
	h.play(100)
	h.playUnits(400)
	aac, opus := h.get("/r/harbour/live.aac"), h.get("/r/harbour/live.ogg")
	h.edge.policies.change(func(p *policy) { p.variant = len(tape.Variants) - 1 })
	r, from := adts.NewReader(aac.resp.Body), aac.frame()
	first := opus.frame()
	h.playUnits(200)
	aac.hearUnits(r, from, h.head-unitLag-tape.PageFrames, 0, nil)
	packets := opus.hearOgg(first, h.head-2*tape.PageFrames)
	last := first + tape.Number(len(packets)) - 1
	if got := packets[len(packets)-1]; string(got) != string(packet(tape.Opus12, last)) {
		t.Errorf("frame %d of the Opus seat is %q", last, got)
	}
}

// A listener of AAC who stays behind skips to live by silent units, as one of Opus does.
func TestSlowAACListenerSkipsToLive(t *testing.T) {
	h, _ := aacHouse(t, func(c *Config) { c.MaxBehind, c.MaxStuck = 2*time.Second, time.Hour })
	h.play(100)
	h.playUnits(300)
	l := ask(t, h.dialNarrow(), "GET /r/harbour/live.aac HTTP/1.1")
	first := l.frame()
	h.playUnits(2000)
	if s := h.edge.Stats(); s.Full == 0 {
		t.Fatalf("the socket never was full: %+v", s)
	}
	silence := l.hearUnits(adts.NewReader(l.resp.Body), first, h.head-unitLag-tape.PageFrames, 0, func(tape.Number) bool { return true })
	if s := h.edge.Stats(); s.Gaps != 1 || silence < 450 || silence > int(s.Skipped) {
		t.Errorf("%d silent units: %+v", silence, s)
	}
}

func TestAACRefusals(t *testing.T) {
	h, _ := aacHouse(t, func(c *Config) { c.FirstWait = 1 })
	without := open(t, nil)
	h.record(300)
	without.record(300)
	for _, row := range []struct {
		house  *house
		path   string
		status int
		code   problem.Code
	}{
		{h, "/r/nobody/live.aac", 404, problem.RoomUnknown},
		{h, "/r/harbour/live.aac?variant=opus-48", 400, problem.BadRequest},
		{h, "/r/harbour/live.ogg?variant=aac-64", 400, problem.BadRequest},
		{h, "/r/harbour/live.mp4?variant=aac-64", 400, problem.BadRequest},
		{h, "/r/harbour/live.aac", 425, problem.RoomNotOpen}, // nobody makes it
		{without, "/r/harbour/live.aac", 404, problem.NotOffered},
	} {
		checkProblem(t, row.house.get(row.path).resp, row.status, row.code)
	}
}
