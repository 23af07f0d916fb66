// Package picture draws what stands for a part of a conversation where a link to it is shown: its sound, whose voice it is, and when. It is a
// pure function of what is drawn.
package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"sync"
	"time"
)

// Width and Height are those that places which show links ask for.
const (
	Width  = 1200
	Height = 630
)

// Clip is what is drawn of a clip.
type Clip struct {
	Title    string
	Speakers []string
	Length   time.Duration
	Began    time.Time // zero where that is not known
	Levels   []byte    // 0 to 255
}

// The colours are those of the pages in the dark.
var (
	ground = color.NRGBA{0x0b, 0x19, 0x1b, 0xff}
	ink    = color.NRGBA{0xec, 0xe8, 0xdd, 0xff}
	faint  = color.NRGBA{0x93, 0xa5, 0xa2, 0xff}
	light  = color.NRGBA{0xe0, 0xa9, 0x4c, 0xff}
	rows   = color.NRGBA{0x16, 0x2b, 0x2d, 0xff}
)

// The page's measures.
const (
	margin    = 72
	titleSize = 58
	titleLead = 74
	smallSize = 34
	markSize  = 30

	waveTop, waveBottom = 330, 520
	barWidth, barStep   = 8, 14
)

// PNG draws a clip.
func PNG(c Clip) ([]byte, error) {
	d := newDrawing()
	copy(d.Pix, background().Pix)
	y := margin + titleSize
	for _, line := range wrap(c.Title, titleSize, Width-2*margin, 2) {
		d.text(line, margin, y, titleSize, ink)
		y += titleLead
	}
	if names := strings.Join(c.Speakers, ", "); drawable(names) {
		d.text(clip(names, smallSize, Width-2*margin), margin, y-titleLead+titleSize+14, smallSize, light)
	}
	d.wave(c.Levels)
	d.text(foot(c), margin, Height-48, smallSize, faint)
	const mark = "Epidaurus"
	d.text(mark, Width-margin-width(mark, markSize), Height-48, markSize, faint)
	var out bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, d.NRGBA)
	if err != nil {
		return nil, fmt.Errorf("draw a picture: %w", err)
	}
	return out.Bytes(), nil
}

// foot is how long the clip is, and of which day.
func foot(c Clip) string {
	s := int(math.Round(c.Length.Seconds()))
	text := fmt.Sprintf("%d:%02d", s/60, s%60)
	if !c.Began.IsZero() {
		text += c.Began.UTC().Format(" · 2006-01-02 15:04 UTC")
	}
	return text
}

// drawing is a picture that is being made.
type drawing struct{ *image.NRGBA }

func newDrawing() *drawing { return &drawing{image.NewNRGBA(image.Rect(0, 0, Width, Height))} }

// background is what is behind every picture. It is drawn once: that takes longer than all the rest.
var background = sync.OnceValue(func() *drawing {
	d := newDrawing()
	d.fill(d.Bounds(), ground)
	d.theatre()
	return d
})

func (d *drawing) fill(r image.Rectangle, c color.NRGBA) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			d.SetNRGBA(x, y, c)
		}
	}
}

// theatre draws the rows of the theatre behind everything, around a stage at the lower right.
func (d *drawing) theatre() {
	const cx, cy = Width - 150, Height + 40
	for y := range Height {
		for x := range Width {
			r := math.Hypot(float64(x-cx), float64(y-cy))
			in := math.Mod(r, 64)
			if r < 150 || r > 740 || in > 26 {
				continue
			}
			edge := min(in, 26-in, 1.0)
			d.SetNRGBA(x, y, mix(ground, rows, edge*(1-r/760)))
		}
	}
}

// wave draws the sound: loud is tall.
func (d *drawing) wave(levels []byte) {
	count := (Width - 2*margin) / barStep
	for i := range count {
		most := byte(0)
		from, to := i*len(levels)/count, max((i+1)*len(levels)/count, i*len(levels)/count+1)
		for j := from; j < min(to, len(levels)); j++ {
			most = max(most, levels[j])
		}
		l := float64(most) / 255
		tall := max(barWidth, int(l*l*(waveBottom-waveTop)))
		x, top := margin+i*barStep, (waveTop+waveBottom-tall)/2
		d.bar(image.Rect(x, top, x+barWidth, top+tall))
	}
}

// bar fills a rectangle whose corners are round.
func (d *drawing) bar(r image.Rectangle) {
	radius := float64(r.Dx()) / 2
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			px, py := float64(x)+0.5, float64(y)+0.5
			cy := min(max(py, float64(r.Min.Y)+radius), float64(r.Max.Y)-radius)
			cover := min(max(radius+0.5-math.Hypot(px-float64(r.Min.X)-radius, py-cy), 0), 1)
			d.blend(x, y, light, cover)
		}
	}
}

func (d *drawing) blend(x, y int, c color.NRGBA, cover float64) {
	if cover <= 0 || !(image.Point{X: x, Y: y}.In(d.Rect)) {
		return
	}
	d.SetNRGBA(x, y, mix(d.NRGBAAt(x, y), c, cover))
}

func mix(a, b color.NRGBA, share float64) color.NRGBA {
	of := func(a, b uint8) uint8 {
		return uint8(math.Round(float64(a) + (float64(b)-float64(a))*min(max(share, 0), 1)))
	}
	return color.NRGBA{of(a.R, b.R), of(a.G, b.G), of(a.B, b.B), 0xff}
}
