//go:build linux

// Command seats measures what a write to a seat costs the server, against a bare send loop on the same sockets, in turns; and what a seat
// weighs. It prints one JSON line.
//
//	go run ./bench/seats -quick          5,000 seats, plain and TLS
//	go run ./bench/seats                 15,000 seats, more and longer windows
//	go run ./bench/seats -cost -svg cost.svg    from 1,000 to 500,000 seats and from 1 to 1,000 rooms; add -prepare -apart as root
//
// The edge runs in a process of its own, fed by the clock; its listeners in others. While the sound stands still a bare loop writes
// chunks of the same length, at the same pace, to the same sockets. Those are junk that a player skips. Under TLS the loop writes them
// in the clear, to the sockets of those who decrypt nothing after the handshake: 49 of 50. The last of 50 takes everything apart.
package main

import (
	"errors"
	"flag"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/crowd"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/house"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
	"github.com/epidaurus-live/epidaurus/tape"
)

func main() {
	child.Main(map[string]child.Role{house.Role: house.Made, crowd.Role: crowd.Made})
	quick := flag.Bool("quick", false, "5,000 seats in under 50 s")
	cost := flag.Bool("cost", false, "measure how the cost grows with seats and rooms")
	svg := flag.String("svg", "", "with -cost: where the plot goes")
	most := flag.Int("most", 500_000, "with -cost: leave out counts of seats above this")
	seats := flag.Int("seats", 15_000, "how many")
	rooms := flag.Int("rooms", 1, "how many rooms they are spread over")
	windows := flag.Int("windows", 9, "pairs of windows")
	window := flag.Duration("window", 2880*time.Millisecond, "length of one window; a multiple of the cadence")
	cadence := flag.Duration("cadence", 960*time.Millisecond, "between two writes to a seat")
	variant := flag.String("variant", string(tape.Opus48), "what the seats hear")
	inOrder := flag.Bool("in-order", false, "with -rooms: the bare loop takes the sockets as they came, not room by room")
	plain := flag.Bool("plain", false, "leave TLS out")
	prepare := flag.Bool("prepare", false, "set what the kernel needs for very many connections (root)")
	apart := flag.Bool("apart", false, "in a network namespace of its own, whose table of connections is as large as -most needs (root)")
	flag.Parse()
	if *prepare {
		figure.Fail(machine.Prepare(flag.CommandLine.Output()))
	}
	if *apart {
		figure.Fail(machine.Apart(max(*most, *seats)))
	}
	p := plan{
		Servers: 1, Intake: !*quick, Seats: *seats, Rooms: *rooms, InOrder: *inOrder, Windows: *windows, Window: *window, Cadence: *cadence,
		Variant: slices.Index(tape.Variants, tape.Variant(*variant)),
	}
	switch {
	case *cost:
		figure.Fail(growth(p, *most, *svg))
	case *quick:
		p.Seats, p.Windows, p.Window = 5000, 6, 960*time.Millisecond
		figure.Fail(both(p, true))
	case *plain:
		r, err := measure(p)
		figure.Fail(errors.Join(err, figure.Print(r)))
	default:
		figure.Fail(both(p, false))
	}
}

// short is what -quick prints.
type short struct {
	Plain     float64 `json:"plain_ratio"`
	TLS       float64 `json:"tls_ratio"`
	HeapPlain float64 `json:"heap_plain_bytes"`
	HeapTLS   float64 `json:"heap_tls_bytes"`
	Gaps      int64   `json:"gaps"`
}

// both measures plain and TLS seats one after the other.
func both(p plan, brief bool) error {
	plain, err := measure(p)
	if err != nil {
		return err
	}
	p.TLS = true
	secure, err := measure(p)
	if err != nil {
		return err
	}
	s := short{plain.Ratio, secure.Ratio, plain.Heap, secure.Heap, plain.Gaps + secure.Gaps}
	if brief {
		return figure.Print(s)
	}
	return figure.Print(struct {
		short
		PlainAll result        `json:"plain"`
		TLSAll   result        `json:"tls"`
		Machine  machine.Facts `json:"machine"`
	}{s, plain, secure, machine.About()})
}
