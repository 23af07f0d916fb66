package stage

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/epidaurus-live/epidaurus/room"
)

// queuePackets is how much waits for one listener on stage: a third of a second of a full stage that all speak at once. What
// comes when it is full is dropped: a slow listener delays nobody.
const queuePackets = 200

// session is one connection of one person: its voice comes in by one track, and what the person hears goes out by one for each slot.
//
// Its goroutines: one reads the microphone, one writes the slots, one reads each sender's feedback. close ends them all.
type session struct {
	// immutable
	id      string
	kind    kind
	person  room.PersonID
	log     *slog.Logger
	network *network
	clock   func() time.Duration
	onState func(*session, connState)     // called in pion's order, by one goroutine at a time
	pc      *webrtc.PeerConnection        // nil for a radio encoder
	encoder *encoder                      // of a radio encoder
	slots   []*webrtc.TrackLocalStaticRTP // by slot; as many as the offer had receiving sections
	queue   chan slotPacket
	done    chan struct{}

	// forwards is whom the voice is sent to. The person's scene replaces it, the microphone's goroutine reads it.
	forwards atomic.Pointer[[]forward]
	sound    sound
	// aside is whom a voice from backstage is sent to; such a session's sound is never opened.
	aside   atomic.Pointer[aside]
	dropped atomic.Uint64 // packets that did not fit into queue

	reception reception // of the microphone; has a lock of its own

	wg sync.WaitGroup

	mu        sync.Mutex
	closed    bool // guarded by mu
	listening bool // guarded by mu; the microphone has its goroutine

	negotiation sync.Mutex // held for a whole ICE restart; nothing else is locked under it
	offer       *offer     // guarded by negotiation; as of the last ICE restart
	revision    int        // guarded by negotiation; counts ICE restarts
}

// connState is what a session's connection became.
type connState int

const (
	connected connState = iota
	lost                // nothing comes; it may come back
	gone                // closed by the client or failed for good
)

// forward is one slot of one listener.
type forward struct {
	to    *session
	slot  int
	since uint64 // the slot is this voice's from this source number on
}

// slotPacket is one RTP packet on its way into a slot. Its payload is shared by all listeners and never changed.
type slotPacket struct {
	slot    int
	source  uint64
	seq     uint16
	ts      uint32
	payload []byte
	at      time.Duration
}

// newSession answers an offer. The session is closed by the caller, also where it never connects.
func newSession(ctx context.Context, n *network, k kind, person room.PersonID, o *offer, cfg *Config,
	onState func(*session, connState),
) (*session, string, error) {
	pc, err := n.api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{n.certificate}})
	if err != nil {
		return nil, "", fmt.Errorf("make peer connection: %w", err)
	}
	id := rand.Text()
	s := &session{
		id: id, kind: k, person: person, network: n, clock: cfg.Clock, onState: onState, pc: pc, offer: o,
		log:   cfg.Log.With("session", id[:6], "person", person),
		queue: make(chan slotPacket, queuePackets), done: make(chan struct{}),
	}
	s.forwards.Store(&[]forward{})
	pc.OnICEConnectionStateChange(s.iceChanged)
	pc.OnConnectionStateChange(s.connectionChanged)
	pc.OnTrack(s.listen)
	err = s.allocate()
	if err != nil {
		s.close()
		return nil, "", err
	}
	answer, err := s.negotiate(ctx)
	if err != nil {
		s.close()
		return nil, "", err
	}
	s.start()
	return s, answer, nil
}

// allocate makes the one section that receives and, for a desk, the sections that send.
func (s *session) allocate() error {
	receive := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	_, err := s.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, receive)
	if err != nil {
		return fmt.Errorf("allocate microphone: %w", err)
	}
	for slot := range len(s.offer.session.MediaDescriptions) - 1 {
		name := "slot-" + strconv.Itoa(slot)
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: samplesPerSecond, Channels: 2,
		}, name, name)
		if err != nil {
			return fmt.Errorf("allocate slot: %w", err)
		}
		send := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
		// pion gives receiving sections of the offer to sending transceivers in the order of their making: slot i is the
		// offer's i-th receiving section.
		_, err = s.pc.AddTransceiverFromTrack(track, send)
		if err != nil {
			return fmt.Errorf("allocate slot: %w", err)
		}
		s.slots = append(s.slots, track)
	}
	return nil
}

// negotiate answers the offer as it is now: at the beginning and after an ICE restart.
func (s *session) negotiate(ctx context.Context) (string, error) {
	return answerOffer(ctx, s.pc, s.offer, opusWishes, s.network.candidates, s.log)
}

// start begins the goroutines that do not wait for the client.
func (s *session) start() {
	for _, sender := range s.pc.GetSenders() {
		s.spawn(func() { drain(sender.Read) })
	}
	if len(s.slots) > 0 {
		s.spawn(s.writeSlots)
	}
}

// spawn runs f, for which close waits, unless the session is closed already.
func (s *session) spawn(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.wg.Go(f)
	}
}

// restart is an ICE restart by the client's new credentials: the client's network changed, its keys did not.
func (s *session) restart(ctx context.Context, f fragment) (string, error) {
	s.negotiation.Lock()
	defer s.negotiation.Unlock()
	s.offer.withCredentials(f.ufrag, f.pwd)
	answer, err := s.negotiate(ctx)
	if err != nil {
		return "", err
	}
	s.revision++
	return restartFragment(answer)
}

// etag names the ICE session (RFC 9725, section 4.3.1): it changes with each restart.
func (s *session) etag() string {
	s.negotiation.Lock()
	defer s.negotiation.Unlock()
	return fmt.Sprintf("\"%s-%d\"", s.id[:8], s.revision)
}

// isCurrent reports whether the credentials are those of the present ICE session.
func (s *session) isCurrent(ufrag, pwd string) bool {
	s.negotiation.Lock()
	defer s.negotiation.Unlock()
	return s.offer.ufrag == ufrag && s.offer.pwd == pwd
}

func (s *session) iceChanged(state webrtc.ICEConnectionState) {
	switch state {
	case webrtc.ICEConnectionStateDisconnected:
		s.onState(s, lost)
	case webrtc.ICEConnectionStateConnected, webrtc.ICEConnectionStateCompleted:
		if s.pc.ConnectionState() == webrtc.PeerConnectionStateConnected {
			s.onState(s, connected) // back from lost; the first time waits for DTLS, below
		}
	case webrtc.ICEConnectionStateFailed:
		s.onState(s, gone)
	}
}

func (s *session) connectionChanged(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		s.onState(s, connected)
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		s.onState(s, gone)
	}
}

// listen reads the microphone. Only the first track counts: an offer has one sending section.
func (s *session) listen(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	s.mu.Lock()
	first := !s.listening
	s.listening = true
	s.mu.Unlock()
	if first {
		s.spawn(func() { s.readVoice(track) })
		s.spawn(func() { drain(receiver.Read) })
	}
}

// drain reads RTCP until the connection ends: interceptors see only what somebody reads.
func drain(read func([]byte) (int, interceptor.Attributes, error)) {
	buf := make([]byte, 1500)
	for {
		_, _, err := read(buf)
		if err != nil {
			return
		}
	}
}

func (s *session) readVoice(track *webrtc.TrackRemote) {
	var padding paddingFilter
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		at := s.clock()
		s.reception.observe(p.SequenceNumber, p.Timestamp, at)
		switch {
		case !padding.admit(p):
		case s.kind == backstage:
			s.speakAside(p, at)
		default:
			s.forward(p, at)
		}
	}
}

// forward gives a packet to the mix and to everybody who hears this voice.
func (s *session) forward(p *rtp.Packet, at time.Duration) {
	source := s.sound.push(p, at)
	if source == 0 {
		return
	}
	send(*s.forwards.Load(), source, p, at)
}

func send(to []forward, source uint64, p *rtp.Packet, at time.Duration) {
	for _, f := range to {
		f.to.enqueue(slotPacket{
			slot: f.slot, source: max(source, f.since), seq: p.SequenceNumber, ts: p.Timestamp, payload: p.Payload, at: at,
		})
	}
}

// enqueue never blocks.
func (s *session) enqueue(p slotPacket) {
	select {
	case s.queue <- p:
	default:
		s.dropped.Add(1)
	}
}

// writeSlots sends what is queued. It owns the rewriters.
func (s *session) writeSlots() {
	rewriters := make([]rewriter, len(s.slots))
	for {
		select {
		case <-s.done:
			return
		case p := <-s.queue:
			if p.slot >= len(s.slots) {
				continue
			}
			out := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: p.ts}, Payload: p.payload}
			if !rewriters[p.slot].rewrite(&out.Header, p.source, p.at) {
				continue
			}
			// An error means that the connection is not up yet or is closing: its state says so elsewhere.
			_ = s.slots[p.slot].WriteRTP(&out)
		}
	}
}

// close ends the session and waits for its goroutines. It must not be called from a callback of the session.
func (s *session) close() {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	s.sound.close()
	if first {
		close(s.done)
	}
	var err error
	if s.encoder != nil {
		err = ignoreClosed(s.encoder.conn.Close())
	} else {
		err = s.pc.GracefulClose()
	}
	if err != nil {
		s.log.Debug("close connection", "err", err)
	}
	s.wg.Wait()
}
