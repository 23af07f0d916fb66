package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// chaptersAnswer is the chapters of a room, and the revision of its life in which they are these.
type chaptersAnswer struct {
	Chapters []room.Chapter `json:"chapters"`
	Revision int            `json:"revision"`
}

func (a *api) listChapters(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActSee)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, chaptersAnswer{append([]room.Chapter{}, v.facts.Life.Chapters...), v.facts.Life.Revision})
}

// mark begins a chapter: now, for listeners of what is said on stage now, or at the frame that is named.
func (a *api) mark(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActChapters)
	if err != nil {
		return err
	}
	var (
		title string
		at    *int
	)
	if r.ContentLength != 0 {
		err = readObject(w, r, member{name: "title", into: &title, optional: true}, member{name: "at", into: &at, optional: true})
	}
	if err == nil {
		title, err = chapterTitle(title)
	}
	if err != nil {
		return err
	}
	frame := int64(0)
	if at != nil {
		frame = int64(*at)
	} else {
		if v.facts.State == room.Ended {
			return badRequest("The member \"at\" is missing: the room has ended, and nothing is said now.")
		}
		frame, err = a.cfg.Air.Moment(v.facts.ID)
	}
	if err != nil {
		return airProblem(err)
	}
	return a.changeChapters(w, r, v, http.StatusCreated, func(f *room.Facts) (room.Chapter, error) { return f.Mark(frame, title) })
}

func chapterTitle(s string) (string, error) {
	title, err := room.CheckChapterTitle(s)
	if err != nil {
		return "", badRequest("%s", problem.Sentence(err))
	}
	return title, nil
}

// changeChapters changes the chapters of a room, and answers with the one that was changed.
func (a *api) changeChapters(w http.ResponseWriter, r *http.Request, v visit, status int, change func(*room.Facts) (room.Chapter, error)) error {
	ctx, cancel := detached(r)
	defer cancel()
	var c room.Chapter
	_, err := a.cfg.Life.ChangeLife(ctx, v.facts.ID, func(f *room.Facts) (err error) {
		c, err = change(f)
		return err
	})
	if err != nil {
		return replayProblem(v, err)
	}
	return writeJSON(w, status, c)
}

// chapter is a visit to one chapter.
func (a *api) chapter(r *http.Request) (v visit, id int, err error) {
	v, err = a.visitTo(r, room.ActChapters)
	if err != nil {
		return v, 0, err
	}
	id, err = strconv.Atoi(r.PathValue("chapter"))
	if err != nil {
		return v, 0, errNoChapter
	}
	return v, id, nil
}

var errNoChapter = problem.New(problem.NotFound, "There is no such chapter. Somebody may have taken it away: look at the list again.")

func (a *api) changeChapter(w http.ResponseWriter, r *http.Request) error {
	v, id, err := a.chapter(r)
	if err != nil {
		return err
	}
	var (
		title *string
		at    *int
		seen  int
	)
	err = readObject(w, r, member{name: "title", into: &title, optional: true}, member{name: "at", into: &at, optional: true},
		member{name: "revision", into: &seen, optional: true})
	if err == nil && title != nil {
		*title, err = chapterTitle(*title)
	}
	if err != nil {
		return err
	}
	return a.changeChapters(w, r, v, http.StatusOK, func(f *room.Facts) (room.Chapter, error) {
		if seen != 0 && seen != f.Life.Revision {
			return room.Chapter{}, room.ErrChanged
		}
		c, err := f.ChangeChapter(id, title, frameOf(at))
		if errors.Is(err, room.ErrNotFound) {
			err = errNoChapter // the room is there
		}
		return c, err
	})
}

func frameOf(n *int) *int64 {
	if n == nil {
		return nil
	}
	frame := int64(*n)
	return &frame
}

func (a *api) dropChapter(w http.ResponseWriter, r *http.Request) error {
	v, id, err := a.chapter(r)
	if err != nil {
		return err
	}
	err = readObject(w, r)
	if err != nil {
		return err
	}
	ctx, cancel := detached(r)
	defer cancel()
	_, err = a.cfg.Life.ChangeLife(ctx, v.facts.ID, func(f *room.Facts) error {
		f.DropChapter(id)
		return nil
	})
	if err != nil {
		return replayProblem(v, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// replayAnswer is what a host has made of a replay.
type replayAnswer struct {
	Title    string    `json:"title"` // that is shown
	From     int64     `json:"from"`  // frames; 0: the tape's first
	To       int64     `json:"to"`    // 0: the tape's end
	Clips    bool      `json:"clips"`
	Posted   bool      `json:"posted"` // it can be heard, if it is on tape
	PostedAt time.Time `json:"posted_at,omitzero"`
	Tape     *[2]int64 `json:"tape,omitempty"` // all that is on tape here
	Revision int       `json:"revision"`
}

func (a *api) replayOf(f room.Facts) replayAnswer {
	l := &f.Life
	answer := replayAnswer{
		Title: f.Heading(), From: l.Edit.From, To: l.Edit.To, Clips: !l.NoClips, Posted: f.ShowsReplay(), PostedAt: l.Posted, Revision: l.Revision,
	}
	if first, last, ok := a.cfg.Rooms.Taped(f.ID); ok {
		answer.Tape = &[2]int64{first, last}
	}
	return answer
}

func (a *api) getReplay(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActSee)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a.replayOf(v.facts))
}

// editReplay changes what is heard of a tape, and whether. The tape stays as it is.
func (a *api) editReplay(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActEdit)
	if err != nil {
		return err
	}
	var (
		c             room.EditChange
		from, to      *int
		clips, posted *bool
		seen          int
	)
	err = readObject(w, r,
		member{name: "title", into: &c.Title, optional: true}, member{name: "from", into: &from, optional: true},
		member{name: "to", into: &to, optional: true}, member{name: "clips", into: &clips, optional: true},
		member{name: "posted", into: &posted, optional: true}, member{name: "revision", into: &seen, optional: true})
	if err != nil {
		return err
	}
	if c.Title != nil && *c.Title != "" {
		*c.Title, err = room.CheckTitle(*c.Title)
	}
	if err != nil {
		return badRequest("%s", problem.Sentence(err))
	}
	if (c.Title != nil || from != nil || to != nil) && seen == 0 {
		return badRequest("The member \"revision\" is missing: without it one of two who edit at once would undo what the other did.")
	}
	c.From, c.To, c.Posted = frameOf(from), frameOf(to), posted
	if clips != nil {
		none := !*clips
		c.NoClips = &none
	}
	ctx, cancel := detached(r)
	defer cancel()
	f, err := a.cfg.Life.ChangeLife(ctx, v.facts.ID, func(f *room.Facts) error { return f.Change(c, seen, a.cfg.Clock().UTC()) })
	if err != nil {
		return replayProblem(v, err)
	}
	return writeJSON(w, http.StatusOK, a.replayOf(f))
}

func replayProblem(v visit, err error) error {
	switch {
	case errors.Is(err, room.ErrManyChapters):
		return problem.New(problem.StepImpossible, fmt.Sprintf("A room has at most %d chapters. Take one away first.", room.MaxChapters))
	case errors.Is(err, room.ErrFrame):
		return badRequest("This is no place in the conversation: a beginning lies before its end, and no two chapters begin at one frame.")
	case errors.Is(err, room.ErrChanged):
		return problem.New(problem.PlanChanged, "Somebody else changed this meanwhile. Look at it, and do it again if it is still wanted.")
	case errors.Is(err, room.ErrStep):
		return problem.New(problem.StepImpossible, "The room is not where this is possible: chapters begin when it is live, and a replay is edited when it has ended.")
	}
	return lifeProblem(v, err)
}
