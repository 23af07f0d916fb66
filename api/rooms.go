package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

const (
	roomChars   = 6 // random characters in a room's ID: enough that links cannot be guessed from titles
	personChars = 8
	nameTries   = 4 // how often a random name that is taken is drawn again
)

// roomAnswer is a room as its host sees it.
type roomAnswer struct {
	ID       room.ID    `json:"id"`
	Title    string     `json:"title"`
	Language string     `json:"lang"`
	State    room.State `json:"state"`
	LowDelay bool       `json:"low_delay"`
	Expect   int        `json:"expect"`
	Tape     string     `json:"tape"`   // "on", "off", "deleted"
	Tracks   bool       `json:"tracks"` // speakers are taped apart, too
	DelayMS  int        `json:"delay_ms"`
	Created  time.Time  `json:"created_at"`
	EndedAt  time.Time  `json:"ended_at,omitzero"`
	Start    time.Time  `json:"start,omitzero"` // where one was announced
	Held     bool       `json:"held,omitempty"` // its tape waits to be posted

	Visibility string `json:"visibility"`       // "public", "unlisted", "invited"
	WHEP       int    `json:"whep"`             // so many may hear it with the delay of a call
	Notice     string `json:"notice,omitempty"` // what somebody may expect and does not happen

	ListenURL string `json:"listen_url"`
	DeskURL   string `json:"desk_url"`
}

func (a *api) answer(r *http.Request, f room.Facts) roomAnswer {
	return roomAnswer{
		ID: f.ID, Title: f.Title, Language: f.Language, State: f.State, LowDelay: f.LowDelay, Expect: f.Expect, DelayMS: f.DelayMS, Tape: cmp.Or(string(f.Tape), "off"), Tracks: f.TapesTracks(), Created: f.Created, EndedAt: f.EndedAt, Start: f.Life.Plan.Start, Held: f.State == room.Ended && !f.ShowsReplay(),
		Visibility: f.Life.Access.Visibility.Word(), WHEP: f.Life.Access.WHEP, Notice: a.notice(f),
		ListenURL: a.listenURL(r, &f),
		DeskURL:   a.deskURL(r, f.ID),
	}
}

// listenURL is where a room is heard: of a run-through, by a link that only its team gets.
func (a *api) listenURL(r *http.Request, f *room.Facts) string {
	url := a.cfg.ListenURL(r) + "/r/" + string(f.ID)
	if f.IsRun() {
		url += room.TokenMark + room.SignPass(a.cfg.PassKey, f.ID, room.RunExpires(a.cfg.Clock()))
	}
	return url
}

// deskURL is made of an ID, which stands in addresses as it is.
func (a *api) deskURL(r *http.Request, id room.ID) string {
	return a.cfg.StageURL(r) + "/desk/" + string(id)
}

func (a *api) listRooms(w http.ResponseWriter, r *http.Request) error {
	host, err := a.host(r)
	if err != nil {
		return err
	}
	records, err := a.cfg.Records.RoomsOf(r.Context(), host)
	if err != nil {
		return err
	}
	answer := struct {
		Rooms []roomAnswer `json:"rooms"`
	}{make([]roomAnswer, len(records))}
	for i, record := range records {
		answer.Rooms[i] = a.answer(r, a.current(record))
	}
	return writeJSON(w, http.StatusOK, answer)
}

func (a *api) createRoom(w http.ResponseWriter, r *http.Request) error {
	host, err := a.host(r)
	if err != nil {
		return err
	}
	facts, err := a.readRoom(w, r)
	if err != nil {
		return err
	}
	ctx, cancel := detached(r)
	defer cancel()
	person, err := room.RandomChars(a.cfg.Rand, personChars)
	if err == nil {
		facts.ID, err = a.open(ctx, room.Record{Facts: facts, Host: host, HostPerson: room.PersonID(person)}, roomChars)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/rooms/"+string(facts.ID))
	return writeJSON(w, http.StatusCreated, a.answer(r, facts))
}

// readRoom reads what a new room is to be.
func (a *api) readRoom(w http.ResponseWriter, r *http.Request) (facts room.Facts, err error) {
	facts = room.Facts{State: room.Doors, Created: a.cfg.Clock().UTC().Truncate(time.Millisecond)}
	taped, draft, visibility := true, false, room.Unlisted.Word()
	var apart *bool
	var plan planMembers
	err = readObject(w, r, append(plan.members(),
		member{name: "title", into: &facts.Title},
		member{name: "lang", into: &facts.Language, optional: true},
		member{name: "low_delay", into: &facts.LowDelay, optional: true},
		member{name: "expect", into: &facts.Expect, optional: true},
		member{name: "tape", into: &taped, optional: true},
		member{name: "tracks", into: &apart, optional: true},
		member{name: "visibility", into: &visibility, optional: true},
		member{name: "whep", into: &facts.Life.Access.WHEP, optional: true},
		member{name: "draft", into: &draft, optional: true})...)
	if err != nil {
		return facts, err
	}
	switch {
	case taped:
		facts.Tape, facts.Tracks = room.TapeOn, apart == nil || *apart
	case apart != nil && *apart:
		return facts, badRequest("Speakers' own tracks need a tape: leave out \"tracks\", or \"tape\":false.")
	}
	facts.Title, err = room.CheckTitle(facts.Title)
	if err != nil {
		return facts, badRequest("%s", problem.Sentence(err))
	}
	if facts.Expect < 0 || facts.Expect > room.MaxExpect {
		return facts, badRequest("The member \"expect\" has to be a number of listeners, from 0 (unknown) to %d.", room.MaxExpect)
	}
	facts.Language, err = room.CheckLanguage(facts.Language)
	if err != nil {
		return facts, badRequest("%s", problem.Sentence(err))
	}
	facts.Life.Access.Visibility, err = room.ParseVisibility(visibility)
	if err == nil {
		err = room.CheckWHEP(facts.Life.Access.WHEP)
	}
	if err != nil {
		return facts, badRequest("%s", problem.Sentence(err))
	}
	facts.Life.Plan, err = plan.newPlan(facts.Created)
	if err != nil {
		return facts, err
	}
	switch {
	case !facts.Planned() && draft:
		return facts, badRequest("A draft needs a start: say when it begins with \"start\" and \"zone\".")
	case draft:
		facts.State = room.Draft
	case facts.Planned():
		facts.State = room.Announced
	}
	if facts.Planned() {
		facts.Life.Revision = 1
	}
	return facts, nil
}

// open keeps a room and opens its doors, under a name that it finds; or it does neither.
func (a *api) open(ctx context.Context, record room.Record, chars int) (_ room.ID, err error) {
	facts := &record.Facts
	for range nameTries {
		var random string
		random, err = room.RandomChars(a.cfg.Rand, chars)
		if err != nil {
			return "", err
		}
		facts.ID = room.NewID(facts.Title, random)
		if facts.Life.Access.Gated() {
			facts.Invites(a.seatKey(facts.ID))
		}
		err = a.cfg.Records.AddRoom(ctx, record)
		if errors.Is(err, room.ErrExists) {
			continue
		}
		if err == nil {
			err = a.cfg.Rooms.Create(ctx, *facts)
		}
		if err == nil {
			return facts.ID, nil
		}
		break
	}
	if errors.Is(err, room.ErrExists) {
		return "", fmt.Errorf("find a name for the room: %w", err)
	}
	// A step that failed may be done all the same, and nobody has been told of the room.
	err = fmt.Errorf("open the room: %w", err)
	return "", errors.Join(err, a.cfg.Rooms.End(ctx, facts.ID), a.cfg.Records.DropRoom(ctx, facts.ID))
}

func (a *api) getRoom(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActSee)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a.answer(r, v.facts))
}

func (a *api) endRoom(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActEnd)
	if err != nil {
		return err
	}
	after := 0
	if r.ContentLength != 0 {
		err = readObject(w, r, member{name: "in_ms", into: &after, optional: true})
		if err != nil {
			return err
		}
	}
	if after != 0 {
		return a.askEnd(w, r, v, time.Duration(after)*time.Millisecond)
	}
	ctx, cancel := detached(r)
	defer cancel()
	// Both are tried, whatever becomes of the other: the conversation ends even when that cannot be written down now, and first. Each may be
	// done again, so to ask once more mends what failed.
	_, open := a.cfg.Rooms.Facts(v.facts.ID)
	if open {
		err = a.cfg.Rooms.End(ctx, v.facts.ID)
	}
	ended := open && err == nil
	kept := a.cfg.Records.SetState(ctx, v.facts.ID, room.Ended, a.cfg.Clock())
	if !ended || !errors.Is(kept, room.ErrUnwritable) { // who runs the room writes down what became of it, as soon as that can be done
		err = errors.Join(err, kept)
	}
	if err != nil {
		return fmt.Errorf("end the room: %w", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteTape ends the taping of a room, and deletes what there is of it, for good.
func (a *api) deleteTape(w http.ResponseWriter, r *http.Request) error {
	v, err := a.order(w, r, room.ActDeleteTape)
	if err != nil {
		return err
	}
	ctx, cancel := detached(r)
	defer cancel()
	// Written down first: a node that is away deletes what it has when it comes back.
	err = a.cfg.Records.SetTape(ctx, v.facts.ID, room.TapeDeleted)
	if err == nil {
		err = a.cfg.Rooms.DeleteTape(ctx, v.facts.ID)
	}
	if err != nil {
		return fmt.Errorf("delete the tape: %w", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
