package capacity

import (
	"errors"
	"fmt"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// Costs are what capacity is computed from.
type Costs struct {
	Source string // in words: which drill, or which machine
	// Listeners is how many were measured; more than these is extrapolated.
	Listeners int64

	// A write to a seat: so much, and so much for each kilobyte, of one core. Used without PerSecond.
	PerWrite, PerKilobyte time.Duration
	PerKilobyteTLS        time.Duration // on top

	// PerSecond is one core's time per listener-second at Cadence, of which WriteBytes are the bytes of a write. Zero: not measured.
	PerSecond  time.Duration
	Cadence    time.Duration // zero: not known, so taken for any
	WriteBytes float64
	TLS        bool

	Join, Handshake time.Duration // one core's time for a listener who comes; the handshake on top
	Seat, SeatTLS   int64         // bytes of memory in the process
	Socket          int64         // bytes of memory in the kernel, idle
}

// Baseline is what was measured on the development machine: 2 cores of an AMD EPYC virtual machine, Linux 6.18, Go 1.26.8, loopback,
// generator on the same machine, 2026-11-22.
//
// Bare sends to 19,000 connections cost 11.4 µs each at 4.4 kB. The same loops on the whole machine (both ends on it) cost 13.2 µs at
// 7 kB and 22.4 µs at 18 kB, of which a slope of 0.84 µs per kilobyte remains. Under TLS a write of 4.4 kB cost 3.5 µs more. On loopback
// the sender pays for the receiver's protocol work too, so a real network costs these cores less, and a network card something.
func Baseline() Costs {
	return Costs{
		Source:      "measured on the development machine (2 cores, loopback, no NIC), not on yours: run a drill",
		Listeners:   19_000,
		PerWrite:    7700 * time.Nanosecond,
		PerKilobyte: 840 * time.Nanosecond, PerKilobyteTLS: 800 * time.Nanosecond,
		Join: 157 * time.Microsecond, Handshake: 1390*time.Microsecond - 157*time.Microsecond, // both ends: 12,700/s, 1,440/s
		Seat: 480, SeatTLS: 7900,
		Socket: 5000,
	}
}

// ErrNothingMeasured says that a result has no figure that capacity could be computed from.
var ErrNothingMeasured = errors.New("this drill did not watch the server's processes, so it does not say what a listener costs: " +
	"run one beside the server, or leave out --drill")

// FromDrill takes the cost of a listener from a drill's result, and everything that a drill does not measure from the baseline.
func FromDrill(r result.Result, name string) (Costs, error) {
	if !r.Valid {
		return Costs{}, fmt.Errorf("%s is of an invalid run, in which the generator was the bottleneck: run the drill again", name)
	}
	total := r.Total()
	cpu := r.CPUPerSeat()
	if cpu == 0 || total.Seats == 0 {
		return Costs{}, fmt.Errorf("%s: %w", name, ErrNothingMeasured)
	}
	c := Baseline()
	c.Source = fmt.Sprintf("drill %q of %s, %s listeners, %s: %s", r.Name, r.Started.UTC().Format("2006-01-02"),
		digits(float64(total.Seats)), network(r), name)
	c.Listeners = total.Seats
	c.PerSecond = time.Duration(cpu * float64(time.Microsecond))
	c.Cadence = time.Duration(r.Cadence)
	c.TLS = r.Target.TLS != "" && r.Target.TLS != "none"
	all, _ := r.Wire.PerSecond()
	c.WriteBytes = all * c.Cadence.Seconds()
	slope := memorySlope(r)
	switch {
	case slope <= 0:
	case c.TLS:
		c.SeatTLS = slope
	default:
		c.Seat = slope
	}
	return c, nil
}

func network(r result.Result) string {
	if r.Target.Network == "" {
		return "network not stated"
	}
	return r.Target.Network
}

// memorySlope is by how many bytes the server grew with each seat, from its smallest second to its largest. Zero when that is not known.
func memorySlope(r result.Result) int64 {
	held := map[int64]int64{}
	for _, s := range r.Servers {
		for _, u := range s.Seconds {
			held[u.At] += u.RSS
		}
	}
	var low, high result.Second
	for i, s := range r.Seconds {
		if held[s.At] == 0 {
			continue
		}
		if i == 0 || low.At == 0 || s.Seats < low.Seats {
			low = s
		}
		if s.Seats > high.Seats {
			high = s
		}
	}
	if high.Seats-low.Seats < 1000 {
		return 0 // a few seats are lost in the noise of the heap
	}
	return max((held[high.At]-held[low.At])/(high.Seats-low.Seats), 0)
}
