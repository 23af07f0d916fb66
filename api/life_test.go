package api

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// announce makes a room that begins an hour after noon.
func (h *house) announce(more string) (path string) {
	h.t.Helper()
	start := noon.Add(time.Hour).Format(time.RFC3339)
	w := h.do("POST", "/api/rooms", fmt.Sprintf(`{"title":"Harbour talk","start":%q,"zone":"Europe/Paris","by_clock":true%s}`, start, more), with(h.cookie))
	return "/api/rooms/" + string(into[roomAnswer](h.t, w, http.StatusCreated).ID)
}

func (h *house) lifeAt(path string) lifeAnswer {
	h.t.Helper()
	return into[lifeAnswer](h.t, h.do("GET", path+"/life", "", with(h.cookie)), http.StatusOK)
}

func TestAnnounceARoom(t *testing.T) {
	h := newHouse(t)
	path := h.announce(`,"description":"What the sea remembers"`)
	got := h.lifeAt(path)
	want := lifeAnswer{
		State: room.Announced, Start: noon.Add(time.Hour), Zone: "Europe/Paris", Doors: noon.Add(45 * time.Minute), LeadS: 900, ByClock: true,
		Description: "What the sea remembers", Revision: 1, NowMS: noon.UnixMilli(), Title: "Harbour talk", Language: "en", Visibility: "unlisted",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("life = %+v\nwant   %+v", got, want)
	}
	kept, err := h.store.Room(t.Context(), room.ID(strings.TrimPrefix(path, "/api/rooms/")))
	if err != nil || kept.Facts.State != room.Announced || kept.Facts.Life.Plan.Zone != "Europe/Paris" {
		t.Errorf("on record: %+v, %v", kept.Facts, err)
	}
	for want, body := range map[string]string{
		"time zone":      `{"title":"a","start":"2027-01-15T20:00"}`,
		"passed already": `{"title":"a","start":"2027-01-15T07:00:00Z","zone":"UTC"}`,
		"cannot be read": `{"title":"a","start":"tonight","zone":"UTC"}`,
		"the doors":      `{"title":"a","start":"2027-01-16T07:00:00Z","zone":"UTC","lead_s":-1}`,
		"needs a start":  `{"title":"a","draft":true}`,
	} {
		if p := refused(t, h.do("POST", "/api/rooms", body, with(h.cookie)), http.StatusBadRequest, problem.BadRequest); !strings.Contains(strings.ToLower(p.Detail), want) {
			t.Errorf("%s: %s", body, p.Detail)
		}
	}
}

// A draft is announced, its doors are opened, it goes live, each by a step of its own; to press twice is no error, to go back is.
func TestStepsByHand(t *testing.T) {
	h := newHouse(t)
	path := h.announce(`,"draft":true`)
	host := with(h.cookie)
	id := room.ID(strings.TrimPrefix(path, "/api/rooms/"))
	refused(t, h.do("POST", path+"/step", `{"to":"live"}`, host), http.StatusConflict, problem.StepImpossible)
	refused(t, h.do("POST", path+"/step", `{"to":"ended"}`, host), http.StatusBadRequest, problem.BadRequest)
	for _, to := range []string{"announced", "doors", "live", "live"} {
		got := into[lifeAnswer](t, h.do("POST", path+"/step", `{"to":"`+to+`"}`, host), http.StatusOK)
		if string(got.State) != to {
			t.Errorf("to %s: %+v", to, got)
		}
	}
	refused(t, h.do("POST", path+"/step", `{"to":"doors"}`, host), http.StatusConflict, problem.StepImpossible)
	speaker := h.cfg.Key.Sign(room.Grant{Room: id, Person: "grace", Role: room.Speaker, Expires: noon.Add(time.Hour).Unix()})
	refused(t, h.do("POST", path+"/step", `{"to":"live"}`, token(speaker)), http.StatusForbidden, problem.Forbidden)
	refused(t, h.do("POST", path+"/end", `{"in_ms":10000}`, token(speaker)), http.StatusForbidden, problem.Forbidden)
}

// Ten minutes late, pressed by two at once, is ten minutes late; the second is told.
func TestTenMinutesLate(t *testing.T) {
	h := newHouse(t)
	path := h.announce("")
	cohost := token(h.cfg.Key.Sign(room.Grant{
		Room: room.ID(strings.TrimPrefix(path, "/api/rooms/")), Person: "grace", Role: room.CoHost, Expires: noon.Add(time.Hour).Unix(),
	}))
	refused(t, h.do("PATCH", path+"/plan", `{"late_s":600}`, with(h.cookie)), http.StatusBadRequest, problem.BadRequest)
	got := into[lifeAnswer](t, h.do("PATCH", path+"/plan", `{"late_s":600,"revision":1}`, cohost), http.StatusOK)
	if !got.Start.Equal(noon.Add(70*time.Minute)) || got.Revision != 2 || got.Zone != "Europe/Paris" || !got.ByClock {
		t.Errorf("put off to %+v", got)
	}
	refused(t, h.do("PATCH", path+"/plan", `{"late_s":600,"revision":1}`, with(h.cookie)), http.StatusConflict, problem.PlanChanged)
	got = into[lifeAnswer](t, h.do("PATCH", path+"/plan", `{"start":"2027-03-28T20:00","zone":"Europe/Paris","by_clock":false,"lead_s":60}`, with(h.cookie)), http.StatusOK)
	if got.Start.Format(time.RFC3339) != "2027-03-28T18:00:00Z" || got.ByClock || got.Doors.Sub(got.Start) != -time.Minute {
		t.Errorf("moved to %+v", got)
	}
	// After the time has passed, what it is about can still be changed, and ten minutes late begin now.
	h.now = got.Start.Add(90 * time.Second)
	got = into[lifeAnswer](t, h.do("PATCH", path+"/plan", `{"description":"Later"}`, with(h.cookie)), http.StatusOK)
	if got.Description != "Later" || got.Start.Format(time.RFC3339) != "2027-03-28T18:00:00Z" {
		t.Errorf("described: %+v", got)
	}
	got = into[lifeAnswer](t, h.do("PATCH", path+"/plan", fmt.Sprintf(`{"late_s":600,"revision":%d}`, got.Revision), with(h.cookie)), http.StatusOK)
	if got.Start.Format(time.RFC3339) != "2027-03-28T18:12:00Z" {
		t.Errorf("put off from now: %v", got.Start)
	}
}

// Of two who change one thing each at once, none puts the other's back.
func TestChangesAtOnceBothStay(t *testing.T) {
	h := newHouse(t)
	path, host := h.announce(`,"description":"What the sea remembers"`), with(h.cookie)
	h.rooms.first = func(f *room.Facts) { f.Life.Plan.Description, f.Life.Plan.ByClock = "Tides", false }
	got := into[lifeAnswer](t, h.do("PATCH", path+"/plan", `{"lead_s":60}`, host), http.StatusOK)
	if got.LeadS != 60 || got.Description != "Tides" || got.ByClock || got.Zone != "Europe/Paris" {
		t.Errorf("the plan is %+v", got)
	}
	path = "/api/rooms/" + string(h.newRoom(room.Live))
	h.rooms.first = func(f *room.Facts) { f.Life.Notice, f.Life.HoldReplay = "Come back for the replay.", true }
	got = into[lifeAnswer](t, h.do("PUT", path+"/doors", `{"closed_at":100}`, host), http.StatusOK)
	if got.Closed != 100 || got.Notice != "Come back for the replay." || !got.HoldReplay {
		t.Errorf("the doors are %+v", got)
	}
	cohost := token(h.cfg.Key.Sign(room.Grant{
		Room: room.ID(strings.TrimPrefix(path, "/api/rooms/")), Person: "grace", Role: room.CoHost, Expires: noon.Add(time.Hour).Unix(),
	}))
	if got = into[lifeAnswer](t, h.do("PUT", path+"/doors", `{"closed_at":0}`, cohost), http.StatusOK); got.Closed != 0 || !got.HoldReplay {
		t.Errorf("a co-host opens the doors: %+v", got)
	}
	refused(t, h.do("PUT", path+"/doors", `{"closed_at":0,"hold_replay":false}`, cohost), http.StatusForbidden, problem.Forbidden)
	if got = into[lifeAnswer](t, h.do("PUT", path+"/doors", `{"closed_at":0,"notice":"","hold_replay":false}`, host), http.StatusOK); got.HoldReplay || got.Notice != "" {
		t.Errorf("the host lets the tape go: %+v", got)
	}
}

// The lights are for those who run the room.
func TestLightsAreForTheTeam(t *testing.T) {
	h := newHouse(t)
	id := h.newRoom(room.Doors)
	path := "/api/rooms/" + string(id) + "/lights"
	got := into[struct{ Lights []Light }](t, h.do("GET", path, "", with(h.cookie)), http.StatusOK)
	if len(got.Lights) != 2 || got.Lights[0] != (Light{Name: "seats", State: Green, Why: "free", N: 12, Of: 12}) || got.Lights[1].Why != "doors" {
		t.Errorf("lights = %+v", got)
	}
	speaker := h.cfg.Key.Sign(room.Grant{Room: id, Person: "grace", Role: room.Speaker, Expires: noon.Add(time.Hour).Unix()})
	refused(t, h.do("GET", path, "", token(speaker)), http.StatusForbidden, problem.Forbidden)
}

func TestTheEndCanBeTakenBack(t *testing.T) {
	h := newHouse(t)
	path, host := "/api/rooms/"+string(h.newRoom(room.Live)), with(h.cookie)
	got := into[lifeAnswer](t, h.do("POST", path+"/end", `{"in_ms":10000}`, host), http.StatusOK)
	if got.State != room.Live || !got.EndsAt.Equal(noon.Add(10*time.Second)) {
		t.Errorf("asked for the end: %+v", got)
	}
	if got = into[lifeAnswer](t, h.do("DELETE", path+"/end", "", host), http.StatusOK); !got.EndsAt.IsZero() || got.State != room.Live {
		t.Errorf("taken back: %+v", got)
	}
	refused(t, h.do("POST", path+"/end", `{"in_ms":60001}`, host), http.StatusBadRequest, problem.BadRequest)
	refused(t, h.do("PATCH", path+"/plan", `{"late_s":600,"revision":1}`, host), http.StatusBadRequest, problem.BadRequest)
	if w := h.do("POST", path+"/end", "", host); w.Code != http.StatusNoContent {
		t.Errorf("at once: %d %s", w.Code, w.Body)
	}
}
