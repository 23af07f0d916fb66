//go:build linux

package edge

import (
	"os"
	"slices"

	"github.com/epidaurus-live/epidaurus/internal/memory"
	"github.com/epidaurus-live/epidaurus/internal/problem"
)

// shortage decides, second by second, whether memory is too short for more seats. It is a function of what it observes alone. Seats that
// are taken are never closed for it.
type shortage struct{ short bool }

// What stays free of every bound: a twentieth of it, but at least 64 MiB, as within a second some thousands may come, and at most 1 GiB.
// Of a very small bound it is a quarter.
const (
	marginPart  = 20
	marginLeast = 64 << 20
	marginMost  = 1 << 30
	marginTiny  = 4
)

// MemoryMargin is how much of a bound of so many bytes an edge leaves free: it gives no seats where less is left.
func MemoryMargin(of int64) int64 {
	return min(max(of/marginPart, marginLeast), marginMost, of/marginTiny)
}

// observe takes in what is left, and reports whether that is too little. Half a margin has to be free beyond the margin before seats are
// given again: the memory of a few who left must not open the doors for as many as come in a second.
func (s *shortage) observe(rooms []memory.Room) bool {
	tight := func(r memory.Room) bool { return r.Left < MemoryMargin(r.Of) }
	near := func(r memory.Room) bool { return r.Left < MemoryMargin(r.Of)*3/2 }
	switch {
	case slices.ContainsFunc(rooms, tight):
		s.short = true
	case !slices.ContainsFunc(rooms, near):
		s.short = false
	}
	return s.short
}

// tooShort refuses who comes while memory is short: for him, and for when to come again, that is an edge whose seats are all taken.
func (e *Edge) tooShort() problem.Problem {
	return e.later(problem.Full, "This server has no memory to spare for more listeners. Try again in a moment.")
}

// watchMemory looks at what is left. It is called by the keeper only.
func (e *Edge) watchMemory() {
	was := e.shortage.short
	now := e.shortage.observe(e.config.Memory())
	e.short.Store(now)
	switch {
	case now && !was:
		e.config.Log.Warn("memory runs short: no more seats are given, those that are taken stay", "seats", e.taken.Load())
	case was && !now:
		e.config.Log.Info("there is memory again: seats are given", "seats", e.taken.Load())
	}
}

// thisMachine is what is left here.
func thisMachine() []memory.Room { return memory.Left(os.DirFS("/")) }
