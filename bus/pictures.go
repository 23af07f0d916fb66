package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/room"
)

// pictureSubject is where a room's own picture is asked for, by its sum. Only who has it answers.
const pictureSubject = "picture."

// Picture asks the other nodes, and this one, for a room's own picture.
func (b *Bus) Picture(ctx context.Context, id room.ID, p room.Picture) (image []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	m, err := b.conn.RequestWithContext(ctx, pictureSubject+string(id), []byte(p.Sum))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNobodyAnswers, err)
	}
	if len(m.Data) == 0 {
		return nil, errors.New("the node that has the picture cannot read it")
	}
	return m.Data, nil
}

// GivePictures answers who asks for pictures, from one goroutine, until stop is called. Where find has none another node may.
func (b *Bus) GivePictures(find func(id room.ID, p room.Picture) (image []byte, ok bool)) (stop func(), err error) {
	sub, err := b.conn.Subscribe(pictureSubject+"*", func(m *nats.Msg) {
		image, ok := find(room.ID(strings.TrimPrefix(m.Subject, pictureSubject)), room.Picture{Sum: string(m.Data)})
		if !ok {
			return
		}
		err := m.Respond(image)
		if err != nil {
			b.log.Debug("a picture did not go out", "subject", m.Subject, "error", err)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to questions for pictures: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only on a closed connection, which is the same thing
}
