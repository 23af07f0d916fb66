package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Life changes where rooms are in their life. It is done even when it cannot be written down. The error is change's, or room.ErrNotFound.
type Life interface {
	ChangeLife(ctx context.Context, id room.ID, change func(*room.Facts) error) (room.Facts, error)
}

// maxUndo is how long an end may be put off, to be taken back.
const maxUndo = time.Minute

// lifeAnswer is where a room is in its life, as its team sees it.
type lifeAnswer struct {
	State       room.State `json:"state"`
	Title       string     `json:"title"`
	Language    string     `json:"lang"`
	Visibility  string     `json:"visibility"`
	Picture     bool       `json:"picture,omitempty"` // its host gave it one
	Start       time.Time  `json:"start,omitzero"`
	Zone        string     `json:"zone,omitempty"`
	Doors       time.Time  `json:"doors,omitzero"`
	LeadS       int        `json:"lead_s,omitempty"`
	ByClock     bool       `json:"by_clock,omitempty"`
	Description string     `json:"description,omitempty"`

	People []room.Billed `json:"people,omitempty"`

	EndsAt      time.Time `json:"ends_at,omitzero"`
	LiveAt      time.Time `json:"live_at,omitzero"`
	FirstWordMS *int64    `json:"first_word_ms,omitempty"` // after the start
	Posted      time.Time `json:"posted_at,omitzero"`
	Closed      int       `json:"closed_at,omitempty"`
	Notice      string    `json:"notice,omitempty"`
	HoldReplay  bool      `json:"hold_replay,omitempty"`
	Relocate    *moving   `json:"relocate,omitempty"` // the listeners go elsewhere then
	Moved       string    `json:"moved_to,omitempty"` // they were told to
	Follow      *follow   `json:"follow,omitempty"`   // where the one who asks goes on
	Revision    int       `json:"revision"`
	NowMS       int64     `json:"now_ms"` // the server's clock, Unix
}

func (a *api) lifeOf(f room.Facts) lifeAnswer {
	l, p := &f.Life, &f.Life.Plan
	answer := lifeAnswer{State: f.Stage(), Title: f.Title, Language: f.Language, Visibility: l.Access.Visibility.Word(), Picture: l.Picture.Sum != "", EndsAt: l.EndsAt, LiveAt: l.LiveAt, Posted: l.Posted, Closed: l.Closed, Notice: l.Notice, HoldReplay: l.HoldReplay, Revision: l.Revision, NowMS: a.cfg.Clock().UnixMilli()}
	if f.Planned() {
		answer.Start, answer.Zone, answer.Doors = p.Start, p.Zone, p.DoorsAt()
		answer.LeadS, answer.ByClock, answer.Description, answer.People = p.LeadS, p.ByClock, p.Description, p.People
	}
	if d, ok := f.StartDelay(); ok {
		ms := d.Milliseconds()
		answer.FirstWordMS = &ms
	}
	if l.Relocate != nil {
		answer.Relocate = &moving{l.Relocate.To, l.Relocate.At}
	}
	if to, ok := f.MovedTo(); ok {
		answer.Moved = to.String()
	}
	return answer
}

// planMembers are what may be said of a plan; each may be left out. What was not said is nil, or an empty start.
type planMembers struct {
	start             string
	zone, description *string
	lead              *int
	byClock           *bool
	people            *[]room.Billed
}

func (m *planMembers) members() []member {
	return []member{
		{name: "start", into: &m.start, optional: true},
		{name: "zone", into: &m.zone, optional: true},
		{name: "description", into: &m.description, optional: true},
		{name: "lead_s", into: &m.lead, optional: true},
		{name: "by_clock", into: &m.byClock, optional: true},
		{name: "people", into: &m.people, optional: true},
	}
}

// newPlan is the plan of a room that is to be announced; the zero Plan where no start is given.
func (m *planMembers) newPlan(now time.Time) (room.Plan, error) {
	if m.start == "" {
		return room.Plan{}, nil
	}
	plan := room.Plan{LeadS: int(room.DefaultLead.Seconds())}
	m.say(&plan)
	start, err := room.ParseStart(m.start, plan.Zone)
	if err != nil {
		return room.Plan{}, badRequest("%s", problem.Sentence(err))
	}
	plan.Start = start
	plan, err = plan.Check(now)
	if err != nil {
		return room.Plan{}, badRequest("%s", problem.Sentence(err))
	}
	return plan, nil
}

// say puts what is said in its place.
func (m *planMembers) say(plan *room.Plan) {
	plan.Zone = or(m.zone, plan.Zone)
	plan.Description = or(m.description, plan.Description)
	plan.LeadS = or(m.lead, plan.LeadS)
	plan.ByClock = or(m.byClock, plan.ByClock)
	plan.People = or(m.people, plan.People)
}

// or is what was said, or else what was.
func or[T any](said *T, was T) T {
	if said != nil {
		return *said
	}
	return was
}

func (a *api) getLife(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActSee)
	if err != nil {
		return err
	}
	answer := a.lifeOf(v.facts)
	answer.Follow = a.follow(r, v)
	return writeJSON(w, http.StatusOK, answer)
}

// changeLife changes a room's life, and answers how it is then.
func (a *api) changeLife(w http.ResponseWriter, r *http.Request, v visit, change func(*room.Facts) error) error {
	ctx, cancel := detached(r)
	defer cancel()
	f, err := a.cfg.Life.ChangeLife(ctx, v.facts.ID, change)
	if err != nil {
		return lifeProblem(v, err)
	}
	return writeJSON(w, http.StatusOK, a.lifeOf(f))
}

// move takes the step that is asked for. To be there already is no error.
func (a *api) move(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActMove)
	if err != nil {
		return err
	}
	var to string
	err = readObject(w, r, member{name: "to", into: &to})
	if err != nil {
		return err
	}
	steps := map[room.State]room.Move{room.Announced: room.MoveAnnounce, room.Doors: room.MoveDoors, room.Live: room.MoveLive, room.Replay: room.MoveReplay}
	m, ok := steps[room.State(to)]
	if !ok {
		return badRequest("The member \"to\" has to be %q, %q, %q or %q. A room is ended by itself.", room.Announced, room.Doors, room.Live, room.Replay)
	}
	return a.changeLife(w, r, v, func(f *room.Facts) error {
		err := f.Take(m, room.By(v.role), a.cfg.Clock().UTC())
		if errors.Is(err, room.ErrStep) && f.Stage() == room.State(to) {
			return nil
		}
		return err
	})
}

// replan changes what was announced: all of it, or by how much it begins later.
func (a *api) replan(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActPlan)
	if err != nil {
		return err
	}
	var m planMembers
	late, seen := 0, 0
	var title, language *string
	err = readObject(w, r, append(m.members(), member{name: "late_s", into: &late, optional: true}, member{name: "revision", into: &seen, optional: true},
		member{name: "title", into: &title, optional: true}, member{name: "lang", into: &language, optional: true})...)
	if err == nil {
		err = checkNames(title, language)
	}
	if err != nil {
		return err
	}
	now := a.cfg.Clock().UTC()
	switch {
	case late < 0 || time.Duration(late)*time.Second > room.MaxLead:
		return badRequest("The member \"late_s\" has to be from 0 to %d seconds.", int(room.MaxLead.Seconds()))
	case late > 0 && m.start != "":
		return badRequest("Say either when it begins (\"start\") or how much later (\"late_s\").")
	case late > 0 && seen == 0:
		return badRequest("The member \"revision\" is missing: without it two who press at once would put it off twice.")
	}
	return a.changeLife(w, r, v, func(f *room.Facts) error {
		plan, err := m.change(f.Life.Plan, time.Duration(late)*time.Second, now)
		if err != nil {
			return err
		}
		err = f.Replan(plan, room.By(v.role), seen, now)
		if err == nil {
			f.Title, f.Language = or(title, f.Title), or(language, f.Language)
		}
		return err
	})
}

// checkNames makes a title and a language, where they are said, what is kept of them.
func checkNames(title, language *string) (err error) {
	if title != nil {
		*title, err = room.CheckTitle(*title)
	}
	if err == nil && language != nil {
		*language, err = room.CheckLanguage(*language)
	}
	if err != nil {
		return badRequest("%s", problem.Sentence(err))
	}
	return nil
}

// change is a plan with what is said put in the place of what it was; what is not said stays as it is, whoever changed it meanwhile.
func (m *planMembers) change(plan room.Plan, late time.Duration, now time.Time) (room.Plan, error) {
	m.say(&plan)
	if m.start != "" {
		start, err := room.ParseStart(m.start, plan.Zone)
		if err != nil {
			return room.Plan{}, badRequest("%s", problem.Sentence(err))
		}
		plan.Start = start
	}
	if late > 0 {
		plan = plan.Late(late, now)
	}
	start := plan.Start
	if !start.After(now) && m.start == "" {
		plan.Start = now.Add(time.Second) // the start has passed and stays: only what is changed is checked
	}
	plan, err := plan.Check(now)
	if err != nil {
		return room.Plan{}, badRequest("%s", problem.Sentence(err))
	}
	plan.Start = start
	return plan, nil
}

// doors closes the doors at a number of seats, or opens them again.
func (a *api) doors(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActDoors)
	if err != nil {
		return err
	}
	var (
		at     int
		notice *string
		hold   *bool
	)
	err = readObject(w, r, member{name: "closed_at", into: &at}, member{name: "notice", into: &notice, optional: true}, member{name: "hold_replay", into: &hold, optional: true})
	if err != nil {
		return err
	}
	if at < 0 || at > room.MaxExpect {
		return badRequest("The member \"closed_at\" has to be a number of seats, from 0 (open) to %d.", room.MaxExpect)
	}
	if notice != nil {
		*notice, err = room.CheckNotice(*notice)
	}
	if err != nil {
		return badRequest("%s", problem.Sentence(err))
	}
	return a.changeLife(w, r, v, func(f *room.Facts) error {
		return f.CloseDoors(at, or(notice, f.Life.Notice), or(hold, f.Life.HoldReplay), room.By(v.role))
	})
}

// askEnd puts the end off by some time, in which it can be taken back.
func (a *api) askEnd(w http.ResponseWriter, r *http.Request, v visit, after time.Duration) error {
	if after < 0 || after > maxUndo {
		return badRequest("The member \"in_ms\" has to be from 0 to %d.", maxUndo.Milliseconds())
	}
	return a.changeLife(w, r, v, func(f *room.Facts) error { return f.AskEnd(room.By(v.role), after, a.cfg.Clock().UTC()) })
}

// stay takes back an end that was asked for.
func (a *api) stay(w http.ResponseWriter, r *http.Request) error {
	v, err := a.order(w, r, room.ActEnd)
	if err != nil {
		return err
	}
	return a.changeLife(w, r, v, func(f *room.Facts) error { return f.Stay(room.By(v.role), a.cfg.Clock().UTC()) })
}

func lifeProblem(v visit, err error) error {
	switch {
	case errors.Is(err, room.ErrCause):
		return problem.New(problem.Forbidden, fmt.Sprintf("A %s may not do this. Ask the host.", v.role))
	case errors.Is(err, room.ErrChanged):
		return problem.New(problem.PlanChanged, "Somebody else changed the plan meanwhile. Look at it, and do it again if it is still wanted.")
	case errors.Is(err, room.ErrStep):
		return problem.New(problem.StepImpossible, "The room is not where this step begins. Load the page again to see where it is.")
	case errors.Is(err, room.ErrPlace), errors.Is(err, room.ErrPlaceSame):
		return badRequest("%s", problem.Sentence(err))
	case errors.Is(err, room.ErrNotFound):
		return errRoomEnded // it is not known to any node any more
	}
	return err
}
