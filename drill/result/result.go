package result

import (
	"encoding/json"
	"time"
)

// Format is the version of the JSON.
const Format = 1

// Kind says how a figure came about.
type Kind string

// Kinds. Only [Projection] holds figures that are not measured.
const (
	Measured     Kind = "measured"
	Modelled     Kind = "modelled"     // computed from measured parts by stated arithmetic
	Extrapolated Kind = "extrapolated" // carried from a measured number to another one
)

// Loopback is the text of [Target.Network] when nothing left the machine.
const Loopback = "loopback, no NIC"

// Result is what one drill found. The zero value is an empty result, and neutral to [Merge].
type Result struct {
	Format int `json:"format"`

	// What was done. The same for all agents of a drill.
	Name     string          `json:"name"`
	Plan     json.RawMessage `json:"plan,omitempty"` // as it was read
	Target   Target          `json:"target"`
	Server   Build           `json:"server"`           // as told by the server
	Config   string          `json:"config,omitempty"` // fingerprint of the server's configuration: of all its processes
	Commands []string        `json:"commands,omitempty"`

	// Cadence is what most seats had while most were held, as the server told them. Zero: not told, or several.
	Cadence Duration `json:"cadence,omitempty"`

	// When and where.
	Started  time.Time `json:"started"`
	Took     Duration  `json:"took"`
	Machines []Machine `json:"machines,omitempty"`

	// What the listeners saw.
	Seconds    []Second   `json:"seconds"`
	FirstByte  Histogram  `json:"first_byte"`      // from due to the first byte of the answer's body
	FirstSound Histogram  `json:"first_sound"`     // from due to the first whole frame
	Away       Histogram  `json:"away"`            // from losing the connection to the next sound, of those who resumed
	Crossed    Histogram  `json:"crossed"`         // without sound between two rooms, of those who were moved; 0: the new one was there before the old one was left
	Depth      Duration   `json:"depth,omitempty"` // the least sound that a first answer began with; zero: nobody looked
	Handshakes Handshakes `json:"handshakes"`
	Listeners  Listeners  `json:"listeners"`
	Wire       Wire       `json:"wire"`

	// Those who were slow or stuck on purpose. They are in none of the figures above.
	Slow  Misbehaved `json:"slow,omitzero"`
	Stuck Misbehaved `json:"stuck,omitzero"`

	// What it cost the server, and the generator; and what the server's edges counted themselves.
	Edges   []Edge   `json:"edges,omitempty"`
	Servers []Server `json:"servers,omitempty"`
	Agents  []Agent  `json:"agents,omitempty"`

	Events  []Event  `json:"events,omitempty"`  // marks on the plots
	Stopped []string `json:"stopped,omitempty"` // what ended the drill, or kept it from going further
	Notes   []string `json:"notes,omitempty"`

	// Valid is false when the figures are the generator's and not the server's. Invalid says why. [Result.Settle] keeps the two equal.
	Valid   bool     `json:"valid"`
	Invalid []string `json:"invalid,omitempty"`

	// Of the whole, never of a part: [Merge] drops them.
	Goals       []Verdict    `json:"goals,omitempty"`
	Projections []Projection `json:"projections,omitempty"`
}

// Target is what was drilled.
type Target struct {
	Kind    string `json:"kind"` // epidaurus, http, hls
	URL     string `json:"url"`
	Network string `json:"network"` // [Loopback], or what it was in words
	TLS     string `json:"tls"`     // none, full, resumed
}

// Build is a program. Empty fields were not told.
type Build struct {
	Program  string `json:"program,omitempty"` // epidaurus, Icecast
	Version  string `json:"version,omitempty"`
	Revision string `json:"revision,omitempty"`
}

// String returns "program version (revision)", without what is not known.
func (b Build) String() string {
	s := b.Program
	if b.Version != "" {
		if s != "" {
			s += " "
		}
		s += b.Version
	}
	if b.Revision != "" {
		if s != "" {
			s += " "
		}
		s += "(" + b.Revision + ")"
	}
	return s
}

// Machine is a computer on which agents or servers ran.
type Machine struct {
	Host   string   `json:"host"`
	Roles  []string `json:"roles"` // generator, server
	Cores  int      `json:"cores"`
	Memory int64    `json:"memory_bytes"`
	Kernel string   `json:"kernel"`
	CPU    string   `json:"cpu"` // its model
}

// Second is what happened to the listeners within one second. Seats is how many were held at its end; everything else was counted in it.
type Second struct {
	At int64 `json:"at"` // Unix seconds

	Due     int64            `json:"due"`               // arrivals that the plan wanted
	Begun   int64            `json:"begun"`             // that the generator made
	Seated  int64            `json:"seated"`            // that heard their first sound
	Refused map[string]int64 `json:"refused,omitempty"` // by the code of the server's answer
	Failed  map[string]int64 `json:"failed,omitempty"`  // without an answer: connect, handshake, timeout, protocol
	Left    int64            `json:"left"`              // as the plan wanted
	Seats   int64            `json:"seats"`

	Bytes   int64 `json:"bytes"`
	Frames  int64 `json:"frames"` // checked, by those who parse
	Gaps    int64 `json:"gaps"`   // frames missing
	Silent  int64 `json:"silent"` // frames by which the server filled a hole
	Stalls  int64 `json:"stalls"` // a player had nothing left to play
	Wrong   int64 `json:"wrong"`  // bytes that are not what they have to be
	Cuts    int64 `json:"cuts"`   // connections closed by the other side
	Resumed int64 `json:"resumed"`
	Away    int64 `json:"away_us"` // the longest that one of these had been without
}

// Handshakes of TLS.
type Handshakes struct {
	Full    int64     `json:"full"`
	Resumed int64     `json:"resumed"`
	Took    Histogram `json:"took"`
}

// Listeners by how closely they looked. Gaps, stalls, silent frames and wrong bytes are known of those who parsed only.
type Listeners struct {
	Parsed  int64 `json:"parsed"`
	Counted int64 `json:"counted"` // counted bytes and noticed cuts
}

// Wire is what came over the wire above TCP.
type Wire struct {
	SeatMillis int64 `json:"seat_ms"`     // all seats' time together
	Bytes      int64 `json:"bytes"`       // everything: heads, chunks, events, sound
	Heads      int64 `json:"head_bytes"`  // of these, HTTP heads and the container's
	Events     int64 `json:"event_bytes"` // of these, in-band events
	Bursts     int64 `json:"burst_bytes"` // of these, sound older than the join
}

// PerSecond returns bytes per listener-second of everything, and without events. Zero when nobody was seated.
func (w Wire) PerSecond() (all, withoutEvents float64) {
	if w.SeatMillis == 0 {
		return 0, 0
	}
	s := float64(w.SeatMillis) / 1000
	return float64(w.Bytes) / s, float64(w.Bytes-w.Events) / s
}

// Server is one process of the target.
type Server struct {
	Host    string  `json:"host"`
	PID     int     `json:"pid"` // zero: not told
	Name    string  `json:"name"`
	Build   Build   `json:"build,omitzero"`
	Config  string  `json:"config,omitempty"` // fingerprint of its configuration
	Seconds []Usage `json:"seconds"`
}

// Usage is what a process used within one second, and what it held at its end.
type Usage struct {
	At  int64 `json:"at"`        // Unix seconds
	CPU int64 `json:"cpu_us"`    // user and system
	RSS int64 `json:"rss_bytes"` // resident
}

// Event is something that the plan or the operator did.
type Event struct {
	At   int64  `json:"at"` // Unix seconds
	What string `json:"what"`
}

// Verdict is a goal that was judged.
type Verdict struct {
	Goal  string  `json:"goal"` // as it was written
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"`
	Value float64 `json:"value"`
	Bar   float64 `json:"bar"`
	Met   bool    `json:"met"`
	Why   string  `json:"why,omitempty"` // when it could not be judged, which is not met
}

// Projection is a figure that was not measured.
type Projection struct {
	Figure      string   `json:"figure"`
	Unit        string   `json:"unit"`
	Kind        Kind     `json:"kind"` // Modelled or Extrapolated
	From        int64    `json:"from"` // listeners measured
	Measured    float64  `json:"measured"`
	To          int64    `json:"to"` // listeners
	Value       float64  `json:"value"`
	Assumptions []string `json:"assumptions"`
}

// Expired reports whether the result says nothing any more about a server of this build (as [Build.String] returns it) and configuration.
func (r Result) Expired(build, config string) bool {
	return r.Server.String() != build || r.Config != config
}

// Validity says until when the result holds, in words.
func (r Result) Validity() string { return "Valid until build or configuration changes" }

// Ended is when the last agent stopped counting.
func (r Result) Ended() time.Time { return r.Started.Add(time.Duration(r.Took)) }

// Duration is JSON text such as "1m3.5s".
type Duration time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}
