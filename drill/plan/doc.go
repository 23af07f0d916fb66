// Package plan is what a drill is going to do, as a pure function: a plan file, the script of arrivals it stands for, and the spread
// of listeners over agents and source addresses. Nothing in it asks what a server answers: arrivals come by the clock.
package plan
