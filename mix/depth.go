package mix

// How the depth is chosen. A packet is needed up to one tick before its first sample sounds, whatever the phase between arrivals and
// ticks; to that the lateness of nearly all packets is added.
const (
	depthTick     = frameSamples
	depthMargin   = 2.5 * millisecond
	depthQuantile = 0.98
	depthMemory   = 1.0 / 800 // weight of the newest packet: some 16 s of 20 ms packets
	depthBin      = millisecond
	depthBins     = 401 // up to the greatest depth that may be asked for
	depthSure     = 25  // packets after which the histogram is believed
	lossMemory    = 1.0 / 200
	lossHigh      = 0.01 // losses that make it worth waiting for redundancy
	lossLow       = 0.003
	fecMemory     = 250 // packets without redundancy after which none is expected
)

// depth chooses how long packets wait: a histogram of lateness that forgets slowly, and the losses that redundancy could mend.
type depth struct {
	// immutable, samples
	least, start, most float64

	bins    [depthBins]float64
	packets int
	loss    float64 // share of packets lost
	wait    bool    // for the packet behind a lost one
	fec     float64 // duration of the last packet that carried redundancy
	plain   int     // packets since then
	target  float64 // samples
}

// newDepth returns a depth of start until the lateness of packets is known, and never below least nor above most, in samples.
func newDepth(least, start, most float64) depth {
	return depth{least: least, start: start, most: most, plain: fecMemory, target: start}
}

// observe takes the lateness of a packet that arrived. What is later than the greatest depth tells nothing about the right one.
func (d *depth) observe(late float64, p *packet) {
	if late > d.most {
		return
	}
	d.packets++
	weight := max(depthMemory, 1/float64(d.packets))
	for i := range d.bins {
		d.bins[i] *= 1 - weight
	}
	d.bins[min(int(late/depthBin), depthBins-1)] += weight
	d.plain++
	if p.fec {
		d.fec, d.plain = float64(p.dur), 0
	}
	d.choose()
}

// lost and played count packets by what became of them at their turn.
func (d *depth) lost()   { d.loss += lossMemory * (1 - d.loss) }
func (d *depth) played() { d.loss -= lossMemory * d.loss }

// choose sets the target.
func (d *depth) choose() {
	late := float64(d.quantile()+1) * depthBin
	d.target = depthTick + late + depthMargin
	switch {
	case d.loss > lossHigh:
		d.wait = true
	case d.loss < lossLow:
		d.wait = false
	}
	if d.wait && d.plain < fecMemory {
		d.target += d.fec
	}
	if d.packets < depthSure {
		d.target = max(d.target, d.start)
	}
	d.target = min(max(d.target, d.least), d.most)
}

// quantile returns the bin below which the stated share of packets lies.
func (d *depth) quantile() int {
	above := 1 - depthQuantile
	for i := depthBins - 1; i > 0; i-- {
		above -= d.bins[i]
		if above < 0 {
			return i
		}
	}
	return 0
}
