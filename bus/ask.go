package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/room"
)

// askSubject is where questions go about a room that only the node can answer that makes its sound.
const askSubject = "ask."

// askPatience is how long an answer may take: a maker answers from memory.
const askPatience = 3 * time.Second

// ErrNobodyAnswers says that no node makes the room's sound now, or that none can be reached.
var ErrNobodyAnswers = errors.New("no node answers for the room")

// Ask asks the node that makes a room's sound.
func (b *Bus) Ask(ctx context.Context, id room.ID, question []byte) (answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	m, err := b.conn.RequestWithContext(ctx, askSubject+string(id), question)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNobodyAnswers, err)
	}
	return m.Data, nil
}

// Answer calls fn with each question about a room, from one goroutine, until stop is called; fn must not block. Where it has no answer
// another node may. A call that is under way may still end after stop.
func (b *Bus) Answer(fn func(id room.ID, question []byte) (answer []byte, ok bool)) (stop func(), err error) {
	sub, err := b.conn.Subscribe(askSubject+"*", func(m *nats.Msg) {
		answer, ok := fn(room.ID(strings.TrimPrefix(m.Subject, askSubject)), m.Data)
		if !ok {
			return
		}
		err := m.Respond(answer)
		if err != nil {
			b.log.Debug("an answer did not go out", "subject", m.Subject, "error", err)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to questions: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only on a closed connection, which is the same thing
}
