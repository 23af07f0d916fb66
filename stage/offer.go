package stage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/epidaurus-live/epidaurus/room"
)

// kind tells the kinds of session apart.
type kind string

const (
	whip      kind = "whip"      // publishes only
	desk      kind = "desk"      // publishes and hears the others
	backstage kind = "backstage" // is heard backstage and in single ears, never in the mix; hears the stage and the others backstage
	check     kind = "check"     // publishes, and nobody hears it
)

const (
	// slotCount is how many others one can hear on stage: all of a full stage but oneself.
	slotCount = 12
	// maxBackstage is how many can talk backstage.
	maxBackstage = 12
	// backstageSlots is how many others one can hear there: a full stage, and all but oneself.
	backstageSlots = room.MaxOnStage + maxBackstage - 1
)

// slots is how many voices a session of this kind receives, beside the ear: one more section, for who speaks to this person alone.
func (k kind) slots() int {
	switch k {
	case desk:
		return slotCount
	case backstage:
		return backstageSlots
	}
	return 0
}

// path is where sessions of this kind are made, below the room's address.
func (k kind) path() string {
	if k == backstage {
		return "stage/backstage"
	}
	return string(k)
}

// offer is a client's SDP after it was found sound. What pion gets to see holds only the sections that are used; the others
// are put back, refused, into the answer.
type offer struct {
	session sdp.SessionDescription // only audio sections that are used, without candidates
	all     []section              // every section of the client's offer, in its order
	data    bool                   // one of the used sections is for data channels
	ufrag   string
	pwd     string
}

// section is one m-line of the client's offer.
type section struct {
	mid   string
	used  bool
	media sdp.MediaName
}

// clientError says in words for people what is wrong with what a client sent.
type clientError string

func (e clientError) Error() string { return string(e) }

// parseOffer checks an offer for a session of kind k: exactly one audio section that sends, and for who hears as many that receive as
// the kind has slots, and one more for the ear. Other sections (an encoder's video) are refused in the answer and do no harm. The body is not trusted.
func parseOffer(body []byte, k kind) (*offer, error) {
	var parsed sdp.SessionDescription
	err := parsed.Unmarshal(body)
	if err != nil || !plainLines(body) {
		return nil, clientError("The body is not an SDP offer.")
	}
	if len(parsed.MediaDescriptions) > 2*(slotCount+1) {
		return nil, clientError("The offer has too many media sections.")
	}
	o := &offer{session: parsed}
	o.session.MediaDescriptions = nil
	sending, receiving := 0, 0
	mids := make(map[string]bool)
	for _, m := range parsed.MediaDescriptions {
		mid, _ := m.Attribute("mid")
		if mid == "" || mids[mid] {
			return nil, clientError("Each media section of the offer needs an a=mid of its own.")
		}
		mids[mid] = true
		s := section{mid: mid, media: m.MediaName}
		_, bundled := m.Attribute("bundle-only") // such a section has port 0 in an offer, and is meant all the same
		if m.MediaName.Media == "audio" && (m.MediaName.Port.Value != 0 || bundled) {
			switch direction(&parsed, m) {
			case "sendonly", "sendrecv":
				sending++
				s.used = true
			case "recvonly":
				s.used = k.slots() > 0
				receiving++
			}
		}
		if s.used {
			if !offersOpus(m) {
				return nil, clientError("Each audio section must offer Opus at 48000 Hz.")
			}
			o.session.MediaDescriptions = append(o.session.MediaDescriptions, m)
		}
		o.all = append(o.all, s)
	}
	switch {
	case sending != 1:
		return nil, clientError(fmt.Sprintf("The offer has %d sending audio sections: exactly one is needed.", sending))
	case k.slots() > 0 && receiving > k.slots()+1:
		return nil, clientError(fmt.Sprintf("The offer has %d receiving audio sections: at most %d are possible.", receiving, k.slots()+1))
	}
	return o, o.clean("sendonly")
}

// plainLines reports whether the only control characters are those that end lines: a stray CR would make one line to us and two to
// whoever reads what we write.
func plainLines(body []byte) bool {
	for i, c := range body {
		switch {
		case c == '\r' && (i+1 == len(body) || body[i+1] != '\n'):
			return false
		case c < ' ' && c != '\r' && c != '\n' && c != '\t':
			return false
		}
	}
	return true
}

// clean leaves in the session only what the answer depends on, with one direction of its audio, and finds the ICE credentials.
func (o *offer) clean(one string) error {
	var bundle []string
	for _, m := range o.session.MediaDescriptions {
		mid, _ := m.Attribute("mid")
		bundle = append(bundle, mid)
		m.Attributes = keepAttributes(m.Attributes)
		// One direction is enough: who sends here hears by other sections or not at all, and who listens is not heard.
		for i := range m.Attributes {
			if m.Attributes[i].Key == "sendrecv" {
				m.Attributes[i].Key = one
			}
		}
	}
	o.session.Attributes = keepAttributes(slices.DeleteFunc(o.session.Attributes, func(a sdp.Attribute) bool { return a.Key == "group" }))
	o.session.WithValueAttribute("group", "BUNDLE "+strings.Join(bundle, " "))

	first := o.session.MediaDescriptions[0]
	o.ufrag, o.pwd = iceAttribute(&o.session, first, "ice-ufrag"), iceAttribute(&o.session, first, "ice-pwd")
	if !validCredentials(o.ufrag, o.pwd) {
		return clientError("The offer has no usable a=ice-ufrag and a=ice-pwd.")
	}
	if iceAttribute(&o.session, first, "fingerprint") == "" {
		return clientError("The offer has no a=fingerprint.")
	}
	return nil
}

// keepAttributes drops candidates, which a lite agent has no use for, and all that could make one section carry several
// streams.
func keepAttributes(in []sdp.Attribute) []sdp.Attribute {
	ssrc := ""
	return slices.DeleteFunc(in, func(a sdp.Attribute) bool {
		switch a.Key {
		case "candidate", "end-of-candidates", "remote-candidates", "rid", "simulcast", "ssrc-group":
			return true
		case "ssrc":
			id, _, _ := strings.Cut(a.Value, " ")
			if ssrc == "" {
				ssrc = id
			}
			return id != ssrc
		}
		return false
	})
}

// withCredentials is the same offer after an ICE restart (RFC 8839, section 4.4.3.1.1).
func (o *offer) withCredentials(ufrag, pwd string) {
	replace := func(attributes []sdp.Attribute) {
		for i := range attributes {
			switch attributes[i].Key {
			case "ice-ufrag":
				attributes[i].Value = ufrag
			case "ice-pwd":
				attributes[i].Value = pwd
			}
		}
	}
	replace(o.session.Attributes)
	for _, m := range o.session.MediaDescriptions {
		replace(m.Attributes)
	}
	o.ufrag, o.pwd = ufrag, pwd
}

// text is what pion gets to see.
func (o *offer) text() (string, error) {
	b, err := o.session.Marshal()
	if err != nil {
		return "", fmt.Errorf("write cleaned offer: %w", err)
	}
	return string(b), nil
}

// direction is a section's direction, or the session's where the section says none (RFC 8866, section 6.7).
func direction(s *sdp.SessionDescription, m *sdp.MediaDescription) string {
	for _, attributes := range [][]sdp.Attribute{m.Attributes, s.Attributes} {
		for _, a := range attributes {
			switch a.Key {
			case "sendonly", "recvonly", "inactive", "sendrecv":
				return a.Key
			}
		}
	}
	return "sendrecv"
}

// iceAttribute is an attribute that may stand in a section or above all of them.
func iceAttribute(s *sdp.SessionDescription, m *sdp.MediaDescription, key string) string {
	if v, ok := m.Attribute(key); ok {
		return v
	}
	v, _ := s.Attribute(key)
	return v
}

// validCredentials checks lengths and characters of RFC 8839, section 5.4.
func validCredentials(ufrag, pwd string) bool {
	return len(ufrag) >= 4 && len(ufrag) <= 256 && len(pwd) >= 22 && len(pwd) <= 256 && iceChars(ufrag) && iceChars(pwd)
}

func iceChars(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

func offersOpus(m *sdp.MediaDescription) bool { return len(opusTypes(m)) > 0 }

// opusTypes lists the payload types of a section that are Opus.
func opusTypes(m *sdp.MediaDescription) []string {
	var types []string
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" {
			continue
		}
		pt, codec, _ := strings.Cut(a.Value, " ")
		if strings.EqualFold(strings.TrimSpace(codec), "opus/48000/2") && slices.Contains(m.MediaName.Formats, pt) {
			types = append(types, pt)
		}
	}
	return types
}
