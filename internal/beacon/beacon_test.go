package beacon

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

const harbour room.ID = "harbour"

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// Of however many listeners, and one in however many asked, the interval has the true number in it 95 times of 100: a little less often where a handful
// speak.
func TestIntervalHoldsTheTruth(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, row := range []struct{ listeners, oneIn int }{{20, 1}, {20, 4}, {300, 16}, {1000, 2}, {12_400, 16}, {12_400, 64}, {200_000, 256}, {1_000_000, 1024}} {
		const rounds = 5000
		inside, sum := 0, 0.0
		for range rounds {
			e := Of(binomial(rnd, row.listeners, row.oneIn), row.oneIn)
			if e.Low <= row.listeners && row.listeners <= e.High {
				inside++
			}
			sum += float64(e.Listeners)
		}
		share, mean := float64(inside)/rounds, sum/rounds
		t.Logf("%d listeners, 1 in %d asked: the truth is within %.1f %% of the intervals; on average %.0f are estimated, such as %+v", row.listeners, row.oneIn, 100*share, mean,
			Of(row.listeners/row.oneIn, row.oneIn))
		if share < 0.92 || mean < 0.97*float64(row.listeners) || mean > 1.03*float64(row.listeners) {
			t.Errorf("%d listeners, 1 in %d: %.3f of the intervals, %.0f on average", row.listeners, row.oneIn, share, mean)
		}
	}
	if e := Of(37, 1); e.Low != 37 || e.High != 37 {
		t.Errorf("where all are asked %+v are estimated", e)
	}
}

// binomial is how many of n are drawn by who asks one in oneIn. Between two of them lie so many who are not, by the geometric distribution.
func binomial(rnd *rand.Rand, n, oneIn int) (k int) {
	if oneIn == 1 {
		return n
	}
	rest := math.Log1p(-1 / float64(oneIn))
	for at := 0; ; k++ {
		at += 1 + int(math.Log(1-rnd.Float64())/rest)
		if at > n {
			return k
		}
	}
}

// listener is a page that pulls, as web/pull/beacon.ts has it.
type listener struct {
	drawn uint64
	next  time.Time
}

// evening plays listeners and a tally second by second.
type evening struct {
	t     *testing.T
	rnd   *rand.Rand
	tally Tally
	now   time.Time
	all   []listener

	most, refused int // words in a second that were taken; words that were not
}

func (e *evening) come(n int) {
	for range n {
		e.all = append(e.all, listener{e.rnd.Uint64N(Draws), e.now.Add(time.Duration(e.rnd.Int64N(int64(Every))))})
	}
}

func (e *evening) pass(d time.Duration) {
	for end := e.now.Add(d); e.now.Before(end); e.now = e.now.Add(time.Second) {
		oneIn, took := e.tally.OneIn(harbour), 0
		for i := range e.all {
			l := &e.all[i]
			if e.now.Before(l.next) {
				continue
			}
			l.next = e.now.Add(time.Duration((0.9 + 0.2*e.rnd.Float64()) * float64(Every)))
			if !Asked(l.drawn, oneIn) {
				continue
			}
			take, ok := e.tally.Offer(harbour, l.drawn, e.now)
			if take {
				took++
				e.tally.Hear(harbour, l.drawn, e.now)
			} else if !ok {
				e.refused++
			}
		}
		e.most = max(e.most, took)
		e.tally.Turn(e.now)
	}
}

func (e *evening) expect(within float64) {
	e.t.Helper()
	got, _ := e.tally.Estimate(harbour)
	e.t.Logf("%d listen: estimated %+v; %d words a second at most, %d turned away", len(e.all), got, e.most, e.refused)
	if d := float64(got.Listeners)/float64(len(e.all)) - 1; d < -within || d > within {
		e.t.Errorf("%d listen, and %+v are estimated", len(e.all), got)
	}
}

// However many come, and go, and however suddenly: the estimate follows, and no more words come than were said.
func TestTallyFollowsTheAudience(t *testing.T) {
	e := &evening{t: t, rnd: rand.New(rand.NewPCG(3, 4)), now: noon}
	e.come(40)
	e.pass(time.Minute)
	e.expect(0) // all are asked
	e.come(50_000)
	e.pass(2 * time.Minute)
	e.expect(0.1)
	if e.most > taken {
		t.Errorf("%d words were taken in a second", e.most)
	}
	e.most = 0
	e.pass(2 * time.Minute)
	if e.most > 2*wanted {
		t.Errorf("%d words a second when all know how many are asked", e.most)
	}
	e.expect(0.1)
	oneIn := e.tally.OneIn(harbour)
	e.all = e.all[:2000]
	e.pass(kept + 10*time.Second)
	e.expect(0.4) // few are asked of them
	e.pass(10 * time.Minute)
	e.expect(0.12)
	if now := e.tally.OneIn(harbour); now >= oneIn/4 {
		t.Errorf("still 1 in %d is asked, as of fifty thousand 1 in %d", now, oneIn)
	}
	e.all = nil
	e.pass(15 * time.Minute)
	if got, ok := e.tally.Estimate(harbour); ok || len(e.tally.rooms) != 0 {
		t.Errorf("of an empty room %+v are estimated, and %d are remembered", got, len(e.tally.rooms))
	}
}

// While more of them begin to be asked, those who were not asked before are not taken for newcomers.
func TestMoreAskedAreNotMoreListeners(t *testing.T) {
	e := &evening{t: t, rnd: rand.New(rand.NewPCG(5, 6)), now: noon}
	e.come(20_000)
	e.pass(5 * time.Minute)
	e.all = e.all[:3000]
	e.pass(2 * time.Minute)
	for range 60 {
		e.pass(10 * time.Second)
		if got, _ := e.tally.Estimate(harbour); got.Listeners > 4200 || got.Listeners < 1800 {
			t.Fatalf("of 3000 listeners %+v are estimated", got)
		}
	}
}

// Who forges many words is taken for no more than a node takes, and fills no memory.
func TestForgedWordsAreBounded(t *testing.T) {
	var tally Tally
	rnd := rand.New(rand.NewPCG(7, 8))
	took := 0
	for s := range 60 {
		now := noon.Add(time.Duration(s) * time.Second)
		for range 5000 {
			drawn := rnd.Uint64N(1000) // below all thresholds
			if take, _ := tally.Offer(harbour, drawn<<20|rnd.Uint64N(1<<20), now); take {
				took++
				tally.Hear(harbour, drawn, now)
			}
		}
		tally.Turn(now)
	}
	if took > 61*taken || len(tally.rooms[harbour].heard) > 1000 {
		t.Errorf("%d words were taken, %d are kept", took, len(tally.rooms[harbour].heard))
	}
	for i := range uint64(2 * mostKept) {
		tally.Hear(harbour, i, noon)
	}
	if n := len(tally.rooms[harbour].heard); n > mostKept {
		t.Errorf("%d are kept", n)
	}
	if all := tally.All(); all.Low > all.Listeners || all.High < all.Listeners {
		t.Errorf("%+v", all)
	}
}
