package api

import (
	"net/http"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

func TestChaptersOfARoom(t *testing.T) {
	h := newHouse(t)
	air := &memoryAir{}
	h.cfg.Air = air
	h.handler = New(h.cfg)
	host := with(h.cookie)
	path := "/api/rooms/" + string(h.newRoom(room.Live)) + "/chapters"
	first := into[room.Chapter](t, h.do("POST", path, "", host), http.StatusCreated)
	if first != (room.Chapter{ID: 1, At: 7000}) {
		t.Errorf("marked now: %+v", first)
	}
	if again := into[room.Chapter](t, h.do("POST", path, `{"title":"Twice"}`, host), http.StatusCreated); again != first {
		t.Errorf("pressed twice in one moment: %+v", again)
	}
	into[room.Chapter](t, h.do("POST", path, `{"at":100,"title":" Tides "}`, host), http.StatusCreated)
	changed := into[room.Chapter](t, h.do("PATCH", path+"/1", `{"title":"Moon","at":6900}`, host), http.StatusOK)
	if changed != (room.Chapter{ID: 1, At: 6900, Title: "Moon"}) {
		t.Errorf("changed: %+v", changed)
	}
	all := into[chaptersAnswer](t, h.do("GET", path, "", host), http.StatusOK)
	if len(all.Chapters) != 2 || all.Chapters[0].Title != "Tides" || all.Chapters[1] != changed || all.Revision != 3 {
		t.Errorf("all: %+v", all)
	}
	refused(t, h.do("PATCH", path+"/1", `{"title":"Sea","revision":2}`, host), http.StatusConflict, problem.PlanChanged)
	refused(t, h.do("PATCH", path+"/1", `{"at":100}`, host), http.StatusBadRequest, problem.BadRequest)
	refused(t, h.do("PATCH", path+"/9", `{}`, host), http.StatusNotFound, problem.NotFound)
	refused(t, h.do("PATCH", path+"/x", `{}`, host), http.StatusNotFound, problem.NotFound)
	for range 2 {
		if w := h.do("DELETE", path+"/1", "", host); w.Code != http.StatusNoContent {
			t.Errorf("taken away: %d %s", w.Code, w.Body)
		}
	}
	doors := "/api/rooms/" + string(h.newRoom(room.Doors)) + "/chapters"
	refused(t, h.do("POST", doors, "", host), http.StatusConflict, problem.StepImpossible)
	refused(t, h.do("POST", path, `{"title":"`+string(make([]byte, 3))+`"}`, host), http.StatusBadRequest, problem.BadRequest)
	over := h.over()
	refused(t, h.do("POST", over+"/chapters", "", host), http.StatusBadRequest, problem.BadRequest)
	into[room.Chapter](t, h.do("POST", over+"/chapters", `{"at":5}`, host), http.StatusCreated)
}

// over is a room that has ended, as a node knows it.
func (h *house) over() (path string) {
	h.t.Helper()
	id := h.newRoom(room.Live)
	h.rooms.mu.Lock()
	defer h.rooms.mu.Unlock()
	f := h.rooms.open[id]
	f.State, f.Life.Revision = room.Ended, 4
	h.rooms.open[id] = f
	return "/api/rooms/" + string(id)
}

func TestEditAReplay(t *testing.T) {
	h := newHouse(t)
	host := with(h.cookie)
	path := h.over() + "/replay"
	got := into[replayAnswer](t, h.do("GET", path, "", host), http.StatusOK)
	if got.Tape == nil || *got.Tape != [2]int64{62_976, 422_976} {
		t.Errorf("on tape are %v", got.Tape)
	}
	got.Tape = nil
	if got != (replayAnswer{Title: "Harbour talk", Clips: true, Posted: true, Revision: 4}) {
		t.Errorf("untouched: %+v", got)
	}
	refused(t, h.do("PATCH", path, `{"from":100}`, host), http.StatusBadRequest, problem.BadRequest)
	got = into[replayAnswer](t, h.do("PATCH", path, `{"title":"Sea talk","from":100,"to":9000,"clips":false,"revision":4}`, host), http.StatusOK)
	if got.Title != "Sea talk" || got.From != 100 || got.To != 9000 || got.Clips || !got.Posted || got.Revision != 5 {
		t.Errorf("edited: %+v", got)
	}
	refused(t, h.do("PATCH", path, `{"from":200,"revision":4}`, host), http.StatusConflict, problem.PlanChanged)
	refused(t, h.do("PATCH", path, `{"to":50,"revision":5}`, host), http.StatusBadRequest, problem.BadRequest)
	if got = into[replayAnswer](t, h.do("PATCH", path, `{"posted":false}`, host), http.StatusOK); got.Posted {
		t.Errorf("taken back: %+v", got)
	}
	if got = into[replayAnswer](t, h.do("PATCH", path, `{"posted":true}`, host), http.StatusOK); !got.Posted || !got.PostedAt.Equal(noon) {
		t.Errorf("posted: %+v", got)
	}
	live := "/api/rooms/" + string(h.newRoom(room.Live)) + "/replay"
	refused(t, h.do("PATCH", live, `{"from":100,"revision":1}`, host), http.StatusConflict, problem.PlanChanged)
	refused(t, h.do("PATCH", live, `{"posted":false}`, host), http.StatusConflict, problem.StepImpossible)
	if got = into[replayAnswer](t, h.do("PATCH", live, `{"clips":false}`, host), http.StatusOK); got.Clips {
		t.Errorf("clips while live: %+v", got)
	}
}
