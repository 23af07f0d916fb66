package listener

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// tone returns the packets of a second of sound, made once.
var tone = sync.OnceValue(func() [][]byte {
	encoder, err := codec.NewOpusEncoder(codec.ForVariant(tape.Opus48))
	if err != nil {
		panic(err)
	}
	packets := make([][]byte, tape.FramesPerSec)
	pcm, buf := make([]float32, codec.FrameSamples), make([]byte, codec.MaxPacketBytes)
	for i := range packets {
		for k := range pcm {
			pcm[k] = float32(0.1 * math.Sin(2*math.Pi*440*float64(i*len(pcm)+k)/codec.SampleRate))
		}
		n, err := encoder.Encode(pcm, buf)
		if err != nil {
			panic(err)
		}
		packets[i] = append([]byte(nil), buf[:n]...)
	}
	return packets
})

// frames returns the packets of the frames from from to to.
func frames(from, to tape.Number) [][]byte {
	packets := make([][]byte, 0, to-from)
	for n := from; n < to; n++ {
		packets = append(packets, tone()[n%tape.FramesPerSec])
	}
	return packets
}

// answerWriter writes one answer as an edge would.
type answerWriter struct {
	w http.ResponseWriter
	c Container
}

// begin writes the header of the response and of the container.
func begin(w http.ResponseWriter, c Container, first tape.Number) *answerWriter {
	w.Header().Set("Content-Type", "audio/"+string(c))
	w.Header().Set("Epidaurus-Frame", fmt.Sprint(first))
	a := &answerWriter{w, c}
	if c == Ogg {
		a.write(ogg.AppendHeaders(nil, 7, ogg.Head{PreSkip: codec.OpusPreSkip}))
	} else {
		a.write(fmp4.Init(codec.OpusPreSkip))
	}
	return a
}

func (a *answerWriter) write(b []byte) {
	_, _ = a.w.Write(b) // a listener who left is noticed by the handler's context
	_ = http.NewResponseController(a.w).Flush()
}

func (a *answerWriter) packets(from tape.Number, packets [][]byte, events ...tape.Event) {
	if a.c == Ogg {
		a.write(ogg.AppendPages(nil, 7, from, packets))
	} else {
		a.write(fmp4.AppendFragment(nil, from, packets, events))
	}
}

func (a *answerWriter) sound(from, to tape.Number) { a.packets(from, frames(from, to)) }

// live writes a fragment per cadence until frame to, beginning a cadence from now.
func (a *answerWriter) live(from, to tape.Number) {
	for ; from < to; from += tape.PageFrames {
		time.Sleep(tape.PageFrames * tape.FrameDuration)
		a.sound(from, min(from+tape.PageFrames, to))
	}
}

// cut breaks the connection.
func cut() { panic(http.ErrAbortHandler) }

// pipes is a network in memory, so that time can be faked.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.done:
		return nil, errors.New("connection refused")
	}
}

// script says how a server answers the requests one by one; n counts from zero.
type script func(n int, w http.ResponseWriter, r *http.Request)

// wallClock is the clock of a test's bubble.
type wallClock struct{ start time.Time }

func (c wallClock) Mono() time.Duration { return time.Since(c.start) }

func (c wallClock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hear listens to a server that follows a script. It must be called in a synctest bubble.
func hear(t *testing.T, ctx context.Context, c Config, s script, notify func(Event)) (Report, error) {
	t.Helper()
	network := &pipes{make(chan net.Conn), make(chan struct{})}
	var requests atomic.Int64
	var handlers sync.WaitGroup
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		s(int(requests.Add(1)-1), w, r)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(network) }()

	client := newClient()
	client.Transport.(*http.Transport).DialContext = network.dial
	c.Client = client
	c.Clock = wallClock{time.Now()}
	if c.Random == nil {
		c.Random = func() float64 { return 0 }
	}
	if c.URL == "" {
		c.URL = "http://room.test/r/x"
	}
	report, err := Listen(ctx, c, notify)
	client.CloseIdleConnections()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	<-served
	handlers.Wait()
	return report, err
}
