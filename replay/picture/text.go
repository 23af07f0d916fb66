package picture

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the letters
	"encoding/binary"
	"image/color"
	"io"
	"math"
	"strings"
	"sync"
)

// The outlines of DejaVu Serif's letters for Latin, Greek and Cyrillic (NOTICE). A program that shows links to people everywhere cannot rely on
// the fonts of the machine that it runs on.
//
//go:generate go run ./letters /usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf letters.gz
//go:embed letters.gz
var letterFile []byte

type point struct {
	x, y float64 // in ems, up
	on   bool    // the outline goes through it; otherwise it bends the outline
}

type letter struct {
	width    float64 // in ems
	contours [][]point
}

// letters are read once. A file that cannot be read is a panic: it is part of the program.
var letters = sync.OnceValue(func() map[rune]letter {
	z, err := gzip.NewReader(bytes.NewReader(letterFile))
	if err != nil {
		panic(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		panic(err)
	}
	be := binary.BigEndian
	em := float64(be.Uint16(b))
	all := map[rune]letter{}
	for b = b[2:]; len(b) > 0; {
		r, l := rune(be.Uint32(b)), letter{width: float64(be.Uint16(b[4:])) / em}
		n := b[6]
		b = b[7:]
		for range n {
			c := make([]point, be.Uint16(b))
			b = b[2:]
			for i := range c {
				c[i] = point{float64(int16(be.Uint16(b))) / em, float64(int16(be.Uint16(b[2:]))) / em, b[4] != 0}
				b = b[5:]
			}
			l.contours = append(l.contours, c)
		}
		all[r] = l
	}
	return all
})

// drawable reports whether a text can be drawn as it is written: in letters that are here. A name with half of its letters would be worse than
// none.
func drawable(s string) bool {
	for _, r := range s {
		if _, ok := letters()[r]; !ok {
			return false
		}
	}
	return s != ""
}

// width is how wide a text is, in pixels.
func width(s string, size int) int {
	w := 0.0
	for _, r := range s {
		w += letters()[r].width
	}
	return int(math.Ceil(w * float64(size)))
}

// clip is a text, cut where it is wider than that.
func clip(s string, size, most int) string {
	if width(s, size) <= most {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && width(string(runes)+"…", size) > most {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ,") + "…"
}

// wrap is a text in at most so many lines; nothing where it cannot be drawn.
func wrap(s string, size, most, lines int) (all []string) {
	if !drawable(s) {
		return nil
	}
	words := strings.Fields(s)
	for len(words) > 0 && len(all) < lines {
		if len(all) == lines-1 {
			return append(all, clip(strings.Join(words, " "), size, most))
		}
		n := 1
		for n < len(words) && width(strings.Join(words[:n+1], " "), size) <= most {
			n++
		}
		all, words = append(all, clip(strings.Join(words[:n], " "), size, most)), words[n:]
	}
	return all
}

// text draws a line whose base line is at y.
func (d *drawing) text(s string, x, y, size int, c color.NRGBA) {
	at := float64(x)
	for _, r := range s {
		l, ok := letters()[r]
		if !ok {
			continue
		}
		d.letter(l, at, float64(y), float64(size), c)
		at += l.width * float64(size)
	}
}

// letter draws one letter.
func (d *drawing) letter(l letter, x, y, size float64, c color.NRGBA) {
	left, top := int(math.Floor(x))-int(size/2), int(y-size*1.2)
	a := newArea(int(size*2.2)+2, int(size*1.7)+2)
	place := func(p point) (float64, float64) { return x + p.x*size - float64(left), y - p.y*size - float64(top) }
	for _, contour := range l.contours {
		a.contour(contour, place)
	}
	a.cover(func(px, py int, share float64) { d.blend(left+px, top+py, c, share) })
}

// area adds up how much of each pixel lies inside of an outline: each edge says by how much the sum changes from its pixel on to the right.
type area struct {
	width, height int
	change        []float64
}

func newArea(width, height int) *area { return &area{width, height, make([]float64, width*height+2)} }

// contour adds a closed outline of lines and quadratic curves, as TrueType has them: between two points that bend it lies one that it goes through.
func (a *area) contour(c []point, place func(point) (float64, float64)) {
	if len(c) < 2 {
		return
	}
	middle := func(p, q point) point { return point{(p.x + q.x) / 2, (p.y + q.y) / 2, true} }
	start := c[0]
	if !start.on {
		start = middle(c[0], c[len(c)-1])
	}
	at, bend, bent := start, point{}, false
	to := func(p point) {
		if bent {
			a.curve(at, bend, p, place)
		} else {
			a.line(at, p, place)
		}
		at, bent = p, false
	}
	for i := range c {
		p := c[(i+1)%len(c)]
		if i == len(c)-1 {
			p = start
		} else if !p.on {
			if bent {
				to(middle(bend, p))
			}
			bend, bent = p, true
			continue
		}
		to(p)
	}
}

func (a *area) curve(p, bend, q point, place func(point) (float64, float64)) {
	const steps = 8
	last := p
	for i := 1; i <= steps; i++ {
		t := float64(i) / steps
		u := 1 - t
		next := point{u*u*p.x + 2*u*t*bend.x + t*t*q.x, u*u*p.y + 2*u*t*bend.y + t*t*q.y, true}
		a.line(last, next, place)
		last = next
	}
}

func (a *area) line(p, q point, place func(point) (float64, float64)) {
	x0, y0 := place(p)
	x1, y1 := place(q)
	up := 1.0
	if y0 > y1 {
		x0, y0, x1, y1, up = x1, y1, x0, y0, -1
	}
	if y1 <= 0 || y0 >= float64(a.height) || y0 == y1 {
		return
	}
	slope := (x1 - x0) / (y1 - y0)
	for y := max(0, int(y0)); y < min(a.height, int(math.Ceil(y1))); y++ {
		from, to := max(float64(y), y0), min(float64(y+1), y1)
		if to > from {
			a.edge(y, x0+(from-y0)*slope, x0+(to-y0)*slope, (to-from)*up)
		}
	}
}

// edge adds a part of a line that lies in one row of pixels, and is so tall.
func (a *area) edge(y int, x0, x1, tall float64) {
	if x0 > x1 {
		x0, x1 = x1, x0
	}
	x0, x1 = min(max(x0, 0), float64(a.width-1)), min(max(x1, 0), float64(a.width-1))
	row := y * a.width
	first, last := int(x0), int(x1)
	if first == last {
		right := 1 - ((x0+x1)/2 - float64(first))
		a.change[row+first] += tall * right
		a.change[row+first+1] += tall * (1 - right)
		return
	}
	for x := first; x <= last; x++ {
		from, to := max(x0, float64(x)), min(x1, float64(x+1))
		part := tall * (to - from) / (x1 - x0)
		right := 1 - ((from+to)/2 - float64(x))
		a.change[row+x] += part * right
		a.change[row+x+1] += part * (1 - right)
	}
}

func (a *area) cover(visit func(x, y int, share float64)) {
	for y := range a.height {
		sum := 0.0
		for x := range a.width {
			sum += a.change[y*a.width+x]
			if share := math.Abs(sum); share > 1.0/512 {
				visit(x, y, min(share, 1))
			}
		}
	}
}
