package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/epidaurus-live/epidaurus/channel/hold"
	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// maxHold bounds the hold sound: it is kept decoded in memory (11.5 MB a minute), once for all rooms.
const maxHold = 10 * 60 * tape.SampleRate

// holdSound is what is heard before the first word, as 48 kHz mono.
func (c *Config) holdSound() ([]float32, error) {
	sound := hold.Opus
	if c.HoldSound != "" {
		var err error
		sound, err = os.ReadFile(c.HoldSound)
		if err != nil {
			return nil, fmt.Errorf("read the hold sound: %w", err)
		}
	}
	pcm, err := decodeSound(sound, maxHold)
	switch {
	case err != nil:
		return nil, fmt.Errorf("hold-sound: %s is neither WAV nor Ogg Opus: %w", c.HoldSound, err)
	case len(pcm) == 0:
		return nil, fmt.Errorf("hold-sound: %s holds no sound", c.HoldSound)
	case len(pcm) > maxHold:
		return nil, fmt.Errorf("hold-sound: %s is longer than ten minutes: give a loop of a minute or so", c.HoldSound)
	}
	return pcm, nil
}

// decodeSound returns a file, WAV or Ogg Opus, as 48 kHz mono. Of an Ogg file that is longer than most samples it returns little more.
func decodeSound(file []byte, most int) (pcm []float32, err error) {
	if bytes.HasPrefix(file, []byte("RIFF")) {
		return wav.Read(bytes.NewReader(file))
	}
	return decodeOgg(file, most)
}

func decodeOgg(file []byte, most int) (pcm []float32, err error) {
	r := ogg.NewReader(bytes.NewReader(file))
	decoder, err := codec.NewOpusDecoder()
	if err != nil {
		return nil, err
	}
	frame := make([]float32, codec.MaxFrameSamples)
	for len(pcm) <= most {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		n, err := decoder.Decode(p.Data, frame)
		if err != nil {
			return nil, err
		}
		pcm = append(pcm, frame[:max(n-p.Trim, 0)]...)
	}
	return pcm[min(int(r.Head().PreSkip), len(pcm)):], nil
}
