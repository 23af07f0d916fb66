package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// invitedRoom makes a room by invitation.
func (h *house) invitedRoom() (path string, id room.ID) {
	h.t.Helper()
	r := into[roomAnswer](h.t, h.do("POST", "/api/rooms", `{"title":"Harbour talk","visibility":"invited"}`, with(h.cookie)), http.StatusCreated)
	if r.Visibility != "invited" {
		h.t.Errorf("it is %s", r.Visibility)
	}
	return "/api/rooms/" + string(r.ID), r.ID
}

// admits reports whether an edge would let a token in now.
func (h *house) admits(id room.ID, token string) error {
	f, _ := h.rooms.Facts(id)
	if !f.Life.Access.Gated() {
		h.t.Error("the room is open to all")
	}
	_, err := f.Life.Access.Admit(id, token, h.now)
	return err
}

func TestInviteListeners(t *testing.T) {
	h := newHouse(t)
	path, id := h.invitedRoom()
	host := with(h.cookie)
	ada := into[seatAnswer](t, h.do("POST", path+"/seats", `{"name":" Ada\tLovelace ","seats":3,"expires_in_s":60}`, host), http.StatusCreated)
	if ada.Name != "Ada Lovelace" || ada.Seats != 3 || !ada.Expires.Equal(noon.Add(time.Minute)) ||
		ada.URL != "http://localhost:8080/r/"+string(id)+"#seat="+ada.Token || ada.PlayerURL != "http://localhost:8080/r/"+string(id)+"/live.ogg?seat="+ada.Token {
		t.Errorf("%+v", ada)
	}
	bob := into[seatAnswer](t, h.do("POST", path+"/seats", `{}`, host), http.StatusCreated)
	if bob.Seats != room.DefaultSeatsPer || !bob.Expires.Equal(noon.Add(room.DefaultSeatLife)) {
		t.Errorf("what is left out: %+v", bob)
	}
	for _, s := range []seatAnswer{ada, bob} {
		if err := h.admits(id, s.Token); err != nil {
			t.Errorf("%s: %v", s.Seat, err)
		}
	}
	if w := h.do("DELETE", path+"/seats/"+string(ada.Seat), "", host); w.Code != http.StatusNoContent {
		t.Fatalf("withdraw: %d %s", w.Code, w.Body)
	}
	if w := h.do("DELETE", path+"/seats/"+string(ada.Seat), "", host); w.Code != http.StatusNoContent {
		t.Errorf("withdraw again: %d %s", w.Code, w.Body)
	}
	refused(t, h.do("DELETE", path+"/seats/nobody", "", host), http.StatusNotFound, problem.NotFound)
	if err := h.admits(id, ada.Token); !errors.Is(err, room.ErrSeatRevoked) {
		t.Errorf("withdrawn: %v", err)
	}
	list := into[struct{ Seats []seatAnswer }](t, h.do("GET", path+"/seats", "", host), http.StatusOK).Seats
	if len(list) != 2 || !list[0].Revoked || list[0].Token != "" || list[1].Revoked || list[1].Token != bob.Token {
		t.Errorf("the list is %+v", list)
	}
	if a := into[accessAnswer](t, h.do("GET", path+"/access", "", host), http.StatusOK); a.Revoked != 1 || a.Generation != 0 || a.Visibility != "invited" {
		t.Errorf("access: %+v", a)
	}
	if w := h.do("DELETE", path+"/seats", "", host); w.Code != http.StatusNoContent {
		t.Fatalf("withdraw all: %d %s", w.Code, w.Body)
	}
	if err := h.admits(id, bob.Token); !errors.Is(err, room.ErrSeatRevoked) {
		t.Errorf("all withdrawn: %v", err)
	}
	eve := into[seatAnswer](t, h.do("POST", path+"/seats", `{"name":"Eve"}`, host), http.StatusCreated)
	if err := h.admits(id, eve.Token); err != nil {
		t.Errorf("made after that: %v", err)
	}
	own := into[struct{ Token string }](t, h.do("POST", path+"/seats/mine", "", host), http.StatusOK)
	if err := h.admits(id, own.Token); err != nil {
		t.Errorf("the host's own ears: %v", err)
	}
}

// An invitation to a room that begins later outlives it.
func TestInvitationsOutliveTheEvening(t *testing.T) {
	h := newHouse(t)
	path := h.announce("")
	s := into[seatAnswer](t, h.do("POST", path+"/seats", `{}`, with(h.cookie)), http.StatusCreated)
	if want := noon.Add(time.Hour).Add(room.DefaultSeatLife); !s.Expires.Equal(want) {
		t.Errorf("it expires at %v, want %v", s.Expires, want)
	}
}

func TestInviteManyListeners(t *testing.T) {
	h := newHouse(t)
	path, id := h.invitedRoom()
	host := with(h.cookie)
	w := h.do("POST", path+"/seats.csv", `{"names":["Ada","=cmd()","Émilie, marquise"]}`, host)
	rows, err := csv.NewReader(w.Body).ReadAll()
	if w.Code != http.StatusCreated || err != nil || len(rows) != 4 || !strings.Contains(w.Header().Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d, %v, %v", w.Code, rows, err)
	}
	if rows[1][0] != "Ada" || rows[2][0] != "'=cmd()" || rows[3][0] != "Émilie, marquise" {
		t.Errorf("names: %v", rows)
	}
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		_, token, _ := strings.Cut(row[1], "#seat=")
		if err := h.admits(id, token); err != nil || seen[token] || !strings.HasSuffix(row[2], "?seat="+token) {
			t.Errorf("%v: %v", row, err)
		}
		seen[token] = true
	}
	w = h.do("POST", path+"/seats.csv", `{"count":500}`, host)
	if n := bytes.Count(w.Body.Bytes(), []byte("\n")); w.Code != http.StatusCreated || n != 501 {
		t.Errorf("%d, %d lines", w.Code, n)
	}
	for body, word := range map[string]string{
		`{}`: "either", `{"count":3,"names":["a"]}`: "either", `{"count":-1}`: "5000", fmt.Sprintf(`{"count":%d}`, maxSeatBulk+1): "5000",
		`{"names":["\u0000"]}`: "name", `{"names":"Ada"}`: "a list", `{"count":1,"seats":1001}`: "1000", `{"count":1,"expires_in_s":-5}`: "seconds",
	} {
		if p := refused(t, h.do("POST", path+"/seats.csv", body, host), http.StatusBadRequest, problem.BadRequest); !strings.Contains(p.Detail, word) {
			t.Errorf("%s: %s", body, p.Detail)
		}
	}
}

func TestVisibilityIsChanged(t *testing.T) {
	h := newHouse(t)
	path := "/api/rooms/" + string(h.newRoom(room.Live))
	host := with(h.cookie)
	first := into[accessAnswer](t, h.do("GET", path+"/access", "", host), http.StatusOK)
	if first.Visibility != "unlisted" {
		t.Errorf("a room of before is %s", first.Visibility)
	}
	now := into[accessAnswer](t, h.do("PATCH", path+"/access", `{"visibility":"invited"}`, host), http.StatusOK)
	if now.Visibility != "invited" || now.Revision == first.Revision || now.Notice != "" {
		t.Errorf("%+v", now)
	}
	refused(t, h.do("PATCH", path+"/access", fmt.Sprintf(`{"visibility":"public","revision":%d}`, first.Revision+99), host), http.StatusConflict, problem.PlanChanged)
	refused(t, h.do("PATCH", path+"/access", `{"visibility":"secret"}`, host), http.StatusBadRequest, problem.BadRequest)
	for _, wrong := range []string{`{}`, `{"revision":1}`, `{"whep":-1}`, `{"whep":100001}`} {
		refused(t, h.do("PATCH", path+"/access", wrong, host), http.StatusBadRequest, problem.BadRequest)
	}
	few := into[accessAnswer](t, h.do("PATCH", path+"/access", fmt.Sprintf(`{"whep":50,"revision":%d}`, now.Revision), host), http.StatusOK)
	if few.WHEP != 50 || few.Visibility != "invited" || few.Revision == now.Revision {
		t.Errorf("fifty by WHEP: %+v", few)
	}
	refused(t, h.do("PATCH", path+"/access", fmt.Sprintf(`{"whep":9,"revision":%d}`, now.Revision), host), http.StatusConflict, problem.PlanChanged)
	both := into[accessAnswer](t, h.do("PATCH", path+"/access", fmt.Sprintf(`{"whep":0,"visibility":"invited","revision":%d}`, few.Revision), host), http.StatusOK)
	if both.WHEP != 0 || both.Visibility != "invited" {
		t.Errorf("both at once: %+v", both)
	}
	h.cfg.Publishes = true
	h.handler = New(h.cfg)
	if a := into[accessAnswer](t, h.do("GET", path+"/access", "", host), http.StatusOK); !strings.Contains(a.Notice, "not published") {
		t.Errorf("nothing says that it is not published: %+v", a)
	}
}

// What is announced of people is changed as the rest of the plan is: whole, or not at all where another change came first.
func TestPeopleAreAnnounced(t *testing.T) {
	h := newHouse(t)
	path := h.announce(`,"people":[{"name":"Grace"},{"name":" Ada ","about":"on machines","host":true}]`)
	host := with(h.cookie)
	first := h.lifeAt(path)
	if len(first.People) != 2 || first.People[0] != (room.Billed{Name: "Ada", About: "on machines", Host: true}) {
		t.Errorf("%+v", first.People)
	}
	got := into[lifeAnswer](t, h.do("PATCH", path+"/plan", fmt.Sprintf(`{"people":[{"name":"Hedy"}],"title":"Another","lang":"fr","revision":%d}`, first.Revision), host), http.StatusOK)
	if got.Title != "Another" || got.Language != "fr" || len(got.People) != 1 || !got.Start.Equal(first.Start) {
		t.Errorf("%+v", got)
	}
	refused(t, h.do("PATCH", path+"/plan", fmt.Sprintf(`{"title":"Third","revision":%d}`, first.Revision), host), http.StatusConflict, problem.PlanChanged)
	for _, body := range []string{`{"people":[{"name":""}]}`, `{"people":{}}`, `{"title":""}`, `{"lang":"klingonese!"}`, `{"people":[` + strings.Repeat(`{"name":"a"},`, room.MaxBilled) + `{"name":"b"}]}`} {
		refused(t, h.do("PATCH", path+"/plan", body, host), http.StatusBadRequest, problem.BadRequest)
	}
	if now := h.lifeAt(path); now.Title != "Another" || len(now.People) != 1 {
		t.Errorf("a refused change did something: %+v", now)
	}
}

// memoryPictures takes whatever begins with a P.
type memoryPictures struct{}

func (memoryPictures) SetPicture(_ context.Context, _ room.ID, file []byte) (room.Picture, error) {
	switch {
	case file == nil:
		return room.Picture{}, nil
	case file[0] != 'P':
		return room.Picture{}, fmt.Errorf("%w: it is neither PNG nor JPEG", room.ErrPicture)
	}
	return room.Picture{Sum: string(file)}, nil
}

func TestPicture(t *testing.T) {
	h := newHouse(t)
	h.cfg.Pictures = memoryPictures{}
	h.handler = New(h.cfg)
	path := "/api/rooms/" + string(h.newRoom(room.Live)) + "/picture"
	png := header("Content-Type", "image/png")
	if l := into[lifeAnswer](t, h.do("PUT", path, "PNG", with(h.cookie), png), http.StatusOK); !l.Picture {
		t.Errorf("%+v", l)
	}
	refused(t, h.do("PUT", path, "GIF", with(h.cookie), png), http.StatusBadRequest, problem.BadRequest)
	refused(t, h.do("PUT", path, "PNG", with(h.cookie), header("Content-Type", "text/plain")), http.StatusUnsupportedMediaType, problem.WrongType)
	refused(t, h.do("PUT", path, strings.Repeat("P", room.MaxPicture+1), with(h.cookie), png), http.StatusRequestEntityTooLarge, problem.TooLarge)
	if l := into[lifeAnswer](t, h.do("DELETE", path, "", with(h.cookie)), http.StatusOK); l.Picture {
		t.Errorf("%+v", l)
	}
}
