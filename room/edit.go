package room

import (
	"cmp"
	"fmt"
	"time"
)

// Edit is what a host has made of a replay. Nothing of it touches the tape.
type Edit struct {
	Title string `json:"title,omitempty"` // in the place of the room's own
	From  int64  `json:"from,omitempty"`  // the first frame that is heard; 0: the tape's first
	To    int64  `json:"to,omitempty"`    // one behind the last; 0: the tape's end
}

// EditChange is what is to be changed of a replay; nil leaves it.
type EditChange struct {
	Title    *string // empty: the room's own again
	From, To *int64
	NoClips  *bool
	Posted   *bool // whether it can be heard
}

// Heading is what a room is called where it is heard again.
func (f *Facts) Heading() string { return cmp.Or(f.Life.Edit.Title, f.Title) }

// Change edits a replay. Seen is the revision of the life that whoever asks has seen, so that of two who change it at once one is told; 0 does
// not ask. Whether clips may be made can be said at any time, all else when the room has ended.
func (f *Facts) Change(c EditChange, seen int, now time.Time) error {
	l := f.Life
	if seen != 0 && seen != l.Revision {
		return ErrChanged
	}
	if (c.Title != nil || c.From != nil || c.To != nil || c.Posted != nil) && f.State != Ended {
		return fmt.Errorf("%w: the room has not ended", ErrStep)
	}
	e := Edit{Title: said(c.Title, l.Edit.Title), From: said(c.From, l.Edit.From), To: said(c.To, l.Edit.To)}
	if e.From < 0 || e.To < 0 || e.To != 0 && e.To <= e.From {
		return fmt.Errorf("%w: from %d to %d", ErrFrame, e.From, e.To)
	}
	l.Edit, l.NoClips = e, said(c.NoClips, l.NoClips)
	if c.Posted != nil && !*c.Posted && l.Withdrawn.IsZero() {
		l.Withdrawn, l.Posted = now, time.Time{}
	}
	if c.Posted != nil && *c.Posted && (!l.Withdrawn.IsZero() || l.Posted.IsZero()) {
		l.Withdrawn, l.Posted = time.Time{}, now
	}
	if l.Edit != f.Life.Edit || l.NoClips != f.Life.NoClips || l.Withdrawn != f.Life.Withdrawn || l.Posted != f.Life.Posted {
		l.Revision++
		f.Life = l
	}
	return nil
}

// said is what was said, or else what was.
func said[T any](v *T, was T) T {
	if v != nil {
		return *v
	}
	return was
}
