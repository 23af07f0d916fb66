// Package capacity computes what an audience needs, from what a drill measured, by arithmetic that is shown line by line.
package capacity

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// Sizes of what is around the sound.
const (
	frame          = 20 * time.Millisecond
	fragmentHead   = 96 // moof and mdat, without what each frame adds (pack/fmp4; a test compares)
	fragmentFrame  = 4
	chunkBytes     = 10   // size and line ends of an HTTP chunk
	segmentBytes   = 1448 // of TCP with timestamps in an Ethernet frame of 1,500
	segmentHeads   = 90   // TCP, IPv4, Ethernet with preamble and gap
	unacknowledged = 200 * time.Millisecond
)

// Ask is who comes, and what a machine of theirs is.
type Ask struct {
	Listeners int64
	Bitrate   float64 // bits per second, of the sound
	Hours     float64
	Cadence   time.Duration // one of [Cadences]
	TLS       bool

	Cores    int     // of one machine
	Memory   float64 // bytes, of one machine
	Line     float64 // bits per second, of one machine
	Headroom float64 // share of every resource that stays free, 0 to 0.9
}

// Cadences are the steps that a seat may have.
func Cadences() []time.Duration {
	var steps []time.Duration
	for k := range 7 {
		steps = append(steps, 240*time.Millisecond<<k)
	}
	return steps
}

// Check says what cannot be computed.
func (a Ask) Check() error {
	switch {
	case a.Listeners < 1 || a.Listeners > 1e10:
		return fmt.Errorf("listeners: %d is no audience: write a number from 1 to 1e10, such as 1e6", a.Listeners)
	case !(a.Bitrate >= 6000 && a.Bitrate <= 512_000):
		return fmt.Errorf("bitrate: %s bit/s is no bitrate of Opus: write 6k to 512k, such as 24k", digits(a.Bitrate))
	case !(a.Hours > 0 && a.Hours <= 8784):
		return fmt.Errorf("hours: %v is no length of an event: write more than 0, such as 2", a.Hours)
	case !slices.Contains(Cadences(), a.Cadence):
		return fmt.Errorf("cadence: %v is no step: write one of %s", a.Cadence, joined(Cadences()))
	case a.Cores < 1 || a.Cores > 4096:
		return fmt.Errorf("cores: %d is no machine: write how many cores one has, such as 16", a.Cores)
	case !(a.Memory >= 1<<28 && a.Memory < 1e15):
		return fmt.Errorf("memory: %s bytes is no machine: write how much one has, such as 32GB", digits(a.Memory))
	case !(a.Line >= 1e6 && a.Line < 1e14):
		return fmt.Errorf("line: %s bit/s is no line: write how fast one machine's is, such as 10Gbit", digits(a.Line))
	case !(a.Headroom >= 0 && a.Headroom <= 0.9):
		return fmt.Errorf("headroom: %v is no share that may stay free: write 0%% to 90%%", a.Headroom)
	}
	return nil
}

func joined(steps []time.Duration) string {
	var words []string
	for _, s := range steps {
		words = append(words, s.String())
	}
	return strings.Join(words, ", ")
}

// Line is one step of the arithmetic.
type Line struct {
	Name    string      `json:"name"`
	Formula string      `json:"formula"` // with the figures in it
	Value   float64     `json:"value"`
	Unit    string      `json:"unit"`
	Kind    result.Kind `json:"kind"`
}

// Need is what the audience needs.
type Need struct {
	Source   string   `json:"source"`
	Lines    []Line   `json:"lines"`
	Machines int64    `json:"machines"` // one spare included
	Limit    string   `json:"limit"`    // what decides their number
	Notes    []string `json:"notes,omitempty"`
}

// Compute does the arithmetic.
func Compute(a Ask, c Costs) (Need, error) {
	err := a.Check()
	if err != nil {
		return Need{}, err
	}
	s := sheet{ask: a, costs: c, need: Need{Source: c.Source}, kind: result.Modelled}
	if a.Listeners > c.Listeners {
		s.kind = result.Extrapolated
	}
	s.inputs()
	writeBytes, wire := s.bytes()
	cores := s.cores(writeBytes)
	memory := s.memory(writeBytes)
	s.machines(cores, wire, memory)
	s.joins()
	s.notes()
	return s.need, nil
}

type sheet struct {
	ask   Ask
	costs Costs
	need  Need
	kind  result.Kind // of what grows with listeners
}

func (s *sheet) add(name string, value float64, unit string, kind result.Kind, formula string, args ...any) float64 {
	s.need.Lines = append(s.need.Lines, Line{Name: name, Formula: fmt.Sprintf(formula, args...), Value: value, Unit: unit, Kind: kind})
	return value
}

// inputs are what was measured, before anything is made of it.
func (s *sheet) inputs() {
	c := s.costs
	if c.PerSecond > 0 {
		s.add("CPU of a listener-second, in the drill", micros(c.PerSecond), "µs", result.Measured,
			"all server processes, joins included, cadence %s", known(c.Cadence))
	} else {
		s.add("CPU of a bare write of 4.4 kB", micros(s.perWrite(4400, false)), "µs", result.Measured,
			"19,000 connections on the development machine")
	}
	seat, join := c.Seat, c.Join
	if s.ask.TLS {
		seat, join = c.SeatTLS, c.Join+c.Handshake
	}
	s.add("memory of a seat", float64(seat), "B", result.Measured, "in the process")
	s.add("memory of a socket", float64(c.Socket), "B", result.Measured, "in the kernel, idle, on the development machine")
	s.add("CPU of a join", micros(join), "µs", result.Measured, "both ends, on the development machine")
}

// bytes returns the bytes of one write, and the bits per second of all lines together.
func (s *sheet) bytes() (write, wire float64) {
	a := s.ask
	sound := a.Bitrate / 8 * a.Cadence.Seconds()
	frames := float64(a.Cadence / frame)
	around := fragmentHead + fragmentFrame*frames + chunkBytes
	if a.TLS {
		around += 22 * math.Ceil((sound+around)/16384)
	}
	write = s.add("bytes of a write", sound+around, "B", result.Modelled,
		"%s bit/s ÷ 8 × %v + %s B around %s frames", digits(a.Bitrate), a.Cadence, digits(around), digits(frames))
	heads := segmentHeads * math.Ceil(write/segmentBytes)
	each := s.add("on the line, each listener", (write+heads)/a.Cadence.Seconds(), "B/s", result.Modelled,
		"(%s B + %d B × %s segments) ÷ %v", digits(write), segmentHeads, digits(heads/segmentHeads), a.Cadence)
	wire = s.add("line", each*8*float64(a.Listeners), "bit/s", result.Modelled, "%s B/s × 8 × %s listeners", digits(each),
		digits(float64(a.Listeners)))
	s.add("traffic", wire/8*a.Hours*3600, "B", result.Modelled, "%s ÷ 8 × %v h × 3,600", scaled(wire, "bit/s"), a.Hours)
	return write, wire
}

// perWrite is the model of one write.
func (s *sheet) perWrite(write float64, tls bool) time.Duration {
	each := s.costs.PerKilobyte
	if tls {
		each += s.costs.PerKilobyteTLS
	}
	return s.costs.PerWrite + time.Duration(write/1000*float64(each))
}

func (s *sheet) cores(write float64) float64 {
	a, c := s.ask, s.costs
	writes := s.add("writes", float64(a.Listeners)/a.Cadence.Seconds(), "1/s", result.Modelled, "%s listeners ÷ %v",
		digits(float64(a.Listeners)), a.Cadence)
	cost := s.perWrite(write, a.TLS)
	if c.PerSecond == 0 {
		tls := ""
		if a.TLS {
			tls = fmt.Sprintf(" + %v × %s kB for TLS", c.PerKilobyteTLS, digits(write/1000))
		}
		s.add("CPU of a write", micros(cost), "µs", result.Modelled, "%v + %v × %s kB%s", c.PerWrite, c.PerKilobyte, digits(write/1000), tls)
		return s.add("cores at work", writes*cost.Seconds(), "cores", s.kind, "%s writes/s × %s µs", digits(writes), digits(micros(cost)))
	}
	each := c.PerSecond
	if c.Cadence > 0 {
		then := time.Duration(float64(s.perWrite(c.WriteBytes, c.TLS)) / c.Cadence.Seconds())
		now := time.Duration(float64(cost) / a.Cadence.Seconds())
		each = time.Duration(float64(c.PerSecond) * float64(now) / float64(then))
		s.add("CPU of a listener-second, as asked", micros(each), "µs", result.Modelled,
			"%s µs × %s ÷ %s: what the model of a write says of %v with %s B against %v with %s B",
			digits(micros(c.PerSecond)), digits(micros(now)), digits(micros(then)), a.Cadence, digits(write), c.Cadence, digits(c.WriteBytes))
	}
	return s.add("cores at work", float64(a.Listeners)*each.Seconds(), "cores", s.kind, "%s listeners × %s µs",
		digits(float64(a.Listeners)), digits(micros(each)))
}

func (s *sheet) memory(write float64) float64 {
	a, c := s.ask, s.costs
	seat := c.Seat
	if a.TLS {
		seat = c.SeatTLS
	}
	flight := write * min(unacknowledged.Seconds()/a.Cadence.Seconds(), 1)
	each := s.add("memory of a listener", float64(seat+c.Socket)+flight, "B", result.Modelled,
		"%s B seat + %s B socket + %s B that wait %v for an answer", digits(float64(seat)),
		digits(float64(c.Socket)), digits(flight), unacknowledged)
	return s.add("memory", each*float64(a.Listeners), "B", s.kind, "%s B × %s listeners", digits(each), digits(float64(a.Listeners)))
}

func (s *sheet) machines(cores, wire, memory float64) {
	a := s.ask
	free := 1 - a.Headroom
	most := 0.0
	for _, r := range []struct {
		name, unit string
		need, has  float64
	}{{"cores", "cores", cores, float64(a.Cores)}, {"the line", "bit/s", wire, a.Line}, {"memory", "B", memory, a.Memory}} {
		n := s.add("machines by "+r.name, r.need/(r.has*free), "machines", s.kind,
			"%s ÷ (%s × %s that may be used)", scaled(r.need, r.unit), scaled(r.has, r.unit), digits(free))
		if n > most {
			most, s.need.Limit = n, r.name
		}
	}
	s.need.Machines = int64(math.Ceil(most)) + 1
	s.add("machines", float64(s.need.Machines), "machines", s.kind, "%s for %s, rounded up, and one more so that one may fail",
		digits(most), s.need.Limit)
}

func (s *sheet) joins() {
	a, c := s.ask, s.costs
	each := c.Join
	if a.TLS {
		each += c.Handshake
	}
	working := max(s.need.Machines-1, 1) * int64(a.Cores)
	rate := s.add("joins", float64(working)*(1-a.Headroom)/each.Seconds(), "1/s", s.kind,
		"%d cores × %s ÷ %s µs for each who comes", working, digits(1-a.Headroom), digits(micros(each)))
	s.add("until everybody sits, if all come at once", float64(a.Listeners)/rate, "s", s.kind, "%s listeners ÷ %s joins/s",
		digits(float64(a.Listeners)), digits(rate))
}

func (s *sheet) notes() {
	s.need.Notes = append(s.need.Notes,
		"Not in it: what a network card costs, listeners' acknowledgements on the way back, and lost segments that are sent again.")
	c := s.costs
	if c.PerSecond > 0 && c.Cadence == 0 {
		s.need.Notes = append(s.need.Notes, "The drill does not say which cadence its seats had: its CPU was taken as it is.")
	}
	if c.PerSecond > 0 && c.TLS != s.ask.TLS && c.Cadence == 0 {
		s.need.Notes = append(s.need.Notes, "The drill and the question differ in TLS, and its CPU was taken as it is.")
	}
	if s.kind == result.Extrapolated {
		s.need.Notes = append(s.need.Notes,
			fmt.Sprintf("Measured were %s listeners; more than these is extrapolated: cost grows as listeners do.", digits(float64(c.Listeners))))
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func known(d time.Duration) string {
	if d == 0 {
		return "not known"
	}
	return d.String()
}

// digits writes a figure with a comma for each thousand, and what is below ten with two more digits.
func digits(v float64) string {
	if math.Abs(v) < 10 && v != math.Trunc(v) {
		return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', 3, 64), "0"), ".")
	}
	text := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
