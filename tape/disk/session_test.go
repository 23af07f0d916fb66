package disk

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

func TestTapeIsWhatWasSaid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.state(0, room.Doors)
	h.hear(0, 500)
	if h.look() || exists(h.dir()) {
		t.Fatal("a room is taped before it is live")
	}
	h.state(500, room.Live)
	h.hear(500, 1000)
	h.look()
	tp, err := load(h.dir())
	if err != nil {
		t.Fatal(err)
	}
	// Live at 500, from a second before: 450 is in segment 4.
	if want := []tape.Stretch{{From: 384, To: 960}}; !slices.Equal(tp.Spans(), want) {
		t.Fatalf("while live, on tape are %v, not %v", tp.Spans(), want)
	}
	check(t, tp)
	h.state(1040, room.Ended)
	h.hear(1000, 1064)
	if !h.look() {
		t.Fatal("the room has ended, and its tape is not closed")
	}
	tp = h.played(tape.Stretch{From: 384, To: 1040})
	if m := tp.Meta(); !m.Closed || !m.Ended.Equal(noon) || !m.Epoch.Equal(noon) || m.Room != testRoom {
		t.Errorf("the tape says of itself %+v", m)
	}
	if events := tp.Events(0, 2000); len(events) != 3 || events[2].At != 1040 {
		t.Errorf("on tape are the events %v", events)
	}
	if !slices.Equal(h.say, []State{On, Off}) {
		t.Errorf("was told %q", h.say)
	}
	for _, l := range tp.Levels() {
		if l < 180 || l > 230 { // a sine of -13.5 dBFS
			t.Errorf("a level is %d", l)
			break
		}
	}
}

func TestSegmentsAreFinal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.state(0, room.Live)
	h.hear(0, 200)
	h.look()
	tp := h.s.current.Load()
	events := tp.Events(0, 96)
	if again, err := load(h.dir()); err != nil || len(events) != 1 || len(again.Events(0, 96)) != 1 {
		t.Errorf("the first segment has the events %v; read again %v, %v", events, again.Events(0, 96), err)
	}
	if s, ok := tp.Segment(1); !ok || s != (tape.Stretch{From: 96, To: 192}) {
		t.Errorf("segment 1 is %v, %v", s, ok)
	}
	if _, ok := tp.Segment(2); ok {
		t.Error("a segment that is not whole is there")
	}
	h.state(230, room.Ended)
	h.hear(200, 260)
	h.look()
	if s, ok := tp.Segment(2); !ok || s != (tape.Stretch{From: 192, To: 230}) {
		t.Errorf("the last segment is %v, %v", s, ok)
	}
	for _, k := range []tape.Number{-1, 3, 1 << 50} {
		if _, ok := tp.Segment(k); ok {
			t.Errorf("there is a segment %d", k)
		}
	}
}

// What did not come is asked for elsewhere; else it is silence, and counted.
func TestMissedFramesAreFetched(t *testing.T) {
	t.Parallel()
	for _, fetched := range []bool{true, false} {
		t.Run(fmt.Sprint(fetched), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			if fetched {
				h.bus.have[tape.Opus48] = 1 << 40
			}
			h.state(0, room.Live)
			h.hear(0, 240, 100, 101)
			h.look()
			if got := h.s.next; got != 96 {
				t.Fatalf("with frames missing it went on to %d", got)
			}
			h.hear(240, 384)
			h.look()
			tp := h.s.current.Load()
			packets, err := tp.Read(tape.Opus48, 96, 192)
			if err != nil {
				t.Fatal(err)
			}
			if whole := bytes.Equal(packets[4], packetOf(0, 100)); whole != fetched || tp.Lost() != map[bool]int{true: 0, false: 2}[fetched] {
				t.Errorf("frame 100 is there: %v; lost are %d", whole, tp.Lost())
			}
		})
	}
}

// A tape that was cut at any byte plays up to there, and the next session goes on with it.
func TestTornTapeGoesOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.state(0, room.Live)
	h.hear(0, 192)
	h.look()
	h.s.stop()
	sound, index := h.s.current.Load().soundFile(tape.Opus48), h.s.current.Load().indexFile(tape.Opus48)
	whole, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	records, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(whole) - 1; cut > len(whole)-1500; cut -= 97 {
		write(t, sound, whole[:cut])
		write(t, index, records[:len(records)-(cut%40)])
		tp, err := load(h.dir())
		if err != nil {
			t.Fatal(err)
		}
		tr := tp.tracks[0]
		end := tr.records[len(tr.records)-1].To()
		if end <= 96 || end >= 192 || end%tape.PageFrames != 0 || tr.end > int64(cut) {
			t.Fatalf("cut after %d of %d bytes, it plays to frame %d", cut, len(whole), end)
		}
		packets, err := tp.Read(tape.Opus48, 0, end)
		if err != nil {
			t.Fatal(err)
		}
		for n, p := range packets {
			if !bytes.Equal(p, packetOf(0, tape.Number(n))) {
				t.Fatalf("cut after %d bytes, frame %d is another", cut, n)
			}
		}
	}
	h.start()
	h.state(0, room.Live)
	h.hear(0, 300)
	h.look()
	tp := h.s.current.Load()
	if want := []tape.Stretch{{From: 0, To: 288}}; !slices.Equal(tp.Spans(), want) {
		t.Fatalf("after the next start, on tape are %v, not %v", tp.Spans(), want)
	}
	if got, err := load(h.dir()); err != nil || !slices.Equal(got.Spans(), tp.Spans()) {
		t.Fatalf("read again: %v, %v", got.Spans(), err)
	}
}

// The power went before the sound was on the platter, but after the index was: records without their sound are taken back.
func TestIndexAheadOfItsSound(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.state(0, room.Live)
	h.hear(0, 288)
	h.look()
	h.s.stop()
	for _, v := range tape.Variants {
		name := h.s.current.Load().soundFile(v)
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		clear(b[len(b)-len(b)/3:])
		write(t, name, b)
	}
	tp, err := load(h.dir())
	if err != nil {
		t.Fatal(err)
	}
	if spans := tp.Spans(); len(spans) != 1 || spans[0].To <= 96 || spans[0].To >= 288 {
		t.Fatalf("on tape are %v", spans)
	}
	check(t, tp)
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	err := os.WriteFile(name, b, 0o600)
	if err != nil {
		t.Fatal(err)
	}
}

// After a night without power the room goes on with numbers far ahead: the tape has a hole, and no overlap.
func TestHoleInTheTape(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.state(0, room.Live)
	h.hear(0, 200)
	h.look()
	h.s.stop()
	h.start()
	h.state(0, room.Live)
	h.hear(50_000, 50_300)
	h.look()
	tp := h.played(tape.Stretch{From: 0, To: 192}, tape.Stretch{From: 50_016, To: 50_208})
	if _, ok := tp.Segment(100); ok {
		t.Error("there is a segment in the hole")
	}
}

// The wall clock is asked for the date only.
func TestClockStepMovesNoFrame(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.state(0, room.Live)
	for n, step := range []time.Duration{0, 30 * time.Second, -60 * time.Second, 30 * time.Second} {
		h.now = h.now.Add(step)
		h.hear(tape.Number(n)*250, tape.Number(n+1)*250)
		h.look()
	}
	h.played(tape.Stretch{From: 0, To: 960})
}

// A write that fails stops the tape, with a notice; what was written plays. Whatever the write that failed has done, the tape goes on
// behind it when the disk takes it again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*fault{"NotDone": {}, "ButDone": {done: true}, "HalfDone": {short: true}} {
		for _, after := range []int{6, 7, 8, 9, 10, 11, 12, 13, 14, 15} { // 6 writes open the tape, then each segment takes 7
			t.Run(fmt.Sprint(name, after), func(t *testing.T) {
				t.Parallel()
				testDiskFull(t, &fault{after: after, done: f.done, short: f.short})
			})
		}
	}
}

func testDiskFull(t *testing.T, f *fault) {
	h := newHouse(t)
	h.cfg.open = f.open
	h.state(0, room.Live)
	h.hear(0, 200)
	if h.look() {
		t.Fatal("a disk that is full ended the room")
	}
	h.hear(200, 300)
	h.look()
	if !strings.Contains(h.log.String(), "NOT TAPED") || h.r.failing.Load() != 1 || !slices.Contains(h.say, Failed) {
		t.Fatalf("no loud notice: %q\n%s", h.say, &h.log)
	}
	if tp, err := load(h.dir()); err == nil {
		check(t, withoutSilence(tp))
	}
	f.off = true
	for range retryAfter / lookEvery {
		h.look()
	}
	h.hear(300, 500)
	h.state(500, room.Ended)
	h.hear(500, 530)
	if !h.look() || h.r.failing.Load() != 0 {
		t.Fatalf("the disk has room again, and the tape did not come to its end: %s", &h.log)
	}
	h.played(tape.Stretch{From: 0, To: 500})
}

// withoutSilence is a tape without the last stretch where not all variants reached the disk.
func withoutSilence(tp *Tape) *Tape {
	least := never
	for _, tr := range tp.tracks {
		end := tape.Number(0)
		if n := len(tr.records); n > 0 {
			end = tr.records[n-1].To()
		}
		least = min(least, end)
	}
	if least == 0 {
		tp.spans = nil
	} else {
		tp.spans = []tape.Stretch{{From: 0, To: least}}
	}
	return tp
}

// The file of a variant is a stream that Ogg readers take, ended by its maker.
func TestFileIsOgg(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.state(0, room.Live)
	h.state(230, room.Ended)
	h.hear(0, 260)
	h.look()
	b, err := os.ReadFile(h.s.current.Load().soundFile(tape.Opus48))
	if err != nil {
		t.Fatal(err)
	}
	r := ogg.NewReader(bytes.NewReader(b))
	n := 0
	for ; ; n++ {
		p, err := r.Next()
		if err != nil {
			break
		}
		if n < 230 && !bytes.Equal(p.Data, packetOf(0, tape.Number(n))) {
			t.Fatalf("packet %d is another", n)
		}
	}
	if n != 231 || !r.Ended() || r.Skipped() != 0 {
		t.Errorf("%d packets, ended: %v, skipped: %d", n, r.Ended(), r.Skipped())
	}
}
