package api

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

func (h *house) tokenOf(id room.ID, p room.PersonID, role room.Role) string {
	return h.store.Key().Sign(room.Grant{Room: id, Person: p, Role: role, Name: "Grace", Expires: h.now.Add(time.Hour).Unix()})
}

// The host chooses another room of hers, or the address of one elsewhere; until its moment the order can be taken back.
func TestMoveTheListeners(t *testing.T) {
	h := newHouse(t)
	from, to := h.newRoom(room.Live), h.newRoom(room.Doors)
	path := "/api/rooms/" + string(from)
	for in, want := range map[string]string{
		string(to):                                 "/r/" + string(to),
		"http://localhost:8080/r/" + string(to):    "/r/" + string(to),
		"https://other.example/r/harbour-k3f9x2":   "https://other.example/r/harbour-k3f9x2",
		" https://other.example/r/harbour-k3f9x2/": "https://other.example/r/harbour-k3f9x2",
	} {
		life := into[lifeAnswer](t, h.do("PUT", path+"/move", fmt.Sprintf(`{"to":%q,"in_ms":10000}`, in), with(h.cookie)), http.StatusOK)
		if life.Relocate == nil || life.Relocate.To != want || !life.Relocate.At.Equal(noon.Add(10*time.Second)) || life.Moved != "" {
			t.Errorf("%s: %+v", in, life)
		}
	}
	life := into[lifeAnswer](t, h.do("DELETE", path+"/move", "", token(h.tokenOf(from, "h0st", room.Host))), http.StatusOK)
	if life.Relocate != nil {
		t.Errorf("taken back: %+v", life)
	}
	// Of two hosts who press at once, who has not seen the other's order is told.
	body := fmt.Sprintf(`{"to":%q,"in_ms":10000,"revision":%d}`, to, life.Revision)
	into[lifeAnswer](t, h.do("PUT", path+"/move", body, with(h.cookie)), http.StatusOK)
	refused(t, h.do("PUT", path+"/move", body, with(h.cookie)), http.StatusConflict, problem.PlanChanged)
}

func TestWhereListenersAreNotMoved(t *testing.T) {
	h := newHouse(t)
	from, over := h.newRoom(room.Live), h.newRoom(room.Ended)
	path := "/api/rooms/" + string(from) + "/move"
	gated := h.newRoom(room.Live)
	f := h.rooms.open[gated]
	f.Life.Access.Visibility = room.ByInvitation
	h.rooms.open[gated] = f
	other, cookie := h.newHost()
	foreign := room.Facts{ID: "foreign-k3f9x2", Title: "Foreign", Language: "en", State: room.Doors, Created: h.now}
	if err := h.store.AddRoom(t.Context(), room.Record{Facts: foreign, Host: other, HostPerson: "h0st"}); err != nil {
		t.Fatal(err)
	}
	h.rooms.open[foreign.ID] = foreign
	for _, tt := range []struct {
		to     string
		status int
		code   problem.Code
	}{
		{string(from), 400, problem.BadRequest},
		{"https://other.example/", 400, problem.BadRequest},
		{"javascript:alert(1)", 400, problem.BadRequest},
		{"nowhere-k3f9x2", 404, problem.RoomUnknown},
		{string(foreign.ID), 404, problem.RoomUnknown}, // of another host
		{string(over), 400, problem.BadRequest},
		{string(gated), 400, problem.BadRequest}, // nobody who is moved has an invitation for it
	} {
		refused(t, h.do("PUT", path, fmt.Sprintf(`{"to":%q}`, tt.to), with(h.cookie)), tt.status, tt.code)
	}
	refused(t, h.do("PUT", path, `{"to":"https://other.example/r/harbour-k3f9x2","in_ms":300001}`, with(h.cookie)), 400, problem.BadRequest)
	refused(t, h.do("PUT", path, `{"to":"https://other.example/r/harbour-k3f9x2"}`, with(cookie)), 404, problem.RoomUnknown)
	for _, role := range []room.Role{room.CoHost, room.Producer, room.Speaker} {
		refused(t, h.do("PUT", path, `{"to":"https://other.example/r/harbour-k3f9x2"}`, token(h.tokenOf(from, "grace", role))), 403, problem.Forbidden)
		refused(t, h.do("DELETE", path, "", token(h.tokenOf(from, "grace", role))), 403, problem.Forbidden)
	}
}

// Who is on stage gets a token of the new room: the host as its host, others as what they were invited there.
func TestTheTeamFollows(t *testing.T) {
	h := newHouse(t)
	from, to := h.newRoom(room.Live), h.newRoom(room.Doors)
	f := h.rooms.open[from]
	f.Life.Moved = &room.MovedEvent{To: "/r/" + string(to)}
	h.rooms.open[from] = f
	err := errors.Join(
		h.store.AddInvite(t.Context(), room.Invite{Room: from, Person: "grace", Role: room.CoHost, Name: "Grace", Created: h.now}),
		h.store.AddInvite(t.Context(), room.Invite{Room: from, Person: "mallory1", Role: room.Speaker, Name: "Mallory", Created: h.now}),
		h.store.AddInvite(t.Context(), room.Invite{Room: to, Person: "another", Role: room.CoHost, Name: "Bo", Created: h.now}),
		h.store.CopyTeam(t.Context(), from, to, false), h.store.CopyTeam(t.Context(), from, to, false),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		person room.PersonID
		role   room.Role
		want   room.Role
	}{{"h0st", room.Host, room.Host}, {"grace", room.CoHost, room.Speaker}, {"pru", room.Producer, room.Producer}, {"stranger", room.CoHost, room.Speaker}} {
		life := into[lifeAnswer](t, h.do("GET", "/api/rooms/"+string(from)+"/life", "", token(h.tokenOf(from, tt.person, tt.role))), http.StatusOK)
		if life.Follow == nil || life.Follow.Room != to || life.Follow.Why != "moved" || life.Moved != "/r/"+string(to) {
			t.Fatalf("%s: %+v", tt.person, life)
		}
		g, err := h.store.Key().Verify(life.Follow.Token, h.now)
		if err != nil || g.Room != to || g.Role != tt.want || g.Person != tt.person {
			t.Errorf("%s follows as %+v, %v", tt.person, g, err)
		}
	}
	invites, err := h.store.Invites(t.Context(), to)
	if err != nil || len(invites) != 2 {
		t.Errorf("who was removed is invited, or somebody twice: %+v, %v", invites, err)
	}
}

// A run-through is a room of its own that nobody finds: it is in no list, its link has a token, and it leaves no trace but its recording, which is
// deleted by one request.
func TestRunThrough(t *testing.T) {
	h := newHouse(t)
	path := h.announce("")
	id := room.ID(strings.TrimPrefix(path, "/api/rooms/"))
	err := h.store.AddInvite(t.Context(), room.Invite{Room: id, Person: "grace", Role: room.Speaker, Name: "Grace", Created: h.now})
	if err != nil {
		t.Fatal(err)
	}
	before := h.lifeAt(path)
	run := into[runAnswer](t, h.do("POST", path+"/runs", "", with(h.cookie)), http.StatusCreated)
	facts := h.rooms.open[run.ID]
	link := strings.TrimPrefix(run.ListenURL, "http://localhost:8080/r/"+string(run.ID)+"~")
	if facts.RunOf != id || !facts.Curtained() || facts.LetsIn("", h.now) || !facts.LetsIn(link, h.now) || facts.LetsIn(link, h.now.Add(room.RunLife)) {
		t.Errorf("%+v, heard at %s", facts, run.ListenURL)
	}
	if len(string(run.ID)) < runChars {
		t.Errorf("%s can be guessed", run.ID)
	}
	refused(t, h.do("POST", path+"/runs", "", with(h.cookie)), http.StatusConflict, problem.StepImpossible)
	for _, role := range []room.Role{room.CoHost, room.Producer, room.Speaker} {
		refused(t, h.do("POST", path+"/runs", "", token(h.tokenOf(id, "grace", role))), 403, problem.Forbidden)
	}
	life := into[lifeAnswer](t, h.do("GET", path+"/life", "", token(h.tokenOf(id, "grace", room.Speaker))), http.StatusOK)
	if life.Follow == nil || life.Follow.Why != "run" || life.Follow.Room != run.ID || life.State != room.Announced {
		t.Fatalf("the team is not told: %+v", life)
	}
	into[roomAnswer](t, h.do("GET", "/api/rooms/"+string(run.ID), "", token(life.Follow.Token)), http.StatusOK)
	rooms := into[struct{ Rooms []roomAnswer }](t, h.do("GET", "/api/rooms", "", with(h.cookie)), http.StatusOK)
	if len(rooms.Rooms) != 1 {
		t.Errorf("it is among the rooms: %+v", rooms)
	}
	invites, err := h.store.Invites(t.Context(), run.ID)
	if err != nil || len(invites) != 1 {
		t.Errorf("the team is %+v, %v", invites, err)
	}
	// The node notes its end; here it is noted by hand.
	if w := h.do("POST", "/api/rooms/"+string(run.ID)+"/end", "", with(h.cookie)); w.Code != http.StatusNoContent {
		t.Fatalf("end: %d %s", w.Code, w.Body)
	}
	f := h.rooms.open[id]
	f.EndRun(run.ID)
	h.rooms.open[id] = f
	after := h.lifeAt(path)
	after.Revision, after.NowMS = before.Revision, before.NowMS
	if !reflect.DeepEqual(after, before) {
		t.Errorf("before it was %+v, now %+v", before, after)
	}
	runs := into[struct{ Runs []roomAnswer }](t, h.do("GET", path+"/runs", "", with(h.cookie)), http.StatusOK)
	if len(runs.Runs) != 1 || runs.Runs[0].ID != run.ID {
		t.Errorf("the recordings are %+v", runs)
	}
	if w := h.do("DELETE", path+"/runs/"+string(run.ID), "", with(h.cookie)); w.Code != http.StatusNoContent || h.rooms.deleted[0] != run.ID {
		t.Errorf("delete: %d %s, %v", w.Code, w.Body, h.rooms.deleted)
	}
	refused(t, h.do("DELETE", path+"/runs/"+string(run.ID), "", with(h.cookie)), http.StatusNotFound, problem.RoomUnknown)
	refused(t, h.do("DELETE", path+"/runs/"+string(id), "", with(h.cookie)), http.StatusNotFound, problem.RoomUnknown) // the evening is none
}

// Where a step fails there is no room that nobody knows of.
func TestARunThroughThatFailsLeavesNothing(t *testing.T) {
	for _, step := range []string{"add", "create", "life"} {
		h := newHouse(t)
		path := h.announce("")
		h.faults.before = step
		if w := h.do("POST", path+"/runs", "", with(h.cookie)); w.Code != http.StatusInternalServerError {
			t.Errorf("%s fails: %d %s", step, w.Code, w.Body)
		}
		h.faults.before = ""
		runs := into[struct{ Runs []roomAnswer }](t, h.do("GET", path+"/runs", "", with(h.cookie)), http.StatusOK)
		if len(runs.Runs) != 0 || h.lifeAt(path).Revision != 1 || len(h.rooms.all()) != 1 {
			t.Errorf("%s failed and left %+v, %v", step, runs, h.rooms.all())
		}
	}
}
