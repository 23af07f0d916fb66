// Package drill is the load before the day: what takes seats as the public would, and tells how it went. Everything below it
// speaks only the public protocol (docs/PROTOCOL.md), as a stranger would.
package drill
