package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Seat is what a listener was let in by.
type Seat interface {
	// Sit makes it a seat that somebody listens on.
	Sit()
	// Leave gives it back.
	Leave()
}

// Feed brings a channel's frames, takeovers and events.
type Feed interface {
	Subscribe(room.ID, tape.Channel, tape.Receiver) (stop func(), err error)
}

// ListenersConfig is what listeners over WebRTC need. Its functions may be called from any goroutine, and must not call the Listeners back.
type ListenersConfig struct {
	// Media is the UDP socket of all listeners: not the stage's, whose address no listener is told. The Listeners own it from NewListeners on
	// and close it. Required.
	Media net.PacketConn
	// Advertise are the addresses at which listeners reach Media. Default: the one at which a listener made its request; where that is this
	// machine's own, all of the machine's.
	Advertise []netip.Addr

	// Feed brings the sound. Required.
	Feed Feed
	// Facts tells what is known about a room, from memory. Required.
	Facts func(room.ID) (room.Facts, bool)
	// Seat lets a listener in who makes a request, or says why not with a problem. Required.
	Seat func(*http.Request) (Seat, error)
	// Refuse answers a request that got no seat. Required.
	Refuse func(http.ResponseWriter, *http.Request, error)
	// Most is how many listeners there may be together. Required.
	Most int
	// MostOf is how many there may be of a room; 0: the room has none. Required.
	MostOf func(room.ID) int

	// Said is what a listener of a room has to be told who comes now. Required.
	Said func(room.ID) []tape.Event
	// Notices are this node's own events, and a number that changes with them. Required.
	Notices func() (version uint16, events []tape.Event)
	// Variant is the best variant that the line carries. Default: opus-48.
	Variant func() tape.Variant
	// Draining reports that the node sends its listeners elsewhere. Default: it does not.
	Draining func() bool
	// Origin is by whom requests are counted; empty: they are not. Default: they are not.
	Origin func(*http.Request) string

	// Now is the time. Default: time.Now.
	Now func() time.Time
	// Random, in [0, 1), spreads retries. Default: math/rand/v2.Float64.
	Random func() float64
	// Pending is how long a listener may take to connect. Default: 10 s.
	Pending time.Duration
	// Lost is how long nothing may come of a listener before he is let go: a browser checks consent every 4 to 6 s at most (RFC 7675,
	// section 5.1). Default: 20 s.
	Lost time.Duration
	// Log is where it says what it does. Default: nowhere.
	Log *slog.Logger
}

// Limits and times of listeners.
const (
	maxListenNegotiating = 4  // offers answered at the same time: one costs some milliseconds
	maxPending           = 64 // listeners that have not connected yet
	maxPendingOfOrigin   = 16 // of these, from one address

	listenersBuffer = 4 << 20 // bytes of the socket's send buffer, as far as the system gives it: a room's packets go out at one beat
)

func (c *ListenersConfig) complete() error {
	switch {
	case c.Media == nil:
		return errors.New("stage: ListenersConfig.Media is missing")
	case c.Feed == nil, c.Facts == nil, c.Seat == nil, c.Refuse == nil, c.MostOf == nil, c.Said == nil, c.Notices == nil:
		return errors.New("stage: ListenersConfig lacks what lets a listener in, or what he hears")
	case c.Most <= 0:
		return errors.New("stage: ListenersConfig.Most is not positive")
	}
	if c.Variant == nil {
		c.Variant = func() tape.Variant { return tape.Opus48 }
	}
	if c.Draining == nil {
		c.Draining = func() bool { return false }
	}
	if c.Origin == nil {
		c.Origin = func(*http.Request) string { return "" }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&c.Pending, 10*time.Second)
	setDefault(&c.Lost, 20*time.Second)
	return nil
}

// Listeners hear rooms over WebRTC, by WHEP: with the delay of a call, at many times the price of a seat. Each room that has any is written by
// one goroutine (fanout). All methods may be called from any goroutine.
type Listeners struct {
	// immutable
	cfg         ListenersConfig
	network     *network
	handler     http.Handler
	negotiating chan struct{} // one token for each offer that is being answered

	joined, packets, bytes, dropped atomic.Uint64

	wg sync.WaitGroup // of ears that close, and fanouts

	mu      sync.Mutex
	closed  bool                // guarded by mu
	ears    map[string]*ear     // guarded by mu; by session, from their negotiation on
	taken   int                 // guarded by mu; ears, and requests on their way to one
	pending map[string]int      // guarded by mu; of these, those that have not connected, by origin
	waiting int                 // guarded by mu; the sum of pending
	rooms   map[room.ID]*fanout // guarded by mu; that have ears, or requests on their way to one
}

// ListenersStats is what Listeners counted.
type ListenersStats struct {
	Listeners int // now, with those that have not connected yet
	Pending   int // of these, those
	Most      int

	Joined  uint64 // listeners that connected
	Packets uint64 // of RTP, sent
	Bytes   uint64 // of these, as UDP carries them
	Dropped uint64 // frames of a room that came faster than they could be sent
}

// NewListeners makes the listeners' side of a node. It takes over Media even where it fails.
func NewListeners(cfg ListenersConfig) (*Listeners, error) {
	err := cfg.complete()
	if err != nil {
		return nil, err
	}
	udp, ok := cfg.Media.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("stage: ListenersConfig.Media is no UDP socket but %T", cfg.Media), cfg.Media.Close())
	}
	_ = udp.SetWriteBuffer(listenersBuffer) // the system gives what it may
	logs := pionLog{cfg.Log}
	engine := &webrtc.MediaEngine{}
	err = engine.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: samplesPerSecond, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		},
		PayloadType: 111,
	}, webrtc.RTPCodecTypeAudio)
	n := &network{log: cfg.Log, media: cfg.Media, advertise: cfg.Advertise}
	if err == nil {
		// No interceptors: nothing is sent twice, and each would cost every packet of every listener.
		err = n.open(logs, engine, &interceptor.Registry{}, cfg.Lost/2, cfg.Lost/2)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up listeners: %w", err), ignoreClosed(cfg.Media.Close()))
	}
	l := &Listeners{
		cfg: cfg, network: n, negotiating: make(chan struct{}, maxListenNegotiating), ears: make(map[string]*ear),
		pending: make(map[string]int), rooms: make(map[room.ID]*fanout),
	}
	l.handler = l.routes()
	return l, nil
}

// Addr is where the sound comes from.
func (l *Listeners) Addr() net.Addr { return l.cfg.Media.LocalAddr() }

// Stats reads the counters.
func (l *Listeners) Stats() ListenersStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return ListenersStats{
		Listeners: l.taken, Pending: l.waiting, Most: l.cfg.Most,
		Joined: l.joined.Load(), Packets: l.packets.Load(), Bytes: l.bytes.Load(), Dropped: l.dropped.Load(),
	}
}

// Close ends all connections, then closes the socket. What is open when ctx ends is left behind, with an error.
func (l *Listeners) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	ears := make([]*ear, 0, len(l.ears))
	for _, e := range l.ears {
		ears = append(ears, e)
	}
	l.mu.Unlock()
	for _, e := range ears {
		l.end(e)
	}
	for range maxListenNegotiating { // offers that are still being answered find it closed
		select {
		case l.negotiating <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("close listeners: %w", context.Cause(ctx))
		}
	}
	gone := make(chan struct{})
	go func() {
		l.wg.Wait()
		close(gone)
	}()
	var err error
	select {
	case <-gone:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	err = errors.Join(err, l.network.close())
	if err != nil {
		return fmt.Errorf("close listeners: %w", err)
	}
	return nil
}

// later is a refusal that waiting helps against: between so many seconds and twice that, lest all come at once.
func (l *Listeners) later(code problem.Code, least time.Duration, detail string) problem.Problem {
	p := problem.New(code, detail)
	p.RetryAfter = least + time.Duration(l.cfg.Random()*float64(least))
	return p
}

// enter keeps a place among the listeners of a room for a request of an origin. Who gets one has an ear made of it, or leaves it.
func (l *Listeners) enter(id room.ID, origin string) (*fanout, error) {
	most := l.cfg.MostOf(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.rooms[id]
	switch {
	case l.closed:
		return nil, errShuttingDown
	case most <= 0:
		return nil, problem.New(problem.NotOffered, "This room is not heard by WHEP. Listen at live.mp4 or live.ogg.")
	case f != nil && f.taken >= most || l.taken >= l.cfg.Most:
		return nil, l.later(problem.Full, 10*time.Second,
			"As many listen with the delay of a call as may. Listen at live.mp4 or live.ogg, which has room for more, or try again in a moment.")
	case l.waiting >= maxPending:
		return nil, l.later(problem.Busy, time.Second, "Very many come at this moment. Try again in a few seconds.")
	case origin != "" && l.pending[origin] >= maxPendingOfOrigin:
		return nil, l.later(problem.TooMany, 10*time.Second, "Too many of your network's address are about to connect. Try again in a moment.")
	}
	if f == nil {
		var err error
		f, err = l.openRoomLocked(id)
		if err != nil {
			l.cfg.Log.Error("cannot hear a room", "room", id, "err", err)
			return nil, l.later(problem.Busy, 10*time.Second, "The sound does not reach this server. Try again in a moment.")
		}
	}
	f.taken++
	l.taken++
	l.pendLocked(origin, +1)
	return f, nil
}

// pendLocked counts who has not connected. The caller holds mu.
func (l *Listeners) pendLocked(origin string, by int) {
	l.waiting += by
	if origin == "" {
		return
	}
	l.pending[origin] += by
	if l.pending[origin] == 0 {
		delete(l.pending, origin)
	}
}

// openRoomLocked begins to hear a room. The caller holds mu.
func (l *Listeners) openRoomLocked(id room.ID) (*fanout, error) {
	f := newFanout(l, id)
	stop, err := l.cfg.Feed.Subscribe(id, tape.Floor, f)
	if err != nil {
		return nil, err
	}
	f.stop = stop
	l.rooms[id] = f
	l.wg.Go(f.run)
	return f, nil
}

// leave gives up a place that enter gave. The last one of a room closes that.
func (l *Listeners) leave(f *fanout, origin string, pending bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if pending {
		l.pendLocked(origin, -1)
	}
	l.taken--
	f.taken--
	if f.taken == 0 {
		delete(l.rooms, f.room)
		f.stop()
		close(f.done)
	}
}

// add makes an ear one of those that are written to, and ends it if it does not connect.
func (l *Listeners) add(e *ear, seat Seat) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errShuttingDown
	}
	e.seat = seat
	e.timer = time.AfterFunc(l.cfg.Pending, func() {
		l.mu.Lock()
		late := e.pending
		l.mu.Unlock()
		if late {
			l.end(e)
		}
	})
	l.ears[e.id] = e
	e.fanout.addLocked(e)
	return nil
}

// connected makes an ear that was pending one that hears.
func (l *Listeners) connected(e *ear) {
	l.mu.Lock()
	if e.ended || !e.pending {
		l.mu.Unlock()
		return
	}
	e.pending = false
	l.pendLocked(e.origin, -1)
	l.mu.Unlock()
	e.timer.Stop()
	e.seat.Sit()
	l.joined.Add(1)
}

// end lets an ear go, and frees what it held. It may be called again, and from a callback of the ear's connection: the connection is closed by
// a goroutine for which Close waits.
func (l *Listeners) end(e *ear) {
	l.mu.Lock()
	if e.ended {
		l.mu.Unlock()
		return
	}
	e.ended = true
	delete(l.ears, e.id)
	e.fanout.removeLocked(e)
	pending := e.pending
	l.wg.Go(e.close)
	l.mu.Unlock()
	e.timer.Stop()
	l.leave(e.fanout, e.origin, pending)
	e.seat.Leave()
}

func (l *Listeners) ear(id room.ID, session string) (*ear, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.ears[session]
	if e == nil || e.fanout.room != id {
		return nil, problem.New(problem.SessionUnknown, "This session has ended, or was of another server. Make a new one.")
	}
	return e, nil
}
