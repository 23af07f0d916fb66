package stage

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// opusWishes asks a sender for good mono speech (RFC 7587, section 7.1): in-band correction of losses, a bitrate above which
// speech gains nothing, and no pauses in sending, so that a connection that falls silent is known to be lost.
const opusWishes = "minptime=10;useinbandfec=1;maxaveragebitrate=64000;stereo=0;sprop-stereo=0;usedtx=0"

// completeAnswer turns pion's answer into the client's: all its sections in its order, those that are not used refused, what is said of
// Opus (RFC 7587), and the candidates at which clients reach us.
func completeAnswer(text string, o *offer, opus string, candidates []string) (string, error) {
	var answer sdp.SessionDescription
	err := answer.UnmarshalString(text)
	if err != nil {
		return "", fmt.Errorf("read own answer: %w", err)
	}
	made := answer.MediaDescriptions
	answer.MediaDescriptions = nil
	for _, s := range o.all {
		if !s.used {
			answer.WithMedia(refused(s))
			continue
		}
		if len(made) == 0 {
			return "", fmt.Errorf("own answer lacks section %q", s.mid)
		}
		m := made[0]
		made = made[1:]
		isFirst := len(candidates) > 0
		dressSection(m, opus, candidates)
		if isFirst {
			candidates = nil // a bundle has one transport: its first section carries the candidates
		}
		answer.WithMedia(m)
	}
	b, err := answer.Marshal()
	if err != nil {
		return "", fmt.Errorf("write answer: %w", err)
	}
	return string(b), nil
}

func dressSection(m *sdp.MediaDescription, opus string, candidates []string) {
	kept := m.Attributes[:0:0]
	for _, a := range m.Attributes {
		switch a.Key {
		case "candidate", "end-of-candidates", "fmtp", "ptime":
		default:
			kept = append(kept, a)
		}
	}
	m.Attributes = kept
	for _, pt := range opusTypes(m) {
		m.WithValueAttribute("fmtp", pt+" "+opus)
	}
	if m.MediaName.Media == "audio" {
		m.WithValueAttribute("ptime", "20")
	}
	for _, c := range candidates {
		m.WithValueAttribute("candidate", c)
	}
	if len(candidates) > 0 {
		m.WithPropertyAttribute("end-of-candidates")
	}
}

// refused answers a section that is not used (RFC 3264, section 6: port 0).
func refused(s section) *sdp.MediaDescription {
	m := &sdp.MediaDescription{
		MediaName: sdp.MediaName{
			Media:   s.media.Media,
			Port:    sdp.RangedPort{Value: 0},
			Protos:  s.media.Protos,
			Formats: s.media.Formats,
		},
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN",
			AddressType: "IP4",
			Address:     &sdp.Address{Address: "0.0.0.0"},
		},
	}
	return m.WithValueAttribute("mid", s.mid).WithPropertyAttribute("inactive")
}

// restartFragment is the answer to an ICE restart (RFC 9725, section 4.3.1.2): the new credentials and candidates.
func restartFragment(answer string) (string, error) {
	var parsed sdp.SessionDescription
	err := parsed.UnmarshalString(answer)
	if err != nil {
		return "", fmt.Errorf("read own answer: %w", err)
	}
	var b strings.Builder
	b.WriteString("a=ice-lite\r\n")
	if group, ok := parsed.Attribute("group"); ok {
		fmt.Fprintf(&b, "a=group:%s\r\n", group)
	}
	for _, m := range parsed.MediaDescriptions {
		if m.MediaName.Port.Value == 0 {
			continue
		}
		fmt.Fprintf(&b, "m=%s\r\n", m.MediaName.String())
		for _, a := range m.Attributes {
			switch a.Key {
			case "mid", "ice-ufrag", "ice-pwd", "candidate", "end-of-candidates":
				b.WriteString("a=" + a.String() + "\r\n")
			}
		}
		break // the bundle's transport is that of its first section
	}
	return b.String(), nil
}

// answerOffer answers an offer as it is now, with the Opus parameters that this side wishes for and the candidates that clients are told.
func answerOffer(ctx context.Context, pc *webrtc.PeerConnection, o *offer, opus string, candidates func() ([]string, error), log *slog.Logger) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, negotiateTimeout)
	defer cancel()
	text, err := o.text()
	if err != nil {
		return "", err
	}
	err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text})
	if err != nil {
		log.Debug("offer refused", "err", err)
		return "", clientError("The offer cannot be answered: it is not a WebRTC offer with DTLS and Opus.")
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("create answer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	err = pc.SetLocalDescription(answer)
	if err != nil {
		return "", fmt.Errorf("set answer: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	}
	lines, err := candidates()
	if err != nil {
		return "", err
	}
	return completeAnswer(pc.LocalDescription().SDP, o, opus, lines)
}
