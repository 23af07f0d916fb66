package whip

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	// lostAfter without an answer to a check, a connection counts as lost.
	lostAfter     = 2 * time.Second
	checkInterval = 500 * time.Millisecond
	// connectTimeout bounds the time from the answer to the first packet.
	connectTimeout = 5 * time.Second
	leaveTimeout   = 2 * time.Second
	maxAnswer      = 256 << 10 // bytes
)

var errLost = errors.New("the connection was lost")

// newAPI sets pion up for one outgoing Opus track.
func newAPI(cfg Config) (*webrtc.API, error) {
	engine := &webrtc.MediaEngine{}
	err := engine.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBNACK}},
		},
		PayloadType: 111,
	}, webrtc.RTPCodecTypeAudio)
	if err != nil {
		return nil, fmt.Errorf("set up codec: %w", err)
	}
	responder, err := nack.NewResponderInterceptor(nack.ResponderSize(128))
	if err != nil {
		return nil, fmt.Errorf("set up retransmission: %w", err)
	}
	reports, err := report.NewSenderInterceptor()
	if err != nil {
		return nil, fmt.Errorf("set up reports: %w", err)
	}
	registry := &interceptor.Registry{}
	registry.Add(responder)
	registry.Add(reports)

	var settings webrtc.SettingEngine
	settings.SetICETimeouts(lostAfter, lostAfter, checkInterval)
	settings.SetIncludeLoopbackCandidate(true) // the stage may run on this machine
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if cfg.Settings != nil {
		cfg.Settings(&settings)
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings)), nil
}

// connection is one WHIP session.
type connection struct {
	// immutable
	client   *Client
	pc       *webrtc.PeerConnection
	track    *webrtc.TrackLocalStaticRTP
	resource string // the session's address

	wg        sync.WaitGroup
	connected chan struct{} // closed once media flows
	lost      chan struct{} // closed once it does no more
	onceUp    func()
	onceDown  func()
}

// connect makes an offer, posts it, and waits until media flows.
func (c *Client) connect(ctx context.Context) (*connection, error) {
	pc, err := c.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("make peer connection: %w", err)
	}
	conn := &connection{client: c, pc: pc, connected: make(chan struct{}), lost: make(chan struct{})}
	conn.onceUp = sync.OnceFunc(func() { close(conn.connected) })
	conn.onceDown = sync.OnceFunc(func() { close(conn.lost) })
	pc.OnConnectionStateChange(conn.stateChanged)
	err = conn.open(ctx)
	if err != nil {
		conn.close(conn.resource != "" && ctx.Err() != nil)
		return nil, err
	}
	return conn, nil
}

func (conn *connection) stateChanged(s webrtc.PeerConnectionState) {
	switch s {
	case webrtc.PeerConnectionStateConnected:
		conn.onceUp()
	case webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		conn.onceDown()
	}
}

func (conn *connection) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	offer, err := conn.offer(ctx)
	if err != nil {
		return err
	}
	answer, err := conn.post(ctx, offer)
	if err != nil {
		return err
	}
	err = conn.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
	if err != nil {
		return fmt.Errorf("read the stage's answer: %w", err)
	}
	select {
	case <-conn.connected:
		return nil
	case <-conn.lost:
		return errLost
	case <-time.After(connectTimeout):
		return fmt.Errorf("no media connection to the stage within %v: is its UDP or TCP port blocked?", connectTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// offer makes the offer with all its candidates: a stage need not trickle.
func (conn *connection) offer(ctx context.Context) (string, error) {
	var err error
	conn.track, err = webrtc.NewTrackLocalStaticRTP(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "voice", "voice")
	if err != nil {
		return "", fmt.Errorf("make track: %w", err)
	}
	send := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
	transceiver, err := conn.pc.AddTransceiverFromTrack(conn.track, send)
	if err != nil {
		return "", fmt.Errorf("add track: %w", err)
	}
	conn.wg.Go(func() {
		buf := make([]byte, 1500) // feedback is seen by the interceptors only if somebody reads it
		for {
			_, _, err := transceiver.Sender().Read(buf)
			if err != nil {
				return
			}
		}
	})
	offer, err := conn.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("create offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(conn.pc)
	err = conn.pc.SetLocalDescription(offer)
	if err != nil {
		return "", fmt.Errorf("set offer: %w", err)
	}
	select {
	case <-gathered:
		return conn.pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	}
}

func (conn *connection) post(ctx context.Context, offer string) (string, error) {
	target := conn.client.target
	resp, err := conn.do(ctx, http.MethodPost, target.URL, []byte(offer))
	if err != nil {
		return "", fmt.Errorf("reach the stage: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("read the stage's answer: %w", err)
	}
	if resp.StatusCode != http.StatusCreated {
		return "", newRefusal(resp, body)
	}
	base, err := url.Parse(target.URL)
	if err != nil {
		return "", fmt.Errorf("read the stage's address: %w", err)
	}
	location, err := base.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return "", fmt.Errorf("the stage's answer has no usable Location: is this a WHIP address? (%s)", target.URL)
	}
	conn.resource = location.String()
	return string(body), nil
}

func (conn *connection) do(ctx context.Context, method, address string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/sdp")
	}
	if agree := conn.client.cfg.Agree; agree > 0 && method == http.MethodPost {
		req.Header.Set("Recording-Consent", strconv.Itoa(agree))
	}
	if token := conn.client.target.Token; token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return conn.client.cfg.HTTP.Do(req)
}

// send puts a packet on the line and reports whether there is one.
func (conn *connection) send(p packet) bool {
	select {
	case <-conn.lost:
		return false
	default:
	}
	err := conn.track.WriteRTP(&rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: p.ts},
		Payload: p.payload,
	})
	return err == nil
}

// wait returns when the connection is lost, or nil when ctx is done.
func (conn *connection) wait(ctx context.Context) error {
	select {
	case <-conn.lost:
		return errLost
	case <-ctx.Done():
		return nil
	}
}

// close ends the connection, and leaves the stage first where that is wanted.
func (conn *connection) close(leave bool) {
	if leave && conn.resource != "" {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		resp, err := conn.do(ctx, http.MethodDelete, conn.resource, nil)
		if err != nil {
			conn.client.cfg.Log.Warn("the stage could not be told of the leaving", "err", err)
		} else {
			_ = resp.Body.Close()
		}
		cancel()
	}
	err := conn.pc.GracefulClose()
	if err != nil {
		conn.client.cfg.Log.Debug("close peer connection", "err", err)
	}
	conn.wg.Wait()
}

// rtt is the round trip of the last check, or 0.
func (conn *connection) rtt() time.Duration {
	for _, sender := range conn.pc.GetSenders() {
		stats, ok := sender.Transport().ICETransport().GetSelectedCandidatePairStats()
		if ok {
			return time.Duration(stats.CurrentRoundTripTime * float64(time.Second))
		}
	}
	return 0
}

// refusal is an answer of the server that is not 201.
type refusal struct {
	status int
	detail string
	retry  time.Duration
}

// newRefusal reads a problem document (RFC 9457) where the answer is one.
func newRefusal(resp *http.Response, body []byte) error {
	r := &refusal{status: resp.StatusCode}
	var doc struct {
		Detail       string `json:"detail"`
		RetryAfterMS int64  `json:"retry_after_ms"`
	}
	if json.Unmarshal(body, &doc) == nil {
		r.detail, r.retry = doc.Detail, time.Duration(doc.RetryAfterMS)*time.Millisecond
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && r.retry == 0 {
		r.retry = time.Duration(seconds) * time.Second
	}
	r.retry = min(max(r.retry, 0), time.Minute)
	return r
}

func (r *refusal) Error() string {
	if r.detail == "" {
		return fmt.Sprintf("the stage answered %d %s", r.status, http.StatusText(r.status))
	}
	return r.detail
}

// Is makes a refusal that stays one ErrRefused: the client is to blame, and time does not change that.
func (r *refusal) Is(target error) bool {
	if target != ErrRefused {
		return false
	}
	switch r.status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return r.status >= 400 && r.status < 500
}

func retryAfter(err error) time.Duration {
	var r *refusal
	if errors.As(err, &r) {
		return r.retry
	}
	return 0
}
