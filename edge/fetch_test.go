//go:build linux

package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// town is the Peers of several houses: who asks is answered by the next of the others that has any of it.
type town struct {
	mu      sync.Mutex
	sources map[*member]tape.Source                                   // guarded by mu
	do      func(ctx context.Context, p tape.Past) (tape.Past, error) // guarded by mu; what becomes of an answer
	asked   int                                                       // guarded by mu
}

type member struct{ town *town }

func (m *member) Serve(id room.ID, _ tape.Channel, s tape.Source) (func(), error) {
	m.town.mu.Lock()
	defer m.town.mu.Unlock()
	if id == harbour {
		m.town.sources[m] = s
	}
	return func() {
		m.town.mu.Lock()
		defer m.town.mu.Unlock()
		delete(m.town.sources, m)
	}, nil
}

var errNobody = errors.New("nobody has it")

func (m *member) Fetch(ctx context.Context, id room.ID, _ tape.Channel, v tape.Variant, from, to tape.Number) (tape.Past, error) {
	m.town.mu.Lock()
	m.town.asked++
	do := m.town.do
	var others []tape.Source
	for o, s := range m.town.sources {
		if o != m && id == harbour {
			others = append(others, s)
		}
	}
	m.town.mu.Unlock()
	var past tape.Past
	err := errNobody
	for _, o := range others {
		past = o.Past(v, from, to)
		if len(past.Frames) == int(to-from) {
			err = nil
			break
		}
	}
	if do != nil {
		return do(ctx, past)
	}
	return past, err
}

func newTown() *town { return &town{sources: make(map[*member]tape.Source)} }

func (w *town) let(do func(context.Context, tape.Past) (tape.Past, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.do = do
}

// open makes a house in the town.
func (w *town) open(t *testing.T, change func(*Config)) *house {
	return open(t, func(c *Config) {
		c.Peers = &member{w}
		if change != nil {
			change(c)
		}
	})
}

// fetched returns when the house has fetched what it can.
func (h *house) fetched() {
	h.edge.hubs[hubKey{harbour, tape.Floor}].fetch.work.Wait()
}

// bring gives frame n to the houses, save for the variants that keep says are lost, with the seal of the segment that it ends.
func bring(n tape.Number, keep func(tape.Variant) bool, houses ...*house) {
	for _, h := range houses {
		for _, v := range tape.Variants {
			if keep == nil || keep(v) {
				h.feed.to(harbour).Frame(v, tape.Frame{N: n, Term: h.term, Packet: packet(v, n)})
			}
		}
		h.head = n + 1
		if h.head%tape.SegmentFrames == 0 {
			h.seal(h.head-tape.SegmentFrames, h.head)
		}
		h.fetched()
		h.clock.advance(tape.FrameDuration)
		h.step()
	}
}

// sealFor is what the maker says of a stretch in which all is as tests have it.
func sealFor(term tape.Term, from, to tape.Number) tape.Seal {
	s := tape.Seal{Stretch: tape.Stretch{From: from, To: to}, Term: term}
	for _, v := range tape.Variants {
		sum := tape.NewSummer(from)
		for n := from; n < to; n++ {
			sum.Add(packet(v, n))
		}
		s.Sums = append(s.Sums, tape.VariantSum{Variant: v, Sum: sum.Sum()})
	}
	return s
}

func (h *house) seal(from, to tape.Number) {
	h.feed.to(harbour).(tape.SealReceiver).Seal(sealFor(h.term, from, to))
}

func lose(tape.Variant) bool { return false }

// bytes reads an answer to its end.
func (l *listener) bytes() []byte {
	l.t.Helper()
	body, err := io.ReadAll(l.resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return body
}

// An edge that loses every twentieth frame serves the same bytes as one that loses none.
func TestLossIsMadeGoodByAPeer(t *testing.T) {
	w := newTown()
	whole, lossy := w.open(t, nil), w.open(t, nil)
	luck := rand.New(rand.NewPCG(1, 2))
	lost := 0
	keep := func(tape.Variant) bool {
		if luck.IntN(20) == 0 {
			lost++
			return false
		}
		return true
	}
	for n := range tape.Number(300) {
		bring(n, nil, whole)
		bring(n, keep, lossy)
	}
	var listeners [2][]*listener
	for _, path := range []string{"/r/harbour/live.mp4", "/r/harbour/live.ogg", "/r/harbour/live.mp4?from=10&variant=opus-12"} {
		listeners[0] = append(listeners[0], whole.get(path))
		listeners[1] = append(listeners[1], lossy.get(path))
	}
	for n := tape.Number(300); n < 700; n++ {
		bring(n, nil, whole)
		bring(n, keep, lossy)
	}
	for _, h := range []*house{whole, lossy} {
		h.seal(672, 700) // where the room ends
		h.fetched()
		h.endRoom()
	}
	for i := range listeners[0] {
		if !bytes.Equal(listeners[0][i].bytes(), listeners[1][i].bytes()) {
			t.Errorf("answer %d differs", i)
		}
	}
	s := lossy.edge.Stats()
	if s.Lost != 0 || s.SealMismatch != 0 || s.Refetched != uint64(lost) || lost < 50 {
		t.Errorf("%d frames did not come: lost %d, fetched %d, mismatches %d", lost, s.Lost, s.Refetched, s.SealMismatch)
	}
	for k := range tape.Number(8) {
		for _, v := range tape.Variants {
			if !lossy.edge.Sealed(harbour, tape.Floor, v, k) {
				t.Errorf("segment %d of %s is not sealed", k, v)
			}
		}
	}
}

// Peers that fail, or are late, cost silence for what was missing, and for nothing else.
func TestPeersThatDoNotHelp(t *testing.T) {
	late := make(chan struct{})
	for _, row := range []struct {
		name string
		do   func(context.Context, tape.Past) (tape.Past, error)
		wait int // frames until it is given up
	}{
		{"Fail", func(context.Context, tape.Past) (tape.Past, error) { return tape.Past{}, errNobody }, 12},
		{"HaveNothing", func(context.Context, tape.Past) (tape.Past, error) { return tape.Past{}, nil }, 12},
		{"AreLate", func(ctx context.Context, p tape.Past) (tape.Past, error) {
			select {
			case <-late:
				return p, nil
			case <-ctx.Done():
				return tape.Past{}, ctx.Err()
			}
		}, 32},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newTown()
			whole, lossy := w.open(t, nil), w.open(t, nil)
			for n := range tape.Number(300) {
				bring(n, nil, whole, lossy)
			}
			l := lossy.get("/r/harbour/live.mp4")
			first := l.frame()
			w.let(row.do)
			for n := tape.Number(300); n < 305; n++ {
				bring(n, nil, whole)
			}
			lossy.head = 305
			for range row.wait - 2 {
				whole.play(1)
				lossy.play(1)
			}
			if s := lossy.edge.Stats(); s.Lost != 0 {
				t.Error("given up too soon")
			}
			if row.name != "AreLate" {
				lossy.fetched()
			}
			whole.play(48)
			lossy.play(48)
			if s := lossy.edge.Stats(); s.Lost != 15 {
				t.Errorf("%d frames lost, want 5 of each variant", s.Lost)
			}
			for i, p := range l.hear(first, lossy.head-24) {
				n := first + tape.Number(i)
				want := packet(tape.Opus48, n)
				if n >= 300 && n < 305 {
					want = tape.SilencePacket
				}
				if !bytes.Equal(p, want) {
					t.Fatalf("frame %d is %q, want %q", n, p, want)
				}
			}
			if row.name != "AreLate" {
				return
			}
			if p := lossy.get("/r/harbour/live.mp4?from=290").hear(290, 310); !bytes.Equal(p[10], tape.SilencePacket) {
				t.Errorf("before it came, frame 300 is %q", p[10])
			}
			close(late)
			lossy.fetched()
			checkSound(t, tape.Opus48, 290, lossy.get("/r/harbour/live.mp4?from=290").hear(290, 310))
			if s := lossy.edge.Stats(); s.Refetched != 15 || s.Lost != 15 {
				t.Errorf("%d fetched, %d lost", s.Refetched, s.Lost)
			}
		})
	}
}

func corrupt(_ context.Context, p tape.Past) (tape.Past, error) {
	for i := range p.Frames {
		p.Frames[i].Packet = append([]byte("wrong "), p.Frames[i].Packet...)
	}
	return p, nil
}

// What a peer got wrong is found out at the seal, and refused behind it.
func TestCorruptPeerIsRefused(t *testing.T) {
	w := newTown()
	whole, lossy := w.open(t, nil), w.open(t, nil)
	for n := range tape.Number(50) {
		bring(n, nil, whole, lossy)
	}
	w.let(corrupt)
	bring(50, nil, whole)
	bring(50, lose, lossy)
	for n := tape.Number(51); n < 96; n++ {
		bring(n, nil, whole, lossy)
	}
	s := lossy.edge.Stats()
	if s.SealMismatch != 3 || s.PeerRefused != 3*maxRefused || lossy.edge.Sealed(harbour, tape.Floor, tape.Opus48, 0) {
		t.Errorf("%d mismatches, %d answers refused; want 3 and %d", s.SealMismatch, s.PeerRefused, 3*maxRefused)
	}
	if p := lossy.edge.hubs[hubKey{harbour, tape.Floor}].Past(tape.Opus48, 50, 51); len(p.Frames) != 0 {
		t.Error("frames that are known to be wrong are given to others")
	}
	// The first seal after the peer is well again brings the segment in order.
	w.let(nil)
	for n := tape.Number(96); n < 300; n++ {
		bring(n, nil, whole, lossy)
	}
	if s := lossy.edge.Stats(); s.SealMismatch != 3 || s.Refetched != 6 || !lossy.edge.Sealed(harbour, tape.Floor, tape.Opus48, 0) {
		t.Errorf("%d mismatches, %d frames fetched", s.SealMismatch, s.Refetched)
	}
	l := lossy.get("/r/harbour/live.mp4?from=40")
	lossy.while(func() { checkSound(t, tape.Opus48, 40, l.hear(40, 100)) })
}

// A lost tail shows at the seal only, and is fetched then, once more with each later seal.
func TestLostTailIsFetchedAtTheSeal(t *testing.T) {
	w := newTown()
	whole, lossy := w.open(t, nil), w.open(t, nil)
	for n := range tape.Number(94) {
		bring(n, nil, whole, lossy)
	}
	bring(94, nil, whole)
	bring(95, nil, whole)
	bring(94, lose, lossy)
	w.let(func(context.Context, tape.Past) (tape.Past, error) { return tape.Past{}, errNobody })
	bring(95, lose, lossy)
	if lossy.edge.Sealed(harbour, tape.Floor, tape.Opus48, 0) {
		t.Fatal("sealed without its last frames")
	}
	w.let(nil)
	for n := tape.Number(96); n < 200; n++ {
		bring(n, nil, whole, lossy)
	}
	if s := lossy.edge.Stats(); s.Lost != 0 || s.Refetched != 6 || !lossy.edge.Sealed(harbour, tape.Floor, tape.Opus48, 0) {
		t.Errorf("%+v", s)
	}
}

// What no peer has is asked for a few times, and then no more.
func TestNobodyHasTheSegment(t *testing.T) {
	w := newTown()
	h := w.open(t, nil)
	for n := range tape.Number(1000) {
		if n == 94 || n == 95 {
			bring(n, lose, h)
			continue
		}
		bring(n, nil, h)
	}
	// Once for the hole when frame 96 came, and with some of the seals.
	if want := len(tape.Variants) * (1 + maxTries); w.asked != want {
		t.Errorf("asked %d times, want %d", w.asked, want)
	}
	if s := h.edge.Stats(); s.Lost != 6 || s.SealMismatch != 0 {
		t.Errorf("%d lost, %d mismatches", s.Lost, s.SealMismatch)
	}
}

// A fresh edge has the past from its peers, and a listener who comes from another edge goes on with the same bytes.
func TestFreshEdgeIsBackfilled(t *testing.T) {
	w := newTown()
	old := w.open(t, nil)
	old.term = 2
	old.feed.to(harbour).Takeover(tape.Takeover{Term: 2, First: 100})
	old.feed.to(harbour).Takeover(tape.Takeover{Term: 3, First: 7000})
	for n := tape.Number(5000); n < 8300; n++ {
		old.head = n
		if n == 7000 {
			old.term = 3
		}
		if n%500 == 0 {
			old.say(room.SpeakingEvent{Kind: room.KindSpeaking, IDs: []room.PersonID{room.PersonID(fmt.Sprint("p", n))}})
		}
		bring(n, nil, old)
	}
	fresh := w.open(t, nil)
	fresh.term = 3
	fresh.feed.to(harbour).Takeover(tape.Takeover{Term: 3, First: 7000})
	bring(8300, nil, old, fresh)
	if s := fresh.edge.Stats(); s.Backfilled != 3*(resumeFrames-1) || s.Lost != 0 || s.PeerRefused != 0 {
		t.Errorf("backfilled %d frames, want %d", s.Backfilled, 3*(resumeFrames-1))
	}
	if !fresh.edge.Sealed(harbour, tape.Floor, tape.Opus12, 70) {
		t.Error("a segment that was fetched whole is not sealed")
	}
	from := old.head - 30*tape.FramesPerSec
	var listeners [2][]*listener
	for i, h := range []*house{old, fresh} {
		for _, path := range []string{fmt.Sprintf("/r/harbour/live.mp4?from=%d", from), "/r/harbour/live.ogg", "/r/harbour/live.mp4"} {
			listeners[i] = append(listeners[i], h.get(path))
		}
	}
	for n := tape.Number(8301); n < 8700; n++ {
		bring(n, nil, old, fresh)
	}
	old.endRoom()
	fresh.endRoom()
	for i := range listeners[0] {
		a, b := listeners[0][i].bytes(), listeners[1][i].bytes()
		if !bytes.Equal(a, b) {
			t.Errorf("answer %d differs: %d and %d bytes", i, len(a), len(b))
		}
		if i == 0 && (!bytes.Contains(b, []byte("p6500")) || !bytes.Contains(b, []byte("p7000"))) {
			t.Error("what was said before is not told")
		}
	}
}

// Peers that know nothing of before, or give what does not fit, leave the fresh edge with what it heard itself.
func TestBackfillThatFails(t *testing.T) {
	for name, do := range map[string]func(context.Context, tape.Past) (tape.Past, error){
		"Nothing": func(context.Context, tape.Past) (tape.Past, error) { return tape.Past{}, errNobody },
		"Wrong":   corrupt,
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown()
			old := w.open(t, nil)
			for n := range tape.Number(960) {
				bring(n, nil, old)
			}
			w.let(do)
			fresh := w.open(t, nil)
			for n := tape.Number(960); n < 1260; n++ {
				bring(n, nil, old, fresh)
			}
			l := fresh.get("/r/harbour/live.mp4?from=500")
			if got := l.frame(); got < 960 {
				t.Errorf("the answer begins at frame %d, heard since 960", got)
			}
			w.mu.Lock()
			asked := w.asked
			w.mu.Unlock()
			if most := 3 * maxTries * maxRefused; asked > most {
				t.Errorf("peers were asked %d times, want %d at most", asked, most)
			}
			// It is tried again at later seals, not for ever.
			w.let(nil)
			for n := tape.Number(1260); n < 1460; n++ {
				bring(n, nil, old, fresh)
			}
			if s := fresh.edge.Stats(); s.Backfilled != 0 {
				t.Errorf("%d frames were fetched long after", s.Backfilled)
			}
		})
	}
}

// Who comes to a fresh edge waits for his burst, and not for ever.
func TestJoinWaitsForTheBurst(t *testing.T) {
	for _, row := range []struct {
		name    string
		wait    time.Duration
		release bool
		first   tape.Number
	}{
		{"UntilItIsThere", time.Minute, true, 950},
		{"NotForEver", 20 * time.Millisecond, false, 960},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newTown()
			old := w.open(t, nil)
			for n := range tape.Number(960) {
				bring(n, nil, old)
			}
			gate := make(chan struct{})
			w.let(func(ctx context.Context, p tape.Past) (tape.Past, error) {
				select {
				case <-gate:
					return p, nil
				case <-ctx.Done():
					return tape.Past{}, ctx.Err()
				}
			})
			fresh := w.open(t, func(c *Config) { c.FirstWait = row.wait })
			fresh.head = 960
			fresh.play(1)
			conn := fresh.dial()
			answered := make(chan *listener)
			go func() { answered <- ask(t, conn, "GET /r/harbour/live.mp4?from=950 HTTP/1.1") }()
			fresh.until("the request's arrival", func(s Stats) bool { return s.Seats == 1 })
			if row.release {
				close(gate)
			}
			if got := (<-answered).frame(); got != row.first {
				t.Errorf("the answer begins at frame %d, want %d", got, row.first)
			}
		})
	}
}

// After an interruption longer than what is kept, the past is fetched as at the beginning.
func TestBackfillAfterALongInterruption(t *testing.T) {
	w := newTown()
	whole, cut := w.open(t, nil), w.open(t, nil)
	for n := range tape.Number(4000) {
		bring(n, nil, whole)
		if n < 100 {
			bring(n, nil, cut)
		}
	}
	bring(4000, nil, whole, cut)
	l := cut.get("/r/harbour/live.mp4?from=1500&variant=opus-24")
	if got := l.frame(); got != 1500 {
		t.Fatalf("the answer begins at frame %d, want 1500", got)
	}
	cut.while(func() { checkSound(t, tape.Opus24, 1500, l.hear(1500, 3900)) })
}

// A seal of the old maker does not outlive the takeover of what it is about, even where it comes late.
func TestSealsAcrossATakeover(t *testing.T) {
	w := newTown()
	whole, h := w.open(t, nil), w.open(t, nil)
	for n := range tape.Number(192) {
		bring(n, nil, whole, h)
	}
	for _, h := range []*house{whole, h} {
		h.term = 2
		h.feed.to(harbour).Takeover(tape.Takeover{Term: 2, First: 150})
	}
	if !h.edge.Sealed(harbour, tape.Floor, tape.Opus48, 0) || h.edge.Sealed(harbour, tape.Floor, tape.Opus48, 1) {
		t.Error("want the first segment sealed and the second not")
	}
	h.feed.to(harbour).(tape.SealReceiver).Seal(sealFor(1, 96, 192))
	if h.edge.Sealed(harbour, tape.Floor, tape.Opus48, 1) {
		t.Error("the old maker sealed what is no longer his")
	}
	for n := tape.Number(150); n < 192; n++ {
		bring(n, nil, whole, h)
	}
	if !h.edge.Sealed(harbour, tape.Floor, tape.Opus48, 1) {
		t.Error("the new maker's seal does not hold")
	}
	// One who does not know the beginning vouches for the rest only.
	for _, h := range []*house{whole, h} {
		h.term = 3
		h.feed.to(harbour).Takeover(tape.Takeover{Term: 3, First: 200})
		h.head = 192
		for n := tape.Number(192); n < 200; n++ {
			for _, v := range tape.Variants {
				h.feed.to(harbour).Frame(v, tape.Frame{N: n, Term: 2, Packet: packet(v, n)})
			}
		}
		h.head = 200
		h.play(88)
		h.seal(200, 288)
		h.fetched()
	}
	s := h.edge.Stats()
	if h.edge.Sealed(harbour, tape.Floor, tape.Opus48, 2) || s.SealMismatch != 0 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
	if h.edge.Sealed("elsewhere", tape.Floor, tape.Opus48, 0) || h.edge.Sealed(harbour, tape.Floor, "opus-6", 0) {
		t.Error("what is not here is sealed")
	}
}

// Listeners with little depth do not wait for peers.
func TestLowDelayRoomDoesNotWaitForPeers(t *testing.T) {
	w := newTown()
	known := &rooms{facts: map[room.ID]room.Facts{harbour: {ID: harbour, State: room.Live, LowDelay: true}}}
	h := w.open(t, func(c *Config) { c.Rooms = known })
	if wait := h.edge.hubs[hubKey{harbour, tape.Floor}].wait; wait != lonelyWait {
		t.Errorf("a missing frame is waited for %v", wait)
	}
	h = w.open(t, nil)
	if wait := h.edge.hubs[hubKey{harbour, tape.Floor}].wait; wait != peersWait {
		t.Errorf("with depth a missing frame is waited for %v", wait)
	}
}

// A fetch that hangs does not keep an edge from closing.
func TestCloseEndsAFetch(t *testing.T) {
	w := newTown()
	begun := make(chan struct{}, 10)
	w.let(func(ctx context.Context, _ tape.Past) (tape.Past, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return tape.Past{}, ctx.Err()
	})
	h := w.open(t, nil)
	h.head = 500
	h.play(1)
	<-begun
	h.close()
}
