package mix

import (
	"math"
	"sync"
	"time"
)

// MaxDelay bounds the broadcast delay.
const MaxDelay = 30 * time.Second

// Pauses. Only their inside is stretched or shortened: the end of the word before and the beginning of the next stay as they are.
const (
	pauseSilence = 2.2e-6 // energy, near -57 LUFS: below it nothing is said
	pauseAbove   = 3.2    // times the noise floor: 5 LU
	pauseLoudest = 1.6e-4 // energy, near -38 LUFS: no noise floor makes a pause of what is louder
	pauseOnset   = 6      // ticks of a pause that go out as they are
	pauseGuard   = 2      // ticks at its end that are not shortened
	soundOnset   = 5      // ticks of sound that end a silence: a click does not

	dumpTail = 10 // ticks that a dump takes away of what comes: what was said before it and is still in jitter buffers and on the network

	seamFade = 5 * millisecond // where something was taken out, or held back
)

// delayed is one tick's sound on its way.
type delayed struct {
	pcm    [frameSamples]float32
	parts  parts // of which some of it is made
	moment int64
	quiet  bool
}

// delayLine holds the sum of the voices back, a whole number of ticks, and can forget it. What goes in comes out once and in order,
// unless it is dumped; only pauses are stretched, to come nearer to a longer delay, or shortened. Its methods may be called from any
// goroutine but for pass, which is the tick's.
type delayLine struct {
	mu       sync.Mutex
	ring     []delayed // guarded by mu, as all that follows; n of them from first on are held
	first, n int
	want     int   // ticks of delay
	begun    bool  // something went out
	withhold int   // ticks in which nothing goes out, while the line fills
	swallow  int   // ticks that are forgotten as they come in, before that
	in, out  int64 // the moments that came in and went out last, counted from 1
	dumpFrom int64 // the first moment of the last dump
	dumpTo   int64 // its last one, which may be still to come
	sounding bool  // the last tick was a moment's sound, not silence in its place

	last     [frameSamples]float32 // what went out last
	apart    parts                 // the parts of it; the tick that follows may not use them any more
	next     parts                 // room for the parts of the next
	spare    shelf                 // of parts
	run      int                   // moments of a pause that went out last, one after the other
	inserted bool                  // the last tick was put between two moments
	silent   int                   // ticks for which nothing was heard, as it came in
	loud     int                   // ticks of sound, as it came in

	weight kWeighting
	floor  noiseFloor
}

func newDelayLine() delayLine {
	return delayLine{ring: make([]delayed, 2), weight: newKWeighting()}
}

// set leads the delay to so many ticks: at once where nothing has gone out yet, by pauses otherwise.
func (d *delayLine) set(want int) {
	d.reserve(want)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.want = want
	if !d.begun {
		d.withhold = want
	}
}

// reserve makes room for a delay of so many ticks, so that the tick makes none.
func (d *delayLine) reserve(ticks int) {
	d.mu.Lock()
	have := len(d.ring)
	d.mu.Unlock()
	if have >= ticks+2 {
		return
	}
	ring := make([]delayed, ticks+2)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ring) >= len(ring) {
		return
	}
	for i := range d.n {
		ring[i] = *d.at(i)
	}
	d.ring, d.first = ring, 0
}

// dump forgets what has not gone out, and the next dumpTail ticks; holds back what comes for so many ticks, and returns how many ticks were
// forgotten. With nothing to forget it does nothing.
func (d *delayLine) dump(withhold func(want int) int) (removed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	removed = d.n
	if removed == 0 {
		return 0
	}
	for i := range d.n {
		d.spare.take(&d.at(i).parts)
	}
	d.dumpFrom, d.dumpTo = d.at(0).moment, d.in+dumpTail
	d.n, d.first = 0, 0
	d.withhold = min(withhold(d.want), len(d.ring)-1)
	d.swallow = dumpTail
	return removed
}

// at returns the i-th of those held, the oldest first.
func (d *delayLine) at(i int) *delayed {
	return &d.ring[(d.first+i)%len(d.ring)]
}

// pass takes the sound of one tick and replaces it by what goes out. Whatever happens to the sum happens to each of its parts, which are
// taken out of of; what goes out of them is in apart. Idle says that other sound covers what goes out: the delay is then reached at once.
func (d *delayLine) pass(x []float32, of *parts, idle bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.push(x, of)
	d.letOut(x, idle)
	d.apart, d.next = d.next, d.apart
	d.spare.take(&d.next)
}

func (d *delayLine) letOut(x []float32, idle bool) {
	if d.swallow > 0 {
		d.swallow--
		d.n--
		d.spare.take(&d.at(d.n).parts)
		d.silence(x)
		copy(d.last[:], x)
		return
	}
	for idle && d.n > d.want+1 && d.at(0).quiet {
		d.drop()
	}
	switch {
	case d.withhold > 0 || idle && d.n <= d.want:
		d.withhold = max(d.withhold-1, 0)
		d.silence(x)
	case d.n <= d.want && d.inPause(1) && !d.inserted:
		d.stretch(x)
	case d.n > d.want+1 && d.inPause(min(2+pauseGuard, d.n)):
		d.shorten(x)
	default:
		d.pop(x)
	}
	d.begun = true
	copy(d.last[:], x)
}

// push takes in the sound of a moment.
func (d *delayLine) push(x []float32, of *parts) {
	energy := d.weight.energy(x)
	d.floor.observe(energy)
	d.in++
	d.n++
	e := d.at(d.n - 1)
	copy(e.pcm[:], x)
	e.parts, *of = *of, e.parts // which are none
	e.moment = d.in
	e.quiet = energy < pauseSilence || energy < pauseLoudest && energy < pauseAbove*d.floor.energy()
	d.silent++
	d.loud++
	if e.quiet {
		d.loud = 0
	}
	if d.loud >= soundOnset {
		d.silent = 0
	}
}

// holdsBack reports whether the line fills after a dump.
func (d *delayLine) holdsBack() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.swallow+d.withhold > 0
}

// drop takes out the oldest moment.
func (d *delayLine) drop() {
	d.spare.take(&d.at(0).parts)
	d.first = (d.first + 1) % len(d.ring)
	d.n--
}

// inPause reports whether a pause has gone on for a while, and goes on for so many moments.
func (d *delayLine) inPause(moments int) bool {
	if d.run < pauseOnset || d.n < moments {
		return false
	}
	for i := range moments {
		if !d.at(i).quiet {
			return false
		}
	}
	return true
}

// pop lets the next moment out.
func (d *delayLine) pop(x []float32) {
	e := d.at(0)
	copy(x, e.pcm[:])
	d.out = e.moment
	d.inserted = false
	d.run++
	if !e.quiet {
		d.run = 0
	}
	d.next, e.parts = e.parts, d.next
	if !d.sounding && d.begun {
		rise(x)
		fall(x, d.last[:])
		for _, p := range d.next {
			rise(p.pcm[:])
		}
		d.fallApart()
	}
	d.sounding = true
	d.drop()
}

// stretch makes a tick that fits between the last moment and the next: it begins as the next one does and ends as the last one did.
func (d *delayLine) stretch(x []float32) {
	cross(x, d.at(0).pcm[:], d.last[:])
	d.crossApart(d.at(0).parts, d.apart)
	d.inserted = true
}

// shorten lets two moments out as one, which begins as the first and ends as the second.
func (d *delayLine) shorten(x []float32) {
	cross(x, d.at(0).pcm[:], d.at(1).pcm[:])
	d.crossApart(d.at(0).parts, d.at(1).parts)
	d.out = d.at(1).moment
	d.inserted = false
	d.run += 2
	d.drop()
	d.drop()
}

// silence lets nothing out, without a click.
func (d *delayLine) silence(x []float32) {
	clear(x)
	fall(x, d.last[:])
	d.fallApart()
	d.seam()
}

// seam says that the next moment does not go on where the last tick ended.
func (d *delayLine) seam() {
	d.sounding, d.inserted, d.run = false, false, 0
}

// fall adds a way from the end of last to silence. It is made of that sample alone: what would have come may have been dumped.
func fall(x, last []float32) {
	from := last[frameSamples-1]
	for i := range seamFade {
		x[i] += from * (1 - (float32(i)+0.5)/seamFade)
	}
}

// rise fades the beginning of x in.
func rise(x []float32) {
	for i := range seamFade {
		x[i] *= (float32(i) + 0.5) / seamFade
	}
}

// cross writes a passage from a to b to x, of equal power: a pause is noise.
func cross(x, a, b []float32) {
	for i := range x {
		w := (float64(i) + 0.5) / float64(len(x))
		x[i] = a[i]*float32(math.Sqrt(1-w)) + b[i]*float32(math.Sqrt(w))
	}
}
