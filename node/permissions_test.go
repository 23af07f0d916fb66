package node

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"encoding/json"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// deed is an action as a stranger asks for it. Where it may be done, it answers with one of these statuses.
type deed struct {
	act          room.Action
	method, path string // %r is the room, %p a person whom nobody has touched yet
	body         string
	done         []int
}

var deeds = []deed{
	{room.ActSee, "GET", "/api/rooms/%r", "", []int{200}},
	{room.ActWatch, "GET", "/r/%r/stage/events", "", []int{200}},
	{room.ActSpeak, "POST", "/r/%r/desk", "v=0", []int{400}},                     // no offer, which is looked at last
	{room.ActMuteSelf, "PUT", "/r/%r/stage/people/me/muted", "true", []int{404}}, // is not on stage
	{room.ActRename, "PUT", "/r/%r/stage/people/me/name", `"Somebody"`, []int{204}},
	{room.ActConsent, "PUT", "/r/%r/stage/people/me/consent", `{"text":1,"agree":true}`, []int{204}},
	{room.ActCheck, "PUT", "/r/%r/stage/people/me/check", `{}`, []int{200}},
	{room.ActMuteOther, "PUT", "/r/%r/stage/people/%p/muted", "true", []int{404}},
	{room.ActMuteAll, "PUT", "/r/%r/stage/muted", "true", []int{204}},
	{room.ActSendBack, "PUT", "/r/%r/stage/people/%p/place", "false", []int{204}},
	{room.ActCallUp, "PUT", "/r/%r/stage/people/%p/place", "true", []int{204}},
	{room.ActRemove, "DELETE", "/r/%r/stage/people/%p", "", []int{204}},
	{room.ActBlock, "PUT", "/r/%r/stage/people/%p/blocked", "true", []int{204}},
	{room.ActHands, "PUT", "/r/%r/stage/hands", "true", []int{204}},
	{room.ActInvite, "POST", "/api/rooms/%r/invites", `{"name":"Grace","role":"speaker"}`, []int{201}},
	{room.ActInviteCoHost, "POST", "/api/rooms/%r/invites", `{"name":"Grace","role":"cohost"}`, []int{201}},
	{room.ActInviteProducer, "POST", "/api/rooms/%r/invites", `{"name":"Grace","role":"producer"}`, []int{201}},
	{room.ActInviteCaptioner, "POST", "/api/rooms/%r/invites", `{"name":"Grace","role":"captioner"}`, []int{201}},
	{room.ActHandOver, "PUT", "/r/%r/stage/host", `"nobody"`, []int{404}},
	{room.ActTakeLead, "PUT", "/r/%r/stage/lead", "false", []int{400}}, // nonsense, which is looked at first
	{room.ActSeeConsents, "GET", "/api/rooms/%r/consents", "", []int{200}},
	{room.ActDelay, "PATCH", "/api/rooms/%r/delay", `{"delay_ms":0}`, []int{200}},
	{room.ActDump, "POST", "/api/rooms/%r/dump", "", []int{409}}, // there is nothing
	{room.ActCarts, "GET", "/api/rooms/%r/carts", "", []int{200}},
	{room.ActLights, "GET", "/api/rooms/%r/lights", "", []int{200}},
	{room.ActPlan, "PATCH", "/api/rooms/%r/plan", `{"late_s":-1}`, []int{400}}, // nonsense, which is looked at last
	{room.ActAccess, "PATCH", "/api/rooms/%r/access", `{"visibility":"nobody"}`, []int{400}},
	{room.ActSeats, "POST", "/api/rooms/%r/seats", `{"name":"Lena"}`, []int{201}},
	{room.ActPicture, "DELETE", "/api/rooms/%r/picture", "", []int{200}},
	{room.ActMove, "POST", "/api/rooms/%r/step", `{"to":"nowhere"}`, []int{400}},
	{room.ActDoors, "PUT", "/api/rooms/%r/doors", `{"closed_at":-1}`, []int{400}},
	{room.ActRaiseHand, "POST", "/r/%r/hand", `{"name":"Lena","line":"tides"}`, []int{200}},
	{room.ActBackstage, "POST", "/r/%r/stage/backstage", "v=0", []int{400}},  // no offer, which is looked at last
	{room.ActTalkback, "PUT", "/r/%r/stage/ear", "true", []int{409}},         // is not connected backstage
	{room.ActCue, "POST", "/r/%r/stage/cues", `{"cue":"dance"}`, []int{400}}, // there is no such one
	{room.ActTakeCue, "PUT", "/r/%r/stage/cues/none", "true", []int{404}},    // has none
	{room.ActChat, "POST", "/r/%r/stage/chat", `"Five minutes"`, []int{201}},
	{room.ActCaption, "POST", "/api/rooms/%r/captions", `{"text":1}`, []int{400}}, // nonsense, which is looked at last
	{room.ActRelocate, "PUT", "/api/rooms/%r/move", `{"to":"//nowhere"}`, []int{400}},
	{room.ActRunThrough, "GET", "/api/rooms/%r/runs", "", []int{200}},
	{room.ActDeleteTape, "DELETE", "/api/rooms/%r/tape", "", []int{204}},
	{room.ActChapters, "PATCH", "/api/rooms/%r/chapters/7", `{}`, []int{404}}, // there is none
	{room.ActTracks, "GET", "/api/rooms/%r/tracks", "", []int{200}},
	{room.ActEdit, "PATCH", "/api/rooms/%r/replay", `{"from":-1}`, []int{400}},
	{room.ActEnd, "POST", "/api/rooms/%r/end", "", []int{204}}, // the last one: by the host, who is asked last
}

var everybody = []room.Role{room.Listener, room.Captioner, room.Speaker, room.Producer, room.CoHost, room.Host}

// permissions is a house with a room in each state.
type permissions struct {
	*house
	rooms   map[room.State]room.ID
	touched int
}

// do asks for a deed with a token, and returns the answer's status and the code of its refusal.
func (p *permissions) do(d deed, id room.ID, token string) (int, problem.Code) {
	p.t.Helper()
	path := strings.ReplaceAll(d.path, "%r", string(id))
	if strings.Contains(path, "%p") {
		path = strings.ReplaceAll(path, "%p", string(p.somebody(id)))
	}
	base := p.StageURL()
	if d.act == room.ActRaiseHand {
		base = p.ListenersURL()
		if token == "" {
			token = p.handSecret()
		}
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, d.method, base+path, strings.NewReader(d.body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if d.act == room.ActSpeak || d.act == room.ActBackstage {
		req.Header.Set("Content-Type", "application/sdp")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 400 {
		return resp.StatusCode, "" // perhaps a stream, which has no end
	}
	var refusal struct{ Code problem.Code }
	err = json.NewDecoder(resp.Body).Decode(&refusal)
	if err != nil {
		p.t.Errorf("%s: a refusal that cannot be read: %v", d.act, err)
	}
	return resp.StatusCode, refusal.Code
}

func (p *permissions) token(key *room.Key, id room.ID, person room.PersonID, role room.Role, life time.Duration) string {
	return key.Sign(room.Grant{Room: id, Person: person, Role: role, Name: "Somebody", Expires: time.Now().Add(life).Unix()})
}

// somebody is a speaker of the room whom the stage knows, and nobody has done anything to.
func (p *permissions) somebody(id room.ID) room.PersonID {
	p.touched++
	person := room.PersonID(fmt.Sprintf("p%d", p.touched))
	if f, _ := p.bus.Facts(id); f.State != room.Ended {
		if status, code := p.do(deeds[4], id, p.token(p.store.Key(), id, person, room.Speaker, time.Hour)); status != 204 {
			p.t.Fatalf("a new speaker: %d %s", status, code)
		}
	}
	return person
}

func (p *permissions) handSecret() string {
	p.touched++
	return fmt.Sprintf("%032d", p.touched)
}

func newPermissions(t *testing.T) *permissions {
	t.Helper()
	p := &permissions{openHouse(t, usual(t)), map[room.State]room.ID{}, 0}
	for _, state := range []room.State{room.Draft, room.Announced} {
		r, err := p.host.AnnounceRoom(t.Context(), client.Announcement{Title: "Harbour talk", Start: time.Now().Add(50 * time.Hour), Zone: "Europe/Paris", LeadS: 900, Draft: state == room.Draft})
		if err != nil {
			t.Fatal(err)
		}
		p.rooms[state] = r.ID
	}
	for _, state := range []room.State{room.Doors, room.Live, room.Ended} {
		id := room.ID(p.room().ID)
		until(t, "the room's sound is made", func() bool { return p.Node.rooms.making(id) != nil })
		var err error
		switch state {
		case room.Live:
			err = p.bus.ChangeFacts(t.Context(), id, func(f *room.Facts) error { f.State = room.Live; return nil })
		case room.Ended:
			err = p.Node.rooms.End(t.Context(), id)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.rooms[state] = id
	}
	return p
}

// Each role does each thing in each state of a room, through the ports as anybody would: it is exactly what room.Rules says. docs/PROTOCOL.md
// shows the same table (room's TestTheTableIsShown).
func TestEachCellOfTheTable(t *testing.T) {
	t.Parallel()
	p := newPermissions(t)
	if len(deeds) != len(room.Rules) {
		t.Fatalf("%d actions are tried, the table has %d", len(deeds), len(room.Rules))
	}
	cells := 0
	for state, id := range p.rooms {
		for _, d := range deeds {
			for _, role := range everybody {
				token := ""
				if role != room.Listener {
					token = p.token(p.store.Key(), id, room.PersonID("me"+string(role)), role, time.Hour)
				}
				status, code := p.do(d, id, token)
				if want := verdict(d, role, state); !want(status, code) {
					t.Errorf("a %s, %s, in a room of state %s: %d %s", role, d.act, state, status, code)
				}
				cells++
			}
		}
	}
	t.Logf("%d cells", cells)
}

// verdict is what a cell of the table says, as a stranger sees it. Who has no token is asked for one, whatever he wants of the stage.
func verdict(d deed, role room.Role, state room.State) func(int, problem.Code) bool {
	is := func(status int, codes ...problem.Code) func(int, problem.Code) bool {
		return func(s int, c problem.Code) bool {
			for _, code := range codes {
				if s == status && c == code {
					return true
				}
			}
			return false
		}
	}
	err := room.May(role, d.act, state)
	denial, denied := err.(room.Denial) //nolint:errorlint // the table gives nothing else
	switch {
	case role == room.Listener && d.act != room.ActRaiseHand:
		return is(http.StatusUnauthorized, problem.TokenMissing, problem.HostOnly)
	case denied && denial.Over, role != room.Listener && d.act == room.ActRaiseHand && state == room.Ended:
		return is(http.StatusGone, problem.RoomEnded)
	case role != room.Listener && d.act == room.ActRaiseHand && state.Open(): // a stage token is no hand's secret
		return is(http.StatusUnauthorized, problem.TokenMalformed)
	case d.act == room.ActRaiseHand && state == room.Draft:
		return is(http.StatusNotFound, problem.RoomUnknown) // a draft is known to its team only
	case d.act == room.ActRaiseHand && state == room.Announced:
		return is(http.StatusTooEarly, problem.RoomNotOpen)
	case denied && denial.Early:
		return is(http.StatusTooEarly, problem.RoomNotOpen)
	case denied:
		return is(http.StatusForbidden, problem.Forbidden)
	case (d.act == room.ActDump || d.act == room.ActCarts) && (state == room.Draft || state == room.Announced):
		return is(http.StatusConflict, problem.NotMadeHere) // there is no sound yet
	}
	return func(status int, code problem.Code) bool {
		return status == d.done[0] && code != problem.Forbidden && code != problem.RoomEnded
	}
}

// No token but a good one of this room is of any use, for anything and in any role.
func TestBadTokensOpenNothing(t *testing.T) {
	t.Parallel()
	p := newPermissions(t)
	id, other := p.rooms[room.Live], p.rooms[room.Doors]
	var forger room.Key
	forger[0] = 1
	gone := p.somebody(id)
	host := p.token(p.store.Key(), id, "mehost", room.Host, time.Hour)
	if status, code := p.do(deed{method: "DELETE", path: "/r/%r/stage/people/" + string(gone)}, id, host); status != 204 {
		t.Fatalf("remove: %d %s", status, code)
	}
	for _, d := range deeds {
		if d.act == room.ActRaiseHand {
			continue // takes none
		}
		for _, role := range everybody[1:] {
			good := p.token(p.store.Key(), id, "me", role, time.Hour)
			for _, tt := range []struct {
				what, token string
				status      int
				code        problem.Code
			}{
				{"forged", p.token(&forger, id, "me", role, time.Hour), 401, problem.TokenForged},
				{"expired", p.token(p.store.Key(), id, "me", role, 0), 401, problem.TokenExpired},
				{"of another room", p.token(p.store.Key(), other, "me", role, time.Hour), 403, problem.TokenWrongRoom},
				{"used again after a removal", p.token(p.store.Key(), id, gone, role, time.Hour), 403, problem.Removed},
				{"cut", good[:len(good)-1], 401, problem.TokenMalformed},
				{"with a bit turned", good[:len(good)-2] + flip(good[len(good)-2]) + good[len(good)-1:], 401, problem.TokenForged},
				{"of a listener", p.token(p.store.Key(), id, "me", room.Listener, time.Hour), 401, problem.TokenMalformed},
			} {
				if status, code := p.do(d, id, tt.token); status != tt.status || code != tt.code {
					t.Errorf("a %s's token %s, %s: %d %s, want %d %s", role, tt.what, d.act, status, code, tt.status, tt.code)
				}
			}
		}
	}
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// The addresses of radio encoders are for who may go on stage, in the same words of the table.
func TestWhoMaySendAsAnEncoder(t *testing.T) {
	t.Parallel()
	p := newPermissions(t)
	id := p.rooms[room.Live]
	ask := func(method, path string, role room.Role) int {
		t.Helper()
		p.touched++
		req, err := http.NewRequestWithContext(t.Context(), method, p.StageURL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("source", p.token(p.store.Key(), id, room.PersonID(fmt.Sprintf("p%d", p.touched)), role, time.Hour))
		req.Header.Set("Content-Type", "audio/flac") // which nobody takes
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for role, may := range map[room.Role]bool{room.Speaker: true, room.CoHost: true, room.Producer: false, room.Captioner: false} {
		source, song := http.StatusForbidden, http.StatusForbidden
		if may {
			source, song = http.StatusUnsupportedMediaType, http.StatusOK
		}
		if got := ask(http.MethodPut, "/r/"+string(id)+"/source", role); got != source {
			t.Errorf("a %s who sends sound: %d, want %d", role, got, source)
		}
		if got := ask(http.MethodGet, "/admin/metadata?mode=updinfo&song=x&mount=/r/"+string(id)+"/source", role); got != song {
			t.Errorf("a %s who names a song: %d, want %d", role, got, song)
		}
	}
}
