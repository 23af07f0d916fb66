// Package whep listens to any server by WHEP (draft-ietf-wish-whep): it makes the offer, and counts and hands over what comes. It speaks the public
// protocol only, as a stranger would.
package whep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Config is how to listen. The zero value is of use.
type Config struct {
	// HTTP makes the requests. Default: a client with a timeout of 10 s.
	HTTP *http.Client
	// Token is sent as "Authorization: Bearer". Default: none.
	Token string
	// OnPacket is given each packet, by one goroutine. Default: they are only counted.
	OnPacket func(*rtp.Packet)
	// OnEvent is given what comes on the data channel "events", which is offered where this is set.
	OnEvent func([]byte)
	// Settings changes how pion connects. Optional.
	Settings func(*webrtc.SettingEngine)
}

// Refused is an answer to the offer that is none.
type Refused struct {
	Status     int
	RetryAfter time.Duration // 0: it did not say
	Body       []byte        // as far as it was read: a problem (RFC 9457) from ours
}

func (r Refused) Error() string {
	return fmt.Sprintf("the server refused: %d %.300s", r.Status, r.Body)
}

// Listener is one connection. Its methods may be called from any goroutine.
type Listener struct {
	// Session is the address of the session, and ETag that of its ICE session.
	Session, ETag string

	pc        *webrtc.PeerConnection
	http      *http.Client
	packets   atomic.Uint64
	bytes     atomic.Uint64
	connected chan struct{} // closed when the first packet came
	ended     chan struct{} // closed when the connection failed or was closed
	end       sync.Once
	wg        sync.WaitGroup
}

const answerMost = 1 << 20 // bytes

// Listen asks the endpoint for its sound. Nothing may have come yet when it returns. The listener is closed by the caller.
func Listen(ctx context.Context, endpoint string, cfg Config) (*Listener, error) {
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	l := &Listener{http: cfg.HTTP, connected: make(chan struct{}), ended: make(chan struct{})}
	err := l.prepare(cfg)
	if err == nil {
		err = l.ask(ctx, endpoint, cfg)
	}
	if err != nil {
		if l.pc != nil {
			err = errors.Join(err, l.pc.GracefulClose())
		}
		l.wg.Wait()
		return nil, err
	}
	return l, nil
}

// prepare makes the connection that is offered.
func (l *Listener) prepare(cfg Config) (err error) {
	engine := &webrtc.MediaEngine{}
	err = engine.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"},
		PayloadType:        111,
	}, webrtc.RTPCodecTypeAudio)
	if err != nil {
		return fmt.Errorf("set up Opus: %w", err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	if cfg.Settings != nil {
		cfg.Settings(&settings)
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(&interceptor.Registry{}), webrtc.WithSettingEngine(settings))
	l.pc, err = api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return fmt.Errorf("make peer connection: %w", err)
	}
	_, err = l.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		return fmt.Errorf("offer to listen: %w", err)
	}
	if cfg.OnEvent != nil {
		negotiated, id := true, uint16(0)
		events, err := l.pc.CreateDataChannel("events", &webrtc.DataChannelInit{Negotiated: &negotiated, ID: &id})
		if err != nil {
			return fmt.Errorf("offer to hear events: %w", err)
		}
		events.OnMessage(func(m webrtc.DataChannelMessage) { cfg.OnEvent(m.Data) })
	}
	l.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		l.wg.Go(func() { l.read(track, cfg.OnPacket) })
	})
	l.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			l.end.Do(func() { close(l.ended) })
		}
	})
	return nil
}

// ask sends the offer and takes the answer.
func (l *Listener) ask(ctx context.Context, endpoint string, cfg Config) error {
	offer, err := l.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("make offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(l.pc)
	err = l.pc.SetLocalDescription(offer)
	if err != nil {
		return fmt.Errorf("set offer: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader([]byte(l.pc.LocalDescription().SDP)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/sdp")
	if cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+cfg.Token)
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerMost))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode != http.StatusCreated {
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // 0 where there is none, or a date
		return Refused{Status: resp.StatusCode, RetryAfter: time.Duration(after) * time.Second, Body: body}
	}
	session, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
	if err != nil {
		return fmt.Errorf("read the session's address: %w", err)
	}
	l.Session, l.ETag = session.String(), resp.Header.Get("ETag")
	err = l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)})
	if err != nil {
		return fmt.Errorf("take the answer: %w", err)
	}
	return nil
}

func (l *Listener) read(track *webrtc.TrackRemote, on func(*rtp.Packet)) {
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		l.bytes.Add(uint64(len(p.Payload)))
		if l.packets.Add(1) == 1 {
			close(l.connected)
		}
		if on != nil {
			on(p)
		}
	}
}

// Connected is closed when the first packet has come.
func (l *Listener) Connected() <-chan struct{} { return l.connected }

// Ended is closed when the connection is lost, or was closed.
func (l *Listener) Ended() <-chan struct{} { return l.ended }

// Received is how many packets came, and how many bytes of payload they had.
func (l *Listener) Received() (packets, bytes uint64) { return l.packets.Load(), l.bytes.Load() }

// Leave ends the session at the server, and closes the connection.
func (l *Listener) Leave(ctx context.Context) error {
	return errors.Join(l.delete(ctx), l.Close())
}

func (l *Listener) delete(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, l.Session, nil)
	if err != nil {
		return err
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // read or not, it is of no use
	if resp.StatusCode != http.StatusOK {
		return Refused{Status: resp.StatusCode}
	}
	return nil
}

// Close closes the connection only: the server finds out by itself.
func (l *Listener) Close() error {
	err := l.pc.GracefulClose()
	l.wg.Wait()
	if err != nil {
		return fmt.Errorf("close the connection: %w", err)
	}
	return nil
}
