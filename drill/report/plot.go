package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// A plot is a box of 1000 × 300 that is stretched to whatever the page has room for; its words are HTML around it and keep their size.
const (
	boxWidth  = 1000
	boxHeight = 300
	maxAt     = 1 << 40 // seconds: far beyond every clock, and no sum of a few overflows
	maxPoints = 400     // of a line: more than a screen can tell apart
)

type plot struct {
	ID, Title, Sub string
	Kind           result.Kind
	X, Y           []tick
	Layers         []layer
	Marks          []mark
	Legend         []legend
	Empty          string // instead of the plot
	Alt            string
}

// tick stands at a share of the box, in percent from the left or the top.
type tick struct {
	At    float64
	Label string
	Minor bool // left out where there is little room
}

type layer struct {
	Class string
	Path  string
}

type mark struct {
	At    float64
	Label string
	Row   int // from the top, so that labels do not lie on each other
	Class string
}

type legend struct{ Class, Name, Value string }

// times maps seconds of the wall clock to columns of a plot: of one second each, or of several where there are too many.
type times struct {
	first, width int64 // Unix seconds; seconds per column
	columns      int
}

func newTimes(seconds []result.Second) times {
	if len(seconds) == 0 {
		return times{width: 1}
	}
	first, last := seconds[0].At, seconds[len(seconds)-1].At
	if first < 0 || last < first || last > maxAt {
		return times{width: 1} // no times of a drill: nothing is drawn
	}
	total := last - first + 1
	width := max((total+maxPoints-1)/maxPoints, 1)
	return times{first: first, width: width, columns: int((total + width - 1) / width)}
}

// column is where a second is, or -1 outside.
func (t times) column(at int64) int {
	if at < t.first || at-t.first >= int64(t.columns)*t.width {
		return -1
	}
	return int((at - t.first) / t.width)
}

// sums adds up what each column counts.
func (t times) sums(seconds []result.Second, of func(result.Second) int64) []float64 {
	out := make([]float64, t.columns)
	for _, s := range seconds {
		c := t.column(s.At)
		if c >= 0 {
			out[c] += float64(of(s))
		}
	}
	return out
}

// means is what a column holds in a mean second.
func (t times) means(seconds []result.Second, of func(result.Second) int64) []float64 {
	out := t.sums(seconds, of)
	for i := range out {
		out[i] /= float64(t.width)
	}
	return out
}

func (t times) usage(seconds []result.Usage, of func(result.Usage) float64) []float64 {
	out := make([]float64, t.columns)
	for _, u := range seconds {
		c := t.column(u.At)
		if c >= 0 {
			out[c] += of(u) / float64(t.width)
		}
	}
	return out
}

// ticks are at whole minutes, or whatever gives four to eight of them.
func (t times) ticks() []tick {
	total := float64(int64(t.columns) * t.width)
	step := 1.0
	for _, s := range []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400} {
		step = s
		if total/s <= 8 {
			break
		}
	}
	if total/step > 12 {
		step = total / 8
	}
	var out []tick
	for i := 0; float64(i)*step < total*0.97; i++ {
		at := float64(i) * step
		out = append(out, tick{At: 100 * at / total, Label: clock(at), Minor: i%2 == 1})
	}
	return out
}

// clock writes seconds since the start.
func clock(s float64) string {
	switch n := int64(s); {
	case n < 120:
		return fmt.Sprintf("%d s", n)
	case n < 7200:
		return fmt.Sprintf("%d:%02d", n/60, n%60)
	default:
		return fmt.Sprintf("%d:%02d h", n/3600, n/60%60)
	}
}

func (t times) sub(each string) string {
	if t.width == 1 {
		return each
	}
	return fmt.Sprintf("%s; each point is the mean of %d s", each, t.width)
}

func most(rows ...[]float64) float64 {
	m := 0.0
	for _, row := range rows {
		for _, v := range row {
			m = max(m, v)
		}
	}
	return m
}

// scale returns the end of an axis that starts at zero, and its ticks.
func scale(top float64, label func(float64) string) (end float64, ticks []tick) {
	if top <= 0 || math.IsInf(top, 0) || math.IsNaN(top) {
		top = 1
	}
	raw := top / 3
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := power
	for _, f := range []float64{1, 2, 5, 10} {
		step = f * power
		if step >= raw {
			break
		}
	}
	end = step * math.Ceil(top*1.04/step)
	for i := 0; ; i++ {
		v := float64(i) * step
		if v > end*1.001 || i > 20 {
			return end, ticks
		}
		ticks = append(ticks, tick{At: 100 * (1 - v/end), Label: label(v)})
	}
}

// steps draws values as a line of steps: a column is a time, not a moment.
func steps(values []float64, end float64) string {
	var b strings.Builder
	for i, v := range values {
		x0, x1 := column(i, len(values)), column(i+1, len(values))
		y := height(v, end)
		if i == 0 {
			fmt.Fprintf(&b, "M%s %s", x0, y)
		} else {
			fmt.Fprintf(&b, "V%s", y)
		}
		fmt.Fprintf(&b, "H%s", x1)
	}
	return b.String()
}

// area is the ground between two rows of values; low may be nil for the axis.
func area(low, high []float64, end float64) string {
	if len(high) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(steps(high, end))
	if low == nil {
		fmt.Fprintf(&b, "V%dH0Z", boxHeight)
		return b.String()
	}
	for i := len(low) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "V%sH%s", height(low[i], end), column(i, len(low)))
	}
	b.WriteString("Z")
	return b.String()
}

func column(i, of int) string { return coordinate(boxWidth * float64(i) / float64(of)) }

func height(v, end float64) string {
	return coordinate(boxHeight * (1 - min(max(v/end, 0), 1)))
}

// coordinate writes a tenth of a unit, without a tail.
func coordinate(v float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}
