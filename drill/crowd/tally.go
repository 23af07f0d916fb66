//go:build linux

package crowd

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

// maxNotes bounds the different sentences of one loop.
const maxNotes = 50

// tally is what one loop counts.
type tally struct {
	begun  time.Time
	rows   []result.Second
	first  int64 // second of rows[0]
	closed int   // rows before this one are over
	seats  int64
	moved  time.Duration // when seats changed
	millis int64         // of seats, in µs until it is read

	firstByte, firstSound result.Histogram
	away, crossed         result.Histogram
	depth                 time.Duration // the least; 0: none yet
	late, lag             result.Histogram
	handshakes            result.Handshakes
	parsed, counted       int64
	wire                  result.Wire
	bad                   [plan.Stuck + 1]result.Misbehaved
	broken                int64 // connections that the plan broke
	server                string
	notes                 map[string]int64
	reasons               []string

	samples []cpuSample // about one a second
}

// cpuSample is how much CPU the loop's thread had used at a time.
type cpuSample struct{ at, used time.Duration }

func newTally(begun time.Time) tally {
	return tally{begun: begun, first: begun.Unix(), notes: map[string]int64{}}
}

// row is the second of a time since the drill began. It is valid until a later second's is asked for.
func (t *tally) row(at time.Duration) *result.Second {
	i := max(int(t.begun.Add(at).Unix()-t.first), 0)
	for len(t.rows) <= i {
		t.rows = append(t.rows, result.Second{At: t.first + int64(len(t.rows))})
	}
	return &t.rows[i]
}

// tick closes the seconds that are over.
func (t *tally) tick(now time.Duration) {
	t.row(now)
	for ; t.closed < len(t.rows)-1; t.closed++ {
		t.rows[t.closed].Seats = t.seats
	}
	t.rows[len(t.rows)-1].Seats = t.seats
}

func (t *tally) seat(now time.Duration)   { t.integrate(now); t.seats++ }
func (t *tally) unseat(now time.Duration) { t.integrate(now); t.seats-- }

// integrate adds up the time of all seats.
func (t *tally) integrate(now time.Duration) {
	t.millis += t.seats * (now - t.moved).Microseconds()
	t.moved = now
}

// resume counts one who came back after a time without.
func (t *tally) resume(now, away time.Duration) {
	t.away.Record(away)
	row := t.row(now)
	row.Resumed++
	row.Away = max(row.Away, away.Microseconds())
}

// began notes how much sound a first answer began with.
func (t *tally) began(depth time.Duration) {
	if t.depth == 0 || depth < t.depth {
		t.depth = depth
	}
}

func (t *tally) fail(now time.Duration, why string) {
	row := t.row(now)
	if row.Failed == nil {
		row.Failed = map[string]int64{}
	}
	row.Failed[why]++
}

func (t *tally) refuse(now time.Duration, code string) {
	row := t.row(now)
	if row.Refused == nil {
		row.Refused = map[string]int64{}
	}
	const maxCodes = 32
	if len(row.Refused) >= maxCodes && row.Refused[code] == 0 {
		code = "other"
	}
	row.Refused[code]++
}

func (t *tally) handshook(took time.Duration, resumed bool) {
	t.handshakes.Took.Record(took)
	if resumed {
		t.handshakes.Resumed++
	} else {
		t.handshakes.Full++
	}
}

// note counts something that a reader should know.
func (t *tally) note(what string) {
	if len(t.notes) < maxNotes || t.notes[what] > 0 {
		t.notes[what]++
	}
}

// reason says why the generator cannot do what it should.
func (t *tally) reason(why string) {
	for _, r := range t.reasons {
		if r == why {
			return
		}
	}
	t.reasons = append(t.reasons, why)
}

// cpu notes what the loop's thread has used. Only that thread may call it.
func (t *tally) cpu(now time.Duration) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) == nil {
		t.samples = append(t.samples, cpuSample{now, used(&u)})
	}
}

func used(u *unix.Rusage) time.Duration { return time.Duration(u.Utime.Nano() + u.Stime.Nano()) }

// busiest is the largest share of a core that was used in ten seconds, or in all of a shorter time.
func busiest(samples []cpuSample) float64 {
	const window = 10 * time.Second
	share, from := 0.0, 0
	for i, s := range samples {
		for s.at-samples[from].at > window+time.Second/2 {
			from++
		}
		span := s.at - samples[from].at
		whole := span >= window-time.Second/2 || i == len(samples)-1 && from == 0
		if whole && span > 0 {
			share = max(share, float64(s.used-samples[from].used)/float64(span))
		}
	}
	return share
}
