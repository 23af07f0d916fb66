package mix

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A word is told from any other by its samples: each tick of sound has a value of its own, and a pause is nearly nothing.
const (
	wordStep  = 1.0 / 4096
	wordLeast = 0.25 // far above any pause
)

// word is the tick of sound with number n. Its sign changes from sample to sample: the weighting of loudness has a high pass.
func word(n int) [frameSamples]float32 {
	var x [frameSamples]float32
	v := float32(wordLeast + float64(n)*wordStep)
	for i := range x {
		x[i] = v
		v = -v
	}
	return x
}

// heardWord is the number of the word that x is, or -1. The first samples may be faded.
func heardWord(x []float32) int {
	v := math.Abs(float64(x[frameSamples-1]))
	if v < wordLeast/2 {
		return -1
	}
	return int(math.Round((v - wordLeast) / wordStep))
}

// track drives a line and keeps what went in and out.
type track struct {
	line   delayLine
	said   int   // words so far
	in     []int // what each tick brought in: a word, or -1
	out    []int // what went out
	dumped map[int]bool
	apart  bool // the voices of what went out were not always what went out
}

// halves are two voices that x is made of; every third tick one of them.
func halves(n int, x *[frameSamples]float32) (of parts) {
	if n < 0 {
		return nil
	}
	share := float32(0.25)
	if n%3 == 0 {
		share = 1
	}
	a := part{"a", new([frameSamples]float32)}
	b := part{"b", new([frameSamples]float32)}
	for i, v := range x {
		a.pcm[i], b.pcm[i] = v*share, v*(1-share)
	}
	if share == 1 {
		return parts{a}
	}
	return parts{b, a}
}

// sumsTo reports whether the parts add up to x.
func sumsTo(of parts, x []float32) bool {
	for i, v := range x {
		for _, p := range of {
			v -= p.pcm[i]
		}
		if v > 1e-6 || v < -1e-6 {
			return false
		}
	}
	return true
}

func newTrack() *track { return &track{line: newDelayLine(), dumped: map[int]bool{}} }

func (k *track) tick(speaks, idle bool) {
	var x [frameSamples]float32
	n := -1
	if speaks {
		n = k.said
		x = word(n)
		k.said++
	}
	k.in = append(k.in, n)
	if k.line.swallow > 0 {
		k.dumped[n] = true
	}
	of := halves(n, &x)
	k.line.pass(x[:], &of, idle)
	k.apart = k.apart || !sumsTo(k.line.apart, x[:])
	k.out = append(k.out, heardWord(x[:]))
}

func (k *track) dump(withhold int) int {
	for i := range k.line.n {
		e := k.line.at(i)
		if n := heardWord(e.pcm[:]); n >= 0 {
			k.dumped[n] = true
		}
	}
	return k.line.dump(func(want int) int {
		if withhold < 0 {
			return want
		}
		return withhold
	})
}

// flush lets everything out that is in the line.
func (k *track) flush() {
	for range 2 * len(k.line.ring) {
		k.tick(false, false)
	}
}

// Whatever is said, however long the pauses, and whatever is done to the delay: every word comes out once and in order, except those that
// were dumped, and none of these.
func TestDelayLineKeepsEveryWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := newTrack()
		k.line.set(rapid.IntRange(0, 60).Draw(t, "delay at the start"))
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"speak", "speak", "pause", "pause", "hold", "set", "dump"}).Draw(t, "step") {
			case "speak":
				for range rapid.IntRange(1, 40).Draw(t, "ticks") {
					k.tick(true, false)
				}
			case "pause":
				for range rapid.IntRange(1, 80).Draw(t, "ticks") {
					k.tick(false, false)
				}
			case "hold":
				for range rapid.IntRange(1, 80).Draw(t, "ticks") {
					k.tick(false, true)
				}
			case "set":
				k.line.set(rapid.IntRange(0, 100).Draw(t, "delay"))
			case "dump":
				fill := rapid.IntRange(-1, 30).Draw(t, "fill")
				k.line.reserve(max(fill, 0))
				before := k.line.n
				if removed := k.dump(fill); removed != before {
					t.Fatalf("%d ticks were in the line, and %d are said to be removed", before, removed)
				}
			}
			if have := k.line.n; have >= len(k.line.ring) {
				t.Fatalf("the line holds %d ticks, and has room for %d", have, len(k.line.ring))
			}
		}
		k.flush()
		if k.apart {
			t.Fatal("the voices of what goes out do not add up to it")
		}
		next := 0
		for i, n := range k.out {
			if n < 0 {
				continue
			}
			for k.dumped[next] {
				next++
			}
			if n != next {
				t.Fatalf("tick %d lets word %d out, want %d (dumped: %v)", i, n, next, k.dumped[n])
			}
			next++
		}
		for k.dumped[next] {
			next++
		}
		if next != k.said {
			t.Fatalf("the words from %d to %d never came out", next, k.said)
		}
	})
}

// speakInPauses says words of so many ticks with pauses of so many between, until done.
func (k *track) speakInPauses(t *testing.T, words, pause, most int, done func() bool) (ticks int) {
	t.Helper()
	for !done() {
		for range words {
			k.tick(true, false)
		}
		for range pause {
			k.tick(false, false)
		}
		if ticks += words + pause; ticks > most {
			t.Fatalf("after %v the delay is %v, not %v", ofTicks(ticks), ofTicks(k.line.n), ofTicks(k.line.want))
		}
	}
	return ticks
}

// At work, the delay changes in the pauses of speech alone: words of 2.4 s and pauses of 0.5 s make 10 s of it in a minute or two, and take
// it back.
func TestDelayChangesInPauses(t *testing.T) {
	k := newTrack()
	k.speakInPauses(t, 120, 25, 200, func() bool { return len(k.in) > 0 })
	for _, want := range []int{500, 0, 250} {
		k.line.set(want)
		ticks := k.speakInPauses(t, 120, 25, 10000, func() bool { return k.line.n == want })
		t.Logf("a delay of %v is reached after %v", ofTicks(want), ofTicks(ticks))
	}
	longest, pause := 0, 0
	for _, n := range k.out {
		pause++
		if n >= 0 {
			longest, pause = max(longest, pause-1), 0
		}
	}
	if longest > 2*25 {
		t.Errorf("a pause of 25 ticks became one of %d", longest)
	}
}

func TestDelayAtTheStartIsThereAtOnce(t *testing.T) {
	k := newTrack()
	k.line.set(100)
	for range 300 {
		k.tick(true, false)
	}
	for i, n := range k.out {
		if want := i - 100; n != max(want, -1) {
			t.Fatalf("tick %d lets word %d out, want %d", i, n, want)
		}
	}
}

// While other sound covers the line a delay is reached at once, longer or shorter, and no word is lost for it.
func TestDelayChangesUnderHold(t *testing.T) {
	k := newTrack()
	for range 10 {
		k.tick(false, true)
	}
	k.line.set(200)
	for range 201 {
		k.tick(false, true)
	}
	if k.line.n != 200 {
		t.Fatalf("the line holds %d ticks, want 200", k.line.n)
	}
	k.line.set(50)
	k.tick(false, true)
	if k.line.n != 50 {
		t.Fatalf("the line holds %d ticks, want 50", k.line.n)
	}
	for range 100 {
		k.tick(true, true)
	}
	if k.out[len(k.out)-1] != 49 {
		t.Errorf("word %d goes out, want 49", k.out[len(k.out)-1])
	}
}

// Filled to the whole delay, a dump is followed by the first word that was said 200 ms after it, a whole delay later; with no fill, by that
// word at once.
func TestDumpFills(t *testing.T) {
	for _, tt := range []struct{ fill, after int }{{-1, 100}, {0, 0}, {30, 30}, {140, 140}} {
		k := newTrack()
		k.line.set(100)
		k.line.reserve(max(tt.fill, 0))
		for range 250 {
			k.tick(true, false)
		}
		if removed := k.dump(tt.fill); removed != 100 {
			t.Fatalf("%d ticks were removed, want 100", removed)
		}
		for range 300 {
			k.tick(true, false)
		}
		for i, n := range k.out[250:] {
			want := -1
			if i >= dumpTail+tt.after {
				want = 250 + i - tt.after
			}
			if n != want {
				t.Fatalf("fill %d: tick %d after the dump lets word %d out, want %d", tt.fill, i, n, want)
			}
		}
		if k.line.n != tt.after {
			t.Errorf("fill %d: the delay is %d ticks, want %d", tt.fill, k.line.n, tt.after)
		}
	}
}

func TestDumpOfNothing(t *testing.T) {
	k := newTrack()
	for range 10 {
		k.tick(true, false)
	}
	if removed := k.dump(0); removed != 0 {
		t.Errorf("%d ticks were removed from a line without delay", removed)
	}
	k.tick(true, false)
	if n := k.out[10]; n != 10 {
		t.Errorf("word %d goes out, want 10", n)
	}
}

// A cut and its end are no clicks: the way down and up takes 5 ms.
func TestDumpDoesNotClick(t *testing.T) {
	line := newDelayLine()
	line.set(20)
	at := 0
	hum := func(n int) (heard []float32) {
		for range n {
			var x [frameSamples]float32
			for i := range x {
				x[i] = 0.5 * float32(math.Sin(2*math.Pi*200*float64(at)/sampleRate+0.9))
				at++
			}
			line.pass(x[:], &parts{}, false)
			heard = append(heard, x[:]...)
		}
		return heard
	}
	hum(40)
	heard := hum(1)
	line.dump(func(int) int { return 3 })
	heard = append(heard, hum(dumpTail+8)...)
	line.dump(func(int) int { return 0 })
	heard = append(heard, hum(dumpTail+2)...)
	for i := 1; i < len(heard); i++ {
		if step := math.Abs(float64(heard[i] - heard[i-1])); step > 0.03 {
			t.Errorf("sample %d is a step of %.3f", i, step)
		}
	}
}

// What is quiet all the time is a pause, and what is as loud as a voice is none, however steady.
func TestPausesAreFoundInNoise(t *testing.T) {
	for _, tt := range []struct {
		amplitude float32
		pause     bool
	}{{0.0005, true}, {0.003, true}, {0.1, false}} {
		line := newDelayLine()
		var quiet bool
		for range 300 {
			var x [frameSamples]float32
			for i := range x {
				x[i] = tt.amplitude * float32(math.Sin(2*math.Pi*1000*float64(i)/sampleRate))
			}
			line.push(x[:], &parts{})
			quiet = line.at(line.n - 1).quiet
			line.drop()
		}
		if quiet != tt.pause {
			t.Errorf("an amplitude of %g is a pause: %t, want %t", tt.amplitude, quiet, tt.pause)
		}
	}
}

func TestDelayLineDoesNotAllocate(t *testing.T) {
	m := New(Config{NewDecoder: func() (Decoder, error) { return nil, nil }})
	m.SetDelay(time.Second)
	cart := NewCart("tone", make([]float32, sampleRate))
	var out [frameSamples]float32
	now := time.Duration(0)
	tick := func() {
		m.Tick(out[:], now)
		now += 20 * time.Millisecond
	}
	m.Play(cart)
	m.Hold(true)
	for range 100 {
		tick()
	}
	if n := testing.AllocsPerRun(500, tick); n != 0 {
		t.Errorf("a tick allocates %v times, want 0", n)
	}
	m.Dump(Fill{Cart: cart})
	m.Hold(false)
	if n := testing.AllocsPerRun(500, tick); n != 0 {
		t.Errorf("a tick after a dump allocates %v times, want 0", n)
	}
}
