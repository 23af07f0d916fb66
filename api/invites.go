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

// ownToken gives a host in her own browser the token that puts her on stage. It names the same person each time: a second tab takes
// the first one's place.
func (a *api) ownToken(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visit(r)
	if err != nil {
		return err
	}
	if !v.byCookie {
		return errHostOnly
	}
	err = v.open()
	if err != nil {
		return err
	}
	err = readObject(w, r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Token string `json:"token"`
	}{a.sign(room.Grant{Room: v.facts.ID, Person: v.person, Role: room.Host})})
}

func (a *api) sign(g room.Grant) string {
	g.Expires = a.cfg.Clock().Add(TokenLife).Unix()
	return a.cfg.Key.Sign(g)
}

// invited is somebody whom the room has invited, as the desk lists them.
type invited struct {
	Person  room.PersonID `json:"person"`
	Role    room.Role     `json:"role"`
	Name    string        `json:"name"`
	Created time.Time     `json:"created_at"`
}

// listInvites lists whom the room has invited who was not removed since.
func (a *api) listInvites(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActInvite)
	if err != nil {
		return err
	}
	all, err := a.cfg.Records.Invites(r.Context(), v.facts.ID)
	if err != nil {
		return err
	}
	answer := struct {
		Invites []invited `json:"invites"`
	}{[]invited{}}
	for _, i := range all {
		if i.Removed.IsZero() && !v.facts.IsRemoved(i.Person) {
			answer.Invites = append(answer.Invites, invited{i.Person, v.facts.RoleOf(i.Person, i.Role), i.Name, i.Created})
		}
	}
	return writeJSON(w, http.StatusOK, answer)
}

// inviteAnswer is all that a guest, or the guest's encoder, needs.
type inviteAnswer struct {
	Person  room.PersonID `json:"person"`
	Role    room.Role     `json:"role"`
	Name    string        `json:"name"`
	Token   string        `json:"token"`
	DeskURL string        `json:"desk_url"` // with the token behind #
	WHIPURL string        `json:"whip_url"` // without it: encoders take the two apart
}

func (a *api) invite(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActInvite)
	if err != nil {
		return err
	}
	i := room.Invite{Room: v.facts.ID, Created: a.cfg.Clock()}
	vouched, text := false, room.ConsentText
	err = readObject(w, r, member{name: "name", into: &i.Name}, member{name: "role", into: (*string)(&i.Role)},
		member{name: "consent", into: &vouched, optional: true}, member{name: "consent_text", into: &text, optional: true})
	if err != nil {
		return err
	}
	if text != room.ConsentText && text != v.facts.ConsentText() {
		return badRequest("The member \"consent_text\" has to be %d, or %d in a room whose speakers are taped apart.", room.ConsentText, room.TracksText)
	}
	i.Name, err = room.CheckName(i.Name)
	if err != nil {
		return badRequest("%s", problem.Sentence(err))
	}
	err = v.mayInvite(i.Role)
	if err != nil {
		return err
	}
	ctx, cancel := detached(r)
	defer cancel()
	i.Person, err = a.keepInvite(ctx, i)
	if err == nil && vouched {
		err = roomProblem(i.Room, a.cfg.Rooms.Consent(ctx, i.Room, i.Person, room.Consent{
			Agreed: true, Text: text, At: a.cfg.Clock(), By: v.person,
		}))
	}
	if err != nil {
		return err
	}
	desk := a.deskURL(r, i.Room)
	if i.Role == room.Captioner {
		desk = a.cfg.StageURL(r) + "/captions/" + string(i.Room)
	}
	token := a.sign(room.Grant{Room: i.Room, Person: i.Person, Role: i.Role, Name: i.Name})
	return writeJSON(w, http.StatusCreated, inviteAnswer{
		Person: i.Person, Role: i.Role, Name: i.Name, Token: token,
		DeskURL: desk + "#" + token,
		WHIPURL: a.cfg.StageURL(r) + "/r/" + string(i.Room) + "/whip",
	})
}

// mayInvite lets nobody give away more than they have the disposal of.
func (v visit) mayInvite(role room.Role) error {
	switch role {
	case room.Speaker:
		return nil
	case room.CoHost:
		return v.may(room.ActInviteCoHost)
	case room.Producer:
		return v.may(room.ActInviteProducer)
	case room.Captioner:
		return v.may(room.ActInviteCaptioner)
	}
	return badRequest("The member \"role\" has to be %q, %q, %q or %q.", room.Speaker, room.CoHost, room.Producer, room.Captioner)
}

// keepInvite keeps an invite under a person's name that it finds.
func (a *api) keepInvite(ctx context.Context, i room.Invite) (room.PersonID, error) {
	for range nameTries {
		chars, err := room.RandomChars(a.cfg.Rand, personChars)
		if err != nil {
			return "", err
		}
		i.Person = room.PersonID(chars)
		err = a.cfg.Records.AddInvite(ctx, i)
		switch {
		case err == nil:
			return i.Person, nil
		case errors.Is(err, room.ErrEnded):
			return "", errRoomEnded
		case errors.Is(err, room.ErrManyInvites):
			return "", problem.New(problem.TooMany, fmt.Sprintf("This room has invited %d people, and may not invite more.", room.MaxInvites))
		case errors.Is(err, room.ErrManyCoHosts):
			return "", problem.New(problem.CoHostsFull, fmt.Sprintf("This room has %d co-hosts already. Withdraw the invitation of one first.", room.MaxCoHosts))
		case !errors.Is(err, room.ErrExists):
			return "", roomProblem(i.Room, err)
		}
	}
	return "", fmt.Errorf("find a name for the person: %w", room.ErrExists)
}
