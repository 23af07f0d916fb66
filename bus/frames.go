package bus

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// A message begins with a head that says by which takeover it was made, so that a receiver needs nothing else to judge it:
//
//	1 byte version, 4 bytes term, 8 bytes first frame of the term, 8 bytes frame number; big-endian. The rest is a packet, an event or,
//	under the number of its last frame, a seal.
//
// The last token of its subject says which: a variant's name for a packet. A node that does not know a token takes it for a variant that it
// does not serve, so new ones may be added; their head must be true, since every receiver learns the takeover from it.
//
// The version's low four bits are the form, which is 1. Its high four bits are how many words of four bytes a later version has added
// behind the head: who does not know them passes over them. A message of another form is dropped.
const (
	messageVersion = 1
	formMask       = 0x0f
	headSize       = 21
	eventsToken    = "events"
	sealToken      = "seal"
)

var errMessage = errors.New("this is no message of a channel")

type eventBody struct {
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data"`
}

func subject(id room.ID, ch tape.Channel, last string) string {
	return "room." + string(id) + "." + string(ch) + "." + last
}

func appendHead(dst []byte, t tape.Takeover, n tape.Number) []byte {
	dst = append(dst, messageVersion)
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.Term))
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.First))
	return binary.BigEndian.AppendUint64(dst, uint64(n))
}

func parseHead(msg []byte) (t tape.Takeover, n tape.Number, body []byte, err error) {
	if len(msg) < headSize || msg[0]&formMask != messageVersion {
		return t, 0, nil, errMessage
	}
	size := headSize + 4*int(msg[0]>>4)
	if len(msg) < size {
		return t, 0, nil, errMessage
	}
	t.Term = tape.Term(binary.BigEndian.Uint32(msg[1:]))
	t.First = tape.Number(binary.BigEndian.Uint64(msg[5:]))
	n = tape.Number(binary.BigEndian.Uint64(msg[13:]))
	if t.First < 0 || n < t.First {
		return t, 0, nil, errMessage
	}
	return t, n, msg[size:], nil
}

// PublishFrame sends a frame of a variant. The packet is copied.
func (b *Bus) PublishFrame(id room.ID, ch tape.Channel, v tape.Variant, first tape.Number, f tape.Frame) error {
	msg := appendHead(make([]byte, 0, headSize+len(f.Packet)), tape.Takeover{Term: f.Term, First: first}, f.N)
	return b.conn.Publish(subject(id, ch, string(v)), append(msg, f.Packet...))
}

// PublishSeal sends a seal. Sent after the last frame that it is about, it arrives after it.
func (b *Bus) PublishSeal(id room.ID, ch tape.Channel, first tape.Number, s tape.Seal) error {
	return b.conn.Publish(subject(id, ch, sealToken), sealMessage(tape.Takeover{Term: s.Term, First: first}, s))
}

func sealMessage(t tape.Takeover, s tape.Seal) []byte {
	return tape.AppendSeal(appendHead(nil, t, s.To-1), s)
}

// PublishEvent sends an event of a channel. Sent before the frame it belongs to, it arrives before it.
func (b *Bus) PublishEvent(id room.ID, ch tape.Channel, first tape.Number, e tape.Event) error {
	msg, err := eventMessage(tape.Takeover{Term: e.Term, First: first}, e)
	if err != nil {
		return err
	}
	return b.conn.Publish(subject(id, ch, eventsToken), msg)
}

func eventMessage(t tape.Takeover, e tape.Event) ([]byte, error) {
	body, err := json.Marshal(eventBody{e.Kind, e.Data})
	if err != nil {
		return nil, fmt.Errorf("write a %s event: %w", e.Kind, err)
	}
	return append(appendHead(nil, t, e.At), body...), nil
}

// Subscribe lets to hear a channel from now on, and its seals if it is a tape.SealReceiver. Stop ends it; a call that is under way may still end after stop returned.
func (b *Bus) Subscribe(id room.ID, ch tape.Channel, to tape.Receiver) (stop func(), err error) {
	d := deliverer{to: to, bad: b.dropped()}
	sub, err := b.conn.Subscribe(subject(id, ch, "*"), func(m *nats.Msg) { d.deliver(m.Subject, m.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribe to room %s: %w", id, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only on a closed connection, which is the same thing
}

// badEvery is how often messages that cannot be understood are told of: a newer node sends a hundred in a second.
const badEvery = time.Minute

// dropped tells of messages that were dropped. It is for one goroutine.
func (b *Bus) dropped() func(subject string, err error) {
	var told time.Time
	count := 0
	return func(subject string, err error) {
		count++
		if now := time.Now(); now.Sub(told) >= badEvery {
			b.log.Warn("dropped messages of the bus: do all nodes run neighbouring versions?", "subject", subject, "error", err, "count", count)
			told, count = now, 0
		}
	}
}

type deliverer struct {
	to   tape.Receiver
	last tape.Takeover
	bad  func(subject string, err error)
}

func (d *deliverer) deliver(subject string, msg []byte) {
	t, n, body, err := parseHead(msg)
	if err != nil {
		d.bad(subject, err)
		return
	}
	if t != d.last {
		d.last = t
		d.to.Takeover(t)
	}
	switch last := subject[strings.LastIndexByte(subject, '.')+1:]; last {
	case eventsToken:
		d.event(subject, t, n, body)
	case sealToken:
		d.seal(subject, t, n, body)
	default:
		d.to.Frame(tape.Variant(last), tape.Frame{N: n, Term: t.Term, Packet: body})
	}
}

func (d *deliverer) seal(subject string, t tape.Takeover, n tape.Number, body []byte) {
	to, ok := d.to.(tape.SealReceiver)
	if !ok {
		return
	}
	s, err := tape.ParseSeal(t.Term, n, body)
	if err != nil {
		d.bad(subject, err)
		return
	}
	to.Seal(s)
}

func (d *deliverer) event(subject string, t tape.Takeover, n tape.Number, body []byte) {
	var e eventBody
	err := json.Unmarshal(body, &e)
	if err != nil {
		d.bad(subject, fmt.Errorf("%w: %w", errMessage, err))
		return
	}
	d.to.Event(tape.Event{At: n, Term: t.Term, Kind: e.Kind, Data: e.Data})
}
