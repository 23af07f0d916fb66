package disk

import (
	"maps"
	"slices"
	"sync"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	maxSpeakers  = 4 * room.MaxOnStage // who are remembered at a time
	maxTakeovers = 16
)

// speakerReel hears the speakers' tracks and keeps their last minute. It is a tape.SealReceiver, and gives other nodes what they missed.
type speakerReel struct {
	mu        sync.Mutex
	rings     map[tape.Variant]*tape.Ring // guarded by mu; the rings have locks of their own
	takeovers []tape.Takeover             // guarded by mu; the last ones, in the order of hearing
	seals     map[tape.Number]tape.Seal   // guarded by mu; by segment
}

func newSpeakerReel() *speakerReel {
	return &speakerReel{rings: map[tape.Variant]*tape.Ring{}, seals: map[tape.Number]tape.Seal{}}
}

// Takeover implements tape.Receiver.
func (r *speakerReel) Takeover(t tape.Takeover) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.takeovers, t) {
		r.takeovers = append(r.takeovers[max(0, len(r.takeovers)-maxTakeovers+1):], t)
	}
	for _, ring := range r.rings {
		ring.Takeover(t)
	}
}

// Frame implements tape.Receiver.
func (r *speakerReel) Frame(v tape.Variant, f tape.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ring := r.ringLocked(v, f.N); ring != nil {
		ring.Put(f)
	}
}

// ringLocked is a speaker's ring, made if need be; nil for what is no speaker's, and where too many are heard at once.
func (r *speakerReel) ringLocked(v tape.Variant, n tape.Number) *tape.Ring {
	if ring := r.rings[v]; ring != nil {
		return ring
	}
	person, ok := v.Speaker()
	if !ok || !room.PersonID(person).Valid() {
		return nil
	}
	maps.DeleteFunc(r.rings, func(_ tape.Variant, ring *tape.Ring) bool { return ring.Newest() < n-keptFrames })
	if len(r.rings) >= maxSpeakers {
		return nil
	}
	ring := tape.NewRing(keptFrames)
	for _, t := range r.takeovers {
		ring.Takeover(t)
	}
	r.rings[v] = ring
	return ring
}

// Event implements tape.Receiver.
func (r *speakerReel) Event(tape.Event) {}

// Seal implements tape.SealReceiver.
func (r *speakerReel) Seal(s tape.Seal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := tape.SegmentOf(s.From)
	r.seals[k] = s
	maps.DeleteFunc(r.seals, func(o tape.Number, _ tape.Seal) bool { return o < k-keptFrames/tape.SegmentFrames })
}

func (r *speakerReel) seal(k tape.Number) (tape.Seal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.seals[k]
	return s, ok
}

// heard are the speakers of whom something of a stretch is there, by name.
func (r *speakerReel) heard(at tape.Stretch) (all []tape.Variant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for v, ring := range r.rings {
		if ring.Missing(at.From, at.To) < at.Len() {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}

// packets are those of a stretch of a speaker: silence where there is none.
func (r *speakerReel) packets(v tape.Variant, at tape.Stretch) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	ring := r.rings[v]
	if ring == nil {
		ring = tape.NewRing(1) // an empty one
	}
	return ring.AppendPackets(nil, at.From, at.To)
}

// unfit are the speakers who are not as the maker sealed them.
func (r *speakerReel) unfit(seal tape.Seal) (all []tape.Variant) {
	for _, sum := range seal.Sums {
		if tape.SumOf(seal.From, r.packets(sum.Variant, seal.Stretch)) != sum.Sum {
			all = append(all, sum.Variant)
		}
	}
	return all
}

// learn takes the seals that another node has.
func (r *speakerReel) learn(past tape.Past) {
	for _, s := range past.Seals {
		if _, known := r.seal(tape.SegmentOf(s.From)); !known {
			r.Seal(s)
		}
	}
}

// mend takes what another node has of a speaker: in the place of what is here where that is as it was sealed, else where there is nothing.
func (r *speakerReel) mend(v tape.Variant, seal tape.Seal, past tape.Past) {
	packets := r.packets(v, tape.Stretch{From: seal.From, To: seal.From})
	for range seal.Len() {
		packets = append(packets, tape.SilencePacket)
	}
	for _, f := range past.Frames {
		if f.N >= seal.From && f.N < seal.To {
			packets[f.N-seal.From] = f.Packet
		}
	}
	want, _ := seal.SumOf(v)
	proven := tape.SumOf(seal.From, packets) == want
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(past.Frames) == 0 {
		return
	}
	ring := r.ringLocked(v, seal.From)
	if ring == nil {
		return
	}
	if ring.Newest() == 0 { // an empty ring is filled by nobody but the maker
		ring.Put(past.Frames[0])
	}
	if proven {
		ring.Replace(past.Takeovers, past.Frames)
	} else {
		ring.Fill(past.Takeovers, past.Frames)
	}
}

// Past implements tape.Source.
func (r *speakerReel) Past(v tape.Variant, from, to tape.Number) (past tape.Past) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ring := r.rings[v]; ring != nil {
		past.Takeovers, past.Frames = ring.Takeovers(), ring.AppendFrames(nil, from, to)
	}
	for k := tape.SegmentOf(from); k <= tape.SegmentOf(to-1); k++ {
		if s, ok := r.seals[k]; ok {
			past.Seals = append(past.Seals, s)
		}
	}
	return past
}
