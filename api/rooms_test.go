package api

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

func TestCreateRoom(t *testing.T) {
	h := newHouse(t)
	w := h.do("POST", "/api/rooms", `{"title":"  Harbour\ttalk ","lang":"PT-br","low_delay":true,"expect":1000000}`, with(h.cookie))
	got := into[roomAnswer](t, w, http.StatusCreated)
	if !regexp.MustCompile(`^harbour-talk-[a-z0-9]{6}$`).MatchString(string(got.ID)) {
		t.Errorf("id = %q", got.ID)
	}
	want := roomAnswer{
		ID: got.ID, Title: "Harbour talk", Language: "pt-BR", State: room.Doors, LowDelay: true, Expect: 1_000_000, Tape: "on", Tracks: true, Created: noon, Visibility: "unlisted",
		ListenURL: "http://localhost:8080/r/" + string(got.ID), DeskURL: "http://localhost:8081/desk/" + string(got.ID),
	}
	if got != want {
		t.Errorf("room = %+v\nwant   %+v", got, want)
	}
	if loc := w.Header().Get("Location"); loc != "/api/rooms/"+string(got.ID) {
		t.Errorf("Location = %q", loc)
	}
	facts, open := h.rooms.Facts(got.ID)
	if !open || facts.Title != want.Title || !facts.LowDelay || facts.Expect != want.Expect {
		t.Errorf("open: %v, facts = %+v", open, facts)
	}
	again := into[roomAnswer](t, h.do("GET", "/api/rooms/"+string(got.ID), "", with(h.cookie)), http.StatusOK)
	if again != want {
		t.Errorf("room again = %+v\nwant         %+v", again, want)
	}
	list := into[struct{ Rooms []roomAnswer }](t, h.do("GET", "/api/rooms", "", with(h.cookie)), http.StatusOK)
	if len(list.Rooms) != 1 || list.Rooms[0] != want {
		t.Errorf("rooms = %+v", list.Rooms)
	}
}

func TestARoomIsShownAsItIsNow(t *testing.T) {
	h := newHouse(t)
	id := h.newRoom(room.Doors)
	f, _ := h.rooms.Facts(id)
	f.State = room.Live
	h.rooms.open[id] = f // the node knows, the records do not yet
	path := "/api/rooms/" + string(id)
	if got := into[roomAnswer](t, h.do("GET", path, "", with(h.cookie)), http.StatusOK); got.State != room.Live {
		t.Errorf("state = %s", got.State)
	}
	h.now = noon.Add(time.Hour)
	h.faults.before = "end" // the end is on record, and the node has not heard of it
	refused(t, h.do("POST", path+"/end", "", with(h.cookie)), http.StatusInternalServerError, problem.Internal)
	if got := into[roomAnswer](t, h.do("GET", path, "", with(h.cookie)), http.StatusOK); got.State != room.Ended || !got.EndedAt.Equal(h.now) {
		t.Errorf("state = %s, ended at %v", got.State, got.EndedAt)
	}
}

// A room is made whole or not at all, whichever step fails and whether or not the failed step was done.
func TestFailedCreate(t *testing.T) {
	for _, f := range []faults{{before: "add"}, {after: "add"}, {before: "create"}, {after: "create"}} {
		h := newHouse(t)
		*h.faults = f
		w := h.do("POST", "/api/rooms", `{"title":"Harbour talk"}`, with(h.cookie))
		refused(t, w, http.StatusInternalServerError, problem.Internal)
		if strings.Contains(w.Body.String(), errFault.Error()) || !strings.Contains(h.log.String(), errFault.Error()) {
			t.Errorf("%+v: the reason belongs into the log only: %s; log: %s", f, w.Body, h.log)
		}
		*h.faults = faults{}
		list := into[struct{ Rooms []roomAnswer }](t, h.do("GET", "/api/rooms", "", with(h.cookie)), http.StatusOK)
		if len(list.Rooms) != 0 || len(h.rooms.all()) != 0 {
			t.Errorf("%+v: left on record: %v, left open: %v", f, list.Rooms, h.rooms.all())
		}
	}
}

// To end a room again is what mends an end that failed, whichever half of it.
func TestFailedEnd(t *testing.T) {
	for _, f := range []faults{{before: "state"}, {after: "state"}, {before: "end"}, {after: "end"}} {
		h := newHouse(t)
		path := "/api/rooms/" + string(h.newRoom(room.Live))
		*h.faults = f
		refused(t, h.do("POST", path+"/end", "", with(h.cookie)), http.StatusInternalServerError, problem.Internal)
		*h.faults = faults{}
		if w := h.do("POST", path+"/end", "", with(h.cookie)); w.Code != http.StatusNoContent {
			t.Errorf("%+v: again: %d %s", f, w.Code, w.Body)
		}
		got := into[roomAnswer](t, h.do("GET", path, "", with(h.cookie)), http.StatusOK)
		if got.State != room.Ended || len(h.rooms.all()) != 0 {
			t.Errorf("%+v: state = %s, open: %v", f, got.State, h.rooms.all())
		}
	}
}

func TestWhetherSpeakersAreTapedApart(t *testing.T) {
	h := newHouse(t)
	for body, want := range map[string]bool{`{"title":"a talk"}`: true, `{"title":"a talk","tracks":true}`: true, `{"title":"a talk","tracks":false}`: false, `{"title":"a talk","tape":false}`: false, `{"title":"a talk","tape":false,"tracks":false}`: false} {
		got := into[roomAnswer](t, h.do("POST", "/api/rooms", body, with(h.cookie)), http.StatusCreated)
		again := into[roomAnswer](t, h.do("GET", "/api/rooms/"+string(got.ID), "", with(h.cookie)), http.StatusOK)
		record, err := h.store.Room(t.Context(), got.ID)
		if got.Tracks != want || again.Tracks != want || err != nil || record.Facts.Tracks != want {
			t.Errorf("%s: tracks = %t, again %t, on record %t, %v", body, got.Tracks, again.Tracks, record.Facts.Tracks, err)
		}
	}
	refused(t, h.do("POST", "/api/rooms", `{"title":"a talk","tape":false,"tracks":true}`, with(h.cookie)), http.StatusBadRequest, problem.BadRequest)
}

func TestWhetherARoomIsTaped(t *testing.T) {
	h := newHouse(t)
	for body, want := range map[string]string{`{"title":"a talk"}`: "on", `{"title":"a talk","tape":true}`: "on", `{"title":"a talk","tape":false}`: "off"} {
		got := into[roomAnswer](t, h.do("POST", "/api/rooms", body, with(h.cookie)), http.StatusCreated)
		again := into[roomAnswer](t, h.do("GET", "/api/rooms/"+string(got.ID), "", with(h.cookie)), http.StatusOK)
		if got.Tape != want || again.Tape != want {
			t.Errorf("%s: tape = %q, again %q", body, got.Tape, again.Tape)
		}
	}
}

// A deletion that failed is mended by asking again, and is only answered well when it is done.
func TestDeleteTape(t *testing.T) {
	for _, f := range []faults{{}, {before: "tape"}, {after: "tape"}, {before: "delete"}, {after: "delete"}} {
		h := newHouse(t)
		id := h.newRoom(room.Live)
		path := "/api/rooms/" + string(id) + "/tape"
		*h.faults = f
		w := h.do("DELETE", path, "", with(h.cookie))
		if failed := f != (faults{}); failed != (w.Code == http.StatusInternalServerError) {
			t.Errorf("%+v: %d %s", f, w.Code, w.Body)
		}
		*h.faults = faults{}
		if w = h.do("DELETE", path, "", with(h.cookie)); w.Code != http.StatusNoContent {
			t.Errorf("%+v: again: %d %s", f, w.Code, w.Body)
		}
		record, err := h.store.Room(t.Context(), id)
		if err != nil || record.Facts.Tape != room.TapeDeleted || len(h.rooms.deleted) == 0 {
			t.Errorf("%+v: on record is %q, %v; deleted are %v", f, record.Facts.Tape, err, h.rooms.deleted)
		}
	}
}

func TestFailedReads(t *testing.T) {
	h := newHouse(t)
	id := h.newRoom(room.Live)
	for fault, path := range map[string]string{"session": "/api/me", "rooms": "/api/rooms", "room": "/api/rooms/" + string(id)} {
		h.faults.before = fault
		refused(t, h.do("GET", path, "", with(h.cookie)), http.StatusInternalServerError, problem.Internal)
	}
	h.faults.before = "redeem"
	w := h.do("POST", "/api/claim", secretBody(h.newLink(h.host)))
	refused(t, w, http.StatusInternalServerError, problem.Internal)
	if w.Header().Get("Set-Cookie") != "" {
		t.Error("a claim that failed set a cookie")
	}
}

func TestTheStageURLMayFollowTheRequest(t *testing.T) {
	h := newHouse(t)
	h.cfg.StageURL = func(r *http.Request) string { return "http://" + r.Host }
	h.handler = New(h.cfg)
	id := h.newRoom(room.Live)
	got := into[roomAnswer](t, h.do("GET", "/api/rooms/"+string(id), "", with(h.cookie), func(r *http.Request) { r.Host = "10.0.0.7:8081" }), http.StatusOK)
	if want := "http://10.0.0.7:8081/desk/" + string(id); got.DeskURL != want {
		t.Errorf("desk_url = %q, want %q", got.DeskURL, want)
	}
}

// A database that takes nothing stops no end, and says so where without it nothing can be done: with when to come again.
func TestUnwritable(t *testing.T) {
	h := newHouse(t)
	h.faults.err = room.ErrUnwritable
	id := h.newRoom(room.Live)
	h.faults.before = "state add invite tape"
	if w := h.do("POST", "/api/rooms/"+string(id)+"/end", "", with(h.cookie)); w.Code != http.StatusNoContent {
		t.Errorf("to end a room answers %d %s", w.Code, w.Body)
	}
	if _, open := h.rooms.Facts(id); open {
		t.Error("the room goes on because the database does not")
	}
	for _, what := range []string{"/api/rooms", "/api/rooms/" + string(h.newRoom(room.Live)) + "/invites"} {
		w := h.do("POST", what, `{"title":"Harbour talk"}`, with(h.cookie))
		if strings.HasSuffix(what, "/invites") {
			w = h.do("POST", what, `{"name":"Grace","role":"speaker"}`, with(h.cookie))
		}
		refused(t, w, http.StatusServiceUnavailable, problem.NotKept)
		if w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: nobody knows when to come again", what)
		}
	}
}
