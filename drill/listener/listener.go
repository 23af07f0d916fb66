// Package listener is a stranger's listener: it takes a seat in a room by the public protocol (docs/PROTOCOL.md), checks every
// fragment that arrives, resumes after a cut at the frame where it stopped, and tells what it found.
//
// # What is checked
//
// Frame numbers are strictly consecutive, from the first frame to the last one and across answers; the container's own numbers
// (MP4 sequence numbers, Ogg page numbers) go on; every packet can be decoded and holds exactly 960 samples; events are JSON
// objects of their kind and lie at or before the sound they stand in front of.
//
// # Delay
//
// A frame's absolute time is not in the protocol, so what is called held here is the buffer of an ideal player: one that began
// to play the first frame at the moment it arrived, and plays 20 ms of sound in 20 ms ever since. Held is the sound that
// has arrived and that this player has not played yet. It begins with the room's depth, swings by the cadence, and is how
// far that player is behind the newest frame. Where it would fall below zero the player stalls, and goes on when sound arrives.
package listener

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/clock"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Clock is the time of a listener. It is used by one goroutine.
type Clock interface {
	Mono() time.Duration
	Sleep(context.Context, time.Duration) error
}

// Config says what to hear and how. URL is required; the zero value of anything else takes the default.
type Config struct {
	URL     string       // of a room's page, or of its live.mp4 or live.ogg; required
	From    tape.Number  // the first frame wanted, at most 60 s back; default: what is live
	Variant tape.Variant // default: the server's
	Record  Recorder     // gets every frame; the caller closes it; default: nothing is kept

	Client   *http.Client   // default: one of its own, HTTP/1.1, that gives up connecting after 10 s. It must have no Timeout
	Clock    Clock          // default: the machine's
	Random   func() float64 // in [0, 1), spreads retries; default: math/rand/v2.Float64
	Silence  time.Duration  // an answer without sound for so long is given up and resumed; default: 20 s (the longest cadence is 15.36 s)
	Patience time.Duration  // how long without sound until Listen gives up; default: 2 min
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.Machine{}
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	if c.Silence <= 0 {
		c.Silence = 20 * time.Second
	}
	if c.Patience <= 0 {
		c.Patience = 2 * time.Minute
	}
	return c
}

// newClient speaks HTTP/1.1 only, as listeners' ports do.
func newClient() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		Protocols:              protocols,
	}}
}

// Listen takes a seat and listens until the room ends, ctx is done, or it cannot go on. It calls notify, when that is not nil,
// from its own goroutine at everything that happens. The error is nil when the room ended and when ctx was done; else it is a
// sentence for the user. The report is complete in every case.
func Listen(ctx context.Context, c Config, notify func(Event)) (Report, error) {
	if c.Client == nil {
		c.Client = newClient()
		defer c.Client.CloseIdleConnections()
	}
	c = c.withDefaults()
	if notify == nil {
		notify = func(Event) {}
	}
	if c.Client.Timeout != 0 {
		return Report{End: EndFailed}, errors.New("a listener's HTTP client must have no timeout: a live answer has no end")
	}
	to, err := parseTarget(c.URL, c.Variant)
	if err != nil {
		return Report{URL: c.URL, End: EndFailed}, err
	}
	l, err := newListening(c, to, notify)
	if err != nil {
		return Report{URL: to.live.String(), End: EndFailed}, err
	}
	err = l.run(ctx)
	return l.snapshot(), err
}

// listening is one call of Listen; all of it belongs to the caller's goroutine.
type listening struct {
	config   Config
	target   target
	notify   func(Event)
	report   Report
	timeline *timeline
	player   player
	rate     rate
	retry    backoff
	began    time.Duration // when Listen was called
	heard    time.Duration // when new sound arrived last; at first, when Listen was called
	arrived  time.Duration // when a fragment arrived last

	key      ed25519.PublicKey                   // the first that was seen; nil: none yet
	crossing *crossing                           // to another room; nil: nobody said so
	adopted  *crossing                           // whose answer is to be read next
	begin    func(to target, wait time.Duration) // begins a crossing

	cutting sync.Mutex
	cut     context.CancelCauseFunc // guarded by cutting; ends the present answer
}

func newListening(c Config, to target, notify func(Event)) (*listening, error) {
	now := c.Clock.Mono()
	l := &listening{config: c, target: to, notify: notify, retry: backoff{random: c.Random}, began: now, heard: now}
	l.report = Report{URL: to.live.String(), Variant: c.Variant, Container: to.container, JoinMS: -1, HeldMinMS: -1, Gaps: []Gap{}, Faults: []string{}}
	var err error
	l.timeline, err = newTimeline(&l.report, c.From, c.Record)
	return l, err
}

// run takes answers one after the other until there is nothing more to hear.
func (l *listening) run(ctx context.Context) error {
	l.begin = func(to target, wait time.Duration) {
		c := l.cross(ctx, to, wait)
		l.crossing = c
		context.AfterFunc(c.open, func() { l.cutFor(c) })
	}
	defer func() {
		for _, c := range []*crossing{l.crossing, l.adopted} {
			if c != nil {
				c.end()
			}
		}
	}()
	for {
		err := l.answer(ctx)
		if c := l.crossing; c != nil && ctx.Err() == nil && (errors.Is(err, errMoved) || errors.Is(err, errEnded) || isFinal(err)) {
			// The old room is over, or cannot be heard any more: all that is left is the new one.
			select {
			case <-c.open.Done():
				l.crossing = nil
				l.arrive(c)
				continue
			case <-ctx.Done():
			}
		}
		switch {
		case ctx.Err() != nil:
			l.report.End = EndStopped
			return nil
		case errors.Is(err, errEnded):
			l.report.End = EndRoom
			l.notify(Event{Kind: Ended, Report: l.snapshot()})
			return nil
		case isFinal(err):
			l.report.End = EndFailed
			return err
		}
		wait := max(l.retry.next(), retryAfter(err, l.config.Random))
		if l.config.Clock.Mono()+wait-l.heard > l.config.Patience {
			l.report.End = EndFailed
			return fmt.Errorf("no sound for %s, and the last try failed: %w", l.config.Patience, err)
		}
		l.notify(Event{Kind: Cut, Report: l.snapshot(), Err: err, Retry: wait})
		if l.config.Clock.Sleep(ctx, wait) != nil {
			l.report.End = EndStopped
			return nil
		}
	}
}

// snapshot is the report as it stands.
func (l *listening) snapshot() Report {
	r, now := l.report, l.config.Clock.Mono()
	r.ListenedMS = (now - l.began).Milliseconds()
	held := l.player.held(now)
	r.HeldMS = max(held, 0).Milliseconds()
	if held < 0 && r.End != EndRoom {
		r.Stalls, r.StalledMS, r.HeldMinMS = r.Stalls+1, r.StalledMS-held.Milliseconds(), 0 // one that still lasts
	}
	r.Bitrate5s = l.rate.bitsPerSecond(now)
	r.Bitrate = 0
	if r.Frames > 0 {
		r.Bitrate = float64(r.Bytes*8) / (float64(r.Frames) * tape.FrameDuration.Seconds())
	}
	return r
}
