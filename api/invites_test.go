package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

func TestInvite(t *testing.T) {
	h := newHouse(t)
	id := h.newRoom(room.Live)
	got := into[inviteAnswer](t, h.do("POST", "/api/rooms/"+string(id)+"/invites", `{"name":" Grace ","role":"speaker"}`, with(h.cookie)), http.StatusCreated)
	if !got.Person.Valid() || len(got.Person) != 8 {
		t.Errorf("person = %q", got.Person)
	}
	want := inviteAnswer{
		Person: got.Person, Role: room.Speaker, Name: "Grace", Token: got.Token,
		DeskURL: "http://localhost:8081/desk/" + string(id) + "#" + got.Token,
		WHIPURL: "http://localhost:8081/r/" + string(id) + "/whip",
	}
	if got != want {
		t.Errorf("invite = %+v\nwant     %+v", got, want)
	}
	grant, err := h.cfg.Key.Verify(got.Token, noon)
	if wantGrant := (room.Grant{Room: id, Person: got.Person, Role: room.Speaker, Name: "Grace", Expires: noon.Add(7 * 24 * time.Hour).Unix()}); err != nil || grant != wantGrant {
		t.Errorf("grant = %+v, %v, want %+v", grant, err, wantGrant)
	}
	kept, err := h.store.Invites(t.Context(), id)
	if err != nil || len(kept) != 1 || kept[0].Person != got.Person || kept[0].Name != "Grace" {
		t.Errorf("kept = %+v, %v", kept, err)
	}
	if w := h.do("GET", "/api/rooms/"+string(id), "", token(got.Token)); w.Code != http.StatusOK {
		t.Errorf("the guest asks about the room: %d %s", w.Code, w.Body)
	}
}

func TestInviteRefuses(t *testing.T) {
	h := newHouse(t)
	id := h.newRoom(room.Live)
	for body, want := range map[string]string{
		`{"name":"","role":"speaker"}`:                                `The name is empty: write at least one letter, digit or sign.`,
		`{"name":"` + strings.Repeat("a", 41) + `","role":"speaker"}`: `The name has 41 characters: at most 40 are allowed.`,
		`{"name":"Grace","role":"host"}`:                              `The member "role" has to be "speaker", "cohost", "producer" or "captioner".`,
		`{"name":"Grace","role":"king"}`:                              `The member "role" has to be "speaker", "cohost", "producer" or "captioner".`,
		`{"name":"Grace","role":""}`:                                  `The member "role" has to be "speaker", "cohost", "producer" or "captioner".`,
		`{"name":"Grace"}`:                                            `The member "role" is missing.`,
	} {
		p := refused(t, h.do("POST", "/api/rooms/"+string(id)+"/invites", body, with(h.cookie)), http.StatusBadRequest, problem.BadRequest)
		if p.Detail != want {
			t.Errorf("%s: %q, want %q", body, p.Detail, want)
		}
	}
}

func TestOwnTokenIsOfOnePerson(t *testing.T) {
	h := newHouse(t)
	id := h.newRoom(room.Doors)
	type answer struct{ Token string }
	path := "/api/rooms/" + string(id) + "/token"
	first := into[answer](t, h.do("POST", path, "", with(h.cookie)), http.StatusOK)
	h.now = noon.Add(time.Hour)
	second := into[answer](t, h.do("POST", path, "{}", with(h.cookie)), http.StatusOK)
	a, errA := h.cfg.Key.Verify(first.Token, h.now)
	b, errB := h.cfg.Key.Verify(second.Token, h.now)
	if errA != nil || errB != nil || a.Person != b.Person || a.Role != room.Host || a.Room != id || b.Expires-a.Expires != 3600 {
		t.Errorf("grants = %+v (%v), %+v (%v)", a, errA, b, errB)
	}
}

// Chance may draw the same name twice, and may fail; neither is told to people.
func TestNamesThatAreTaken(t *testing.T) {
	h := newHouse(t)
	same := bytes.Repeat([]byte{1}, 1000)
	h.cfg.Rand = bytes.NewReader(append(bytes.Repeat([]byte{1}, 8+6+8+6), same...))
	h.handler = New(h.cfg)
	create := func() int { return h.do("POST", "/api/rooms", `{"title":"x"}`, with(h.cookie)).Code }
	if code := create(); code != http.StatusCreated {
		t.Fatalf("first: %d", code)
	}
	if code := create(); code != http.StatusInternalServerError {
		t.Errorf("a name that stays taken: %d", code)
	}
	if n := len(h.rooms.all()); n != 1 {
		t.Errorf("%d rooms are open: the one that had the name first was touched", n)
	}
	h.cfg.Rand = io.MultiReader(bytes.NewReader(same[:8+6]), bytes.NewReader(bytes.Repeat([]byte{2}, 100)))
	h.handler = New(h.cfg)
	if code := create(); code != http.StatusCreated {
		t.Errorf("a second draw: %d", code)
	}
	h.cfg.Rand = bytes.NewReader(nil)
	h.handler = New(h.cfg)
	if code := create(); code != http.StatusInternalServerError {
		t.Errorf("without chance: %d", code)
	}
}

func TestInvitesOfOneNameAndTooMany(t *testing.T) {
	h := newHouse(t)
	id := h.newRoom(room.Live)
	path := "/api/rooms/" + string(id) + "/invites"
	const body = `{"name":"Grace","role":"speaker"}`
	h.cfg.Rand = bytes.NewReader(bytes.Repeat([]byte{1}, 1000))
	h.handler = New(h.cfg)
	into[inviteAnswer](t, h.do("POST", path, body, with(h.cookie)), http.StatusCreated)
	refused(t, h.do("POST", path, body, with(h.cookie)), http.StatusInternalServerError, problem.Internal)

	h.cfg.Records = fullRecords{h.cfg.Records, room.ErrManyInvites}
	h.handler = New(h.cfg)
	refused(t, h.do("POST", path, body, with(h.cookie)), http.StatusTooManyRequests, problem.TooMany)
	h.cfg.Records = fullRecords{h.cfg.Records, errors.Join(errors.New("store"), room.ErrEnded)} // it ended since it was looked at
	h.handler = New(h.cfg)
	refused(t, h.do("POST", path, body, with(h.cookie)), http.StatusGone, problem.RoomEnded)
}

// What is vouched for is what was said: to be recorded, and a track of one's own only where whoever invites says so.
func TestATrackIsVouchedForInSoManyWords(t *testing.T) {
	h := newHouse(t)
	got := into[roomAnswer](t, h.do("POST", "/api/rooms", `{"title":"a talk","tracks":true}`, with(h.cookie)), http.StatusCreated)
	path := "/api/rooms/" + string(got.ID) + "/invites"
	for said, want := range map[string]int{`"consent":true`: room.ConsentText, `"consent":true,"consent_text":1`: room.ConsentText, `"consent":true,"consent_text":2`: room.TracksText} {
		i := into[inviteAnswer](t, h.do("POST", path, `{"name":"OBS","role":"speaker",`+said+`}`, with(h.cookie)), http.StatusCreated)
		f, _ := h.rooms.Facts(got.ID)
		if c := f.Consents[i.Person]; !c.Agreed || c.Text != want || f.TapesTrack(i.Person, room.Speaker) != (want == room.TracksText) {
			t.Errorf("%s: the room knows %+v", said, c)
		}
	}
	for _, text := range []string{"0", "3", "-1"} {
		refused(t, h.do("POST", path, `{"name":"OBS","role":"speaker","consent":true,"consent_text":`+text+`}`, with(h.cookie)), http.StatusBadRequest, problem.BadRequest)
	}
}

// Whoever invites an encoder, which cannot be asked, vouches for it; that is kept with the room, and those who lead may read it, after the end too.
func TestConsentIsVouchedFor(t *testing.T) {
	h := newHouse(t)
	id := h.newRoom(room.Live)
	path := "/api/rooms/" + string(id)
	got := into[inviteAnswer](t, h.do("POST", path+"/invites", `{"name":"OBS","role":"speaker","consent":true}`, with(h.cookie)), http.StatusCreated)
	into[inviteAnswer](t, h.do("POST", path+"/invites", `{"name":"Grace","role":"speaker","consent":false}`, with(h.cookie)), http.StatusCreated)
	f, _ := h.rooms.Facts(id)
	if want := (room.Consent{Agreed: true, Text: room.ConsentText, At: noon, By: "h0st", N: 1}); len(f.Consents) != 1 || f.Consents[got.Person] != want {
		t.Errorf("the room knows %+v", f.Consents)
	}
	refused(t, h.do("POST", path+"/invites", `{"name":"OBS","role":"speaker","consent":"yes"}`, with(h.cookie)), http.StatusBadRequest, problem.BadRequest)
	refused(t, h.do("POST", path+"/invites", `{"name":"OBS","role":"speaker","consent":true,"consent_text":2}`, with(h.cookie)), http.StatusBadRequest, problem.BadRequest) // of tracks, which are not made

	err := h.store.AddConsent(t.Context(), id, got.Person, f.Consents[got.Person])
	if err != nil {
		t.Fatal(err)
	}
	h.now = noon
	producer := h.cfg.Key.Sign(room.Grant{Room: id, Person: "pru", Role: room.Producer, Expires: noon.Add(time.Hour).Unix()})
	list := into[struct{ Consents []consented }](t, h.do("GET", path+"/consents", "", token(producer)), http.StatusOK)
	if want := (consented{Person: got.Person, Name: "OBS", Agreed: true, Text: 1, By: "h0st", At: noon}); len(list.Consents) != 1 || list.Consents[0] != want {
		t.Errorf("listed are %+v", list.Consents)
	}
	refused(t, h.do("GET", path+"/consents", "", token(got.Token)), http.StatusForbidden, problem.Forbidden)
	refused(t, h.do("GET", path+"/consents", ""), http.StatusUnauthorized, problem.HostOnly)
	h.faults.before = "consent"
	if w := h.do("POST", path+"/invites", `{"name":"OBS","role":"speaker","consent":true}`, with(h.cookie)); w.Code != http.StatusInternalServerError {
		t.Errorf("it could not be kept, and the answer is %d %s", w.Code, w.Body)
	}
	h.faults.before = ""
	over := h.newRoom(room.Ended)
	into[struct{ Consents []consented }](t, h.do("GET", "/api/rooms/"+string(over)+"/consents", "", with(h.cookie)), http.StatusOK)
}
