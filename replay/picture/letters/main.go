// Command letters takes the outlines of letters from a TrueType font, for pictures that are drawn without one:
//
//	go run ./replay/picture/letters /usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf replay/picture/letters.gz
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// blocks are the letters that are taken, where the font has them: Latin, Greek, Cyrillic, and the signs that are written with them.
var blocks = [][2]rune{{0x20, 0x7e}, {0xa1, 0x24f}, {0x370, 0x3ff}, {0x400, 0x52f}, {0x1e00, 0x1eff}, {0x2010, 0x203a}, {0x20a0, 0x20bf}, {0x2190, 0x2193}}

var be = binary.BigEndian

func main() {
	err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "letters:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("say which font to read and which file to write")
	}
	file, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	f, err := parse(file)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	_, err = z.Write(f.letters())
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], out.Bytes(), 0o644)
}

// font is the tables of a font that is trusted: what is wrong with it is a panic.
type font struct {
	glyf, loca, hmtx, cmap []byte
	long                   bool // loca has four bytes for each glyph
	metrics                int  // glyphs with a width of their own
	em                     uint16
}

type point struct {
	x, y int16
	on   bool
}

func parse(b []byte) (f font, err error) {
	tables := map[string][]byte{}
	for i := range int(be.Uint16(b[4:])) {
		e := b[12+16*i:]
		at, n := be.Uint32(e[8:]), be.Uint32(e[12:])
		tables[string(e[:4])] = b[at : at+n]
	}
	for _, name := range []string{"glyf", "loca", "hmtx", "hhea", "head", "cmap"} {
		if tables[name] == nil {
			return f, fmt.Errorf("the font has no table %s", name)
		}
	}
	f = font{
		glyf: tables["glyf"], loca: tables["loca"], hmtx: tables["hmtx"], long: be.Uint16(tables["head"][50:]) == 1,
		metrics: int(be.Uint16(tables["hhea"][34:])), em: be.Uint16(tables["head"][18:]),
	}
	cmap := tables["cmap"]
	for i := range int(be.Uint16(cmap[2:])) {
		sub := cmap[be.Uint32(cmap[4+8*i+4:]):]
		if be.Uint16(sub) == 4 {
			f.cmap = sub
		}
	}
	if f.cmap == nil {
		return f, errors.New("the font has no map of characters that is read here")
	}
	return f, nil
}

// glyph finds a character's glyph; 0: there is none.
func (f *font) glyph(r rune) int {
	n := int(be.Uint16(f.cmap[6:])) / 2
	ends, starts := f.cmap[14:], f.cmap[16+2*n:]
	deltas, offsets := f.cmap[16+4*n:], f.cmap[16+6*n:]
	for i := range n {
		start := rune(be.Uint16(starts[2*i:]))
		if r > rune(be.Uint16(ends[2*i:])) || r < start {
			continue
		}
		delta, offset := be.Uint16(deltas[2*i:]), int(be.Uint16(offsets[2*i:]))
		if offset == 0 {
			return int(uint16(r) + delta)
		}
		g := be.Uint16(offsets[2*i+offset+2*int(r-start):])
		if g == 0 {
			return 0
		}
		return int(g + delta)
	}
	return 0
}

func (f *font) outline(g int) []byte {
	at := func(i int) int {
		if f.long {
			return int(be.Uint32(f.loca[4*i:]))
		}
		return 2 * int(be.Uint16(f.loca[2*i:]))
	}
	return f.glyf[at(g):at(g+1)]
}

func (f *font) contours(g int) (all [][]point) {
	b := f.outline(g)
	if len(b) == 0 {
		return nil
	}
	n := int(int16(be.Uint16(b)))
	if n < 0 {
		return f.composite(b[10:])
	}
	ends := make([]int, n)
	for i := range ends {
		ends[i] = int(be.Uint16(b[10+2*i:]))
	}
	at := 10 + 2*n
	at += 2 + int(be.Uint16(b[at:])) // instructions
	points := make([]point, ends[n-1]+1)
	flags := make([]byte, 0, len(points))
	for len(flags) < len(points) {
		flag := b[at]
		at++
		flags = append(flags, flag)
		if flag&8 != 0 {
			for range b[at] {
				flags = append(flags, flag)
			}
			at++
		}
	}
	coordinates := func(short, same byte, set func(i int, v int16)) {
		v := int16(0)
		for i := range points {
			switch flag := flags[i]; {
			case flag&short != 0 && flag&same != 0:
				v += int16(b[at])
				at++
			case flag&short != 0:
				v -= int16(b[at])
				at++
			case flag&same == 0:
				v += int16(be.Uint16(b[at:]))
				at += 2
			}
			set(i, v)
		}
	}
	coordinates(2, 16, func(i int, v int16) { points[i].x = v })
	coordinates(4, 32, func(i int, v int16) { points[i].y, points[i].on = v, flags[i]&1 != 0 })
	from := 0
	for _, end := range ends {
		all = append(all, points[from:end+1])
		from = end + 1
	}
	return all
}

// composite puts parts together, such as a letter and its accent.
func (f *font) composite(b []byte) (all [][]point) {
	for {
		flags, g := be.Uint16(b), int(be.Uint16(b[2:]))
		b = b[4:]
		var dx, dy int16
		if flags&1 != 0 {
			dx, dy, b = int16(be.Uint16(b)), int16(be.Uint16(b[2:])), b[4:]
		} else {
			dx, dy, b = int16(int8(b[0])), int16(int8(b[1])), b[2:]
		}
		m := [4]float64{1, 0, 0, 1}
		fixed := func() float64 { v := float64(int16(be.Uint16(b))) / 16384; b = b[2:]; return v }
		switch {
		case flags&8 != 0:
			m[0] = fixed()
			m[3] = m[0]
		case flags&0x40 != 0:
			m[0], m[3] = fixed(), fixed()
		case flags&0x80 != 0:
			m = [4]float64{fixed(), fixed(), fixed(), fixed()}
		}
		for _, c := range f.contours(g) {
			moved := make([]point, len(c))
			for i, p := range c {
				x, y := float64(p.x), float64(p.y)
				moved[i] = point{int16(m[0]*x+m[2]*y) + dx, int16(m[1]*x+m[3]*y) + dy, p.on}
			}
			all = append(all, moved)
		}
		if flags&0x20 == 0 {
			return all
		}
	}
}

// letters writes what picture's readLetters reads.
func (f *font) letters() []byte {
	out := be.AppendUint16(nil, f.em)
	for _, block := range blocks {
		for r := block[0]; r <= block[1]; r++ {
			g := f.glyph(r)
			if g == 0 {
				continue
			}
			width := be.Uint16(f.hmtx[4*min(g, f.metrics-1):])
			all := f.contours(g)
			out = be.AppendUint32(out, uint32(r))
			out = be.AppendUint16(out, width)
			out = append(out, byte(len(all)))
			for _, c := range all {
				out = be.AppendUint16(out, uint16(len(c)))
				for _, p := range c {
					on := byte(0)
					if p.on {
						on = 1
					}
					out = be.AppendUint16(out, uint16(p.x))
					out = be.AppendUint16(out, uint16(p.y))
					out = append(out, on)
				}
			}
		}
	}
	return out
}
