package node

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/api"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage"
)

// What those who lead a conversation decide, made to last: on the bus at once, in the database as soon as it takes it.

// keep changes a room's facts and has that written down. It is done even when it cannot be written down now. The error is change's, or the bus's.
func (r *rooms) keep(id room.ID, what string, change func(*room.Facts) error, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	err := r.bus.ChangeFacts(ctx, id, change)
	if err != nil {
		return err
	}
	r.ledger.await(r.ledger.add(id, what, write))
	return nil
}

// block takes no hand from an origin any more.
func (r *rooms) block(id room.ID, origin string) error {
	return r.keep(id, "block", func(f *room.Facts) error {
		if !f.IsBlocked(origin) {
			f.Blocked = append(slices.Clone(f.Blocked), origin)
		}
		return nil
	}, func(ctx context.Context) error { return r.store.Block(ctx, id, origin, time.Now()) })
}

// handOver makes one person the host, and the host of before a co-host, if that is what they are at this moment.
func (r *rooms) handOver(id room.ID, from, to room.PersonID) error {
	return r.keep(id, "hand over", func(f *room.Facts) error { return f.HandOver(from, to) }, func(ctx context.Context) error {
		return r.writeHost(ctx, id, from, to)
	})
}

// withRoles is old with some roles changed. What readers of facts may hold is not touched.
func withRoles(old, changed map[room.PersonID]room.Role) map[room.PersonID]room.Role {
	all := make(map[room.PersonID]room.Role, len(old)+len(changed))
	for _, roles := range []map[room.PersonID]room.Role{old, changed} {
		for p, role := range roles {
			all[p] = role
		}
	}
	return all
}

// takeHands says whether listeners may raise hands. A room that begins anew takes them, so the database need not know.
func (r *rooms) takeHands(id room.ID, take bool) error {
	return r.keep(id, "hands", func(f *room.Facts) error {
		f.NoHands = !take
		return nil
	}, func(context.Context) error { return nil })
}

// personChars is the length of a person's name in links, as api makes them.
const personChars = 8

func newPerson() (room.PersonID, error) {
	chars, err := room.RandomChars(rand.Reader, personChars)
	return room.PersonID(chars), err
}

// admit gives a listener whose hand was accepted a speaker's token. The database is told beside: it keeps who was invited, and who speaks does
// not wait for it.
func (r *rooms) admit(id room.ID, h room.Hand) stage.Admitted {
	now := time.Now()
	r.ledger.add(id, "invite", func(ctx context.Context) error {
		err := r.store.AddInvite(ctx, room.Invite{Room: id, Person: h.Person, Role: room.Speaker, Name: h.Name, Created: now})
		if errors.Is(err, room.ErrExists) {
			err = nil // it was done, though its answer said otherwise
		}
		return err
	})
	return stage.Admitted{
		Token: r.store.Key().Sign(room.Grant{
			Room: id, Person: h.Person, Role: room.Speaker, Name: h.Name, Origin: h.Origin, Expires: now.Add(api.TokenLife).Unix(),
		}),
		Stage: r.stageURL,
	}
}

// answerHand answers the question of an edge about a raised hand, where this node makes the room's sound.
func (r *rooms) answerHand(id room.ID, question []byte) (answer []byte, ok bool) {
	if r.making(id) == nil {
		return nil, false
	}
	var ask room.HandAsk
	err := json.Unmarshal(question, &ask)
	if err != nil {
		r.log.Warn("a question about a hand cannot be read", "room", id, "error", err)
		return nil, false
	}
	ask.Origin = r.store.Key().Origin(id, ask.Origin)
	answer, err = json.Marshal(r.stage.Hand(id, ask))
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return answer, true
}
