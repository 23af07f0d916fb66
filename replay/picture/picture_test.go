package picture

import (
	"bytes"
	"image/png"
	"os"
	"testing"
	"time"
)

func someClip() Clip {
	levels := make([]byte, 90)
	for i := range levels {
		levels[i] = byte(60 + i*i*7%190)
	}
	return Clip{
		Title: "Harbour talk: what the sea remembers, œuvre d’Åsa, and a very long end of this title which has to be cut", Speakers: []string{"Ada Lovelace", "Grace Hopper"},
		Length: 42 * time.Second, Began: time.Date(2026, 11, 26, 19, 12, 0, 0, time.UTC), Levels: levels,
	}
}

func TestPicture(t *testing.T) {
	c := someClip()
	file, err := PNG(c)
	if err != nil {
		t.Fatal(err)
	}
	if name := os.Getenv("EPIDAURUS_PICTURE"); name != "" {
		_ = os.WriteFile(name, file, 0o600) // to be looked at
	}
	p, err := png.Decode(bytes.NewReader(file))
	if err != nil || p.Bounds().Dx() != Width || p.Bounds().Dy() != Height {
		t.Fatalf("a picture of %v, %v", p.Bounds(), err)
	}
	if len(file) > 300_000 {
		t.Errorf("%d bytes", len(file))
	}
	again, err := PNG(c)
	if err != nil || !bytes.Equal(file, again) {
		t.Error("the same clip has two pictures")
	}
	for name, change := range map[string]func(*Clip){
		"title": func(c *Clip) { c.Title = "Another" }, "speakers": func(c *Clip) { c.Speakers = nil },
		"length": func(c *Clip) { c.Length = time.Minute }, "sound": func(c *Clip) { c.Levels = []byte{200} },
	} {
		other := someClip()
		change(&other)
		drawn, err := PNG(other)
		if err != nil || bytes.Equal(file, drawn) {
			t.Errorf("its %s is not in the picture, %v", name, err)
		}
	}
}

// Letters cover what an outline holds, of whatever text: a letter's ink is where it stands.
func TestLetters(t *testing.T) {
	for _, text := range []string{"Ada", "œuvre", "Ψυχή", "Чайка", "Łódź", "Việt"} {
		if !drawable(text) {
			t.Errorf("%q cannot be drawn", text)
		}
	}
	for _, text := range []string{"", "مرحبا", "A\x00b", "港"} {
		if drawable(text) {
			t.Errorf("%q is drawn", text)
		}
	}
	a := newArea(10, 10)
	square := []point{{0.2, 0.2, true}, {0.2, 0.7, true}, {0.7, 0.7, true}, {0.7, 0.2, true}}
	a.contour(square, func(p point) (float64, float64) { return p.x * 10, p.y * 10 })
	inked := 0.0
	a.cover(func(_, _ int, share float64) { inked += share })
	if inked < 24.99 || inked > 25.01 {
		t.Errorf("a square of 25 pixels covers %f", inked)
	}
}

func TestWrap(t *testing.T) {
	c := someClip()
	lines := wrap(c.Title, titleSize, Width-2*margin, 2)
	if len(lines) != 2 {
		t.Fatalf("%q", lines)
	}
	for _, l := range lines {
		if width(l, titleSize) > Width-2*margin {
			t.Errorf("%q is too wide", l)
		}
	}
	if got := wrap("short", titleSize, Width, 2); len(got) != 1 || got[0] != "short" {
		t.Errorf("%q", got)
	}
	if got := wrap("港", titleSize, Width, 2); got != nil {
		t.Errorf("%q", got)
	}
}

func FuzzPNG(f *testing.F) {
	f.Add("Harbour", "Ada", []byte{1, 200}, 50)
	f.Add("", "", []byte{}, 0)
	f.Add("WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "\xff", []byte{0}, 1<<30)
	f.Fuzz(func(t *testing.T, title, name string, levels []byte, frames int) {
		file, err := PNG(Clip{Title: title, Speakers: []string{name}, Levels: levels, Length: time.Duration(frames)})
		if err != nil || len(file) == 0 {
			t.Error(err)
		}
	})
}

func BenchmarkPNG(b *testing.B) {
	c := someClip()
	for b.Loop() {
		_, err := PNG(c)
		if err != nil {
			b.Fatal(err)
		}
	}
}
