package mix

import "slices"

// Levelling after EBU R 128: the loudness of a voice is that of its last five seconds of speech, without pauses, and its gain moves
// slowly, and only while it speaks.
const (
	levelSub      = 5     // ticks in a step: 100 ms
	levelSubs     = 4     // steps in a gating block: 400 ms, overlapping by three quarters (BS.1770-4)
	levelBlocks   = 50    // gating blocks of speech remembered
	levelSilence  = -60.0 // LUFS; nobody who is quieter can be brought up to the target
	levelContrast = 6.0   // LU above the floor: steady noise is not speech
	levelRelative = 10.0  // LU below the mean (BS.1770-4)
	levelGate     = 0.1   // the same as a ratio of energies
	levelBump     = 10    // one block in so many, the loudest, is not believed: knocks and coughs
	levelSure     = 30    // blocks after which a voice is known: 3 s of speech
	levelFew      = 3     // blocks that are needed to say anything

	gainLeast = -20.0 // dB
	gainMost  = 24.0
	gainZone  = 0.5
	gainNew   = 15.0 / 50 // dB a tick while a voice is new, or much too loud
	gainKnown = 2.0 / 50  // dB a tick
	gainLoud  = 6.0       // LU above the target is much too loud
)

// leveller measures one speaker and chooses the gain. It is a value: it is copied to remember a speaker.
type leveller struct {
	filter kWeighting
	target float64 // LUFS
	gain   float64 // dB

	sub    float64 // energy of the step being measured
	ticks  int
	subs   [levelSubs]float64
	nsubs  int
	blocks [levelBlocks]float64
	heard  int     // blocks of speech so far
	lufs   float64 // their loudness
	speech bool    // now: the gain may move
	hurry  bool    // and fast

	floor noiseFloor
}

func newLeveller(target float64) leveller {
	return leveller{filter: newKWeighting(), target: target}
}

// observe measures the 20 ms x before levelling and moves the gain. It returns the gain before and after, as factors.
func (l *leveller) observe(x []float32) (from, to float32) {
	from = l.factor()
	energy := l.filter.energy(x)
	l.floor.observe(energy)
	l.sub += energy
	l.ticks++
	if l.ticks == levelSub {
		l.subs[l.nsubs%levelSubs] = l.sub / levelSub
		l.nsubs++
		l.sub, l.ticks = 0, 0
		l.block()
	}
	l.move()
	return from, l.factor()
}

// factor returns the gain as a factor.
func (l *leveller) factor() float32 { return float32(amplitude(l.gain)) }

// block remembers the last 400 ms if they are speech.
func (l *leveller) block() {
	l.speech = false
	if l.nsubs < levelSubs {
		return
	}
	var mean float64
	for _, s := range l.subs {
		mean += s / levelSubs
	}
	lufs := loudness(mean)
	tooLoud := lufs+l.gain > l.target+gainLoud
	if lufs < levelSilence || lufs < l.floor.lufs()+levelContrast && !tooLoud {
		return
	}
	l.blocks[l.heard%levelBlocks] = mean
	l.heard++
	l.estimate()
	if lufs < l.lufs-levelRelative {
		return // the end of a word: known, but no reason to move
	}
	l.speech = true
	l.hurry = tooLoud || l.heard < levelSure
}

// estimate finds the loudness of the speech remembered: the mean of what is not far below the mean.
func (l *leveller) estimate() {
	n := min(l.heard, levelBlocks)
	sorted := l.blocks // a copy
	known := sorted[:n]
	slices.Sort(known)
	known = known[:n-n/levelBump]
	gate := mean(known) * levelGate
	first := 0
	for known[first] < gate {
		first++
	}
	l.lufs = loudness(mean(known[first:]))
}

func mean(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// move brings the gain nearer to what the estimate asks for.
func (l *leveller) move() {
	if !l.speech || l.heard < levelFew {
		return
	}
	want := min(max(l.target-l.lufs, gainLeast), gainMost)
	rate := gainKnown
	if l.hurry {
		rate = gainNew
	}
	switch {
	case want > l.gain+gainZone:
		l.gain = min(l.gain+rate, want)
	case want < l.gain-gainZone:
		l.gain = max(l.gain-rate, want)
	}
}
