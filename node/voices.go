package node

import (
	"context"
	"errors"

	"github.com/epidaurus-live/epidaurus/room"
)

// Who may be recorded, and who leads a room whose host is gone: decided on stage and at the desk, made to last here.

// Consent keeps an answer to whether somebody may be recorded: for the stage at once, in the database as soon as it takes it.
func (r *rooms) Consent(_ context.Context, id room.ID, p room.PersonID, c room.Consent) error {
	return r.answerConsent(id, p, c)
}

func (r *rooms) answerConsent(id room.ID, p room.PersonID, c room.Consent) error {
	news, kept := false, room.Consent{}
	err := r.keep(id, "consent", func(f *room.Facts) (err error) {
		news, err = f.Answer(p, c)
		kept = f.Consents[p]
		return err
	}, func(ctx context.Context) error {
		if !news {
			return nil
		}
		return r.store.AddConsent(ctx, id, p, kept)
	})
	if err == nil && news {
		r.log.Info("an answer to whether somebody may be recorded", "room", id, "person", p, "agreed", c.Agreed, "text", c.Text, "vouched_by", c.By)
	}
	return err
}

// takeLead makes another the host of a room whose host is gone. Who that was is asked of the database only where nobody of this node has seen them.
func (r *rooms) takeLead(id room.ID, host, to room.PersonID, role room.Role) error {
	if host == "" {
		f, _ := r.bus.Facts(id)
		host = f.HostOf("")
	}
	if host == "" {
		ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
		defer cancel()
		record, err := r.store.Room(ctx, id)
		if err != nil {
			return err
		}
		host = record.HostPerson
	}
	return r.keep(id, "take the lead", func(f *room.Facts) error { return f.TakeLead(host, to, role) }, func(ctx context.Context) error {
		return r.writeHost(ctx, id, host, to)
	})
}

// writeHost writes down who is host now, who was before, and that the host of before may be recorded as a co-host.
func (r *rooms) writeHost(ctx context.Context, id room.ID, from, to room.PersonID) error {
	err := r.store.SetRoles(ctx, id, map[room.PersonID]room.Role{from: room.CoHost, to: room.Host})
	f, _ := r.bus.Facts(id)
	if c, ok := f.Consents[from]; ok {
		err = errors.Join(err, r.store.AddConsent(ctx, id, from, c))
	}
	return err
}

// watchLead looks who of those who lead a live room is there, where its sound is made here. It is called once a second.
func (r *rooms) watchLead(id room.ID, running *runningRoom) {
	f, _ := r.bus.Facts(id)
	if f.State != room.Live || !running.maker.Making() {
		r.stage.ForgetLead(id)
		return
	}
	lead := r.stage.SeeLead(id, rulesOf(r.leadRules, f), r.now())
	if was := running.lead; lead.State != was {
		running.lead = lead.State
		r.log.Info("who leads the room", "room", id, "state", lead.State, "until", lead.Until)
	}
	if lead.State == room.LeadOver {
		r.endLeft(id)
	}
}

// rulesOf are the rules as they hold for a room: one in which no word has been said does not end by itself. A start that is late, before an audience
// that waits, is no room that was left.
func rulesOf(rules room.LeadRules, f room.Facts) room.LeadRules {
	if f.Life.FirstWord.IsZero() {
		rules.End = 0
	}
	return rules
}

// endLeft ends a room in which nobody is left.
func (r *rooms) endLeft(id room.ID) {
	r.beside(func(ctx context.Context) {
		_, err := r.ChangeLife(ctx, id, func(f *room.Facts) error {
			if r.stage.Presence(id) != (room.Presence{}) {
				return room.ErrStep // somebody has just come
			}
			return f.Take(room.MoveEnd, room.ByAbsence, r.now().UTC())
		})
		if err != nil && !errors.Is(err, room.ErrStep) {
			r.log.Error("nobody is left in the room, but it could not be ended; trying again", "room", id, "error", err)
		}
	})
}
