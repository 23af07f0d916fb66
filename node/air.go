package node

import (
	"context"
	"time"

	"github.com/epidaurus-live/epidaurus/api"
	"github.com/epidaurus-live/epidaurus/channel"
	"github.com/epidaurus-live/epidaurus/mix"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage"
	"github.com/epidaurus-live/epidaurus/tape"
)

// SetDelay sets a room's broadcast delay. It is done even when it cannot be stored.
func (r *rooms) SetDelay(ctx context.Context, id room.ID, ms int) error {
	err := r.bus.ChangeFacts(ctx, id, func(f *room.Facts) error {
		f.DelayMS = ms
		return nil
	})
	if err != nil {
		return err
	}
	r.write(id)
	return nil
}

// Dump removes what has not gone out. It waits for nothing: neither the database nor the bus is asked. A room that has ended can be dumped
// until its last word is out.
func (r *rooms) Dump(id room.ID, fill string) (api.Dumped, error) {
	running := r.making(id)
	if running == nil {
		return api.Dumped{}, room.ErrNotFound
	}
	var with mix.Fill
	switch fill {
	case room.FillNone:
	case room.FillHold:
		with.Hold = true
	default:
		with.Cart, _ = running.carts.get(room.Cart(fill))
	}
	removed := running.mixer.Dump(with)
	air := running.mixer.Air()
	r.log.Info("dumped", "room", id, "removed", removed, "fill", fill)
	return api.Dumped{Removed: removed, Filling: air.Filling, Wanted: air.Wanted}, nil
}

// watchAir connects a maker's news with the desk and the alarm.
func (r *rooms) watchAir(cfg *channel.Config, id room.ID, running *runningRoom) {
	cfg.OnAir = func(a channel.Air) {
		r.stage.SetAir(id, stage.Air{
			Delay: a.Delay, Wanted: a.Wanted, Filling: a.Filling, Cart: a.Cart, CartLeft: a.CartLeft, DeadAir: running.deadAir.Load(),
		})
	}
	cfg.OnDeadAir = func(on bool) {
		running.deadAir.Store(on)
		f, _ := r.bus.Facts(id)
		if !f.IsRun() { // its team is there, and hears that by itself
			r.alarms.raise(alarm{Kind: alarmDeadAir, On: on, Room: id, Title: f.Title, At: time.Now().UTC()})
		}
		if on {
			r.log.Warn("dead air: the room is live, and nothing is heard", "room", id)
		}
	}
	cfg.ApologyAfter = r.apologyAfter
	cfg.OnApology = func() {
		c, _ := running.carts.get(room.CartApology)
		running.mixer.Play(c)
		r.log.Warn("the stage is empty and silent: the apology plays", "room", id)
	}
}

// Air gives a maker the way to the listeners under its own names.
func (m *mixLevels) Air() channel.Air {
	a := m.Mixer.Air()
	return channel.Air{
		In: a.In, Out: a.Out, Sounding: a.Sounding, DumpFrom: a.DumpFrom, DumpTo: a.DumpTo, Quiet: a.Quiet, Delay: a.Delay, Wanted: a.Wanted,
		Filling: a.Filling, Cart: a.Cart, CartLeft: a.CartLeft,
	}
}

// Moment is the frame at which listeners hear what is said on stage now.
func (r *rooms) Moment(id room.ID) (frame int64, err error) {
	running := r.making(id)
	if running == nil {
		return 0, room.ErrNotFound
	}
	return int64(running.maker.Now() + tape.Number(running.mixer.Air().Delay/tape.FrameDuration)), nil
}
