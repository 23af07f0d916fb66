// Package result says what one drill found: counted second by second by every agent, merged over agents, kept as JSON.
//
// # What the figures are
//
// Everything in a [Result] outside [Projection] was measured. A figure that was computed from a model, or carried from a measured
// number of listeners to another, is a [Projection] and says from what and on which assumptions.
//
// # How to fill it
//
// Every agent fills a Result of its own: the head (name, plan, target, builds, configuration, machine), one [Second] for each second in
// which it lived, its histograms, one [Agent] about itself, and the [Server] processes that it watched. [Merge] makes one of all
// of them, in any order. Rows are of seconds of the wall clock, so clocks of several machines have to be synchronised to well below one.
//
// The model is open: a listener is due when the plan says so, and his first sound is counted from that moment, not from the moment at
// which a busy generator got round to him.
//
// Nothing here is safe for use by several goroutines at once.
package result
