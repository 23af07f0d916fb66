package api

import (
	"crypto/ed25519"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

const (
	seatChars   = 10 // random characters in the name of an invitation to listen
	maxSeatBulk = 5000

	// ownSeatLife is how long the people of a room hear it with the token that they are given for their own ears.
	ownSeatLife = 6 * time.Hour
	ownSeats    = 4
)

// accessAnswer is who finds and who hears a room, as its team sees it.
type accessAnswer struct {
	Visibility string `json:"visibility"`
	Generation int    `json:"generation"`
	Revoked    int    `json:"revoked"`     // one by one, of this generation
	MaxRevoked int    `json:"max_revoked"` // then all of them have to be withdrawn
	WHEP       int    `json:"whep"`        // so many may hear it with the delay of a call
	Revision   int    `json:"revision"`
	Notice     string `json:"notice,omitempty"`
}

func (a *api) accessOf(f room.Facts) accessAnswer {
	access := &f.Life.Access
	return accessAnswer{
		Visibility: access.Visibility.Word(), Generation: access.Generation, Revoked: len(access.Revoked), MaxRevoked: room.MaxRevoked,
		WHEP: access.WHEP, Revision: f.Life.Revision, Notice: a.notice(f),
	}
}

// notice says what does not happen with a room that somebody may expect; there may be nothing to say.
func (a *api) notice(f room.Facts) string {
	if !a.cfg.Publishes || !f.Life.Access.Gated() {
		return ""
	}
	return "This server publishes its rooms to a place that checks no invitations. A room by invitation is not published there, and what was published of it is removed."
}

func (a *api) getAccess(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActSee)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a.accessOf(v.facts))
}

// setAccess says anew who finds and who hears the room, and how many of them with the delay of a call.
func (a *api) setAccess(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActAccess)
	if err != nil {
		return err
	}
	var said *string
	var whep *int
	seen := 0
	err = readObject(w, r, member{name: "visibility", into: &said, optional: true}, member{name: "whep", into: &whep, optional: true},
		member{name: "revision", into: &seen, optional: true})
	if err != nil {
		return err
	}
	if said == nil && whep == nil {
		return badRequest("Say \"visibility\" or \"whep\": without either there is nothing to change.")
	}
	visibility, err := room.ParseVisibility(or(said, v.facts.Life.Access.Visibility.Word()))
	if err == nil {
		err = room.CheckWHEP(or(whep, 0))
	}
	if err != nil {
		return badRequest("%s", problem.Sentence(err))
	}
	f, err := a.changeAccess(r, v, func(f *room.Facts) error {
		if whep != nil {
			err := f.SetWHEP(*whep, room.By(v.role), seen)
			if err != nil || said == nil {
				return err
			}
			seen = 0 // what has been changed just now is not another's change
		}
		err := f.SetVisibility(visibility, room.By(v.role), seen)
		if err == nil && f.Life.Access.Gated() {
			f.Invites(a.seatKey(f.ID))
		}
		return err
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a.accessOf(f))
}

// seatKey is what edges check the room's seat tokens with.
func (a *api) seatKey(id room.ID) ed25519.PublicKey {
	public, _ := a.cfg.Key.SeatKey(id).Public().(ed25519.PublicKey) // it is one
	return public
}

func (a *api) changeAccess(r *http.Request, v visit, change func(*room.Facts) error) (room.Facts, error) {
	ctx, cancel := detached(r)
	defer cancel()
	f, err := a.cfg.Life.ChangeLife(ctx, v.facts.ID, change)
	if errors.Is(err, room.ErrManyRevoked) {
		return f, problem.New(problem.TooMany, problem.Sentence(room.ErrManyRevoked))
	}
	if err != nil {
		return f, lifeProblem(v, err)
	}
	return f, nil
}

// seatAnswer is an invitation to listen. What can be made of it again is told to those only who may make one.
type seatAnswer struct {
	Seat      room.SeatID `json:"seat"`
	Name      string      `json:"name,omitempty"`
	Seats     int         `json:"seats"` // at the same time, on each edge
	Created   time.Time   `json:"created_at"`
	Expires   time.Time   `json:"expires_at"`
	Revoked   bool        `json:"revoked,omitempty"`
	Token     string      `json:"token,omitempty"`
	URL       string      `json:"url,omitempty"`        // of the page, with the token behind #, which no server is told
	PlayerURL string      `json:"player_url,omitempty"` // for radios and players
}

// seat is an invitation as it is answered, with its token.
func (a *api) seat(r *http.Request, f room.Facts, i room.Invitation) seatAnswer {
	answer := seatAnswer{
		Seat: i.Seat, Name: i.Name, Seats: i.Most(), Created: i.Created, Expires: time.Unix(i.Expires, 0).UTC(),
		Revoked: i.Generation != f.Life.Access.Generation || slices.Contains(f.Life.Access.Revoked, i.Seat),
	}
	if !answer.Revoked {
		answer.Token = room.SignSeat(a.cfg.Key.SeatKey(f.ID), i.SeatGrant)
		page := a.cfg.ListenURL(r) + "/r/" + string(f.ID)
		answer.URL, answer.PlayerURL = page+"#seat="+answer.Token, page+"/live.ogg?seat="+answer.Token
	}
	return answer
}

func (a *api) listSeats(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActSeats)
	if err != nil {
		return err
	}
	all, err := a.cfg.Records.Seats(r.Context(), v.facts.ID)
	if err != nil {
		return err
	}
	answer := struct {
		Seats []seatAnswer `json:"seats"`
	}{make([]seatAnswer, len(all))}
	for i, invitation := range all {
		answer.Seats[i] = a.seat(r, v.facts, invitation)
	}
	return writeJSON(w, http.StatusOK, answer)
}

// seatMembers are what may be said of invitations that are to be made.
type seatMembers struct {
	names   []string
	count   int
	seats   int
	expires int
}

// inviteListener makes one invitation.
func (a *api) inviteListener(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActSeats)
	if err != nil {
		return err
	}
	var m seatMembers
	name := ""
	err = readObject(w, r, member{name: "name", into: &name, optional: true}, member{name: "seats", into: &m.seats, optional: true},
		member{name: "expires_in_s", into: &m.expires, optional: true})
	if err != nil {
		return err
	}
	m.names = []string{name}
	f, made, err := a.makeSeats(r, v, m)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, a.seat(r, f, made[0]))
}

// inviteListeners makes many invitations, and answers with a file for who writes the letters.
func (a *api) inviteListeners(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActSeats)
	if err != nil {
		return err
	}
	var m seatMembers
	err = readObject(w, r, member{name: "names", into: &m.names, optional: true}, member{name: "count", into: &m.count, optional: true},
		member{name: "seats", into: &m.seats, optional: true}, member{name: "expires_in_s", into: &m.expires, optional: true})
	if err != nil {
		return err
	}
	if (len(m.names) == 0) == (m.count == 0) {
		return badRequest("Say either for whom the invitations are (\"names\") or how many they are (\"count\").")
	}
	if m.count < 0 || max(m.count, len(m.names)) > maxSeatBulk {
		return badRequest("From 1 to %d invitations can be made at once.", maxSeatBulk)
	}
	if len(m.names) == 0 {
		m.names = make([]string, m.count)
	}
	f, made, err := a.makeSeats(r, v, m)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+string(f.ID)+`-seats.csv"`)
	w.WriteHeader(http.StatusCreated)
	rows := csv.NewWriter(w)
	_ = rows.Write([]string{"name", "link", "player", "seat", "seats", "expires"}) // the reader may be gone; nobody is left to tell
	for _, i := range made {
		s := a.seat(r, f, i)
		_ = rows.Write([]string{cell(s.Name), s.URL, s.PlayerURL, string(s.Seat), fmt.Sprint(s.Seats), s.Expires.Format(time.RFC3339)})
	}
	rows.Flush()
	return nil
}

// cell is a text that no table takes for something to compute.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// makeSeats makes invitations and keeps them; all or none.
func (a *api) makeSeats(r *http.Request, v visit, m seatMembers) (room.Facts, []room.Invitation, error) {
	now := a.cfg.Clock()
	until, err := m.until(v.facts, now)
	if err != nil {
		return room.Facts{}, nil, err
	}
	if m.seats < 0 || m.seats > room.MaxSeatsPer {
		return room.Facts{}, nil, badRequest("The member \"seats\" has to be from 1 to %d; %d where it is left out.", room.MaxSeatsPer, room.DefaultSeatsPer)
	}
	f := v.facts
	if !slices.Equal(f.Life.Access.Key, []byte(a.seatKey(f.ID))) { // the first ones, or the key was made anew
		f, err = a.changeAccess(r, v, func(f *room.Facts) error {
			f.Invites(a.seatKey(f.ID))
			return nil
		})
		if err != nil {
			return f, nil, err
		}
	}
	made := make([]room.Invitation, len(m.names))
	for i, name := range m.names {
		if name != "" {
			name, err = room.CheckName(name)
			if err != nil {
				return f, nil, badRequest("%s", problem.Sentence(err))
			}
		}
		chars, err := room.RandomChars(a.cfg.Rand, seatChars)
		if err != nil {
			return f, nil, err
		}
		made[i] = room.Invitation{Created: now, SeatGrant: room.SeatGrant{
			Room: f.ID, Seat: room.SeatID(chars), Generation: f.Life.Access.Generation, Seats: m.seats, Name: name, Expires: until.Unix(),
		}}
	}
	ctx, cancel := detached(r)
	defer cancel()
	err = a.cfg.Records.AddSeats(ctx, f.ID, made)
	if errors.Is(err, room.ErrManySeats) {
		return f, nil, problem.New(problem.TooMany, problem.Sentence(room.ErrManySeats))
	}
	if err != nil {
		return f, nil, roomProblem(f.ID, err)
	}
	return f, made, nil
}

// until is when the invitations expire: where nothing is said, well after the evening.
func (m *seatMembers) until(f room.Facts, now time.Time) (time.Time, error) {
	if m.expires < 0 || time.Duration(m.expires)*time.Second > room.MaxSeatLife {
		return now, badRequest("The member \"expires_in_s\" has to be a number of seconds, at most %d.", int(room.MaxSeatLife.Seconds()))
	}
	if m.expires > 0 {
		return now.Add(time.Duration(m.expires) * time.Second), nil
	}
	from := now
	if start := f.Life.Plan.Start; start.After(now) {
		from = start
	}
	return from.Add(room.DefaultSeatLife), nil
}

// withdrawSeat makes one invitation void on every edge.
func (a *api) withdrawSeat(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActSeats)
	if err != nil {
		return err
	}
	seat := room.SeatID(r.PathValue("seat"))
	if !seat.Valid() {
		return errNoSeat
	}
	return a.withdraw(w, r, v, seat, func(f *room.Facts) error { return f.RevokeSeat(seat) })
}

// withdrawSeats makes all invitations void that there are.
func (a *api) withdrawSeats(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActSeats)
	if err != nil {
		return err
	}
	return a.withdraw(w, r, v, "", func(f *room.Facts) error {
		f.RevokeSeats()
		return nil
	})
}

var errNoSeat = problem.New(problem.NotFound, "The room has no such invitation to listen. GET …/seats lists them.")

// withdraw tells the edges whatever becomes of the list.
func (a *api) withdraw(w http.ResponseWriter, r *http.Request, v visit, seat room.SeatID, change func(*room.Facts) error) error {
	err := readObject(w, r)
	if err != nil {
		return err
	}
	ctx, cancel := detached(r)
	defer cancel()
	err = a.cfg.Records.RevokeSeats(ctx, v.facts.ID, seat, a.cfg.Clock())
	if errors.Is(err, room.ErrNotFound) {
		return errNoSeat
	}
	if err != nil {
		a.cfg.Log.Error("an invitation is withdrawn, but the database does not have when", "room", v.facts.ID, "seat", seat, "error", err)
	}
	_, err = a.changeAccess(r, v, change)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// ownSeat gives who is of the room a seat token for his own ears; an empty one where the room needs none. Nothing of it is kept.
func (a *api) ownSeat(w http.ResponseWriter, r *http.Request) error {
	v, err := a.order(w, r, room.ActSee)
	if err != nil {
		return err
	}
	token := ""
	if f := v.facts; f.Life.Access.Gated() {
		token = room.SignSeat(a.cfg.Key.SeatKey(f.ID), room.SeatGrant{
			Room: f.ID, Seat: room.SeatID("team" + string(v.role)), Generation: f.Life.Access.Generation, Seats: ownSeats * room.MaxOnStage,
			Expires: a.cfg.Clock().Add(ownSeatLife).Unix(),
		})
	}
	return writeJSON(w, http.StatusOK, struct {
		Token string `json:"token"`
	}{token})
}
