package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

var errHostOnly = problem.New(problem.HostOnly,
	"Only the host may do this. Open the host's link in this browser; \"epidaurus host-link\" on the server prints a new one.")

// host returns whose browser asks.
func (a *api) host(r *http.Request) (room.HostID, error) {
	secret, ok := a.cookie(r)
	if !ok {
		return "", errHostOnly
	}
	host, err := a.cfg.Sessions.Session(r.Context(), secret.Hash(), a.cfg.Clock())
	if errors.Is(err, room.ErrNotFound) {
		return "", errHostOnly
	}
	return host, err
}

// visit is a request about one room by somebody who may know of it.
type visit struct {
	facts room.Facts
	role  room.Role // of the caller, in this room

	person room.PersonID // who the caller is on stage
	name   string        // of the token; empty by cookie

	byCookie bool // it is the room's host in her own browser; otherwise it is a stage token
}

// visit finds out who asks about the room in the address. A stage token counts before a cookie.
func (a *api) visit(r *http.Request) (visit, error) {
	id := room.ID(r.PathValue("room"))
	if token, ok := bearer(r); ok {
		return a.visitByToken(r, id, token)
	}
	return a.visitByCookie(r, id)
}

func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// visitByToken asks the records only about rooms that are not open: what happens on stage does not wait for a database.
func (a *api) visitByToken(r *http.Request, id room.ID, token string) (visit, error) {
	grant, err := a.cfg.Key.Verify(token, a.cfg.Clock())
	if err != nil {
		return visit{}, problem.OfToken(err)
	}
	if grant.Room != id {
		return visit{}, problem.New(problem.TokenWrongRoom, "The token is for another room. Use the link of this room.")
	}
	facts, ok := a.cfg.Rooms.Facts(id)
	if !ok {
		record, err := a.cfg.Records.Room(r.Context(), id)
		if err != nil {
			return visit{}, roomProblem(id, err)
		}
		facts = record.Facts
	}
	if facts.IsRemoved(grant.Person) {
		return visit{}, problem.New(problem.Removed, "You were removed from this room. Ask the host for a new link.")
	}
	return visit{facts: facts, role: facts.RoleOf(grant.Person, grant.Role), person: grant.Person, name: grant.Name}, nil
}

func (a *api) visitByCookie(r *http.Request, id room.ID) (visit, error) {
	host, err := a.host(r)
	if err != nil {
		return visit{}, err
	}
	if !id.Valid() {
		return visit{}, roomProblem(id, room.ErrNotFound)
	}
	record, err := a.cfg.Records.Room(r.Context(), id)
	if err == nil && record.Host != host {
		err = room.ErrNotFound // another host's room is nobody's business
	}
	if err != nil {
		return visit{}, roomProblem(id, err)
	}
	return visit{facts: a.current(record), role: room.Host, byCookie: true, person: record.HostPerson}, nil
}

// current is a room as it is now: what runs knows sooner than what is kept, but an end that is kept is final.
func (a *api) current(record room.Record) room.Facts {
	facts, ok := a.cfg.Rooms.Facts(record.Facts.ID)
	if !ok || record.Facts.State == room.Ended {
		return record.Facts
	}
	return facts
}

// may asks the table of permissions.
func (v visit) may(a room.Action) error {
	err := room.May(v.role, a, v.facts.State)
	var d room.Denial
	if errors.As(err, &d) && d.Over {
		return errRoomEnded
	}
	return problem.OfDenial(err)
}

// visitTo is a visit of somebody who may do this.
func (a *api) visitTo(r *http.Request, act room.Action) (visit, error) {
	v, err := a.visit(r)
	if err == nil {
		err = v.may(act)
	}
	return v, err
}

// order is a visit of somebody who may do this, by a request that says nothing more.
func (a *api) order(w http.ResponseWriter, r *http.Request, act room.Action) (visit, error) {
	v, err := a.visitTo(r, act)
	if err == nil {
		err = readObject(w, r)
	}
	return v, err
}

// open refuses rooms that have ended.
func (v visit) open() error {
	if v.facts.State == room.Ended {
		return errRoomEnded
	}
	return nil
}

var errRoomEnded = problem.New(problem.RoomEnded, "The room has ended. Make a new one to go on talking.")

func roomProblem(id room.ID, err error) error {
	if errors.Is(err, room.ErrNotFound) {
		return problem.New(problem.RoomUnknown, fmt.Sprintf("There is no room %.64q here. Check the link.", id))
	}
	return err
}
