package poster

import (
	"bytes"
	"errors"
	"flag"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// out keeps the pictures, to be looked at: go test ./poster -out /tmp/posters.
var out = flag.String("out", "", "folder for the pictures that the tests make")

func keep(t *testing.T, name string, p []byte) {
	t.Helper()
	dir := *out
	if dir == "" {
		dir = os.Getenv("EPIDAURUS_SHOTS")
	}
	if dir == "" {
		return
	}
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), p, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

func planned(title, language string, people ...string) *room.Facts {
	f := &room.Facts{ID: "harbour-talk-k3f9x2", Title: title, Language: language, State: room.Announced}
	f.Life.Plan = room.Plan{Start: time.Date(2027, 3, 28, 18, 0, 0, 0, time.UTC), Zone: "Europe/Paris"}
	for _, p := range people {
		f.Life.Plan.People = append(f.Life.Plan.People, room.Billed{Name: p})
	}
	return f
}

func drawn(t *testing.T, name string, b Bill) image.Image {
	t.Helper()
	p, err := b.PNG()
	if err != nil {
		t.Fatal(err)
	}
	keep(t, name+".png", p)
	img, err := png.Decode(bytes.NewReader(p))
	if err != nil || img.Bounds() != image.Rect(0, 0, Width, Height) {
		t.Fatalf("%v, %v", img.Bounds(), err)
	}
	return img
}

// written counts the pixels of about a colour in a part of a picture.
func written(img image.Image, part image.Rectangle, c color.NRGBA) (n int) {
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			if near(r, c.R) && near(g, c.G) && near(b, c.B) {
				n++
			}
		}
	}
	return n
}

func near(a uint32, b uint8) bool { return a>>8 > uint32(b)-12 && a>>8 < uint32(b)+12 }

var (
	titlePlace = image.Rect(margin, titleTop, margin+textWidth+4, titleEnd+30)
	whenPlace  = image.Rect(margin, 505, 700, 560)
	namesPlace = image.Rect(margin, 450, 800, 500)
)

func TestPictures(t *testing.T) {
	plain := drawn(t, "house", Bill{Title: "🌊"})
	long := strings.Repeat("Of machines that remember, and seas that forget ", 3)[:120]
	for _, tt := range []struct {
		name                string
		facts               *room.Facts
		title, names, start bool
	}{
		{"short", planned("Harbour talk", "en", "Ada Lovelace", "Grace Hopper"), true, true, true},
		{"long", planned(long, "en", "Ada Lovelace, Countess", "Grace Brewster Murray Hopper", "Katherine Johnson", "Hedy Lamarr"), true, true, true},
		{"one-word", planned(strings.Repeat("Donaudampfschiff", 7), "de", "Ada"), true, true, true},
		{"french", planned("Où vont les marées quand personne n’écoute ?", "fr", "Émilie du Châtelet"), true, true, true},
		{"greek", planned("Το αρχαίο θέατρο της Επιδαύρου", "el", "Μαρία Κάλλας"), true, true, true},
		{"emoji", planned("Harbour talk 🎙️🌊 tonight", "en", "Ada 👩🏽‍💻 Lovelace"), true, true, true},
		{"arabic", planned("حديث الميناء", "ar", "Ada Lovelace"), false, true, true},
		{"hebrew", planned("שיחת נמל", "he", "עדה"), false, false, true},
		{"cjk", planned("港の対談", "ja", "山田太郎", "Grace Hopper"), false, true, true},
		{"only-emoji", planned("🎙️🌊", "en"), false, false, true},
		{"at-once", &room.Facts{Title: "Harbour talk", Language: "en", State: room.Live}, true, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := Of(tt.facts)
			img := drawn(t, tt.name, b)
			if got := written(img, titlePlace, ink) > 500; !got { // the house's name is in the place of what cannot be written
				t.Error("nothing is written")
			}
			if got := written(img, titlePlace, ink) != written(plain, titlePlace, ink); got != tt.title {
				t.Errorf("a title of its own: %t", got)
			}
			if got := written(img, namesPlace, soft) > 100; got != tt.names {
				t.Errorf("names: %t", got)
			}
			if got := written(img, whenPlace, light) > 100; got != tt.start {
				t.Errorf("a start: %t", got)
			}
			// Nothing runs out of its place.
			if n := written(img, image.Rect(margin+textWidth+8, titleTop, Width, titleEnd), ink); n > 0 {
				t.Errorf("%d pixels of the title stand beside it", n)
			}
		})
	}
}

// A room by invitation says nothing but that, whatever is announced of it.
func TestInvitedSaysNothing(t *testing.T) {
	a, b := planned("Harbour talk", "en", "Ada"), planned("Another", "fr")
	for _, f := range []*room.Facts{a, b} {
		f.Life.Access.Visibility = room.ByInvitation
	}
	if Of(a).Sum() != Of(b).Sum() {
		t.Error("two rooms by invitation are told apart")
	}
	one, err := Of(a).PNG()
	two, again := Of(b).PNG()
	if err != nil || again != nil || !bytes.Equal(one, two) {
		t.Errorf("%v %v", err, again)
	}
	keep(t, "invited.png", one)
}

func TestSumsFollowWhatIsSaid(t *testing.T) {
	base := planned("Harbour talk", "en", "Ada")
	seen := map[string]string{Of(base).Sum(): "the first"}
	for name, change := range map[string]func(*room.Facts){
		"title":    func(f *room.Facts) { f.Title = "Harbour talks" },
		"language": func(f *room.Facts) { f.Language = "fr" },
		"start":    func(f *room.Facts) { f.Life.Plan.Start = f.Life.Plan.Start.Add(time.Minute) },
		"zone":     func(f *room.Facts) { f.Life.Plan.Zone = "Europe/Athens" },
		"people":   func(f *room.Facts) { f.Life.Plan.People = nil },
		"access":   func(f *room.Facts) { f.Life.Access.Visibility = room.ByInvitation },
	} {
		f := planned("Harbour talk", "en", "Ada")
		change(f)
		s := Of(f).Sum()
		if other, known := seen[s]; known {
			t.Errorf("%s has the name of %s", name, other)
		}
		seen[s] = name
	}
	same := planned("Harbour talk", "en", "Ada")
	same.State, same.Life.Revision = room.Live, 9
	if _, known := seen[Of(same).Sum()]; !known {
		t.Error("the name changes with what is not said")
	}
}

func TestWhen(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	sao, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2027, 8, 1, 18, 5, 0, 0, time.UTC)
	for _, tt := range []struct {
		zone           *time.Location
		language, want string
	}{
		{paris, "en", "Sunday 1 August 2027, 20:05 CEST"},
		{paris, "fr-CA", "dimanche 1er août 2027 à 20:05 CEST"},
		{sao, "pt", "2027-08-01  15:05 UTC-03"},
	} {
		if got := when(at.In(tt.zone), tt.language); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.language, got, tt.want)
		}
	}
}

func picture(w, h int, encode func(*bytes.Buffer, image.Image) error) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{uint8(255 * x / w), uint8(255 * y / h), 0x80, 0xff})
		}
	}
	var out bytes.Buffer
	err := encode(&out, img)
	if err != nil {
		panic(err)
	}
	return out.Bytes()
}

func asPNG(out *bytes.Buffer, img image.Image) error  { return png.Encode(out, img) }
func asJPEG(out *bytes.Buffer, img image.Image) error { return jpeg.Encode(out, img, nil) }

func TestRefit(t *testing.T) {
	for name, file := range map[string][]byte{
		"wide": picture(1600, 300, asPNG), "tall": picture(300, 900, asJPEG), "usual": picture(1200, 630, asJPEG), "small": picture(200, 200, asPNG),
	} {
		p, named, err := Refit(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		keep(t, "own-"+name+".jpg", p)
		img, kind, err := image.Decode(bytes.NewReader(p))
		if err != nil || kind != "jpeg" || img.Bounds() != image.Rect(0, 0, Width, Height) || len(p) > mostBytes || named.Sum != sum(p) {
			t.Errorf("%s: %s %v, %d bytes, %+v, %v", name, kind, img.Bounds(), len(p), named, err)
		}
	}
	usual := picture(300, 300, asPNG)
	bomb := bytes.Clone(usual)
	copy(bomb[16:], []byte{0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0}) // 100,000 by 100,000
	for name, file := range map[string][]byte{
		"nothing": nil, "text": []byte("GIF89a"), "too small": picture(20, 20, asPNG), "cut": usual[:len(usual)/2], "very large": fixCRC(bomb),
	} {
		_, _, err := Refit(file)
		if !errors.Is(err, room.ErrPicture) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRefit(f *testing.F) {
	f.Add([]byte{})
	f.Add(picture(210, 205, asPNG))
	f.Add(picture(205, 210, asJPEG))
	f.Add(picture(210, 205, asPNG)[:300])
	f.Fuzz(func(t *testing.T, file []byte) {
		size, _, err := image.DecodeConfig(bytes.NewReader(file))
		if err == nil && size.Width*size.Height > 1<<20 {
			t.Skip("large ones only take long")
		}
		p, _, err := Refit(file)
		if err == nil {
			_, err = jpeg.DecodeConfig(bytes.NewReader(p))
			if err != nil {
				t.Error(err)
			}
		} else if !errors.Is(err, room.ErrPicture) {
			t.Error(err)
		}
	})
}

func BenchmarkPNG(b *testing.B) {
	bill := Of(planned("Harbour talk: what the sea remembers", "en", "Ada Lovelace", "Grace Hopper"))
	for b.Loop() {
		_, err := bill.PNG()
		if err != nil {
			b.Fatal(err)
		}
	}
}
