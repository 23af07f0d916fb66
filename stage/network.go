package stage

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

const (
	// tcpBacklog bounds what waits to be sent to one client over TCP: half a second of a full stage. More is dropped, as a
	// full UDP buffer would.
	tcpBacklog = 48 << 10
	// strangerTimeout closes a TCP connection whose first check names no session. Sessions exist before their clients know
	// where to connect.
	strangerTimeout = 2 * time.Second
	// nackPackets is how many packets are remembered for retransmission: 2.5 s, far more than any player waits.
	nackPackets = 128
)

// network is what all sessions share: one UDP socket, ICE-TCP connections from the HTTP port, and pion set up to use nothing
// else.
type network struct {
	// immutable
	log         *slog.Logger
	media       net.PacketConn
	udp         *ice.UDPMuxDefault
	tcp         *ice.TCPMuxDefault // nil: media comes over UDP only
	tcpConns    *connQueue
	advertise   []netip.Addr
	api         *webrtc.API
	certificate webrtc.Certificate

	tcpPort atomic.Uint32 // 0 until a listener was split
}

// newNetwork is the network of people on stage.
func newNetwork(media net.PacketConn, advertise []netip.Addr, log *slog.Logger) (*network, error) {
	logs := pionLog{log}
	engine := &webrtc.MediaEngine{}
	registry := &interceptor.Registry{}
	err := errors.Join(registerCodec(engine), registerInterceptors(registry, logs))
	if err != nil {
		return nil, fmt.Errorf("set up media engine: %w", err)
	}
	n := &network{log: log, media: media, advertise: advertise, tcpConns: newConnQueue(maxTCP)}
	n.tcp = ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: n.tcpConns, Logger: logs.NewLogger("tcp"), ReadBufferSize: 64, WriteBufferSize: tcpBacklog,
		FirstStunBindTimeout: strangerTimeout, AliveDurationForConnFromStun: strangerTimeout,
	})
	// A failed connection is closed by the person's own timer, not by the agent's.
	err = n.open(logs, engine, registry, lostAfter, 0)
	if err != nil {
		return nil, errors.Join(err, n.tcp.Close())
	}
	return n, nil
}

// open sets pion up for connections that count as disconnected, and then as failed, after so long without a packet; 0: never. The caller
// closes media and tcp on error.
func (n *network) open(logs pionLog, engine *webrtc.MediaEngine, registry *interceptor.Registry, disconnected, failed time.Duration) error {
	certificate, err := newCertificate()
	if err != nil {
		return err
	}
	n.certificate = *certificate
	n.udp = ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: logs.NewLogger("udp"), UDPConn: n.media})
	settings, err := n.settings(logs)
	if err != nil {
		return errors.Join(err, n.udp.Close())
	}
	settings.SetICETimeouts(disconnected, failed, time.Second)
	n.api = webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	return nil
}

// settings makes pion a lite agent that answers on the shared sockets only. It is told of one local address a family: which
// addresses the clients hear of is written by candidates, and each address told to pion would cost goroutines in each session.
func (n *network) settings(logs pionLog) (webrtc.SettingEngine, error) {
	var s webrtc.SettingEngine
	s.LoggerFactory = logs
	s.SetLite(true)
	types := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	s.SetICEUDPMux(oneAddressMux{n.udp})
	if n.tcp != nil {
		types = append(types, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
		s.SetICETCPMux(n.tcp)
	}
	s.SetNetworkTypes(types)
	machine, err := newOneAddressNet()
	if err != nil {
		return s, err
	}
	s.SetNet(machine)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.DisableActiveTCP(true)
	// The client opens the DTLS handshake: nothing is sent to an address that did not speak first.
	err = s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer)
	if err != nil {
		return s, fmt.Errorf("set DTLS role: %w", err)
	}
	return s, nil
}

func registerCodec(engine *webrtc.MediaEngine) error {
	return errors.Join(
		engine.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
				RTCPFeedback: []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBTransportCC}, {Type: webrtc.TypeRTCPFBNACK}},
			},
			PayloadType: 111,
		}, webrtc.RTPCodecTypeAudio),
		engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.SDESMidURI}, webrtc.RTPCodecTypeAudio),
		engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.TransportCCURI}, webrtc.RTPCodecTypeAudio,
			webrtc.RTPTransceiverDirectionRecvonly),
	)
}

// registerInterceptors takes only what is needed: retransmission both ways, RTCP reports, and the feedback by which senders
// estimate their line.
func registerInterceptors(registry *interceptor.Registry, logs pionLog) error {
	responder, err := nack.NewResponderInterceptor(nack.ResponderSize(nackPackets), nack.WithResponderLoggerFactory(logs))
	if err != nil {
		return err
	}
	generator, err := nack.NewGeneratorInterceptor(nack.GeneratorSize(nackPackets), nack.GeneratorMaxNacksPerPacket(2),
		nack.GeneratorInterval(20*time.Millisecond), nack.WithGeneratorLoggerFactory(logs))
	if err != nil {
		return err
	}
	receiver, err := report.NewReceiverInterceptor(report.WithReceiverLoggerFactory(logs))
	if err != nil {
		return err
	}
	sender, err := report.NewSenderInterceptor(report.WithSenderLoggerFactory(logs))
	if err != nil {
		return err
	}
	feedback, err := twcc.NewSenderInterceptor(twcc.WithLoggerFactory(logs))
	if err != nil {
		return err
	}
	for _, factory := range []interceptor.Factory{responder, generator, receiver, sender, feedback} {
		registry.Add(factory)
	}
	return nil
}

// close ends what the sessions share; the sessions must be closed before.
func (n *network) close() error {
	var err error
	if n.tcp != nil {
		err = n.tcp.Close()
	}
	return errors.Join(err, n.udp.Close(), ignoreClosed(n.media.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
