// Package beacon estimates how many listeners there are whom no server sees, because a cache or a file host answers them: a few of them, drawn by
// chance, say now and then that they listen.
//
// A listener draws a number of 48 bits, for as long as he listens and for nothing else. Who is asked is decided by that number: where one in n is,
// those below 2^48/n. So a larger n asks a part of those who were asked before, and what they said still counts.
//
// Nobody proves that he listens: who wants to can make an estimate of whatever he likes. It is told apart from seats, which are counted.
package beacon

import (
	"math"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

const (
	// Every is the time between two words of a listener who is asked, on average: he adds or leaves out up to a tenth of it.
	Every = 30 * time.Second

	// Draws is how many numbers there are to draw from.
	Draws = 1 << 48

	// kept is how long a listener counts after his last word: his next one may get lost in a burst, or come late.
	kept = 3 * Every / 2

	// wanted is how many words a second a room should cost, at most, all its listeners together: 1,500 who are asked, and so 5 % of error.
	wanted = 50
	// taken is how many are taken of one room by one node, within a second and at once; the rest is forged, or comes before all know the new n.
	taken = 4 * wanted

	// mostOneIn is enough for a billion listeners.
	mostOneIn = 1 << 20
	// mostKept is more than all nodes of a cluster take of one room.
	mostKept = 1 << 16

	// calm is how long fewer have to be there before more of them are asked.
	calm = time.Minute
	// fresh is how often an estimate is made anew: those who see it should not see it flicker.
	fresh = 5 * time.Second
)

// z is the quantile of the normal distribution that 95 % lie between.
const z = 1.96

// Estimate says how many listen whom no server sees.
type Estimate struct {
	Listeners int `json:"listeners"`
	Low       int `json:"low"`  // with 95 %, they are no fewer
	High      int `json:"high"` // and no more
	OneIn     int `json:"one_in"`
}

// Of is the estimate where one in oneIn was asked, and so many said that they listen. The interval is that of scores: all numbers of listeners of
// which what was heard is within 1.96 standard deviations of what was to be expected. It is right for few, too.
func Of(heard, oneIn int) Estimate {
	k, n := float64(heard), float64(oneIn)
	c := z * z * (1 - 1/n)
	middle, half := k+c/2, math.Sqrt(c*k+c*c/4)
	return Estimate{
		Listeners: heard * oneIn, OneIn: oneIn,
		Low: max(heard, int(math.Ceil(n*(middle-half)-1e-6))), High: int(n*(middle+half) + 1e-6),
	}
}

// Asked reports whether the listener who drew a number is asked where one in oneIn is.
func Asked(drawn uint64, oneIn int) bool { return oneIn > 0 && drawn < Draws/uint64(oneIn) }

// Tally counts what listeners say. Its methods may be called from any goroutine. The zero value is ready.
type Tally struct {
	mu    sync.Mutex
	rooms map[room.ID]*crowd // guarded by mu
}

// crowd is the listeners of one room who spoke.
type crowd struct {
	told     int                  // one in how many is asked, as is said now
	before   int                  // as was said before, where that was more
	until    time.Time            // when all know that it is less
	heard    map[uint64]time.Time // by number; when last
	offered  float64              // words a second, as of late, taken or not, if all were asked
	words    int                  // since the last turn, each for as many as it stands for
	left     float64              // words that may be taken
	since    time.Time            // of the last turn
	crowded  time.Time            // when there were last too many to ask more of them
	estimate Estimate
	made     time.Time // when
}

// counted is one in how many was asked of those who count.
func (c *crowd) counted(now time.Time) int {
	if now.Before(c.until) {
		return max(c.told, c.before)
	}
	return c.told
}

// OneIn is what to tell the listeners of a room who ask.
func (t *Tally) OneIn(id room.ID) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.rooms[id]; c != nil {
		return c.told
	}
	return 1
}

// Offer is for a word that came here. It reports whether to take it, and tell all nodes: not where it is of nobody who is asked. Where ok is false
// there were too many.
func (t *Tally) Offer(id room.ID, drawn uint64, now time.Time) (take, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.crowdLocked(id, now)
	if !Asked(drawn, c.told) {
		return false, true
	}
	c.words += c.told
	if c.left < 1 {
		return false, false
	}
	c.left--
	return true, true
}

// Hear counts a word that some node took.
func (t *Tally) Hear(id room.ID, drawn uint64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.crowdLocked(id, now)
	if _, known := c.heard[drawn]; known || len(c.heard) < mostKept && drawn < Draws {
		c.heard[drawn] = now
	}
}

// crowdLocked finds a room's listeners. The caller holds mu.
func (t *Tally) crowdLocked(id room.ID, now time.Time) *crowd {
	c := t.rooms[id]
	if c == nil {
		c = &crowd{told: 1, heard: map[uint64]time.Time{}, left: taken, since: now, crowded: now}
		if t.rooms == nil {
			t.rooms = map[room.ID]*crowd{}
		}
		t.rooms[id] = c
	}
	return c
}

// Turn is to be called about once a second: it forgets who has left, and decides how many are asked.
func (t *Tally) Turn(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, c := range t.rooms {
		c.turn(now)
		if len(c.heard) == 0 && c.offered < 0.01 && c.told == 1 {
			delete(t.rooms, id)
		}
	}
}

func (c *crowd) turn(now time.Time) {
	for drawn, at := range c.heard {
		if now.Sub(at) > kept {
			delete(c.heard, drawn)
		}
	}
	seconds := now.Sub(c.since).Seconds()
	if seconds <= 0 {
		return
	}
	// A crowd that comes at once is noticed within some seconds; the rest of it is chance.
	share := min(seconds/5, 1)
	c.offered += share * (float64(c.words)/seconds - c.offered)
	c.left = min(c.left+taken*seconds, taken)
	c.words, c.since = 0, now

	all := max(float64(c.asked(now)*c.counted(now))/Every.Seconds(), c.offered) // words a second, if all were asked
	for all/float64(c.told) > wanted && c.told < mostOneIn {
		c.told *= 2
	}
	if all/float64(c.told) > wanted/4 {
		c.crowded = now
	}
	if c.told > 1 && now.Sub(c.crowded) > calm {
		c.before, c.until = c.counted(now), now.Add(Every+kept)
		c.told, c.crowded = c.told/2, now
	}
	if now.Sub(c.made) >= fresh {
		c.estimate, c.made = Of(c.asked(now), c.counted(now)), now
	}
}

// asked is how many spoke lately of those who count.
func (c *crowd) asked(now time.Time) (n int) {
	oneIn := c.counted(now)
	for drawn := range c.heard {
		if Asked(drawn, oneIn) {
			n++
		}
	}
	return n
}

// Estimate is how many listen to a room of whom no server knows. It is not ok where nobody says that he does.
func (t *Tally) Estimate(id room.ID) (e Estimate, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.rooms[id]
	if c == nil || c.estimate.Listeners == 0 {
		return e, false
	}
	return c.estimate, true
}

// All is how many listen to all rooms together, with the interval: rooms are independent of each other.
func (t *Tally) All() (e Estimate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var below, above float64
	for _, c := range t.rooms {
		e.Listeners += c.estimate.Listeners
		below += math.Pow(float64(c.estimate.Listeners-c.estimate.Low), 2)
		above += math.Pow(float64(c.estimate.High-c.estimate.Listeners), 2)
		e.OneIn = max(e.OneIn, c.estimate.OneIn)
	}
	e.Low, e.High = e.Listeners-int(math.Sqrt(below)), e.Listeners+int(math.Sqrt(above))
	return e
}
