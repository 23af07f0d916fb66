package poster

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"sync"

	"golang.org/x/image/vector"
)

// The theatre, as web/listen draws it: two tiers of rows around the orchestra, cut into wedges by stairs. It is drawn once.
var theatre = sync.OnceValue(func() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, Width, Height))
	const x, y = 985.0, 520.0
	for py := range Height {
		for px := range Width {
			far := min(1, math.Hypot(float64(px)-x, (float64(py)-y)*1.2)/820)
			img.SetRGBA(px, py, between(sky, ground, far))
		}
	}
	const inner, pitch, span = 120.0, 17.5, 212 * math.Pi / 180
	row := 0
	for _, tier := range []struct {
		rows, wedges int
		first        float64
	}{{13, 12, 0}, {8, 22, 14.6}} {
		for i := range tier.rows {
			radius := inner + (tier.first+float64(i)+0.5)*pitch
			rowOf(img, x, y, radius, span, tier.wedges, 0.5-0.016*float64(row), row)
			row++
		}
	}
	disc(img, x, y, 84, light)
	return img
})

func between(a, b color.NRGBA, share float64) color.RGBA {
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-share) + float64(b)*share)) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}

// rowOf draws the seats of a row: paler where words stand, and every now and then a lit one.
func rowOf(img *image.RGBA, x, y, radius, span float64, wedges int, strength float64, row int) {
	const seat, space, stair, thick = 8.0, 5.0, 13.0, 3.4
	for k := range wedges {
		from := -math.Pi/2 - span/2 + float64(k)*span/float64(wedges) + stair/radius/2
		to := from + span/float64(wedges) - stair/radius
		for n, a := 0, from; a+seat/radius <= to; n, a = n+1, a+(seat+space)/radius {
			mx := x + radius*math.Cos(a)
			pale := math.Min(1, math.Max(0.16, (mx-620)/300))
			c, alpha := stone, strength*pale
			if (row*31+k*17+n*7)%23 == 0 {
				c, alpha = light, 0.9*pale
			}
			mark(img, x, y, radius-thick/2, radius+thick/2, a, a+seat/radius, c, alpha)
		}
	}
}

// mark fills a piece of a ring.
func mark(img *image.RGBA, x, y, inner, outer, from, to float64, c color.NRGBA, alpha float64) {
	corner := func(r, a float64) (float64, float64) { return x + r*math.Cos(a), y + r*math.Sin(a) }
	points := [4][2]float64{}
	points[0][0], points[0][1] = corner(inner, from)
	points[1][0], points[1][1] = corner(outer, from)
	points[2][0], points[2][1] = corner(outer, to)
	points[3][0], points[3][1] = corner(inner, to)
	fill(img, points[:], c, alpha)
}

func disc(img *image.RGBA, x, y, radius float64, c color.NRGBA) {
	points := make([][2]float64, 120)
	for i := range points {
		a := 2 * math.Pi * float64(i) / float64(len(points))
		points[i] = [2]float64{x + radius*math.Cos(a), y + radius*math.Sin(a)}
	}
	fill(img, points, c, 1)
}

// fill paints a polygon; what lies outside of the picture is not painted.
func fill(img *image.RGBA, points [][2]float64, c color.NRGBA, alpha float64) {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range points {
		x0, y0, x1, y1 = min(x0, p[0]), min(y0, p[1]), max(x1, p[0]), max(y1, p[1])
	}
	box := image.Rect(int(math.Floor(x0)), int(math.Floor(y0)), int(math.Ceil(x1))+1, int(math.Ceil(y1))+1)
	if !box.Overlaps(img.Bounds()) {
		return
	}
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	at := func(p [2]float64) (float32, float32) {
		return float32(p[0]) - float32(box.Min.X), float32(p[1]) - float32(box.Min.Y)
	}
	r.MoveTo(at(points[0]))
	for _, p := range points[1:] {
		r.LineTo(at(p))
	}
	r.ClosePath()
	c.A = uint8(math.Round(255 * alpha))
	visible := box.Intersect(img.Bounds())
	mask := image.NewAlpha(image.Rect(0, 0, box.Dx(), box.Dy()))
	r.Draw(mask, mask.Bounds(), image.Opaque, image.Point{})
	draw.DrawMask(img, visible, image.NewUniform(c), image.Point{}, mask, visible.Min.Sub(box.Min), draw.Over)
}
