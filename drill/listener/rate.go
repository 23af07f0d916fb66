package listener

import "time"

// rateWindow is the time over which the current bitrate is measured.
const rateWindow = 5 * time.Second

// rate counts the bytes of the last five seconds.
type rate struct {
	arrivals []arrival // oldest first, at most one per slot
	bytes    int64
}

type arrival struct {
	at    time.Duration
	bytes int64
}

// rateSlot is how closely arrivals are kept apart: it bounds the memory.
const rateSlot = 20 * time.Millisecond

func (r *rate) add(now time.Duration, bytes int64) {
	r.bytes += bytes
	if last := len(r.arrivals) - 1; last >= 0 && now-r.arrivals[last].at < rateSlot {
		r.arrivals[last].bytes += bytes
	} else {
		r.arrivals = append(r.arrivals, arrival{now, bytes})
	}
	r.forget(now)
}

func (r *rate) forget(now time.Duration) {
	old := 0
	for old < len(r.arrivals) && now-r.arrivals[old].at >= rateWindow {
		r.bytes -= r.arrivals[old].bytes
		old++
	}
	r.arrivals = r.arrivals[:copy(r.arrivals, r.arrivals[old:])]
}

func (r *rate) bitsPerSecond(now time.Duration) float64 {
	r.forget(now)
	return float64(r.bytes*8) / rateWindow.Seconds()
}
