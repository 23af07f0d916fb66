//go:build linux

package edge

import (
	"math"
	"time"
)

// load is what one second of an edge was like.
type load struct {
	cpu    float64       // share of all cores that this process used
	others float64       // share of all cores that the rest of the machine used
	late   time.Duration // the latest tick of a section
	line   float64       // share of the configured line that seats were sent; 0 where it is not known
	behind float64       // share of the offers to seats at which the network had not taken what was before
	offers uint64        // to seats
}

// governor decides, second by second, how often seats are written to and which variant the line carries. It is a function of what it
// observes alone. It reacts in seconds to too much and takes back in minutes, and the longer the oftener that was wrong: a cadence that
// swings helps nobody.
type governor struct {
	shortest, longest step

	step    step // the cadence that the machine can keep up
	variant int  // in tape.Variants: the best that the line carries
	wish    step // what seats should be deep enough for: ahead of step when it gets tight

	cpu  relief // more work than the machine does in time
	line relief // more bytes than the line takes
}

// relief turns a row of seconds into steps of relief and back.
type relief struct {
	hot, cool int // seconds in a row
	settling  int // seconds until what was done last can be judged
	sinceBack int // seconds since the last step back
	patience  int // seconds of coolness before a step back
}

const (
	hotSeconds   = 2
	settleExtra  = 2   // seconds that a step may take to show, beyond its cadence
	coolSeconds  = 30  // before the first step back
	mostPatience = 480 // seconds
	regret       = 60  // a step back that is taken again within so many seconds was wrong

	hotCPU, coolCPU   = 0.80, 0.30 // half the cadence is nearly twice the work
	tightCPU          = 0.55
	hotLate           = 100 * time.Millisecond
	coolLate          = 30 * time.Millisecond
	ownCPU            = 0.15 // below this it is not our work that makes ticks late, or the machine busy
	hotAll, coolAll   = 0.95, 0.70
	hotLine, coolLine = 0.92, 0.38
	hotBehind         = 0.25
	coolBehind        = 0.02
	fewOffers         = 50 // below so many a second a slow listener says nothing about the line
)

func newGovernor(shortest, longest step) governor {
	return governor{
		shortest: shortest, longest: longest, step: shortest, wish: shortest,
		cpu: newRelief(), line: newRelief(),
	}
}

func newRelief() relief { return relief{patience: coolSeconds, sinceBack: math.MaxInt32} }

// observe takes in a second.
func (g *governor) observe(l load, variants int) {
	all := l.cpu + l.others
	hot := l.cpu > hotCPU || (l.late > hotLate || all > hotAll) && l.cpu > ownCPU
	cool := l.cpu < coolCPU && l.late < coolLate && all < coolAll
	switch g.cpu.judge(hot, cool) {
	case +1:
		if g.step < g.longest {
			g.step++
			g.cpu.acted(int(g.step.cadence().Duration()/time.Second) + settleExtra)
		}
	case -1:
		if g.step > g.shortest {
			g.step--
			g.cpu.tookBack(settleExtra)
		}
	}
	g.wish = g.step
	if (hot || l.cpu > tightCPU || all > (hotAll+tightCPU)/2 && l.cpu > ownCPU) && g.step < g.longest {
		g.wish++
	}
	full := l.offers > fewOffers && l.behind > hotBehind
	free := l.line < coolLine && (l.offers <= fewOffers || l.behind < coolBehind)
	switch g.line.judge(l.line > hotLine || full, free) {
	case +1:
		if g.variant < variants-1 {
			g.variant++
			g.line.acted(settleExtra + 2)
		}
	case -1:
		if g.variant > 0 {
			g.variant--
			g.line.tookBack(settleExtra + 2)
		}
	}
}

// judge says whether to relieve (+1), to take relief back (-1), or neither.
func (r *relief) judge(hot, cool bool) int {
	r.sinceBack = min(r.sinceBack+1, math.MaxInt32)
	if r.settling > 0 {
		r.settling--
		r.hot, r.cool = 0, 0
		return 0
	}
	if hot {
		r.hot++
	} else {
		r.hot = 0
	}
	if cool {
		r.cool++
	} else {
		r.cool = 0
	}
	switch {
	case r.hot >= hotSeconds:
		r.hot = 0
		return +1
	case r.cool >= r.patience:
		r.cool = 0
		return -1
	}
	return 0
}

// acted notes a relief that shows after some seconds.
func (r *relief) acted(seconds int) {
	if r.sinceBack < regret+r.patience/4 {
		r.patience = min(2*r.patience, mostPatience)
	}
	r.settling = seconds
}

func (r *relief) tookBack(seconds int) {
	if r.sinceBack > 2*mostPatience {
		r.patience = coolSeconds // it was right for long
	}
	r.sinceBack = 0
	r.settling = seconds
}

// writeCost is about what one write to a seat costs in CPU time, loopback's receiving side included: what a bare loop needs for it
// (docs/BENCHMARKS.md). It is not measured on the machine it is used on.
const writeCost = 12 * time.Microsecond

// expectedShare is how much of the machine may go into writes when all who are expected have come.
const expectedShare = 0.6

// stepFor is the shortest step at which so many seats can be written to by so many cores.
func stepFor(seats, cores int, shortest, longest step) step {
	k := shortest
	for ; k < longest; k++ {
		perSecond := float64(seats) / k.cadence().Duration().Seconds()
		if perSecond*writeCost.Seconds() <= expectedShare*float64(cores) {
			break
		}
	}
	return k
}
