package room

import (
	"fmt"
	"slices"
	"time"
)

// A run-through is a room of its own, which is heard by who has its private link only, and which takes nothing from the evening: it has its own
// sound, timeline, counts and tape. The room that it is of knows only that there is one.

// RunLife is how long the private link of a run-through is good.
const RunLife = 7 * 24 * time.Hour

// RunExpires is until when a link that is made now is good: the same for a day, so that it does not change under those who look at it.
func RunExpires(now time.Time) time.Time { return now.Truncate(24 * time.Hour).Add(RunLife) }

// IsRun reports whether this is the room of a run-through.
func (f *Facts) IsRun() bool { return f.RunOf != "" }

// StartRun notes that a run-through goes on in another room. It is possible before the doors, one at a time.
func (f *Facts) StartRun(in ID, by Cause) error {
	switch {
	case f.State != Draft && f.State != Announced:
		return fmt.Errorf("%w: a run-through is before the doors", ErrStep)
	case !slices.Contains(byHost, by):
		return fmt.Errorf("%w: a run-through by %s", ErrCause, by)
	case f.IsRun():
		return fmt.Errorf("%w: this is a run-through", ErrStep)
	case f.Life.Run != "" && f.Life.Run != in:
		return fmt.Errorf("%w: a run-through goes on", ErrStep)
	}
	if f.Life.Run != in {
		f.Life.Run = in
		f.Life.Revision++
	}
	return nil
}

// EndRun notes that a run-through is over: the room is as it was. That it is over already is no error.
func (f *Facts) EndRun(in ID) {
	if f.Life.Run == in && in != "" {
		f.Life.Run = ""
		f.Life.Revision++
	}
}

// RunRoom is the room of a run-through of this one: all of it really, with the curtain where there will be one, but nothing by the clock.
func (f *Facts) RunRoom(now time.Time, listeners []byte) Facts {
	run := Facts{
		RunOf: f.ID, Title: f.Title, Language: f.Language, State: Doors, LowDelay: f.LowDelay, DelayMS: f.DelayMS, Tape: TapeOn, Tracks: f.Tracks,
		Created: now, Listeners: listeners, Roles: f.Roles, Removed: slices.Clone(f.Removed),
	}
	run.Life.Plan = f.Life.Plan
	run.Life.Plan.ByClock = false
	if run.Planned() {
		run.Life.Revision = 1
	}
	return run
}
