//go:build linux

package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// want changes the policy by hand.
func (h *house) want(edit func(*policy)) {
	h.edge.governing.Lock()
	defer h.edge.governing.Unlock()
	h.edge.policies.change(edit)
}

// heard is what a listener was sent.
type heard struct {
	lengths []int // of the fragments
	packets [][]byte
	seats   []room.SeatEvent
	notices []string // kind of the other events
}

// listen reads until frame to.
func (l *listener) listen(from, to tape.Number) (h heard) {
	l.t.Helper()
	for from < to {
		f, err := l.mp4.Next()
		if err != nil {
			l.t.Fatalf("at frame %d: %v", from, err)
		}
		for _, e := range f.Events {
			if e.Kind != room.KindSeat {
				h.notices = append(h.notices, string(e.Data))
				continue
			}
			var seat room.SeatEvent
			err := json.Unmarshal(e.Data, &seat)
			if err != nil {
				l.t.Fatal(err)
			}
			h.seats = append(h.seats, seat)
		}
		if len(f.Packets) == 0 {
			continue
		}
		if f.From != from {
			l.t.Fatalf("a fragment begins at frame %d, want %d", f.From, from)
		}
		for _, p := range f.Packets {
			h.packets = append(h.packets, slices.Clone(p))
		}
		h.lengths = append(h.lengths, len(f.Packets))
		from += tape.Number(len(f.Packets))
	}
	return h
}

func TestCadenceFollowsThePolicy(t *testing.T) {
	h := open(t, nil)
	h.record(500)
	l := h.get("/r/harbour/live.mp4")
	first := l.frame()
	h.play(24)
	h.want(func(p *policy) { p.step = 6 }) // a depth of 4 s carries 1.92 s and no more
	h.play(400)
	h.want(func(p *policy) { p.step = 0 })
	h.play(300)
	got := l.listen(first, h.head-tape.PageFrames)
	checkSound(t, tape.Opus48, first, got.packets)
	var long, tail int
	for i, n := range got.lengths[1:] {
		if n > 96 {
			t.Errorf("a fragment of %d frames for a depth of 4 s", n)
		}
		if n == 96 {
			long++
			tail = i
		}
	}
	if long < 3 || len(got.lengths)-tail < 15 {
		t.Errorf("fragments of %v frames", got.lengths)
	}
	var cadences []int
	for _, s := range got.seats {
		cadences = append(cadences, s.CadenceMS)
		if s.DepthMS != 4000 || s.GrowMS != 0 {
			t.Errorf("told %+v", s)
		}
	}
	if !slices.Equal(cadences, []int{240, 1920, 240}) {
		t.Errorf("told cadences of %v ms", cadences)
	}
}

func TestLowDelayKeepsItsCadence(t *testing.T) {
	h := open(t, nil)
	h.rooms.set(room.Facts{ID: harbour, State: room.Live, LowDelay: true})
	h.record(500)
	l := h.get("/r/harbour/live.mp4")
	first := l.frame()
	h.want(func(p *policy) { p.step = 6 })
	h.play(100)
	for _, n := range l.listen(first, h.head-tape.PageFrames).lengths[1:] {
		if n > tape.PageFrames {
			t.Errorf("a fragment of %d frames for a depth of 0.75 s", n)
		}
	}
}

// Only who can play slow is asked to, and only after the time that this takes is the depth used.
func TestDepthGrowsBeforeItIsUsed(t *testing.T) {
	h := open(t, nil)
	h.record(500)
	page, other := h.get("/r/harbour/live.mp4?pace=1"), h.get("/r/harbour/live.mp4")
	first, otherFirst := page.frame(), other.frame()
	h.want(func(p *policy) { p.step, p.wish = 4, 4 })
	h.play(500)
	got := page.listen(first, h.head-2*96)
	grown := slices.IndexFunc(got.seats, func(s room.SeatEvent) bool { return s.GrowMS > 0 })
	if grown < 0 {
		t.Fatalf("told %+v", got.seats)
	}
	if s := got.seats[grown]; s.DepthMS != 5500 || s.GrowMS != 50_000 {
		t.Errorf("told %+v: 1.5 s are gained in 50 s", s)
	}
	if longest := slices.Max(got.lengths[1:]); longest != 96 {
		t.Errorf("a fragment of %d frames before the depth was there", longest)
	}
	h.play(3000)
	rest := page.listen(first+tape.Number(len(got.packets)), h.head-192)
	checkSound(t, tape.Opus48, first+tape.Number(len(got.packets)), rest.packets)
	if longest := slices.Max(rest.lengths); longest != 192 {
		t.Errorf("fragments of at most %d frames after the depth was there", longest)
	}
	if s := rest.seats[len(rest.seats)-1]; s.CadenceMS != 3840 || s.DepthMS != 5500 {
		t.Errorf("told %+v", s)
	}
	all := other.listen(otherFirst, h.head-192)
	for _, s := range all.seats {
		if s.GrowMS > 0 || s.DepthMS != 4000 || s.CadenceMS > 1920 {
			t.Errorf("a player that cannot play slow is told %+v", s)
		}
	}
}

func TestVariantStepsWithinAnAnswer(t *testing.T) {
	h := open(t, nil)
	h.record(500)
	best, small, pages := h.get("/r/harbour/live.mp4"), h.get("/r/harbour/live.mp4?variant=opus-12"), h.get("/r/harbour/live.ogg")
	first, smallFirst, oggFirst := best.frame(), small.frame(), pages.frame()
	h.play(50)
	h.want(func(p *policy) { p.variant = 1 })
	h.play(100)
	h.want(func(p *policy) { p.variant = 0 })
	h.play(100)
	to := h.head - tape.PageFrames
	got := best.listen(first, to)
	check := func(name string, from tape.Number, packets [][]byte) {
		t.Helper()
		var runs []tape.Variant
		for i, p := range packets {
			_, rest, _ := strings.Cut(string(p), "\xf8")
			v := tape.Variant(strings.Fields(rest)[0])
			if string(p) != string(packet(v, from+tape.Number(i))) {
				t.Fatalf("%s: frame %d is %q", name, from+tape.Number(i), p)
			}
			if len(runs) == 0 || runs[len(runs)-1] != v {
				runs = append(runs, v)
			}
		}
		if want := []tape.Variant{tape.Opus48, tape.Opus24, tape.Opus48}; !slices.Equal(runs, want) {
			t.Errorf("%s: variants %v, want %v", name, runs, want)
		}
	}
	check("mp4", first, got.packets)
	checkSound(t, tape.Opus12, smallFirst, small.listen(smallFirst, to).packets)
	var told []string
	for _, s := range got.seats {
		told = append(told, s.Variant)
	}
	if want := []string{"opus-48", "opus-24", "opus-48"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	var packets [][]byte
	for tape.Number(len(packets)) < to-oggFirst-tape.PageFrames {
		p, err := pages.ogg.Next()
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, slices.Clone(p.Data))
	}
	check("ogg", oggFirst, packets)
}

func TestAnnounceReachesEverySeatOnce(t *testing.T) {
	h := open(t, nil)
	h.record(500)
	first := []byte(`{"t":"edges","edges":["http://a"]}`)
	h.edge.Announce("edges", first)
	early := h.get("/r/harbour/live.mp4")
	from := early.frame()
	h.play(24)
	second := []byte(`{"t":"edges","edges":["http://a","http://b"]}`)
	h.edge.Announce("edges", second)
	h.edge.Announce("edges", second)
	h.play(24)
	late := h.get("/r/harbour/live.mp4")
	lateFrom := late.frame()
	h.play(48)
	if got := early.listen(from, h.head-24).notices; !slices.Equal(got, []string{string(first), string(second)}) {
		t.Errorf("who sat there was told %q", got)
	}
	if got := late.listen(lateFrom, h.head-24).notices; !slices.Equal(got, []string{string(second)}) {
		t.Errorf("who came later was told %q", got)
	}
}

// A rush is given two seconds each at once, and the rest as the budget allows: nothing is lost by that.
func TestBurstsAreSpread(t *testing.T) {
	h := open(t, func(c *Config) { c.Line, c.Sections = 4_000_000, 1 }) // 5 kB of bursts in a tick
	h.record(500)
	var all []*listener
	for range 20 {
		all = append(all, h.get("/r/harbour/live.mp4"))
	}
	queued := func() (n int) {
		for _, s := range h.edge.sections {
			s.after(func() { n += len(s.queue) })
		}
		return n
	}
	h.step()
	if queued() == 0 {
		t.Error("nobody waits for the rest of his burst")
	}
	h.play(300)
	if n := queued(); n != 0 {
		t.Errorf("%d wait for ever", n)
	}
	for i, l := range all {
		got := l.listen(l.frame(), h.head-24)
		checkSound(t, tape.Opus48, l.frame(), got.packets)
		if i == len(all)-1 && got.lengths[0] != openingFrames {
			t.Errorf("the opening of the last one has %d frames, want %d", got.lengths[0], openingFrames)
		}
	}
	if s := h.edge.Stats(); s.Gaps != 0 {
		t.Errorf("%d gaps", s.Gaps)
	}
}

// However many come, those who have had their opening get the rest before it is played.
func TestNobodyIsSeatedWhileOthersGoHungry(t *testing.T) {
	const crowd = 100
	b := newBench(t, 1, pairs)
	s := b.section
	s.paced = true
	for range 450 {
		b.frame() // a deep burst is there to be given
		b.drain()
	}
	s.refill, s.budget = 3000, 3000 // 150 kB a second, where the openings of all alone are 2 MB
	type place struct{ at, first tape.Number }
	came := make(map[*seat]place)
	for range crowd {
		near, far := pairs(t)
		b.far = append(b.far, far)
		near.depth = uint16(frames(8 * time.Second))
		b.hub.seats.Add(1)
		s.taken.Add(1)
		if !s.post(arrival{seat: &near, hub: b.hub, from: -1}) {
			t.Fatal("the section takes nobody")
		}
	}
	waited := false
	for range 100 * tape.FramesPerSec {
		s.clock += tick
		arrivals, _, _ := s.fetch()
		waited = waited || len(arrivals) == 0 && len(came) < crowd
		for _, a := range arrivals {
			s.admit(a)
			came[a.seat] = place{b.head, a.seat.row.cut(b.head) - tape.Number(a.seat.depth)}
		}
		b.frame()
		s.rested = s.clock
		b.drain()
		for st, p := range came {
			if held := st.next - p.first - (b.head - p.at); st.queued && held < 0 {
				t.Fatalf("one of %d seats lacks %d frames %d frames after it was seated", len(came), -held, b.head-p.at)
			}
		}
		if len(came) == crowd && len(s.queue) == 0 {
			break
		}
	}
	if !waited || len(came) < crowd || len(s.queue) > 0 {
		t.Errorf("waited %v; of %d %d are seated, and %d wait for more", waited, crowd, len(came), len(s.queue))
	}
}

// Whatever the policy does, no seat waits longer for its next write than its depth carries, and no timeline has a hole.
func TestAnyPolicyKeepsEverySeatFed(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			h := open(t, nil)
			h.record(900)
			var reading sync.WaitGroup
			var ends [24]tape.Number
			for i := range 24 {
				query := []string{"live.mp4", "live.mp4?pace=1", "live.ogg", "live.mp4?variant=opus-24&pace=1"}[i%4]
				l := h.get("/r/harbour/" + query)
				reading.Go(func() { ends[i] = l.whole(i%4 == 2) })
				h.play(r.IntN(5))
			}
			for range 40 {
				k := step(r.IntN(steps))
				h.want(func(p *policy) { p.step, p.wish, p.variant = k, min(k+step(r.IntN(2)), steps-1), r.IntN(3) })
				for range 1 + r.IntN(60) {
					h.play(1)
					h.checkFed(t)
				}
				h.clock.advance(time.Duration(r.IntN(60)) * time.Second) // time for depth to grow
			}
			h.endRoom()
			reading.Wait()
			for i, end := range ends {
				if end != h.head {
					t.Errorf("answer %d ends at frame %d, and the room at %d", i, end, h.head)
				}
			}
			if s := h.edge.Stats(); s.Gaps != 0 || s.Cut != 0 || s.Moved == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// whole reads to the proper end of an answer, checks that nothing is missing before it, and returns the frame before which it ends.
func (l *listener) whole(pages bool) tape.Number {
	next := l.frame()
	var err error
	for {
		n := 0
		if pages {
			_, err = l.ogg.Next()
			n = 1
		} else {
			var f fmp4.Fragment
			f, err = l.mp4.Next()
			if err == nil && len(f.Packets) > 0 && f.From != next {
				l.t.Errorf("a fragment begins at frame %d, want %d", f.From, next)
				return next
			}
			if err == nil {
				n = len(f.Packets)
			}
		}
		if err != nil {
			break
		}
		next += tape.Number(n)
	}
	if pages {
		next-- // the page at the end has a packet of its own
	}
	if !errors.Is(err, io.EOF) {
		l.t.Error(err)
	}
	return next
}

// checkFed looks at the seats of all sections, in a turn of theirs.
func (h *house) checkFed(t *testing.T) {
	t.Helper()
	for _, s := range h.edge.sections {
		s.after(func() {
			for _, st := range s.slots {
				if st == nil || st.cur != nil {
					continue
				}
				slack := tape.Number(0)
				if st.row.shape.container == oggOpus {
					slack = tape.PageFrames // pages end on their grid
				}
				if lag := h.head - st.next; lag > st.most.cadence()+slack || st.most.needs() > tape.Number(st.depth) && st.most > 0 {
					t.Errorf("a seat of depth %d lags by %d frames, and carries %d", st.depth, lag, st.most.cadence())
				}
			}
		})
	}
}
