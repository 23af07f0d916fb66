package channel_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/channel"
	"github.com/epidaurus-live/epidaurus/room"
)

func TestLostLeaseStopsTheMaker(t *testing.T) {
	r := newRig()
	ctx, cancel := context.WithCancel(t.Context())
	acquired := 0
	m := r.makerWith(func(context.Context) (channel.Lease, error) {
		acquired++
		if acquired > 1 {
			cancel()
			return nil, ctx.Err()
		}
		r.lease.term, r.lease.lost = 1, true
		return r.lease, nil
	})
	r.machine.stop = time.Hour
	m.Run(ctx)
	if acquired != 2 {
		t.Errorf("acquired %d times: a maker that lost its lease has to wait for it again", acquired)
	}
}

// A store that fails for a while costs time, not the room.
func TestFailingLeaseIsTriedAgain(t *testing.T) {
	for name, fail := range map[string]func(*rig, int) error{
		"Acquire": func(_ *rig, try int) error {
			if try <= 3 {
				return errors.New("timeout")
			}
			return nil
		},
		"Declare": func(r *rig, try int) error {
			r.lease.refuse = nil
			if try <= 3 {
				r.lease.refuse = errors.New("timeout")
			}
			return nil
		},
		"LostBeforeDeclared": func(r *rig, try int) error {
			r.lease.refuse = nil
			if try == 1 {
				r.lease.refuse = lostError{}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			tries := 0
			m := r.makerWith(func(context.Context) (channel.Lease, error) {
				tries++
				r.lease.term++
				return r.lease, fail(r, tries)
			})
			r.runMaker(t, m, 10*time.Second)
			if frames, _ := m.Made(); frames < 300 {
				t.Errorf("%d frames in 10 s", frames)
			}
		})
	}
}

// A node that waits for the lease of a room which ends meanwhile has nothing to add.
func TestEndBeforeTheLease(t *testing.T) {
	r := newRig()
	var m *channel.Maker
	m = r.makerWith(func(context.Context) (channel.Lease, error) {
		m.SetFacts(room.Facts{ID: "harbour", State: room.Ended})
		r.lease.reserved = 500
		return r.lease, nil
	})
	r.runMaker(t, m, time.Minute)
	if len(r.wire.events) > 0 || r.wire.ring.Newest() > 0 {
		t.Errorf("a second maker said %d events of a room that had ended", len(r.wire.events))
	}
	if r.lease.reserved != 500 || !r.lease.released {
		t.Errorf("the lease was not given back as it was: %+v", r.lease)
	}
}

// A process that was stopped for long does not flood the bus with silence that nobody keeps.
func TestLongStallIsLeftOut(t *testing.T) {
	r := newRig()
	r.machine.at[5*time.Second] = func(m *machine) { m.mu.Lock(); m.mono += time.Hour; m.mu.Unlock() }
	m := r.run(t, time.Hour+10*time.Second)
	if _, gaps := m.Made(); gaps < 179_999 || gaps > 180_001 {
		t.Errorf("%d frames of gap for a stall of an hour", gaps)
	}
	if n := r.silence(); n > 3000 {
		t.Errorf("%d frames of silence were sent", n)
	}
	if newest := r.wire.ring.Newest(); newest < 180_498 || newest > 180_501 {
		t.Errorf("an hour and 10 s later the newest frame is %d", newest)
	}
}

// A machine that is too slow for its work declares gap after gap, and still keeps its lease and tells who comes late.
func TestOverloadedMakerRenews(t *testing.T) {
	r := newRig()
	r.stage.slow = func() { r.machine.mu.Lock(); r.machine.mono += 620 * time.Millisecond; r.machine.mu.Unlock() }
	m := r.run(t, 20*time.Second)
	if made := m.Now(); r.lease.renewed < made-50 {
		t.Errorf("frame %d was made, and the lease speaks for those below %d", made, r.lease.renewed)
	}
}

// That a room is live is said until somebody has taken note.
func TestLiveIsSaidAgain(t *testing.T) {
	r := newRig()
	r.stage.say(channel.Level{ID: "p1", Heard: true})
	m := r.maker()
	r.machine.at[3500*time.Millisecond] = func(*machine) { m.SetFacts(room.Facts{ID: "harbour", State: room.Live}) }
	r.runMaker(t, m, 10*time.Second)
	if r.live != 4 {
		t.Errorf("it was said %d times in 3.5 s, want 4", r.live)
	}
}
