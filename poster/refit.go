package poster

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	_ "image/png" // is read, too

	"golang.org/x/image/draw"

	"github.com/epidaurus-live/epidaurus/room"
)

// Bounds of a picture that is taken, looked at before anything of it is decoded: a small file may hold a very large one.
const (
	mostPixels = 24_000_000 // what telephones make; 96 MB while it is worked on
	leastSide  = 200
)

// mostBytes is what a picture that was refitted has at most, so that one message of the bus carries it.
const mostBytes = 600 << 10

// Refit makes a picture of the usual size of a file in PNG or JPEG: the middle of it, in JPEG, with nothing else that the file may say. The error
// wraps room.ErrPicture and says what to do.
func Refit(file []byte) (jpg []byte, p room.Picture, err error) {
	size, _, err := image.DecodeConfig(bytes.NewReader(file))
	switch {
	case err != nil:
		return nil, p, fmt.Errorf("%w: it is neither PNG nor JPEG", room.ErrPicture)
	case size.Width < leastSide || size.Height < leastSide:
		return nil, p, fmt.Errorf("%w: it has %d by %d pixels, and needs %d by %d", room.ErrPicture, size.Width, size.Height, leastSide, leastSide)
	case size.Width > mostPixels/size.Height:
		return nil, p, fmt.Errorf("%w: it has %d by %d pixels, make it smaller", room.ErrPicture, size.Width, size.Height)
	}
	img, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, p, fmt.Errorf("%w: its file is damaged", room.ErrPicture)
	}
	fitted := image.NewRGBA(image.Rect(0, 0, Width, Height))
	draw.Draw(fitted, fitted.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src) // below what is transparent
	draw.CatmullRom.Scale(fitted, fitted.Bounds(), img, cover(img.Bounds()), draw.Over, nil)
	for quality := 88; ; quality -= 12 {
		var out bytes.Buffer
		err = jpeg.Encode(&out, fitted, &jpeg.Options{Quality: quality})
		if err != nil {
			return nil, p, fmt.Errorf("write a picture: %w", err)
		}
		if out.Len() <= mostBytes || quality < 20 {
			return out.Bytes(), room.Picture{Sum: sum(out.Bytes())}, nil
		}
	}
}

// cover is the largest middle part of a picture that has the usual proportions.
func cover(b image.Rectangle) image.Rectangle {
	w, h := b.Dx(), b.Dy()
	if w*Height > h*Width {
		w = h * Width / Height
	} else {
		h = w * Height / Width
	}
	at := b.Min.Add(image.Pt((b.Dx()-w)/2, (b.Dy()-h)/2))
	return image.Rectangle{at, at.Add(image.Pt(w, h))}
}
