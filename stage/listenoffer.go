package stage

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	// maxListenOffer bounds the SDP of who listens, in bytes: a browser's with video and data beside the sound has some 7 kB.
	maxListenOffer = 32 << 10
	// maxListenSections bounds its sections. One is used, and one for data.
	maxListenSections = 8
	// opusSent says of the sound what its receiver may prepare for: mono, in packets of 20 ms.
	opusSent = "minptime=10;useinbandfec=1;sprop-stereo=0"
)

// parseListenOffer checks the offer of a listener (draft-ietf-wish-whep, section 4.2): its first audio section that receives is answered, and
// one for data channels, by which it hears what is said of the room. All other sections are refused in the answer. The body is not trusted.
func parseListenOffer(body []byte) (*offer, error) {
	var parsed sdp.SessionDescription
	err := parsed.Unmarshal(body)
	if err != nil || !plainLines(body) {
		return nil, clientError("The body is not an SDP offer.")
	}
	if len(parsed.MediaDescriptions) > maxListenSections {
		return nil, clientError(fmt.Sprintf("The offer has too many media sections: at most %d are possible.", maxListenSections))
	}
	o := &offer{session: parsed}
	o.session.MediaDescriptions = nil
	sound := 0
	mids := make(map[string]bool)
	for _, m := range parsed.MediaDescriptions {
		mid, _ := m.Attribute("mid")
		if mid == "" || mids[mid] {
			return nil, clientError("Each media section of the offer needs an a=mid of its own.")
		}
		mids[mid] = true
		s := section{mid: mid, media: m.MediaName}
		_, bundled := m.Attribute("bundle-only")
		switch {
		case m.MediaName.Port.Value == 0 && !bundled:
		case m.MediaName.Media == "audio" && sound == 0 && receives(&parsed, m):
			if !offersOpus(m) {
				return nil, clientError("The audio section must offer Opus at 48000 Hz.")
			}
			sound++
			s.used = true
		case m.MediaName.Media == "application" && !o.data && isDataChannel(m):
			o.data, s.used = true, true
		}
		if s.used {
			o.session.MediaDescriptions = append(o.session.MediaDescriptions, m)
		}
		o.all = append(o.all, s)
	}
	if sound == 0 {
		return nil, clientError("The offer has no audio section that receives: one is needed.")
	}
	return o, o.clean("recvonly")
}

func receives(s *sdp.SessionDescription, m *sdp.MediaDescription) bool {
	d := direction(s, m)
	return d == "recvonly" || d == "sendrecv"
}

// isDataChannel reports whether a section is one for data channels over SCTP and DTLS (RFC 8841), as browsers write it.
func isDataChannel(m *sdp.MediaDescription) bool {
	_, port := m.Attribute("sctp-port")
	return port && strings.EqualFold(strings.Join(m.MediaName.Protos, "/"), "UDP/DTLS/SCTP") &&
		strings.EqualFold(strings.Join(m.MediaName.Formats, " "), "webrtc-datachannel")
}
