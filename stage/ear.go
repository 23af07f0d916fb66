package stage

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/epidaurus-live/epidaurus/tape"
)

// ear is one listener's connection. Its fanout writes to it; one goroutine reads what it reports of the sound, and throws it away.
type ear struct {
	// immutable
	id      string
	of      *Listeners
	fanout  *fanout
	origin  string
	log     *slog.Logger
	local   netip.Addr // at which it made its request; invalid: not known
	pc      *webrtc.PeerConnection
	sender  *webrtc.RTPSender
	events  *webrtc.DataChannel // nil: its offer had none
	done    chan struct{}       // closed when it begins to close
	reading sync.WaitGroup

	seat  Seat        // set by Listeners.add, and then immutable
	timer *time.Timer // likewise; ends the ear when it does not connect

	pending bool // guarded by Listeners.mu; it has not connected yet
	ended   bool // guarded by Listeners.mu

	out   atomic.Pointer[outlet] // nil: nothing can be sent yet, or any more
	hears bool                   // owned by the fanout; its data channel is open
	first bool                   // owned by the fanout; it was sent a packet

	negotiation sync.Mutex // held for a whole ICE restart; nothing else is locked under it
	offer       *offer     // guarded by negotiation; as of the last ICE restart
	revision    int        // guarded by negotiation; counts ICE restarts
}

// outlet is where an ear's packets go.
type outlet struct {
	header rtp.Header // owned by the fanout, but for what is set at its making
	to     webrtc.TrackLocalWriter
}

// newEar answers an offer. The ear is closed by the caller until it was added to the Listeners, who end it then.
func newEar(ctx context.Context, l *Listeners, f *fanout, origin string, r *http.Request, o *offer) (*ear, string, error) {
	pc, err := l.network.api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{l.network.certificate}})
	if err != nil {
		return nil, "", fmt.Errorf("make peer connection: %w", err)
	}
	id := rand.Text()
	e := &ear{
		id: id, of: l, fanout: f, origin: origin, log: l.cfg.Log.With("listener", id[:6]), local: localAddress(r),
		pc: pc, done: make(chan struct{}), pending: true, offer: o,
	}
	answer, err := e.begin(ctx)
	if err != nil {
		e.close()
		return nil, "", err
	}
	return e, answer, nil
}

// begin makes what is sent, and the answer.
func (e *ear) begin(ctx context.Context) (answer string, err error) {
	send := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
	transceiver, err := e.pc.AddTransceiverFromTrack(earTrack{e}, send)
	if err != nil {
		return "", fmt.Errorf("allocate the sound: %w", err)
	}
	e.sender = transceiver.Sender()
	if e.offer.data {
		err = e.openEvents()
		if err != nil {
			return "", err
		}
	}
	answer, err = e.negotiate(ctx)
	if err != nil {
		return "", err
	}
	e.reading.Go(func() { drain(e.sender.Read) })
	return answer, nil
}

// start lets the connection be the ear's: what becomes of it ends the ear. The client knows of neither before its answer.
func (e *ear) start() {
	e.pc.OnConnectionStateChange(e.changed)
	// Who opens channels of his own wants something else of this server than to listen.
	e.pc.OnDataChannel(func(*webrtc.DataChannel) { e.of.end(e) })
}

// openEvents makes the channel of events, which both sides know by its number.
func (e *ear) openEvents() (err error) {
	negotiated, id := true, uint16(0)
	e.events, err = e.pc.CreateDataChannel("events", &webrtc.DataChannelInit{Negotiated: &negotiated, ID: &id})
	if err != nil {
		return fmt.Errorf("allocate the events: %w", err)
	}
	e.events.OnOpen(func() {
		select {
		case e.fanout.greet <- e:
		case <-e.fanout.done:
		case <-e.done:
		}
	})
	return nil
}

func (e *ear) changed(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		e.of.connected(e)
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		e.of.end(e)
	}
}

// write sends a frame, and returns how many bytes UDP carries of it; 0 where the connection is not up, or is closing.
func (e *ear) write(frame tape.Frame) int {
	out := e.out.Load()
	if out == nil {
		return 0
	}
	h := &out.header
	h.SequenceNumber, h.Timestamp = uint16(frame.N), uint32(frame.N.Samples()) //nolint:gosec // they wrap around, as RTP's do
	h.Marker = !e.first
	e.first = true
	n, err := out.to.WriteRTP(h, frame.Packet)
	if err != nil {
		return 0
	}
	return n
}

// welcome tells who has just come what he has to know.
func (e *ear) welcome(events []tape.Event) {
	e.hears = true
	for _, o := range events {
		e.say(eventText(o))
	}
}

// say sends an event. A listener who takes none of them for long is let go: his line is dead, or he is no player.
func (e *ear) say(text string) {
	if !e.hears {
		return
	}
	if e.events.BufferedAmount() > unreadMost {
		e.of.end(e)
		return
	}
	_ = e.events.SendText(text) // fails on a connection that is closing, whose state says so elsewhere
}

// negotiate answers the offer as it is now: at the beginning and after an ICE restart.
func (e *ear) negotiate(ctx context.Context) (string, error) {
	return answerOffer(ctx, e.pc, e.offer, opusSent, e.candidates, e.log)
}

// candidates are where the listener reaches the sound: as configured, or where he reached this server.
func (e *ear) candidates() ([]string, error) {
	n := e.of.network
	if len(n.advertise) > 0 || !e.local.IsValid() || e.local.IsLoopback() {
		return n.candidates()
	}
	udp := n.media.LocalAddr().(*net.UDPAddr)                              //nolint:forcetypeassert // NewListeners is given a UDP socket
	return candidateLines([]netip.Addr{e.local}, uint16(udp.Port), 0), nil //nolint:gosec // a port has 16 bits
}

// localAddress is the address of this machine at which a request came in.
func localAddress(r *http.Request) netip.Addr {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return addr.AddrPort().Addr().Unmap().WithZone("")
}

// restart is an ICE restart by the client's new credentials: the client's network changed, its keys did not.
func (e *ear) restart(ctx context.Context, f fragment) (string, error) {
	e.negotiation.Lock()
	defer e.negotiation.Unlock()
	e.offer.withCredentials(f.ufrag, f.pwd)
	answer, err := e.negotiate(ctx)
	if err != nil {
		return "", err
	}
	e.revision++
	return restartFragment(answer)
}

// etag names the ICE session: it changes with each restart.
func (e *ear) etag() string {
	e.negotiation.Lock()
	defer e.negotiation.Unlock()
	return fmt.Sprintf("\"%s-%d\"", e.id[:8], e.revision)
}

// isCurrent reports whether the credentials are those of the present ICE session.
func (e *ear) isCurrent(ufrag, pwd string) bool {
	e.negotiation.Lock()
	defer e.negotiation.Unlock()
	return e.offer.ufrag == ufrag && e.offer.pwd == pwd
}

// close ends the connection and waits for what belongs to it. It must not be called from a callback of the connection, and once only.
func (e *ear) close() {
	close(e.done)
	err := e.pc.GracefulClose()
	if err != nil {
		e.log.Debug("close peer connection", "err", err)
	}
	e.reading.Wait()
}

// earTrack is the sound of an ear as pion knows it: it only tells where packets go.
type earTrack struct{ of *ear }

var _ webrtc.TrackLocal = earTrack{}

// Bind implements webrtc.TrackLocal: the connection is about to come up.
func (t earTrack) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, c := range ctx.CodecParameters() {
		if c.MimeType == webrtc.MimeTypeOpus {
			t.of.out.Store(&outlet{
				header: rtp.Header{Version: 2, SSRC: uint32(ctx.SSRC()), PayloadType: uint8(c.PayloadType)}, to: ctx.WriteStream(),
			})
			return c, nil
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind implements webrtc.TrackLocal.
func (t earTrack) Unbind(webrtc.TrackLocalContext) error {
	t.of.out.Store(nil)
	return nil
}

// ID implements webrtc.TrackLocal.
func (earTrack) ID() string { return "floor" }

// RID implements webrtc.TrackLocal.
func (earTrack) RID() string { return "" }

// StreamID implements webrtc.TrackLocal.
func (earTrack) StreamID() string { return "floor" }

// Kind implements webrtc.TrackLocal.
func (earTrack) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }
