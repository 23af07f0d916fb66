//go:build linux

package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/memory"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Rooms tells the facts of rooms from memory: it is asked at every join.
type Rooms interface {
	Facts(room.ID) (room.Facts, bool)
}

// Feed brings a channel's frames, takeovers and events.
type Feed interface {
	// Subscribe begins to call to, from one goroutine per subscription. A takeover comes before the frames that it is about. What an
	// event says of frame n comes before frame n, or it misses the listeners who are seated.
	Subscribe(r room.ID, c tape.Channel, to tape.Receiver) (stop func(), err error)
}

// Peers are the other edges, which have what this one missed. Its methods may be called from any goroutine.
type Peers interface {
	// Fetch asks for frames from (inclusive) to to (exclusive) of a variant, at most a segment of them. It returns within two seconds
	// with what it got, and an error where that is not all.
	Fetch(ctx context.Context, r room.ID, c tape.Channel, v tape.Variant, from, to tape.Number) (tape.Past, error)
	// Serve answers other edges from source until stop is called, and for a moment after.
	Serve(r room.ID, c tape.Channel, source tape.Source) (stop func(), err error)
}

// Config is what an Edge needs and how it behaves. Rooms and Feed are required; the zero value of anything else takes the default.
type Config struct {
	Rooms Rooms // required
	Feed  Feed  // required
	Peers Peers // optional: without, what is missed is silence

	// Want says that this edge needs a variant that is made on demand, now and for about a minute. It must not block, and may be called from any
	// goroutine. Default: such variants are not offered.
	Want func(room.ID, tape.Channel, tape.Variant) error

	Log    *slog.Logger     // default: nothing is logged
	Now    func() time.Time // default: time.Now; must carry a monotonic reading
	Random func() float64   // default: math/rand/v2.Float64; spreads retries, safe for concurrent use

	Expect func(room.Facts) int // listeners expected on this edge when one joins the room: depth is granted for the crowd; default: unknown
	Line   int64                // bits per second that seats may be sent together; default: unknown

	Cores    int // that this process may use; default: GOMAXPROCS
	Sections int // goroutines that write; default: GOMAXPROCS
	MaxSeats int // default: the limit of open files less a reserve for stage, desk and metrics

	MaxWaiting  int               // connections of ConnState without a seat; default: 4096, fewer where few files may be open
	PerAddress  int               // seats of one IPv4 address or IPv6 /56, with those on their way to one; default: no limit
	JoinRate    int               // joins per second, see docs/OPERATE.md; default: 6000 per core; negative: no limit
	ProxyFrom   []netip.Prefix    // balancers that are believed in what ProxyHeader says of a client's address; default: none
	ProxyHeader string            // such as X-Forwarded-For; default: the client is the connection's other end
	Inside      func(room.ID) int // seats of a room on all edges, told to who is refused; safe for concurrent use; default: nothing is told

	Memory func() []memory.Room // what is left, asked once a second by one goroutine: near its end no seats are given; default: this machine's

	PreSkip uint16 // samples an Opus decoder drops at its start; default: 312, the encoder's look-ahead

	Cadence   time.Duration // the shortest between two writes to a seat: 240 ms times a power of two; default: 240 ms
	Longest   time.Duration // the longest, for times of load: likewise; default: 15.36 s
	MaxBehind time.Duration // a seat further behind skips to live; default: 8 s
	MaxStuck  time.Duration // a seat that takes no byte for this long is closed; default: 30 s
	Linger    time.Duration // a channel stays subscribed after its last seat; default: 60 s
	LossWait  time.Duration // a frame missing this long while later ones are there is given up; default: 200 ms, or 600 ms with Peers
	FirstWait time.Duration // a listener waits for the first frame of a channel; default: 5 s
}

// CollectAt is the garbage collector's percentage (debug.SetGCPercent) for a process that seats listeners. A seat is small, and a join
// leaves many times as much behind: a rush should not be spent on collecting. What it gains was not measured on its own.
const CollectAt = 400

// Fixed sizes of an edge.
const (
	resumeFrames = 60 * tape.FramesPerSec      // how far back a listener can resume
	bridgeFrames = tape.SegmentFrames          // most sound in one piece for a seat that catches up
	keptFrames   = resumeFrames + bridgeFrames // what a hub keeps of each variant: the oldest frame asked for is still there when it is sent
	tick         = tape.FrameDuration          // how often a section looks for new frames

	// lonelyWait is how long a frame is waited for that no peer has, or in a room whose listeners have no depth to wait for peers.
	lonelyWait = 200 * time.Millisecond
	peersWait  = 600 * time.Millisecond
)

// withDefaults checks c and fills in what is left out.
func (c Config) withDefaults() (Config, error) {
	if c.Rooms == nil || c.Feed == nil {
		return c, errors.New("edge: Config.Rooms and Config.Feed are required")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	if c.Memory == nil {
		c.Memory = thisMachine
	}
	err := c.boundByFiles()
	if err != nil {
		return c, err
	}
	orDefault(&c.Cores, runtime.GOMAXPROCS(0))
	orDefault(&c.JoinRate, joinsPerCore*c.Cores)
	orDefault(&c.Sections, runtime.GOMAXPROCS(0))
	orDefault(&c.PreSkip, 312)
	orDefault(&c.Cadence, step(0).cadence().Duration())
	orDefault(&c.Longest, max(c.Cadence, step(steps-1).cadence().Duration()))
	orDefault(&c.MaxBehind, 8*time.Second)
	orDefault(&c.MaxStuck, 30*time.Second)
	orDefault(&c.Linger, time.Minute)
	if c.Peers != nil {
		orDefault(&c.LossWait, peersWait)
	}
	orDefault(&c.LossWait, lonelyWait)
	orDefault(&c.FirstWait, 5*time.Second)
	if c.Sections < 0 || c.Cores < 0 || c.Line < 0 || c.MaxSeats < 0 || c.MaxWaiting < 0 || c.PerAddress < 0 ||
		min(c.MaxBehind, c.MaxStuck, c.Linger, c.LossWait, c.FirstWait) < 0 {
		return c, errors.New("edge: a count or a duration of Config is negative: leave it out for the default")
	}
	for _, d := range []time.Duration{c.Cadence, c.Longest} {
		err := CheckCadence(d)
		if err != nil {
			return c, fmt.Errorf("edge: %w", err)
		}
	}
	if c.Longest < c.Cadence {
		return c, fmt.Errorf("edge: the longest cadence is %v, shorter than the shortest, %v", c.Longest, c.Cadence)
	}
	return c, nil
}

// burstsPerTick is how many bytes of bursts one section may begin in a tick, beyond the first seconds of each newcomer: half of the line,
// where it is known.
func (c *Config) burstsPerTick() int {
	if c.Line == 0 {
		return 1 << 20
	}
	return max(1<<14, int(float64(c.Line)/8*tick.Seconds()/2)/c.Sections)
}

func orDefault[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// frames is how many whole frames d has.
func frames(d time.Duration) tape.Number { return tape.Number(d / tape.FrameDuration) }
