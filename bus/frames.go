package bus

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// A message begins with a head that says by which takeover it was made, so that a receiver needs nothing else to judge it:
//
//	1 byte version, 4 bytes term, 8 bytes first frame of the term, 8 bytes frame number; big-endian. The rest is a packet or an event.
const (
	messageVersion = 1
	headSize       = 21
	eventsToken    = "events"
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
	if len(msg) < headSize || msg[0] != messageVersion {
		return t, 0, nil, errMessage
	}
	t.Term = tape.Term(binary.BigEndian.Uint32(msg[1:]))
	t.First = tape.Number(binary.BigEndian.Uint64(msg[5:]))
	n = tape.Number(binary.BigEndian.Uint64(msg[13:]))
	if t.First < 0 || n < t.First {
		return t, 0, nil, errMessage
	}
	return t, n, msg[headSize:], nil
}

// PublishFrame sends a frame of a variant. The packet is copied.
func (b *Bus) PublishFrame(id room.ID, ch tape.Channel, v tape.Variant, first tape.Number, f tape.Frame) error {
	msg := appendHead(make([]byte, 0, headSize+len(f.Packet)), tape.Takeover{Term: f.Term, First: first}, f.N)
	return b.conn.Publish(subject(id, ch, string(v)), append(msg, f.Packet...))
}

// PublishEvent sends an event of a channel. Sent before the frame it belongs to, it arrives before it.
func (b *Bus) PublishEvent(id room.ID, ch tape.Channel, first tape.Number, e tape.Event) error {
	body, err := json.Marshal(eventBody{e.Kind, e.Data})
	if err != nil {
		return fmt.Errorf("write a %s event: %w", e.Kind, err)
	}
	msg := appendHead(nil, tape.Takeover{Term: e.Term, First: first}, e.At)
	return b.conn.Publish(subject(id, ch, eventsToken), append(msg, body...))
}

// Subscribe lets to hear a channel from now on. Stop ends it; a call that is under way may still end after stop returned.
func (b *Bus) Subscribe(id room.ID, ch tape.Channel, to tape.Receiver) (stop func(), err error) {
	d := deliverer{to: to, bad: func(subject string, err error) {
		b.log.Warn("dropped a message of the bus", "subject", subject, "error", err)
	}}
	sub, err := b.conn.Subscribe(subject(id, ch, "*"), func(m *nats.Msg) { d.deliver(m.Subject, m.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribe to room %s: %w", id, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only on a closed connection, which is the same thing
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
	variant := subject[strings.LastIndexByte(subject, '.')+1:]
	if variant != eventsToken {
		d.to.Frame(tape.Variant(variant), tape.Frame{N: n, Term: t.Term, Packet: body})
		return
	}
	var e eventBody
	err = json.Unmarshal(body, &e)
	if err != nil {
		d.bad(subject, fmt.Errorf("%w: %w", errMessage, err))
		return
	}
	d.to.Event(tape.Event{At: n, Term: t.Term, Kind: e.Kind, Data: e.Data})
}
