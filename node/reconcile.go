package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/store"
)

// reconcile makes the bus and the store know the same about a room: a change is written to one after the other, and either may have failed.
func (n *Node) reconcile(ctx context.Context, stored room.Facts) error {
	if _, ok := n.bus.Facts(stored.ID); !ok {
		return n.bus.PutFacts(ctx, stored)
	}
	var merged room.Facts
	err := n.bus.ChangeFacts(ctx, stored.ID, func(f *room.Facts) error {
		*f = merge(stored, *f)
		merged = *f
		return nil
	})
	if err != nil {
		return err
	}
	return writeDown(ctx, n.store, stored, merged)
}

// catchUp makes the store know of a room what the bus does.
func (r *rooms) catchUp(ctx context.Context, id room.ID) error {
	known, ok := r.bus.Facts(id)
	if !ok {
		return nil
	}
	kept, err := r.store.Room(ctx, id)
	if err != nil {
		return err
	}
	return writeDown(ctx, r.store, kept.Facts, merge(kept.Facts, known))
}

// writeDown writes what of a room has become otherwise than is stored.
func writeDown(ctx context.Context, s *store.Store, stored, merged room.Facts) (err error) {
	if merged.State != stored.State || merged.Life.Revision != stored.Life.Revision {
		err = s.SetLife(ctx, merged)
		if err != nil {
			return fmt.Errorf("write down what became of room %s: %w", stored.ID, err)
		}
	}
	if merged.DelayMS != stored.DelayMS {
		err = s.SetDelay(ctx, stored.ID, merged.DelayMS)
		if err != nil {
			return fmt.Errorf("write down the delay of room %s: %w", stored.ID, err)
		}
	}
	if !maps.Equal(merged.Roles, stored.Roles) {
		err = s.SetRoles(ctx, stored.ID, merged.Roles)
		if err != nil {
			return fmt.Errorf("write down the roles in room %s: %w", stored.ID, err)
		}
	}
	for p, c := range merged.Consents {
		if stored.Consents[p] == c {
			continue
		}
		err = s.AddConsent(ctx, stored.ID, p, c)
		if err != nil {
			return fmt.Errorf("write down who agreed to be recorded in room %s: %w", stored.ID, err)
		}
	}
	for _, origin := range merged.Blocked {
		if stored.IsBlocked(origin) {
			continue
		}
		err = s.Block(ctx, stored.ID, origin, time.Now())
		if err != nil {
			return fmt.Errorf("write down who was blocked from room %s: %w", stored.ID, err)
		}
	}
	for _, p := range merged.Removed {
		if stored.IsRemoved(p) {
			continue
		}
		err = s.RemovePerson(ctx, stored.ID, p, time.Now())
		if err != nil {
			return fmt.Errorf("write down who was removed from room %s: %w", stored.ID, err)
		}
	}
	return nil
}

// reconcileAll does so for every room.
func (n *Node) reconcileAll(ctx context.Context) error {
	kept, err := n.store.Rooms(ctx)
	if err != nil {
		return fmt.Errorf("read the rooms: %w", err)
	}
	for _, r := range kept {
		err = n.reconcile(ctx, r.Facts)
		if err != nil {
			return err
		}
	}
	return nil
}

// merge joins what the store and the bus know about a room: whichever could not be written last time lags behind.
func merge(stored, known room.Facts) room.Facts {
	if room.Step(stored.State, known.State) == nil {
		stored.State, stored.EndedAt = known.State, known.EndedAt
	}
	if known.Life.Revision > stored.Life.Revision {
		stored.Life, stored.Title, stored.Language = known.Life, known.Title, known.Language
	}
	stored.DelayMS = known.DelayMS // which the bus is told first
	stored.NoHands = known.NoHands
	stored.Consents = room.JoinConsents(stored.Consents, known.Consents)
	stored.Roles = withRoles(stored.Roles, known.Roles) // the bus is told first
	for _, origin := range known.Blocked {
		if !stored.IsBlocked(origin) {
			stored.Blocked = append(slices.Clone(stored.Blocked), origin)
		}
	}
	for _, p := range known.Removed {
		if !stored.IsRemoved(p) {
			stored.Removed = append(stored.Removed, p)
		}
	}
	return stored
}
