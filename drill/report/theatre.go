package report

import (
	"fmt"
	"math"
)

// The theatre of the listeners' page, as a plot: each mark stands for an equal part of those who were due. Rows fill from the front with
// those who heard sound; those who were turned away stand at the back.
const (
	theatreX, theatreY = 320, 318 // of the orchestra
	theatreRows        = 20
	theatreWedges      = 12
	theatreFrom        = 194.0 // degrees, clockwise from the right as in SVG
	theatreTo          = -14.0
	theatrePitch       = 8.2
)

type arc struct {
	Class string
	Path  string
	Dash  string
}

type bank struct {
	radius, from, to float64 // degrees
	marks            int
}

func banks() (all []bank, marks int) {
	for row := range theatreRows {
		radius := 82.0 + 10.4*float64(row)
		if row >= 12 {
			radius += 16 // the walk between the lower and the upper rows
		}
		aisle := 5 / radius * 180 / math.Pi
		wedge := (theatreFrom - theatreTo) / theatreWedges
		for w := range theatreWedges {
			from := theatreFrom - float64(w)*wedge - aisle/2
			to := from - wedge + aisle
			n := max(int((from-to)*math.Pi/180*radius/theatrePitch), 1)
			all = append(all, bank{radius, from, to, n})
			marks += n
		}
	}
	return all, marks
}

// theatre returns the rows, and how many listeners a mark stands for.
func theatre(due, seated, turnedAway int64) ([]arc, float64) {
	all, marks := banks()
	if due <= 0 {
		due = max(seated+turnedAway, 1)
	}
	lit := marksOf(seated, due, marks)
	away := min(marksOf(turnedAway, due, marks), marks-lit)
	var arcs []arc
	at := 0
	for _, b := range all {
		inLit := min(max(lit-at, 0), b.marks)
		inAway := min(max(at+b.marks-(marks-away), 0), b.marks-inLit)
		arcs = b.draw(arcs, "lit", 0, inLit)
		arcs = b.draw(arcs, "free", inLit, b.marks-inAway)
		arcs = b.draw(arcs, "away", b.marks-inAway, b.marks)
		at += b.marks
	}
	return arcs, float64(due) / float64(marks)
}

// marksOf shows one mark where there is anything, and all of them only where there is everything.
func marksOf(part, whole int64, marks int) int {
	n := int(math.Round(float64(part) / float64(whole) * float64(marks)))
	switch {
	case part > 0 && n < 1:
		n = 1
	case part < whole && n >= marks:
		n = marks - 1
	}
	return min(max(n, 0), marks)
}

func (b bank) draw(arcs []arc, class string, from, to int) []arc {
	if to <= from {
		return arcs
	}
	pitch := (b.from - b.to) / float64(b.marks)
	a0, a1 := b.from-float64(from)*pitch, b.from-float64(to)*pitch
	length := pitch * math.Pi / 180 * b.radius
	x0, y0 := b.point(a0)
	x1, y1 := b.point(a1)
	return append(arcs, arc{
		Class: class,
		Path:  fmt.Sprintf("M%.1f %.1fA%.1f %.1f 0 0 1 %.1f %.1f", x0, y0, b.radius, b.radius, x1, y1),
		Dash:  fmt.Sprintf("%.2f %.2f", length*0.62, length*0.38),
	})
}

func (b bank) point(degrees float64) (x, y float64) {
	rad := degrees * math.Pi / 180
	return theatreX + b.radius*math.Cos(rad), theatreY - b.radius*math.Sin(rad)
}
