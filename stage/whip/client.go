package whip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// Config is how to publish.
type Config struct {
	// HTTP makes the requests. Default: a client with a timeout of 3 s.
	HTTP *http.Client
	// Agree says that whoever speaks agrees to be recorded, where the room is: the version of the question, 1. Default: nothing is said, and a room
	// that is recorded refuses who has not agreed elsewhere.
	Agree int
	// Log is told what happens. Default: nowhere.
	Log *slog.Logger
	// OnState is told each change of state, one call at a time. Optional.
	OnState func(State, error)
	// Settings changes how pion connects. Optional.
	Settings func(*webrtc.SettingEngine)
}

// State is where a client is.
type State string

// The states of a client.
const (
	Connecting State = "connecting"
	OnStage    State = "on stage"
	Waiting    State = "waiting" // to try again
	Closed     State = "closed"
)

// Stats is what a client did so far.
type Stats struct {
	State       State
	Packets     uint64        // sent
	Lost        uint64        // fell into a broken connection
	Connections int           // that came to be
	RTT         time.Duration // of the present connection; 0 when unknown
}

// Waits between two tries. They grow as long as nothing connects, and stay short: a voice is missed on stage.
const (
	firstWait = 250 * time.Millisecond
	longWait  = 1500 * time.Millisecond
)

// ErrRefused is wrapped by what Publish returns where the server's answer means that trying again is no use.
var ErrRefused = errors.New("the stage refused")

// Publish puts a voice on stage and keeps it there until the source ends (nil), ctx is done (nil) or the server refuses for good
// (ErrRefused). It leaves the stage before it returns.
func Publish(ctx context.Context, t Target, source Source, cfg Config) error {
	c, err := New(t, source, cfg)
	if err != nil {
		return err
	}
	return c.Run(ctx)
}

// Client keeps one voice on stage. Stats may be called from any goroutine, Run once.
type Client struct {
	// immutable
	target Target
	cfg    Config
	api    *webrtc.API
	pacer  *pacer

	mu          sync.Mutex
	state       State       // guarded by mu
	connections int         // guarded by mu
	present     *connection // guarded by mu; nil while there is none
}

// New makes a client. Nothing is sent before Run.
func New(t Target, source Source, cfg Config) (*Client, error) {
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: 3 * time.Second}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnState == nil {
		cfg.OnState = func(State, error) {}
	}
	api, err := newAPI(cfg)
	if err != nil {
		return nil, err
	}
	return &Client{target: t, cfg: cfg, api: api, pacer: newPacer(source), state: Connecting}, nil
}

// Run publishes as Publish does.
func (c *Client) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var sourceErr error
	started := make(chan struct{})
	wg.Go(func() {
		defer cancel() // without a source there is nothing to be on stage for
		select {
		case <-started: // a recording begins when it can be heard
			err := c.pacer.run(ctx, c.send)
			if ctx.Err() == nil && !errors.Is(err, io.EOF) {
				sourceErr = fmt.Errorf("read the voice: %w", err)
			}
		case <-ctx.Done():
		}
	})
	err := c.keepOnStage(ctx, sync.OnceFunc(func() { close(started) }))
	cancel()
	wg.Wait()
	err = cmp.Or(err, sourceErr)
	c.setState(Closed, err)
	return err
}

// keepOnStage connects, again and again, until ctx is done or the server refuses for good.
func (c *Client) keepOnStage(ctx context.Context, started func()) error {
	wait := firstWait
	for {
		c.setState(Connecting, nil)
		conn, err := c.connect(ctx)
		if err == nil {
			wait = firstWait
			started()
			c.setPresent(conn)
			c.setState(OnStage, nil)
			err = conn.wait(ctx)
			c.setPresent(nil)
			conn.close(err == nil)            // where the connection broke, the server keeps the place for the next one
			c.cfg.HTTP.CloseIdleConnections() // they broke with it, and would take a request and never answer
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // to be told to stop is no failure
		case errors.Is(err, ErrRefused):
			return err
		}
		c.cfg.Log.Info("connection to the stage lost, trying again", "err", err)
		c.setState(Waiting, err)
		pause := max(retryAfter(err), wait/2+rand.N(wait/2))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, longWait)
	}
}

// send gives a packet to the present connection and reports whether there was one.
func (c *Client) send(p packet) bool {
	c.mu.Lock()
	conn := c.present
	c.mu.Unlock()
	return conn != nil && conn.send(p)
}

// Stats returns what the client did so far.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	s := Stats{State: c.state, Connections: c.connections}
	conn := c.present
	c.mu.Unlock()
	s.Packets, s.Lost = c.pacer.sent.Load(), c.pacer.lost.Load()
	if conn != nil {
		s.RTT = conn.rtt()
	}
	return s
}

func (c *Client) setPresent(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.present = conn
	if conn != nil {
		c.connections++
	}
}

func (c *Client) setState(s State, err error) {
	c.mu.Lock()
	c.state = s
	c.mu.Unlock()
	c.cfg.OnState(s, err)
}
