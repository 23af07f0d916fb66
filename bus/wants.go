package bus

import (
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Some variants are made only while somebody needs them. Who does says so on want.<room>.<channel>, every few seconds: what is not said again
// lapses. The subject is not below the channel's own, where every receiver would get it.

// wantBody is what is said. Unknown members are ignored.
type wantBody struct {
	Variant tape.Variant `json:"variant"`
}

func wantSubject(id room.ID, ch tape.Channel) string { return "want." + string(id) + "." + string(ch) }

// Want says that this node needs a variant of a channel now, and for about a minute.
func (b *Bus) Want(id room.ID, ch tape.Channel, v tape.Variant) error {
	body, err := json.Marshal(wantBody{v})
	if err != nil {
		return fmt.Errorf("want %s of room %s: %w", v, id, err)
	}
	return b.conn.Publish(wantSubject(id, ch), body)
}

// Wants calls to, from one goroutine, with each variant that a node says it needs, until stop is called; a call that is under way may still
// end after that.
func (b *Bus) Wants(id room.ID, ch tape.Channel, to func(tape.Variant)) (stop func(), err error) {
	bad := b.dropped()
	sub, err := b.conn.Subscribe(wantSubject(id, ch), func(m *nats.Msg) {
		var body wantBody
		err := json.Unmarshal(m.Data, &body)
		if err != nil {
			bad(m.Subject, err)
			return
		}
		to(body.Variant)
	})
	if err != nil {
		return nil, fmt.Errorf("hear what is needed of room %s: %w", id, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only on a closed connection, which is the same thing
}
