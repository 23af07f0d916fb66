package mix

// line holds decoded samples until the resampler draws them.
type line struct {
	buf        []float32
	start, end int
}

// lineSamples has room for the most that is ever held, three of the longest packets: what a tick draws and splices, a packet behind it,
// and silence before a beginning.
const lineSamples = 4 * maxPacket

func newLine() line { return line{buf: make([]float32, lineSamples)} }

func (l *line) len() int { return l.end - l.start }

// samples returns what is held, oldest first.
func (l *line) samples() []float32 { return l.buf[l.start:l.end] }

// grow returns n more samples at the end, to be written by the caller; their content is undefined.
func (l *line) grow(n int) []float32 {
	if l.end+n > len(l.buf) {
		copy(l.buf, l.buf[l.start:l.end])
		l.end -= l.start
		l.start = 0
	}
	l.end += n
	return l.buf[l.end-n : l.end]
}

// shrink takes back n samples at the end.
func (l *line) shrink(n int) { l.end -= n }

// drop takes away the n oldest samples.
func (l *line) drop(n int) { l.start += n }

// cut removes n samples behind the first fade ones, which pass over into what follows the removed ones.
func (l *line) cut(n, fade int) {
	x := l.samples()
	for i := fade - 1; i >= 0; i-- {
		w := (float32(i) + 0.5) / float32(fade)
		x[i+n] = x[i]*(1-w) + x[i+n]*w
	}
	l.drop(n)
}

// stretch inserts n samples by going back n samples once, with a passage of fade samples. n+fade samples must be held.
func (l *line) stretch(n, fade int) {
	l.grow(n)
	x := l.samples()
	copy(x[n+fade:], x[fade:len(x)-n])
	for i := fade - 1; i >= 0; i-- {
		w := (float32(i) + 0.5) / float32(fade)
		x[n+i] = x[n+i]*(1-w) + x[i]*w
	}
}
