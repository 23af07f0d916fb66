package tape

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
)

// Ring keeps the last frames of one variant and answers for any stretch of them. It drops what an older maker says after a newer one
// took over, so two rings that heard the same frames in any order give the same packets.
//
// All methods may be called from any goroutine.
type Ring struct {
	// What Next needs is one cache line: a thousand rooms have 150,000 frames in a second, and none of this is in a cache when one comes.

	mu     sync.Mutex
	slots  []slot // guarded by mu; frame n lives at n mod size; nil until the first frame comes
	newest Number // guarded by mu; one past the highest number there

	// Everything from the first put to here is there, or given up. Written under mu; read without, by whoever looks for news in every room.
	reached atomic.Int64

	latest Takeover // guarded by mu; the last of terms

	// The rest is another.

	first Number // guarded by mu; before it there is nothing
	terms terms  // guarded by mu
	size  Number // immutable; how many frames are kept
	hole  Number // immutable; the ring begins anew behind a hole of so many
}

type slot struct {
	n      Number
	term   Term
	packet []byte // nil: empty
}

// NewRing makes a ring of at most capacity frames (3000 are a minute).
func NewRing(capacity int) *Ring { return NewSparseRing(capacity, capacity) }

// NewSparseRing makes a ring for a variant that is made from time to time: behind a hole of so many frames it begins anew.
func NewSparseRing(capacity, hole int) *Ring {
	return &Ring{size: Number(capacity), hole: Number(hole)}
}

// begun reports whether a frame ever came. The caller holds mu.
func (r *Ring) begun() bool { return r.slots != nil }

// oldest is the first number that may be there. The caller holds mu.
func (r *Ring) oldest() Number { return max(r.first, r.newest-r.size) }

// learn adds a takeover, and reports whether it was news. The caller holds mu.
func (r *Ring) learn(t Takeover) bool {
	news := r.terms.add(t)
	if news {
		r.latest = r.terms[len(r.terms)-1]
	}
	return news
}

// Next is Put for a frame that comes in its turn, of the newest maker, into a ring that lacks nothing: it does less. It reports whether f is
// such a frame; else nothing has happened, and Put is due.
func (r *Ring) Next(f Frame) bool {
	r.mu.Lock()
	if f.N != r.newest || f.N != r.head() || f.Term != r.latest.Term || f.N < r.latest.First || len(r.slots) == 0 || len(f.Packet) == 0 {
		r.mu.Unlock()
		return false
	}
	s := &r.slots[uint64(f.N)%uint64(len(r.slots))]
	s.n, s.term, s.packet = f.N, f.Term, f.Packet
	r.newest++
	r.reached.Store(int64(r.newest))
	r.mu.Unlock()
	return true
}

// Takeover makes the ring drop frames of older terms from t.First on, those already there too.
func (r *Ring) Takeover(t Takeover) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.learn(t) || !r.begun() || t.First >= r.newest {
		return
	}
	r.first = r.oldest() // newest may fall, which brings nothing back
	newest := r.first
	for n := r.first; n < r.newest; n++ {
		s := r.at(n)
		if s.packet == nil || s.n != n {
			continue
		}
		if owner, ok := r.terms.owner(n); !ok || owner != s.term {
			*s = slot{}
			r.reached.Store(int64(min(r.head(), n)))
			continue
		}
		newest = n + 1
	}
	r.newest = max(newest, r.head())
}

// Put keeps a frame, and reports whether it was new and belongs here, and what the ring spans then. A frame whose term is not known to
// own its number, or that is older than what the ring holds, is dropped. The packet is kept, not copied.
func (r *Ring) Put(f Frame) (_ Span, kept bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.put(f) {
		return Span{}, false
	}
	return r.span(), true
}

func (r *Ring) put(f Frame) bool {
	owner, ok := r.terms.owner(f.N)
	if !ok || owner != f.Term || len(f.Packet) == 0 {
		return false
	}
	size := r.size
	switch {
	case !r.begun() || f.N >= r.newest+r.hole:
		// Nothing that is here would be left, or be of use: a new beginning.
		if r.slots == nil {
			r.slots = make([]slot, size)
		}
		clear(r.slots)
		r.first, r.newest = f.N, f.N
		r.reached.Store(int64(f.N))
	case f.N < r.newest-size:
		return false
	}
	s := r.at(f.N)
	if s.packet != nil && s.n == f.N {
		return false
	}
	*s = slot{n: f.N, term: f.Term, packet: f.Packet}
	r.newest = max(r.newest, f.N+1)
	r.first = min(r.first, f.N)
	r.advance(max(r.head(), r.oldest()))
	r.terms.forget(r.oldest())
	return true
}

// Fill keeps frames that come from elsewhere, all at once for readers, and returns how many were new. Older takeovers that they belong to
// are learnt with them; one that is newer than all known here is not: its maker says so himself. A frame that would begin the ring anew is
// dropped.
func (r *Ring) Fill(takeovers []Takeover, frames []Frame) (added int) {
	return r.insert(takeovers, frames, false)
}

// Replace is Fill that puts the frames in the place of others, too: for a stretch whose sum is proven. It returns how many were new or
// different.
func (r *Ring) Replace(takeovers []Takeover, frames []Frame) (changed int) {
	return r.insert(takeovers, frames, true)
}

func (r *Ring) insert(takeovers []Takeover, frames []Frame, over bool) (changed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.begun() {
		return 0
	}
	newest := r.terms.newest()
	for _, t := range takeovers {
		if t.Term < newest {
			r.learn(t)
		}
	}
	size := r.size
	for _, f := range frames {
		owner, ok := r.terms.owner(f.N)
		if !ok || owner != f.Term || len(f.Packet) == 0 || f.N < r.newest-size || f.N >= r.newest+size {
			continue
		}
		if r.has(f.N) && (!over || bytes.Equal(r.at(f.N).packet, f.Packet)) {
			continue
		}
		*r.at(f.N) = slot{n: f.N, term: f.Term, packet: f.Packet}
		r.newest = max(r.newest, f.N+1)
		r.first = min(r.first, f.N)
		changed++
	}
	r.advance(max(r.head(), r.oldest()))
	r.terms.forget(r.oldest())
	return changed
}

// advance moves the head over what is there.
func (r *Ring) advance(from Number) {
	for from < r.newest && r.has(from) {
		from++
	}
	r.reached.Store(int64(from))
}

// SkipTo gives up waiting for frames below n: they are served as silence from now on, unless they come after all.
// It returns how many are missing.
func (r *Ring) SkipTo(n Number) (missing int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.begun() || n <= r.head() {
		return 0
	}
	n = min(n, r.newest)
	for i := r.head(); i < n; i++ {
		if !r.has(i) {
			missing++
		}
	}
	r.advance(n)
	return missing
}

// Head is the first number that is not there yet: what is below may be served. It is 0 in an empty ring.
func (r *Ring) Head() Number { return r.head() }

func (r *Ring) head() Number { return Number(r.reached.Load()) }

// Newest is one past the highest number there; above Head it means that frames in between are missing.
func (r *Ring) Newest() Number {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newest
}

// Oldest is the first number that may be there.
func (r *Ring) Oldest() Number {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.oldest()
}

// Span is Oldest, Head and Newest of a ring at one moment.
type Span struct{ Oldest, Head, Newest Number }

// Span is what the ring spans now.
func (r *Ring) Span() Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.span()
}

func (r *Ring) span() Span { return Span{r.oldest(), r.head(), r.newest} }

// Owner is the term that frame n belongs to; ok is false before the first takeover known.
func (r *Ring) Owner(n Number) (_ Term, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.terms.owner(n)
}

// Takeovers returns those that frames in the ring may belong to, the oldest first.
func (r *Ring) Takeovers() []Takeover {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.terms.forget(r.oldest())
	return slices.Clone([]Takeover(r.terms))
}

// AppendFrames appends the frames from (inclusive) to to (exclusive) that are there.
func (r *Ring) AppendFrames(dst []Frame, from, to Number) []Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := max(from, r.oldest()); n < min(to, r.newest); n++ {
		if r.has(n) {
			dst = append(dst, Frame{N: n, Term: r.at(n).term, Packet: r.at(n).packet})
		}
	}
	return dst
}

// AppendPackets appends the packets of frames from (inclusive) to to (exclusive). What is not there is SilencePacket.
// The packets are shared: they must not be changed.
func (r *Ring) AppendPackets(dst [][]byte, from, to Number) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := from; n < to; n++ {
		if r.has(n) {
			dst = append(dst, r.at(n).packet)
		} else {
			dst = append(dst, SilencePacket)
		}
	}
	return dst
}

// Missing counts the frames from (inclusive) to to (exclusive) that are not there.
func (r *Ring) Missing(from, to Number) (missing int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := from; n < to; n++ {
		if !r.has(n) {
			missing++
		}
	}
	return missing
}

func (r *Ring) at(n Number) *slot {
	size := Number(len(r.slots))
	i := n % size
	if i < 0 {
		i += size
	}
	return &r.slots[i]
}

func (r *Ring) has(n Number) bool {
	if r.slots == nil {
		return false
	}
	s := r.at(n)
	return s.packet != nil && s.n == n && n >= r.oldest()
}
