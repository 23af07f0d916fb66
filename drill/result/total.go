package result

import "maps"

// Total is a result's seconds together.
type Total struct {
	Second           // sums; At is the first second; Seats the most at the end of any second
	AllRefused int64 // over codes
	AllFailed  int64 // over causes
	ServerCPU  int64 // µs, of all server processes
	ServerRSS  int64 // bytes, the most of all server processes together at the end of any second
}

// Total adds up.
func (r Result) Total() Total {
	var t Total
	for i, s := range r.Seconds {
		peak := max(t.Seats, s.Seats)
		if i == 0 {
			t.At = s.At
		}
		t.Second = t.add(s)
		t.Seats = peak
	}
	for n := range maps.Values(t.Refused) {
		t.AllRefused += n
	}
	for n := range maps.Values(t.Failed) {
		t.AllFailed += n
	}
	held := map[int64]int64{}
	for _, p := range r.Servers {
		for _, u := range p.Seconds {
			t.ServerCPU += u.CPU
			held[u.At] += u.RSS
			t.ServerRSS = max(t.ServerRSS, held[u.At])
		}
	}
	return t
}

// CPUPerSeat is the server's CPU per listener-second, in µs: what all server processes used in the seconds in which somebody was
// seated, joins included, over the seats held in them. Zero when nothing is known.
func (r Result) CPUPerSeat() float64 {
	seats := make(map[int64]int64, len(r.Seconds))
	var seatSeconds int64
	for _, s := range r.Seconds {
		seats[s.At] = s.Seats
	}
	var cpu int64
	counted := map[int64]bool{}
	for _, p := range r.Servers {
		for _, u := range p.Seconds {
			n := seats[u.At]
			if n == 0 {
				continue
			}
			cpu += u.CPU
			if !counted[u.At] {
				counted[u.At] = true
				seatSeconds += n
			}
		}
	}
	if seatSeconds == 0 {
		return 0
	}
	return float64(cpu) / float64(seatSeconds)
}
