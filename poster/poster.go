// Package poster makes the pictures that are shown with links to rooms: of what was announced, in the house's look, or of a file that a host gave.
// It is pure: the same announcement is the same picture, and has the same name, on every node.
package poster

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"
	"sync"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/epidaurus-live/epidaurus/room"
)

// The size that those ask for who show links.
const Width, Height = 1200, 630

// look grows with each change of how pictures look: it is a part of their names.
const look = 1

// Bill is what a picture says.
type Bill struct {
	Title    string    `json:"title,omitempty"`
	Language string    `json:"lang,omitempty"`
	Names    []string  `json:"names,omitempty"`
	Start    time.Time `json:"start,omitzero"` // by the clocks of the room's zone
	Zone     string    `json:"zone,omitempty"`
	Invited  bool      `json:"invited,omitempty"` // it is by invitation, and nothing else is said
}

// Of is what the picture of a room says. Of one by invitation it says only that.
func Of(f *room.Facts) Bill {
	if f.Life.Access.Gated() {
		return Bill{Invited: true}
	}
	b := Bill{Title: f.Title, Language: f.Language}
	plan := &f.Life.Plan
	if f.Planned() {
		b.Start, b.Zone = plan.Local(), plan.Zone
	}
	for _, p := range plan.People {
		b.Names = append(b.Names, p.Name)
	}
	return b
}

// Sum names the picture: it changes with what is said.
func (b Bill) Sum() string {
	text, err := json.Marshal(b)
	if err != nil {
		panic(err) // strings and a time that was read from JSON always marshal
	}
	return sum(append(text, look))
}

func sum(p []byte) string {
	s := sha256.Sum256(p)
	return hex.EncodeToString(s[:6])
}

// The house at dusk, as the listener's page has it in the dark.
var (
	ground = color.NRGBA{0x0b, 0x19, 0x1b, 0xff}
	sky    = color.NRGBA{0x15, 0x30, 0x32, 0xff}
	ink    = color.NRGBA{0xee, 0xf0, 0xe6, 0xff}
	soft   = color.NRGBA{0xa3, 0xb8, 0xb2, 0xff}
	stone  = color.NRGBA{0xa9, 0xc4, 0xbc, 0xff}
	light  = color.NRGBA{0xf2, 0xb7, 0x56, 0xff}
)

// Where things stand.
const (
	margin    = 72
	textWidth = 800
	titleTop  = 150
	titleEnd  = 420
)

// fonts are read once; what a picture is written with is its own.
var fonts = sync.OnceValue(func() (f struct{ medium, regular *opentype.Font }) {
	for _, one := range []struct {
		into *(*opentype.Font)
		ttf  []byte
	}{{&f.medium, gomedium.TTF}, {&f.regular, goregular.TTF}} {
		parsed, err := opentype.Parse(one.ttf)
		if err != nil {
			panic(err) // they are part of the program
		}
		*one.into = parsed
	}
	return f
})

// PNG draws the picture.
func (b Bill) PNG() ([]byte, error) {
	img := image.NewRGBA(image.Rect(0, 0, Width, Height))
	draw.Draw(img, img.Bounds(), theatre(), image.Point{}, draw.Src)
	p := &press{img: img}
	title, ok := p.sayable(fonts().medium, b.Title)
	if ok || b.Invited {
		p.line(fonts().medium, 34, soft, margin, 104, "Epidaurus")
	}
	switch {
	case b.Invited:
		p.big("By invitation", "Sur invitation")
	case ok:
		p.title(title)
	default:
		p.big("Epidaurus")
	}
	if !b.Invited {
		p.foot(b)
	}
	var out bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestSpeed}
	err := e.Encode(&out, img)
	if err != nil {
		return nil, fmt.Errorf("write a picture: %w", err)
	}
	return out.Bytes(), nil
}

// press writes on a picture.
type press struct {
	img *image.RGBA
}

// face is a font at a size. It never fails: the sizes are ours.
func face(f *opentype.Font, size float64) font.Face {
	made, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic(err)
	}
	return made
}

// line writes a line of text, whose letters stand on y.
func (p *press) line(f *opentype.Font, size float64, c color.Color, x, y int, text string) {
	d := font.Drawer{Dst: p.img, Src: image.NewUniform(c), Face: face(f, size), Dot: fixed.P(x, y)}
	d.DrawString(text)
}

// title is as large as it fits into its place; the last of too many lines ends with an ellipsis.
func (p *press) title(text string) {
	var lines []string
	size := 0.0
	for _, size = range []float64{84, 72, 62, 54, 46} {
		var whole bool
		lines, whole = wrap(face(fonts().medium, size), text, textWidth, int(float64(titleEnd-titleTop)/(size*1.14)))
		if whole {
			break
		}
	}
	y := titleTop + size
	for _, l := range lines {
		p.line(fonts().medium, size, ink, margin, int(y), l)
		y += size * 1.14
	}
}

// big is in the place of a title that cannot be written.
func (p *press) big(lines ...string) {
	for i, l := range lines {
		size, c := 92.0, color.Color(ink)
		if i > 0 {
			size, c = 44, soft
		}
		p.line(fonts().medium, size, c, margin, 300+i*74, l)
	}
}

// foot says who and when.
func (p *press) foot(b Bill) {
	f := fonts()
	var names []string
	for _, n := range b.Names {
		if said, ok := p.sayable(f.regular, n); ok {
			names = append(names, said)
		}
	}
	y := 540
	if !b.Start.IsZero() {
		p.line(f.medium, 36, light, margin, y, when(b.Start, b.Language))
		y -= 56
	}
	if len(names) > 0 {
		lines, _ := wrap(face(f.regular, 34), strings.Join(names, ", "), textWidth, 1)
		p.line(f.regular, 34, soft, margin, y, lines[0])
	}
}
