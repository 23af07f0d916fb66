package channel

import (
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// AfterDump is how long after a dump no line is taken that may be of what was dumped: whoever writes is some seconds behind the voice.
const AfterDump = 6 * time.Second

const (
	maxWaiting   = 2000 // lines in the delay: more than anybody may send in the longest one
	recentLines  = 256  // whose versions are told apart
	afterMoments = int64(AfterDump / tape.FrameDuration)
)

// captions holds lines back until listeners hear what they are of, and forgets those of what was dumped. One that was heard already goes out with the
// next frame.
type captions struct {
	mu      sync.Mutex
	air     Air           // guarded by mu, as all that follows; as of the last tick
	frame   tape.Number   // made next
	waiting []heldCaption // by moment
	recent  []recentCaption
	last    []room.Caption // that went out, one of each language
	at      int64          // of the line that went out last
	fresh   bool           // last changed
}

type heldCaption struct {
	moment int64 // of the stage, as Air counts, up to which it tells of
	placed bool  // At was said by who sent it
	room.Caption
}

// recentCaption is the last version of a line.
type recentCaption struct {
	moment int64
	room.Caption
}

// Taken is what became of a line.
type Taken struct {
	Held time.Duration // until it goes out, as the delay is now
	Same bool          // it was there already
}

// add takes a line. Until is the frame at which listeners hear its last word, and at in c that of its first; nil: it is of what was said on stage just now, or before.
// The errors are room.ErrDumped, room.ErrManyLanguages and room.ErrManyCaptions.
func (s *captions) add(c room.Caption, at, until *int64, air Air) (Taken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learn(air)
	i := slices.IndexFunc(s.recent, func(r recentCaption) bool { return r.ID == c.ID && r.Language == c.Language })
	moment := s.air.In
	delay := int64(s.air.Delay / tape.FrameDuration)
	switch {
	case until != nil && *until <= int64(s.frame):
		moment = 0 // has gone out, and so was not dumped
	case until != nil && *until <= int64(s.frame)+delay:
		moment -= int64(s.frame) + delay - *until
	}
	if at == nil && until != nil {
		at = until
	}
	held := heldCaption{moment: moment, placed: at != nil, Caption: c}
	if at != nil {
		held.At = max(*at, 0)
	}
	if i >= 0 {
		before := s.recent[i]
		if before.Text == c.Text && before.Final == c.Final || before.Final && !c.Final {
			return Taken{Held: s.held(before.moment), Same: true}, nil
		}
		held.moment = max(held.moment, before.moment)
	}
	switch {
	case moment > 0 && s.air.DumpTo > 0 && s.air.In <= s.air.DumpTo+afterMoments, moment > 0 && moment >= s.air.DumpFrom && moment <= s.air.DumpTo:
		return Taken{Held: tape.Number(s.air.DumpTo + afterMoments - s.air.In + 1).Duration()}, room.ErrDumped
	case !s.speaks(c.Language):
		return Taken{}, room.ErrManyLanguages
	case len(s.waiting) >= maxWaiting:
		return Taken{}, room.ErrManyCaptions
	}
	s.remember(i, recentCaption{held.moment, c})
	s.waiting = append(s.waiting, held)
	slices.SortStableFunc(s.waiting, func(a, b heldCaption) int { return int(min(max(a.moment-b.moment, -1), 1)) })
	return Taken{Held: s.held(held.moment)}, nil
}

// held is how long a moment of the stage takes to the listeners, as the delay is now.
func (s *captions) held(moment int64) time.Duration {
	return max(0, s.air.Delay-tape.Number(s.air.In-moment).Duration())
}

// remember keeps the last version of a line, in the place i of the one before.
func (s *captions) remember(i int, r recentCaption) {
	if i >= 0 {
		s.recent = slices.Delete(s.recent, i, i+1)
	} else if len(s.recent) >= recentLines {
		s.recent = slices.Delete(s.recent, 0, 1)
	}
	s.recent = append(s.recent, r)
}

// speaks reports whether there is room for one more line of a language.
func (s *captions) speaks(language string) bool {
	known := map[string]bool{language: true}
	for _, c := range s.last {
		known[c.Language] = true
	}
	for _, c := range s.waiting {
		known[c.Language] = true
	}
	return len(known) <= room.MaxCaptionLanguages
}

// pass is called before the frame n is made, and forgets what was dumped.
func (s *captions) pass(air Air, n tape.Number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learn(air)
	s.frame = n
}

// learn takes note of how the way to the listeners stands: a dump counts from when it is done, and not from the next tick. Who asked earlier may come later.
func (s *captions) learn(air Air) {
	if air.In < s.air.In || air.DumpTo < s.air.DumpTo {
		return
	}
	if air.DumpTo != s.air.DumpTo {
		gone := func(moment int64) bool { return moment >= air.DumpFrom && moment <= air.DumpTo }
		s.waiting = slices.DeleteFunc(s.waiting, func(c heldCaption) bool { return gone(c.moment) })
		// A line that was dumped, in all or in part, may not be taken for one that is there.
		s.recent = slices.DeleteFunc(s.recent, func(c recentCaption) bool { return gone(c.moment) })
	}
	s.air = air
}

// due takes out the next line whose words listeners have heard at frame n, if there is one: a frame has one event of a kind. What it returns is the whole truth from there on.
func (s *captions) due(n tape.Number) (e room.CaptionEvent, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 && s.waiting[0].moment <= s.air.Out {
		s.out(s.waiting[0], n)
		s.waiting = slices.Delete(s.waiting, 0, 1)
	}
	if !s.fresh {
		return e, false
	}
	s.fresh = false
	return room.CaptionEvent{Kind: room.KindCaption, At: s.at, Lines: slices.Clone(s.last)}, true
}

func (s *captions) out(c heldCaption, n tape.Number) {
	if !c.placed || c.At > int64(n) {
		c.At = int64(n)
	}
	i := slices.IndexFunc(s.last, func(o room.Caption) bool { return o.Language == c.Language })
	s.fresh = true
	switch {
	case i < 0:
		s.last = append(s.last, c.Caption)
	case s.last[i].ID == c.ID && !c.placed:
		c.At = s.last[i].At // where its first words were heard
		fallthrough
	default:
		s.last[i] = c.Caption
	}
	s.at = c.At
}

// restart has the last lines said again.
func (s *captions) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = len(s.last) > 0
}
