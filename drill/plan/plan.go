package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// Bounds of a plan: a load has an end and a size.
const (
	MaxListeners = 5_000_000
	MaxDuration  = 24 * time.Hour
	maxPhases    = 100
	maxSlowRate  = 16 << 10 // bytes a second: above it nobody is slow
)

// Kind says what is at the other end.
type Kind string

// The kinds of targets.
const (
	Epidaurus Kind = "epidaurus" // a room's live.mp4 (docs/PROTOCOL.md)
	HTTP      Kind = "http"      // any endless answer with sound in it, such as Icecast's
	HLS       Kind = "hls"       // a media playlist and its segments
)

// Check says how closely a listener looks at what arrives.
type Check string

// The levels of checking, from the most to the least.
const (
	Packets Check = "packets" // as frames, and each Opus packet by itself: the sample
	Frames  Check = "frames"  // chunks, boxes, frame numbers, and whether a fragment's sound is what others got
	Chunks  Check = "chunks"  // chunks and bytes
	Bytes   Check = "bytes"   // the kernel throws the bytes away and says how many there were
)

// TLSMode says how connections are encrypted.
type TLSMode string

// The modes of TLS.
const (
	TLSNone    TLSMode = "none"
	TLSFull    TLSMode = "full"    // every connection makes a full handshake
	TLSResumed TLSMode = "resumed" // connections resume the session of one before
)

// Shape says what happens in a phase.
type Shape string

// The shapes of phases.
const (
	Ramp      Shape = "ramp"      // listeners come evenly, and stay
	Steady    Shape = "steady"    // rate listeners a second come, and each stays for stay
	Storm     Shape = "storm"     // the doors open: most come at the beginning
	Hold      Shape = "hold"      // nobody comes or goes
	Leave     Shape = "leave"     // listeners go
	Reconnect Shape = "reconnect" // listeners lose their connection and come back
)

// Plan is a plan file.
type Plan struct {
	Name   string `toml:"name" json:"name,omitempty"`
	Target string `toml:"target" json:"target"`
	Kind   Kind   `toml:"kind" json:"kind"`
	// Private are the private ports of the server's processes, with commas between: what the processes use and are, and what edges count
	// themselves, is read there.
	Private string `toml:"private" json:"private,omitempty"`
	Variant string `toml:"variant" json:"variant,omitempty"`
	Seed    uint64 `toml:"seed" json:"seed"`

	Sample float64 `toml:"sample" json:"sample"` // share of listeners that checks packets, 0 to 1
	Rest   Check   `toml:"rest" json:"rest"`     // how the others check
	Retry  bool    `toml:"retry" json:"retry"`   // whoever is refused comes again when he was told to
	Resume bool    `toml:"resume" json:"resume"` // whoever is cut off goes on, at another edge where he knows one
	Pace   bool    `toml:"pace" json:"pace"`     // listeners say that they can play slower

	Slow     float64 `toml:"slow" json:"slow,omitempty"`           // share of listeners that read SlowRate bytes a second
	SlowRate int     `toml:"slow_rate" json:"slow_rate,omitempty"` // default: 500
	Stuck    float64 `toml:"stuck" json:"stuck,omitempty"`         // share of listeners that read the answer's beginning, and never again

	Sources     []string `toml:"sources" json:"sources,omitempty"`           // addresses or prefixes that connections come from
	SourceCount int      `toml:"source_count" json:"source_count,omitempty"` // how many addresses of a prefix are used

	TLS    TLS     `toml:"tls" json:"tls"`
	Phases []Phase `toml:"phase" json:"phases"`
}

// TLS is how connections are encrypted.
type TLS struct {
	Mode     TLSMode `toml:"mode" json:"mode"`
	Insecure bool    `toml:"insecure" json:"insecure,omitempty"` // certificates are not verified
	CA       string  `toml:"ca" json:"ca,omitempty"`             // a PEM file that is trusted too
}

// Phase is a part of a plan; they follow each other.
type Phase struct {
	Shape     Shape    `toml:"shape" json:"shape"`
	Over      Duration `toml:"over" json:"over"`           // how long it lasts
	Listeners int      `toml:"listeners" json:"listeners"` // who comes, goes or is cut; leave and reconnect: 0 is all
	Rate      float64  `toml:"rate" json:"rate,omitempty"` // steady: arrivals a second
	Stay      Duration `toml:"stay" json:"stay,omitempty"` // steady: how long each stays; 0 is to the end
	// Front is how much of a storm is at its beginning: arrivals a second fall by the factor e^front until its end. Default: 1.
	Front float64 `toml:"front" json:"front,omitempty"`
}

// Duration is a time in a plan file: "10s".
type Duration time.Duration

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no time such as \"10s\" or \"1m30s\"", text)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Default is what a plan says that says nothing.
func Default() Plan {
	return Plan{Kind: Epidaurus, Rest: Frames, Sample: 0.01, Resume: true, Retry: true, TLS: TLS{Mode: TLSNone}}
}

// Parse reads a plan file. What it does not say has its default; what it should not say is an error that says so.
func Parse(text []byte) (Plan, error) {
	p := Default()
	read, err := toml.Decode(string(text), &p)
	if err != nil {
		return p, fmt.Errorf("read the plan: %w", err)
	}
	if unknown := read.Undecoded(); len(unknown) > 0 {
		return p, fmt.Errorf("the plan has no setting %q; docs/DRILL.md names them all", unknown[0].String())
	}
	return p, nil
}

// Privates are the addresses in Private.
func (p *Plan) Privates() []string {
	return strings.FieldsFunc(p.Private, func(c rune) bool { return c == ',' || c == ' ' })
}

// Validate says what is wrong with a plan, or nil.
func (p *Plan) Validate() error {
	return errors.Join(p.validateTarget(), p.validateListeners(), p.validatePhases())
}

func (p *Plan) validateTarget() error {
	u, err := url.Parse(p.Target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("target: %q is no address: give one such as http://localhost:8080/r/my-room", p.Target)
	}
	var faults []error
	if !slices.Contains([]Kind{Epidaurus, HTTP, HLS}, p.Kind) {
		faults = append(faults, fmt.Errorf("kind: %q is not epidaurus, http or hls", p.Kind))
	}
	switch encrypted := u.Scheme == "https"; {
	case !slices.Contains([]TLSMode{TLSNone, TLSFull, TLSResumed}, p.TLS.Mode):
		faults = append(faults, fmt.Errorf("tls: mode: %q is not none, full or resumed", p.TLS.Mode))
	case encrypted && p.TLS.Mode == TLSNone:
		faults = append(faults, errors.New("tls: the target is https: say mode full or resumed"))
	case !encrypted && p.TLS.Mode != TLSNone:
		faults = append(faults, fmt.Errorf("tls: mode %s needs a target that begins with https", p.TLS.Mode))
	}
	return errors.Join(faults...)
}

func (p *Plan) validateListeners() error {
	var faults []error
	if p.Sample < 0 || p.Sample > 1 || p.Sample != p.Sample {
		faults = append(faults, fmt.Errorf("sample: %v is outside 0 to 1", p.Sample))
	}
	if !slices.Contains([]Check{Packets, Frames, Chunks, Bytes}, p.Rest) {
		faults = append(faults, fmt.Errorf("rest: %q is not packets, frames, chunks or bytes", p.Rest))
	}
	if p.Kind == HLS && p.Rest == Bytes {
		faults = append(faults, errors.New("rest: playlists have to be read; bytes is for endless answers"))
	}
	faults = append(faults, p.validateManners()...)
	if p.SourceCount < 0 {
		faults = append(faults, fmt.Errorf("source_count: %d is negative", p.SourceCount))
	}
	for _, s := range p.Sources {
		if _, err := parseSource(s); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func (p *Plan) validateManners() (faults []error) {
	for _, s := range []struct {
		name  string
		share float64
	}{{"slow", p.Slow}, {"stuck", p.Stuck}, {"slow and stuck together", p.Slow + p.Stuck}} {
		if !(s.share >= 0 && s.share <= 1) {
			faults = append(faults, fmt.Errorf("%s: %v is outside 0 to 1", s.name, s.share))
		}
	}
	switch {
	case p.SlowRate < 0 || p.SlowRate > maxSlowRate:
		faults = append(faults, fmt.Errorf("slow_rate: %d is outside 1 to %d bytes a second", p.SlowRate, maxSlowRate))
	case p.SlowRate > 0 && p.Slow == 0:
		faults = append(faults, errors.New("slow_rate: nobody is slow: say their share, such as slow = 0.05"))
	case p.Slow+p.Stuck > 0 && p.Kind == HLS:
		faults = append(faults, errors.New("slow, stuck: they are for endless answers; a listener of hls asks for each piece"))
	}
	return faults
}

func (p *Plan) validatePhases() error {
	if len(p.Phases) == 0 || len(p.Phases) > maxPhases {
		return fmt.Errorf("phase: the plan has %d; 1 to %d are possible", len(p.Phases), maxPhases)
	}
	var faults []error
	for i := range p.Phases {
		if err := p.Phases[i].validate(); err != nil {
			faults = append(faults, fmt.Errorf("phase %d (%s): %w", i+1, p.Phases[i].Shape, err))
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	s := p.Script()
	if s.Duration > MaxDuration {
		faults = append(faults, fmt.Errorf("phases: together they last %s, more than %s", s.Duration, MaxDuration))
	}
	if s.Arrivals > MaxListeners {
		faults = append(faults, fmt.Errorf("phases: together they bring %d listeners, more than %d", s.Arrivals, MaxListeners))
	}
	if s.Arrivals == 0 {
		faults = append(faults, errors.New("phases: nobody comes: say listeners in a ramp or storm, or rate in a steady phase"))
	}
	return errors.Join(faults...)
}

func (f *Phase) validate() error {
	over := time.Duration(f.Over)
	switch {
	case !slices.Contains([]Shape{Ramp, Steady, Storm, Hold, Leave, Reconnect}, f.Shape):
		return errors.New("the shape is not ramp, steady, storm, hold, leave or reconnect")
	case over < 0 || over > MaxDuration:
		return fmt.Errorf("over: %s is outside 0 to %s", over, MaxDuration)
	case f.Listeners < 0 || f.Listeners > MaxListeners:
		return fmt.Errorf("listeners: %d is outside 0 to %d", f.Listeners, MaxListeners)
	case (f.Shape == Ramp || f.Shape == Storm) && f.Listeners == 0:
		return errors.New("listeners: say how many come")
	case f.Shape == Steady && (f.Rate <= 0 || f.Rate > MaxListeners || f.Rate != f.Rate):
		return fmt.Errorf("rate: %v is outside 0 to %d arrivals a second", f.Rate, MaxListeners)
	case f.Shape != Steady && (f.Rate != 0 || f.Stay != 0):
		return errors.New("rate and stay are for the shape steady; here listeners and over say it")
	case (f.Shape == Steady || f.Shape == Hold) && f.Listeners != 0:
		return errors.New("listeners: this shape has none of its own")
	case f.Shape != Storm && f.Front != 0:
		return errors.New("front is for the shape storm")
	case f.Front < 0 || f.Front > 20 || f.Front != f.Front:
		return fmt.Errorf("front: %v is outside 0 to 20", f.Front)
	case f.Stay < 0:
		return fmt.Errorf("stay: %s is negative", time.Duration(f.Stay))
	case over == 0 && (f.Shape == Hold || f.Shape == Steady):
		return errors.New("over: say how long it lasts")
	}
	return nil
}

// parseSource reads an address or a prefix.
func parseSource(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("sources: %q is no address such as ::1, and no prefix such as 127.0.0.0/8", s)
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("sources: %q is no address such as ::1, and no prefix such as 127.0.0.0/8", s)
	}
	return prefix.Masked(), nil
}
