// Package fleet lets several processes, on one machine or on many, play one drill. Agents wait for work on NATS; whoever runs a drill gives
// each a share of the plan, lets all begin at once, hears how it goes every second, and merges what they found.
//
// Where no NATS is named the run has one of its own, on loopback and behind a secret, and starts its agents itself: a process may have so
// many open files and no more.
//
// An agent does what a plan from NATS says: whoever can write there can make it connect to anything on its machine, and to anything
// at all when it was started with leave to. So NATS must be as private as the agents are.
package fleet
