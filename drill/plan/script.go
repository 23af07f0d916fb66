package plan

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"
)

// Act is what happens to a listener by the clock.
type Act uint8

// The acts of a script.
const (
	Arrive Act = iota
	Depart
	Cut // the connection breaks; the listener comes back as one whose network did
)

// Part is a run of acts of one kind. It is a pure function of time: the k-th act (from 0) is due at At(k).
type Part struct {
	Act   Act
	From  time.Duration
	Over  time.Duration
	Count int
	Front float64 // how much of it is at its beginning, see Phase
	First int     // number of its first act among those of its kind in the script
}

// At is when the k-th act is due. It never falls as k rises.
func (p *Part) At(k int) time.Duration {
	if p.Count == 0 || p.Over == 0 {
		return p.From
	}
	share := float64(k) / float64(p.Count)
	if p.Front > 0 {
		share = -math.Log1p(-share*-math.Expm1(-p.Front)) / p.Front
	}
	return p.From + time.Duration(share*float64(p.Over))
}

// Due is how many of its acts are due when elapsed has passed since the drill began.
func (p *Part) Due(elapsed time.Duration) int {
	return sort.Search(p.Count, func(k int) bool { return p.At(k) > elapsed })
}

// Script is a plan, laid out in time.
type Script struct {
	Parts    []Part // in order of From
	Phases   []Span // one for each phase of the plan
	Duration time.Duration
	Arrivals int // all that come
	Peak     int // the most that are there at once, if all that come are let in
}

// Span is when a phase is.
type Span struct {
	Shape    Shape
	From, To time.Duration
}

// Due is how many acts of a kind are due when elapsed has passed: the pacer of the open model.
func (s *Script) Due(act Act, elapsed time.Duration) int {
	due := 0
	for i := range s.Parts {
		if s.Parts[i].Act == act {
			due += s.Parts[i].Due(elapsed)
		}
	}
	return due
}

// Present is how many are there when elapsed has passed, if all that came were let in.
func (s *Script) Present(elapsed time.Duration) int {
	return s.Due(Arrive, elapsed) - s.Due(Depart, elapsed)
}

// Script lays the plan out. The plan must be valid.
func (p *Plan) Script() Script {
	var s Script
	var count [Cut + 1]int
	add := func(part Part) {
		if part.Count == 0 {
			return
		}
		part.First = count[part.Act]
		count[part.Act] += part.Count
		s.Parts = append(s.Parts, part)
	}
	for _, f := range p.Phases {
		from, over := s.Duration, time.Duration(f.Over)
		s.Phases = append(s.Phases, Span{f.Shape, from, from + over})
		switch f.Shape {
		case Ramp:
			add(Part{Act: Arrive, From: from, Over: over, Count: f.Listeners})
		case Storm:
			add(Part{Act: Arrive, From: from, Over: over, Count: f.Listeners, Front: cmp.Or(f.Front, 1)})
		case Steady:
			n := int(min(math.Round(f.Rate*over.Seconds()), MaxListeners+1))
			add(Part{Act: Arrive, From: from, Over: over, Count: n})
			if f.Stay > 0 {
				add(Part{Act: Depart, From: from + time.Duration(f.Stay), Over: over, Count: n})
			}
		case Leave:
			n := max(s.Present(from), 0)
			if f.Listeners > 0 {
				n = min(n, f.Listeners)
			}
			add(Part{Act: Depart, From: from, Over: over, Count: n})
		case Reconnect:
			n := max(s.Present(from), 0)
			if f.Listeners > 0 {
				n = min(n, f.Listeners)
			}
			add(Part{Act: Cut, From: from, Over: over, Count: n})
		}
		s.Duration += over
	}
	slices.SortStableFunc(s.Parts, func(a, b Part) int { return cmp.Compare(a.From, b.From) })
	s.Arrivals = count[Arrive]
	for i := range s.Parts {
		for _, at := range []time.Duration{s.Parts[i].From, min(s.Parts[i].From+s.Parts[i].Over, s.Duration)} {
			s.Peak = max(s.Peak, s.Due(Arrive, at)-s.Due(Depart, at-1))
		}
	}
	return s
}

// Cursor walks through the acts of one share of a script, which agents and their loops divide by the number of the act.
type Cursor struct {
	script *Script
	next   []int // of each part: the next act that is ours
	of     int
}

// Cursor returns a walk through the acts whose number is share modulo of.
func (s *Script) Cursor(share, of int) *Cursor {
	c := &Cursor{script: s, next: make([]int, len(s.Parts)), of: of}
	for i := range s.Parts {
		c.next[i] = ((share-s.Parts[i].First)%of + of) % of
	}
	return c
}

// Moment is one act that is due. Number counts the acts of its kind over the whole script.
type Moment struct {
	Act    Act
	At     time.Duration
	Number int
}

// Peek returns the next act; false when there is none, or none before the script's end.
func (c *Cursor) Peek() (m Moment, ok bool) {
	_, m, ok = c.peek()
	return m, ok
}

// Next takes the next act that is due at elapsed.
func (c *Cursor) Next(elapsed time.Duration) (m Moment, ok bool) {
	i, m, ok := c.peek()
	if !ok || m.At > elapsed {
		return Moment{}, false
	}
	c.next[i] += c.of
	return m, true
}

func (c *Cursor) peek() (part int, m Moment, ok bool) {
	for i := range c.script.Parts {
		p := &c.script.Parts[i]
		if ok && p.From > m.At {
			break
		}
		if c.next[i] >= p.Count {
			continue
		}
		if at := p.At(c.next[i]); !ok || at < m.At {
			part, m, ok = i, Moment{p.Act, at, p.First + c.next[i]}, true
		}
	}
	return part, m, ok && m.At < c.script.Duration
}
