// Package tape holds what a channel is made of: frames with their numbers, the clock that numbers them, the events that ride with
// them, and the ring of the last minute from which an edge serves its seats.
//
// It is pure: time is given by the caller, and nothing here knows a network or a file.
package tape
