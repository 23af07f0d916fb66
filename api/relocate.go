package api

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Moving the listeners to another room, and the run-through: the two occasions on which a team goes on in another room.

const (
	runChars = 20              // random characters in the ID of a run-through: nobody comes upon it
	maxMove  = 5 * time.Minute // until listeners are moved
)

// moving is an order to go elsewhere that can be taken back.
type moving struct {
	To string    `json:"to"`
	At time.Time `json:"at"`
}

// follow is where somebody of the team goes on, with a token of his own.
type follow struct {
	Why     string  `json:"why"` // "moved", "run": to the run-through, "back": from it
	Room    room.ID `json:"room"`
	Token   string  `json:"token"`
	DeskURL string  `json:"desk_url"`
}

// relocate orders that the listeners go to another room.
func (a *api) relocate(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActRelocate)
	if err != nil {
		return err
	}
	var (
		to          string
		after, seen int
	)
	err = readObject(w, r, member{name: "to", into: &to}, member{name: "in_ms", into: &after, optional: true}, member{name: "revision", into: &seen, optional: true})
	if err != nil {
		return err
	}
	if after < 0 || int64(after) > maxMove.Milliseconds() {
		return badRequest("The member \"in_ms\" has to be from 0 to %d.", maxMove.Milliseconds())
	}
	place, err := room.FindPlace(to, a.cfg.Own(r)...)
	if err == nil && place.Origin == "" {
		err = a.mayGoTo(r.Context(), v.facts.ID, place.Room)
	}
	if err != nil {
		return lifeProblem(v, err)
	}
	return a.changeLife(w, r, v, func(f *room.Facts) error {
		return f.Relocate(place, room.By(v.role), seen, time.Duration(after)*time.Millisecond, a.cfg.Clock().UTC())
	})
}

// mayGoTo says whether listeners may be taken to a room of this cluster: to one of the same host that is open, and stays where it is.
func (a *api) mayGoTo(ctx context.Context, from, to room.ID) error {
	if from == to {
		return room.ErrPlaceSame
	}
	old, err := a.cfg.Records.Room(ctx, from)
	if err != nil {
		return roomProblem(from, err)
	}
	other, err := a.cfg.Records.Room(ctx, to)
	if err == nil && (other.Host != old.Host || other.Facts.IsRun()) {
		err = room.ErrNotFound // another host's room is nobody's business
	}
	if err != nil {
		return roomProblem(to, err)
	}
	switch f := a.current(other); {
	case !f.State.Open():
		return badRequest("Nobody can listen to that room now. Open its doors first, or choose another one.")
	case f.Life.Access.Gated():
		return badRequest("That room is heard by invitation, and the listeners of this one have none for it. Let everybody hear it first, or choose another one.")
	case f.Life.Moved != nil || f.Life.Relocate != nil:
		return badRequest("The listeners of that room are moved elsewhere themselves. Choose the room where they go.")
	}
	return nil
}

// remain takes back an order to go elsewhere.
func (a *api) remain(w http.ResponseWriter, r *http.Request) error {
	v, err := a.order(w, r, room.ActRelocate)
	if err != nil {
		return err
	}
	return a.changeLife(w, r, v, func(f *room.Facts) error { return f.Remain(room.By(v.role), a.cfg.Clock().UTC()) })
}

// follow is where the one who asks goes on; nil: here. That a database does not answer is no reason for anybody to stay: only a host needs it.
func (a *api) follow(r *http.Request, v visit) *follow {
	to, moved := v.facts.MovedTo()
	switch {
	case moved && to.Origin == "":
		return a.followTo(r, v, "moved", to.Room)
	case v.facts.Life.Run != "":
		return a.followTo(r, v, "run", v.facts.Life.Run)
	case v.facts.IsRun() && v.facts.State == room.Ended:
		return a.followTo(r, v, "back", v.facts.RunOf)
	}
	return nil
}

func (a *api) followTo(r *http.Request, v visit, why string, id room.ID) *follow {
	facts, known := a.cfg.Rooms.Facts(id)
	if !known || facts.IsRemoved(v.person) {
		return nil
	}
	g := room.Grant{Room: id, Person: v.person, Role: v.role, Name: v.name}
	switch why {
	case "moved":
		g = a.roleThere(r.Context(), v, g)
	case "back":
		g = a.roleBefore(r.Context(), facts, g)
	}
	if g.Role == "" {
		return nil
	}
	token := a.sign(g)
	return &follow{Why: why, Room: id, Token: token, DeskURL: a.deskURL(r, id) + "#" + token}
}

// roleThere is who somebody is in another room of the same host: its host is the one by whose token this one was led, and else everybody is what
// the new room has invited them as.
func (a *api) roleThere(ctx context.Context, v visit, g room.Grant) room.Grant {
	old, err := a.cfg.Records.Room(ctx, v.facts.ID)
	if err == nil && g.Person == old.HostPerson {
		other, err := a.cfg.Records.Room(ctx, g.Room)
		if err != nil {
			a.cfg.Log.Error("the host cannot follow to the new room yet", "room", v.facts.ID, "to", g.Room, "error", err)
			return room.Grant{}
		}
		g.Person, g.Role = other.HostPerson, room.Host
		return g
	}
	invites, err := a.cfg.Records.Invites(ctx, g.Room)
	i := slices.IndexFunc(invites, func(i room.Invite) bool { return i.Person == g.Person })
	switch {
	case err == nil && i >= 0:
		g.Role = invites[i].Role
	case g.Role == room.Host || g.Role == room.CoHost:
		g.Role = room.Speaker // a co-host more than there may be is none
	}
	return g
}

// roleBefore is who somebody of a run-through is in its evening: nobody, if only the run-through has invited him.
func (a *api) roleBefore(ctx context.Context, evening room.Facts, g room.Grant) room.Grant {
	record, err := a.cfg.Records.Room(ctx, evening.ID)
	if err == nil && g.Person == record.HostPerson {
		g.Role = evening.RoleOf(g.Person, room.Host)
		return g
	}
	invites, err := a.cfg.Records.Invites(ctx, evening.ID)
	i := slices.IndexFunc(invites, func(i room.Invite) bool { return i.Person == g.Person })
	if err != nil || i < 0 {
		return room.Grant{}
	}
	g.Role = evening.RoleOf(g.Person, invites[i].Role)
	return g
}

// runAnswer is a run-through as its host sees it.
type runAnswer struct {
	roomAnswer
	Follow *follow `json:"follow,omitempty"` // of the one who asks
}

// startRun begins a run-through: a room of its own, with the same team.
func (a *api) startRun(w http.ResponseWriter, r *http.Request) error {
	v, err := a.order(w, r, room.ActRunThrough)
	if err != nil {
		return err
	}
	ctx, cancel := detached(r)
	defer cancel()
	record, err := a.cfg.Records.Room(ctx, v.facts.ID)
	if err != nil {
		return roomProblem(v.facts.ID, err)
	}
	probe := v.facts
	err = probe.StartRun("probe", room.By(v.role)) // before a room is made for nothing
	if err != nil {
		return runProblem(v, err)
	}
	key := a.cfg.PassKey.Public().(ed25519.PublicKey) //nolint:forcetypeassert // it is one of Ed25519
	record.Facts = v.facts.RunRoom(a.cfg.Clock().UTC().Truncate(time.Millisecond), key)
	id, err := a.open(ctx, record, runChars)
	if err != nil {
		return err
	}
	err = a.cfg.Records.CopyTeam(ctx, v.facts.ID, id, true)
	if err == nil {
		_, err = a.cfg.Life.ChangeLife(ctx, v.facts.ID, func(f *room.Facts) error { return f.StartRun(id, room.By(v.role)) })
	}
	if err != nil {
		// Of two who began one at once, or where something failed: nobody was told of this room.
		return errors.Join(runProblem(v, err), a.cfg.Rooms.End(ctx, id), a.cfg.Records.DropRoom(ctx, id))
	}
	record.Facts.ID = id
	v.facts.Life.Run = id
	w.Header().Set("Location", "/api/rooms/"+string(id))
	return writeJSON(w, http.StatusCreated, runAnswer{a.answer(r, record.Facts), a.follow(r, v)})
}

func runProblem(v visit, err error) error {
	if errors.Is(err, room.ErrStep) {
		return problem.New(problem.StepImpossible, "A run-through is held before the doors open, one at a time. End the one that goes on, or make another room for it.")
	}
	return lifeProblem(v, err)
}

func (a *api) listRuns(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActRunThrough)
	if err != nil {
		return err
	}
	records, err := a.cfg.Records.RunsOf(r.Context(), v.facts.ID)
	if err != nil {
		return err
	}
	answer := struct {
		Runs []roomAnswer `json:"runs"`
	}{make([]roomAnswer, len(records))}
	for i, record := range records {
		answer.Runs[i] = a.answer(r, a.current(record))
	}
	return writeJSON(w, http.StatusOK, answer)
}

// deleteRun deletes a run-through with its recording, for good. One that goes on is ended.
func (a *api) deleteRun(w http.ResponseWriter, r *http.Request) error {
	v, err := a.order(w, r, room.ActRunThrough)
	if err != nil {
		return err
	}
	ctx, cancel := detached(r)
	defer cancel()
	id := room.ID(r.PathValue("run"))
	record, err := a.cfg.Records.Room(ctx, id)
	if errors.Is(err, room.ErrNotFound) || err == nil && record.Facts.RunOf != v.facts.ID {
		return problem.New(problem.RoomUnknown, fmt.Sprintf("There is no run-through %.64q of this room.", id))
	}
	if err != nil {
		return err
	}
	if facts, known := a.cfg.Rooms.Facts(id); known && facts.State != room.Ended {
		err = a.cfg.Rooms.End(ctx, id)
	}
	// Written down first: a node that is away deletes what it has when it comes back.
	if err == nil {
		err = a.cfg.Records.SetTape(ctx, id, room.TapeDeleted)
	}
	if err == nil {
		err = a.cfg.Rooms.DeleteTape(ctx, id)
	}
	if err == nil {
		err = a.cfg.Records.DropRoom(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("delete the run-through: %w", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
