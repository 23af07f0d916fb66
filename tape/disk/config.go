package disk

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Bus brings what is taped.
type Bus interface {
	// Subscribe begins to call to, from one goroutine per subscription.
	Subscribe(id room.ID, ch tape.Channel, to tape.Receiver) (stop func(), err error)
	// Fetch asks other nodes for frames from (inclusive) to to (exclusive), at most a segment of them. It returns within two seconds with
	// what it got.
	Fetch(ctx context.Context, id room.ID, ch tape.Channel, v tape.Variant, from, to tape.Number) (tape.Past, error)
	// Serve answers other nodes from source until stop is called.
	Serve(id room.ID, ch tape.Channel, source tape.Source) (stop func(), err error)
	// Want says that this node needs what is made on demand, now and for about a minute.
	Want(id room.ID, ch tape.Channel, v tape.Variant) error
	// Epoch is when frame 0 of a channel began; zero where that is not known.
	Epoch(ctx context.Context, id room.ID, ch tape.Channel) (time.Time, error)
}

// Decoder turns packets into 48 kHz mono sound. pcm has room for 5760 samples.
type Decoder interface {
	Decode(packet []byte, pcm []float32) (samples int, err error)
}

// Config is what a Recorder needs. Fields without a default are required.
type Config struct {
	Dir        string // of all tapes; it is made if need be
	Bus        Bus
	NewDecoder func() (Decoder, error) // for the waveform
	PreSkip    uint16                  // samples of the encoder's look-ahead
	Log        *slog.Logger

	Keep time.Duration // closed tapes are deleted when they are so old; default: never
	Max  int64         // bytes that tapes may take: the oldest closed ones are deleted; default: no limit

	Now     func() time.Time // wall clock, for retention and for what a tape says of its end; default: time.Now
	OnState func(room.ID)    // optional: State has changed; called from several goroutines, must not block

	NewTranscoder func() (Transcoder, error) // optional: makes AAC of closed tapes
	OnUnits       func(room.ID)              // optional: the AAC of a tape is made; called from one goroutine, must not block

	OnDelete func(room.ID) // optional: the tape of a room is gone, whoever wanted that; called from several goroutines, must not block

	open opener // default: openFile
}

// State is how the taping of a room goes.
type State string

// The states of taping.
const (
	Off    State = ""       // not begun, or over
	On     State = "on"     // frames reach the disk
	Failed State = "failed" // they do not; the conversation goes on without
)

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" || c.Bus == nil || c.NewDecoder == nil || c.Log == nil {
		return c, errors.New("the recorder needs Dir, Bus, NewDecoder and Log")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnState == nil {
		c.OnState = func(room.ID) {}
	}
	if c.OnDelete == nil {
		c.OnDelete = func(room.ID) {}
	}
	if c.OnUnits == nil {
		c.OnUnits = func(room.ID) {}
	}
	if c.open == nil {
		c.open = openFile
	}
	return c, nil
}
