package room

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Life is what is known of a room's course beside its state. The zero Life is that of a room that was opened at once.
type Life struct {
	Plan      Plan      `json:"plan,omitzero"`
	EndsAt    time.Time `json:"ends_at,omitzero"`    // the end was asked for, comes then, and can be taken back until then
	LiveAt    time.Time `json:"live_at,omitzero"`    // when it went live
	FirstWord time.Time `json:"first_word,omitzero"` // when the first word after that left the mixer
	Posted    time.Time `json:"posted,omitzero"`     // when its tape was posted to be heard again

	Closed     int    `json:"closed,omitempty"`      // who comes when so many seats are taken finds the doors closed; 0: never
	Notice     string `json:"notice,omitempty"`      // what who finds them closed reads
	HoldReplay bool   `json:"hold_replay,omitempty"` // its tape is heard when somebody posts it, and not by its end alone

	Access  Access  `json:"access,omitzero"`  // who may hear it
	Picture Picture `json:"picture,omitzero"` // its host's own, to show with links to it

	Relocate *Relocation `json:"relocate,omitempty"` // the listeners go to another room then; never changed, but replaced
	Moved    *MovedEvent `json:"moved,omitempty"`    // they were told to, and who comes now is sent there; never changed
	Run      ID          `json:"run,omitempty"`      // a run-through goes on in that room

	Chapters   []Chapter `json:"chapters,omitempty"`    // by frame; the slice is replaced, never changed
	ChapterIDs int       `json:"chapter_ids,omitempty"` // the last one given
	Edit       Edit      `json:"edit,omitzero"`         // of the replay
	NoClips    bool      `json:"no_clips,omitempty"`    // no clips are given of it
	Withdrawn  time.Time `json:"withdrawn,omitzero"`    // when its tape was taken back: nobody hears it until it is posted again

	// Revision grows with each change of what stands here: of two who tell of one room, the one with the greater revision knows more.
	Revision int `json:"rev,omitempty"`
}

// Move is a step in a room's life.
type Move string

// The moves that there are.
const (
	MoveAnnounce Move = "announce"
	MoveDoors    Move = "doors"
	MoveLive     Move = "live"
	MoveEnd      Move = "end"
	MoveReplay   Move = "replay"
	MoveAway     Move = "away" // the listeners go to another room, and this one stays as it is
)

// Cause is who makes a room move: a role, or something that is nobody.
type Cause string

// Those who are no role.
const (
	ByClock Cause = "clock" // the time that was announced has come
	ByVoice Cause = "voice" // somebody speaks

	ByAbsence Cause = "absence" // nobody who could lead the room is left, nor anybody on stage (Lead)
)

// By is a person's role as a cause.
func By(r Role) Cause { return Cause(r) }

var (
	byTeam = []Cause{By(Host), By(CoHost), By(Producer)}
	byHost = []Cause{By(Host)}
)

// course is the whole table of what may follow what, and by whom. Everything else is refused.
var course = map[State]map[Move]struct {
	to State
	by []Cause
}{
	Draft: {
		MoveAnnounce: {Announced, byTeam},
		MoveEnd:      {Ended, byHost},
	},
	Announced: {
		MoveDoors: {Doors, append(byTeam, ByClock)},
		MoveEnd:   {Ended, append(byHost, ByClock)},
	},
	Doors: {
		MoveLive: {Live, append(byTeam, ByClock, ByVoice)},
		MoveAway: {Doors, []Cause{ByClock}},
		MoveEnd:  {Ended, append(byHost, ByClock)},
	},
	Live: {
		MoveAway: {Live, []Cause{ByClock}},
		MoveEnd:  {Ended, append(byHost, ByClock, ByAbsence)},
	},
	Ended: {
		MoveReplay: {Replay, append(byHost, ByClock)},
	},
}

// Reasons why a room does not move.
var (
	ErrStep    = errors.New("this step is not possible in the room's present state")
	ErrCause   = errors.New("this step is not yours to take")
	ErrTooSoon = errors.New("the time for this step has not come")
	ErrChanged = errors.New("somebody else changed it meanwhile")
)

// Stage is where in its life a room is. On the bus a room whose tape is posted says that it has ended: nodes of before know no other end.
func (f *Facts) Stage() State {
	if f.State == Ended && !f.Life.Posted.IsZero() {
		return Replay
	}
	return f.State
}

// Planned reports whether a time was announced.
func (f *Facts) Planned() bool { return !f.Life.Plan.Start.IsZero() }

// Curtained reports whether listeners hear nothing of the stage yet, whoever speaks there: a time was announced, and the room is not live.
func (f *Facts) Curtained() bool { return f.State == Doors && f.Planned() }

// Take moves a room by one step, or says why not; then nothing has changed.
func (f *Facts) Take(m Move, by Cause, now time.Time) error {
	step, ok := course[f.Stage()][m]
	switch {
	case !ok:
		return fmt.Errorf("%w: %s in %s", ErrStep, m, f.Stage())
	case !slices.Contains(step.by, by):
		return fmt.Errorf("%w: %s by %s", ErrCause, m, by)
	case by == ByVoice && f.Planned():
		return fmt.Errorf("%w: this room begins at its time", ErrCause)
	case by == ByClock && m == MoveReplay && (f.Life.HoldReplay || !f.Life.Withdrawn.IsZero()):
		return fmt.Errorf("%w: somebody posts it", ErrTooSoon)
	case by == ByClock && m != MoveReplay:
		due, at := f.next()
		if due != m || now.Before(at) {
			return fmt.Errorf("%w: %s", ErrTooSoon, m)
		}
	}
	switch m {
	case MoveReplay:
		f.Life.Posted, f.Life.Withdrawn = now, time.Time{}
	case MoveAway:
		// Without a signature yet, which whoever has the key puts there: it is told only with one.
		f.Life.Moved, f.Life.Relocate = &MovedEvent{Kind: KindMoved, To: f.Life.Relocate.To}, nil
	case MoveEnd:
		f.State, f.EndedAt, f.Life.EndsAt, f.Life.Relocate = Ended, now, time.Time{}, nil
	case MoveLive:
		f.State, f.Life.LiveAt = Live, now
	default:
		f.State = step.to
	}
	if f.State.Open() || f.State == Ended {
		f.Life.Run = "" // a run-through is before the doors
	}
	f.Life.Revision++
	return nil
}

// AskEnd asks for the end of a room after some time, in which Stay takes it back. Asked again, the earlier end stands.
func (f *Facts) AskEnd(by Cause, after time.Duration, now time.Time) error {
	step, ok := course[f.Stage()][MoveEnd]
	switch {
	case !ok:
		return fmt.Errorf("%w: %s in %s", ErrStep, MoveEnd, f.Stage())
	case by == ByClock || by == ByAbsence || !slices.Contains(step.by, by):
		return fmt.Errorf("%w: %s by %s", ErrCause, MoveEnd, by)
	case f.Stage() == Draft:
		return f.Take(MoveEnd, by, now) // nobody knows of it
	}
	at := now.Add(after)
	if f.Life.EndsAt.IsZero() || at.Before(f.Life.EndsAt) {
		f.Life.EndsAt = at
		f.Life.Revision++
	}
	return nil
}

// Stay takes back an end that was asked for and has not come. Where none was asked for it is no error.
func (f *Facts) Stay(by Cause, now time.Time) error {
	switch {
	case f.State == Ended:
		return fmt.Errorf("%w: it has ended", ErrStep)
	case !slices.Contains(byHost, by):
		return fmt.Errorf("%w: to take the end back by %s", ErrCause, by)
	case f.Life.EndsAt.IsZero():
		return nil
	case !now.Before(f.Life.EndsAt):
		return fmt.Errorf("%w: the end has come", ErrStep)
	}
	f.Life.EndsAt = time.Time{}
	f.Life.Revision++
	return nil
}

// Replan puts another plan in the place of the present one. Seen is the revision of the life that whoever asks has seen, so that of two who
// change it at once one is told; 0 does not ask. Doors that are open stay open.
func (f *Facts) Replan(p Plan, by Cause, seen int, now time.Time) error {
	switch f.State {
	case Draft, Announced, Doors:
	default:
		return fmt.Errorf("%w: it has begun", ErrStep)
	}
	switch {
	case !slices.Contains(byTeam, by):
		return fmt.Errorf("%w: to change the plan by %s", ErrCause, by)
	case !f.Planned():
		return fmt.Errorf("%w: this room was opened without a plan", ErrStep)
	case seen != 0 && seen != f.Life.Revision:
		return ErrChanged
	}
	p.Changed = now.UTC().Truncate(time.Second)
	f.Life.Plan = p
	f.Life.Revision++
	return nil
}

// CloseDoors lets nobody in any more once so many seats are taken, 0 opens them again; notice is for who comes then. Whoever has a seat keeps
// it, and comes back to it. A tape that is held is let go by whoever may post it.
func (f *Facts) CloseDoors(at int, notice string, hold bool, by Cause) error {
	switch {
	case f.State != Doors && f.State != Live:
		return fmt.Errorf("%w: the doors are not open", ErrStep)
	case !slices.Contains(byTeam, by):
		return fmt.Errorf("%w: to close the doors by %s", ErrCause, by)
	case f.Life.HoldReplay && !hold && !slices.Contains(byHost, by):
		return fmt.Errorf("%w: to let the held tape go by %s", ErrCause, by)
	}
	if l := &f.Life; l.Closed != at || l.Notice != notice || l.HoldReplay != hold {
		l.Closed, l.Notice, l.HoldReplay = at, notice, hold
		l.Revision++
	}
	return nil
}

// ShowsReplay reports whether the tape of a room that has ended may be heard.
func (f *Facts) ShowsReplay() bool {
	return f.State == Ended && f.Life.Withdrawn.IsZero() && (!f.Life.HoldReplay || !f.Life.Posted.IsZero())
}

// Due is the move that the clock has to make now; empty while there is none.
func (f *Facts) Due(now time.Time) Move {
	m, at := f.next()
	if m == "" || now.Before(at) {
		return ""
	}
	return m
}

// NextDue is when the clock has something to do next; the zero time: never, as things stand.
func (f *Facts) NextDue() time.Time {
	_, at := f.next()
	return at
}

func (f *Facts) next() (m Move, at time.Time) {
	switch plan := f.Life.Plan; {
	case f.State == Announced && f.Planned():
		m, at = MoveDoors, plan.DoorsAt()
	case f.State == Doors && f.Planned() && plan.ByClock:
		m, at = MoveLive, plan.Start
	}
	sooner := func(other Move, due time.Time) {
		if !due.IsZero() && (m == "" || !due.After(at)) {
			m, at = other, due
		}
	}
	if r := f.Life.Relocate; r != nil && (f.State == Doors || f.State == Live) {
		sooner(MoveAway, r.At)
	}
	if f.State != Ended {
		sooner(MoveEnd, f.Life.EndsAt)
	}
	return m, at
}

// StartDelay is how late the first word left the mixer, after the announced start or, without one, after the room went live. It is false
// before that word.
func (f *Facts) StartDelay() (d time.Duration, ok bool) {
	if f.Life.FirstWord.IsZero() {
		return 0, false
	}
	from := f.Life.LiveAt
	if f.Planned() {
		from = f.Life.Plan.Start
	}
	return f.Life.FirstWord.Sub(from), !from.IsZero()
}
