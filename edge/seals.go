//go:build linux

package edge

import (
	"slices"
	"sync"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// seals are what the maker said of the segments that a hub keeps. Its methods may be called from any goroutine.
type seals struct {
	mu    sync.Mutex
	known map[tape.Number]tape.Seal // guarded by mu; by segment
}

// keptSegments is how many segments a ring can hold a part of.
const keptSegments = keptFrames/tape.SegmentFrames + 1

// keep remembers a seal, and reports whether it was news.
func (s *seals) keep(seal tape.Seal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := tape.SegmentOf(seal.From)
	if known, ok := s.known[k]; ok && known.Term >= seal.Term {
		return false
	}
	if s.known == nil {
		s.known = make(map[tape.Number]tape.Seal)
	}
	s.known[k] = seal
	for old := range s.known {
		if len(s.known) > 2*keptSegments && old < k-keptSegments {
			delete(s.known, old)
		}
	}
	return true
}

// of is the seal of segment k.
func (s *seals) of(k tape.Number) (seal tape.Seal, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seal, ok = s.known[k]
	return seal, ok
}

// takeover drops what an older maker said of frames that were not his.
func (s *seals) takeover(t tape.Takeover) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, seal := range s.known {
		if seal.Term < t.Term && seal.To > t.First {
			delete(s.known, k)
		}
	}
}

// verdict says how the frames of a sealed segment compare with their seal.
type verdict uint8

const (
	unknown verdict = iota
	fits
	incomplete
	wrong
)

// reelSeals are the verdicts on the segments of a reel. Its methods may be called from any goroutine.
type reelSeals struct {
	mu       sync.Mutex
	segments map[tape.Number]judged // guarded by mu
}

type judged struct {
	seal    tape.Seal
	verdict verdict
	tries   int // to put it right
}

// set records a verdict and returns the one before.
func (s *reelSeals) set(seal tape.Seal, v verdict) (before verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.segments == nil {
		s.segments = make(map[tape.Number]judged)
	}
	k := tape.SegmentOf(seal.From)
	j := s.segments[k]
	before = j.verdict
	j.seal, j.verdict = seal, v
	s.segments[k] = j
	for old := range s.segments {
		if len(s.segments) > 2*keptSegments && old < k-keptSegments {
			delete(s.segments, old)
		}
	}
	return before
}

func (s *reelSeals) verdict(k tape.Number) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.segments[k].verdict
}

// toRepair returns the segments that are not right and were not tried too often, and counts the try.
func (s *reelSeals) toRepair(oldest tape.Number) (segments []tape.Number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, j := range s.segments {
		if j.verdict == fits || j.tries >= maxTries || j.seal.To <= oldest {
			continue
		}
		j.tries++
		s.segments[k] = j
		segments = append(segments, k)
	}
	slices.Sort(segments)
	return segments
}

func (s *reelSeals) takeover(t tape.Takeover) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, j := range s.segments {
		if j.seal.Term < t.Term && j.seal.To > t.First {
			delete(s.segments, k)
		}
	}
}

// Seal implements tape.SealReceiver: what is not as the maker made it is fetched again.
func (h *hub) Seal(s tape.Seal) {
	owner, ok := h.reels[0].ring.Owner(s.To - 1)
	if !ok || owner != s.Term || !h.seals.keep(s) {
		return
	}
	for _, r := range h.reels {
		if _, made := s.SumOf(r.variant); !made {
			continue
		}
		r.judge(s)
		r.fetchAgain(r.seals.toRepair(r.ring.Oldest()))
	}
}

// judge compares a segment with its seal, and records the verdict.
func (r *reel) judge(s tape.Seal) verdict {
	v := r.check(s)
	before := r.seals.set(s, v)
	r.bell.ring()
	if v == wrong && before != wrong {
		r.hub.tally.mismatched.Add(1)
		r.hub.log.Warn("a segment does not fit its seal",
			"room", r.hub.key.room, "variant", r.variant, "from", s.From, "to", s.To, "term", s.Term)
	}
	return v
}

// check compares what the ring holds with a seal.
func (r *reel) check(s tape.Seal) verdict {
	sum, ok := s.SumOf(r.variant)
	if !ok {
		return unknown
	}
	return prove(s.Stretch, sum, r.ring.AppendFrames(nil, s.From, s.To), nil)
}

// prove compares frames with the sum of a stretch. Those of second stand in for what first lacks; both are in order.
func prove(s tape.Stretch, sum tape.Sum, first, second []tape.Frame) verdict {
	packets := make([][]byte, s.Len())
	for _, frames := range [][]tape.Frame{second, first} {
		for _, f := range frames {
			if f.N >= s.From && f.N < s.To {
				packets[f.N-s.From] = f.Packet
			}
		}
	}
	if slices.ContainsFunc(packets, func(p []byte) bool { return p == nil }) {
		return incomplete
	}
	if tape.SumOf(s.From, packets) != sum {
		return wrong
	}
	return fits
}

// sealOf finds the seal of segment k.
func sealOf(all []tape.Seal, k tape.Number) (tape.Seal, bool) {
	i := slices.IndexFunc(all, func(s tape.Seal) bool { return tape.SegmentOf(s.From) == k })
	if i < 0 {
		return tape.Seal{}, false
	}
	return all[i], true
}

// Sealed reports whether all frames of a segment are here and are those that their maker sealed: only then is it the same on every edge, and
// for ever. A segment that nobody vouches for as a whole, since its maker took over in the middle without having heard the
// beginning, never is. The last segment of a channel is sealed where it ends.
func (e *Edge) Sealed(id room.ID, c tape.Channel, v tape.Variant, segment tape.Number) bool {
	i := slices.Index(variants, v)
	if i < 0 {
		return false
	}
	h := e.hubOf(hubKey{id, c})
	if h == nil {
		return false
	}
	s, ok := h.seals.of(segment)
	return ok && s.From == segment*tape.SegmentFrames && h.reels[i].seals.verdict(segment) == fits
}
