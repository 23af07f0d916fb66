package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// memoryAir remembers what was asked of it. It knows one room less than there are: one that is made elsewhere.
type memoryAir struct {
	elsewhere room.ID
	asked     []string
	dumped    Dumped
	sound     string // of the last cart that was set
}

func (m *memoryAir) note(id room.ID, format string, args ...any) error {
	if id == m.elsewhere {
		return fmt.Errorf("look for it: %w", room.ErrNotFound)
	}
	m.asked = append(m.asked, fmt.Sprintf(format, args...))
	return nil
}

func (m *memoryAir) SetDelay(_ context.Context, id room.ID, ms int) error {
	return m.note(id, "delay %d", ms)
}
func (m *memoryAir) Dump(id room.ID, fill string) (Dumped, error) {
	return m.dumped, m.note(id, "dump %s", fill)
}
func (m *memoryAir) StopCart(id room.ID, name room.Cart) error { return m.note(id, "stop %s", name) }

func (m *memoryAir) Moment(id room.ID) (int64, error) { return 7000, m.note(id, "moment") }

func (m *memoryAir) Carts(id room.ID) ([]Cart, error) {
	return []Cart{{Name: room.CartTone, Length: 10 * time.Second}}, m.note(id, "list")
}

func (m *memoryAir) PlayCart(id room.ID, name room.Cart) (Cart, error) {
	return Cart{Name: name, Length: time.Second}, m.note(id, "play %s", name)
}

func (m *memoryAir) SetCart(_ context.Context, id room.ID, name room.Cart, file []byte) (Cart, error) {
	m.sound = string(file)
	if m.sound == "junk" {
		return Cart{}, fmt.Errorf("%w: it is neither WAV nor Ogg Opus", room.ErrSound)
	}
	return Cart{Name: name, Length: time.Second, Own: file != nil}, m.note(id, "set %s %t", name, file != nil)
}

// lever is one request that changes what listeners hear.
type lever struct {
	method, path, body string
	want               string // what is asked of the room
	status             int
}

var levers = []lever{
	{"PATCH", "/delay", `{"delay_ms":10000}`, "delay 10000", http.StatusOK},
	{"POST", "/dump", "", "dump hold", http.StatusOK},
	{"POST", "/dump", `{}`, "dump hold", http.StatusOK},
	{"POST", "/dump", `{"fill":"apology"}`, "dump apology", http.StatusOK},
	{"POST", "/dump", `{"fill":"none"}`, "dump none", http.StatusOK},
	{"GET", "/carts", "", "list", http.StatusOK},
	{"PUT", "/carts/jingle", "RIFF", "set jingle true", http.StatusOK},
	{"DELETE", "/carts/jingle", "", "set jingle false", http.StatusOK},
	{"POST", "/carts/intro/play", "", "play intro", http.StatusOK},
	{"POST", "/carts/intro/stop", "", "stop intro", http.StatusNoContent},
	{"POST", "/chapters", `{"title":"Tides"}`, "moment", http.StatusCreated},
}

func (h *house) pull(l lever, id room.ID, edits ...edit) (code int, p problem.Code, body string) {
	h.t.Helper()
	if l.method == http.MethodPut {
		edits = append(edits, header("Content-Type", "audio/wav"))
	}
	w := h.do(l.method, "/api/rooms/"+string(id)+l.path, l.body, edits...)
	if w.Code >= 400 {
		var refusal struct{ Code problem.Code }
		err := json.Unmarshal(w.Body.Bytes(), &refusal)
		if err != nil {
			h.t.Fatal(err)
		}
		p = refusal.Code
	}
	return w.Code, p, w.Body.String()
}

// Whoever directs may pull every lever, and nobody else any.
func TestLevers(t *testing.T) {
	h := newHouse(t)
	air := &memoryAir{dumped: Dumped{Removed: 9980 * time.Millisecond, Filling: 10 * time.Second, Wanted: 10 * time.Second}}
	h.cfg.Air = air
	h.handler = New(h.cfg)
	id, other := h.newRoom(room.Live), h.newRoom(room.Live)
	sign := func(r room.ID, role room.Role, p room.PersonID, d time.Duration) edit {
		return token(h.cfg.Key.Sign(room.Grant{Room: r, Person: p, Role: role, Expires: h.now.Add(d).Unix()}))
	}
	_, stranger := h.newHost()
	for _, who := range []struct {
		name  string
		edit  edit
		fails problem.Code
	}{
		{"the host by cookie", with(h.cookie), ""},
		{"the host by token", sign(id, room.Host, "h0st", time.Hour), ""},
		{"a co-host", sign(id, room.CoHost, "grace", time.Hour), ""},
		{"a speaker", sign(id, room.Speaker, "bob", time.Hour), problem.Forbidden},
		{"nobody", with(nil), problem.HostOnly},
		{"another host", with(stranger), problem.RoomUnknown},
		{"a co-host of another room", sign(other, room.CoHost, "grace", time.Hour), problem.TokenWrongRoom},
		{"one who was removed", sign(id, room.CoHost, "mallory1", time.Hour), problem.Removed},
		{"one whose token has expired", sign(id, room.CoHost, "grace", -time.Hour), problem.TokenExpired},
		{"one with a forged token", token("e1.e30." + strings.Repeat("A", 43)), problem.TokenForged},
	} {
		for _, l := range levers {
			air.asked = nil
			status, code, body := h.pull(l, id, who.edit)
			if code != who.fails || who.fails == "" && (status != l.status || !slices.Equal(air.asked, []string{l.want})) || who.fails != "" && air.asked != nil {
				t.Errorf("%s: %s %s: %d %s, asked %q", who.name, l.method, l.path, status, body, air.asked)
			}
		}
	}
}

func TestLeverAnswers(t *testing.T) {
	h := newHouse(t)
	air := &memoryAir{}
	h.cfg.Air = air
	h.handler = New(h.cfg)
	id, over := h.newRoom(room.Live), h.newRoom(room.Ended)
	air.elsewhere = h.newRoom(room.Doors)
	host := with(h.cookie)
	audio := header("Content-Type", "audio/ogg")
	s := time.Second
	for _, tt := range []struct {
		name   string
		id     room.ID
		dumped Dumped
		lever
		edits []edit
		says  string
	}{
		{"dumped", id, Dumped{Removed: 10 * s, Filling: 4 * s}, lever{"POST", "/dump", `{"fill":"tone"}`, "", 200}, nil, `{"removed_ms":10000,"filling_ms":4000,"fill":"tone"}`},
		{"no delay", id, Dumped{}, lever{"POST", "/dump", "", "", 409}, nil, "There is no delay"},
		{"nothing since", id, Dumped{Wanted: s}, lever{"POST", "/dump", "", "", 409}, nil, "since the last dump"},
		{"no such fill", id, Dumped{}, lever{"POST", "/dump", `{"fill":"bang"}`, "", 400}, nil, "cart's name"},
		{"the last words of an ended room", over, Dumped{Removed: s}, lever{"POST", "/dump", "", "", 200}, nil, "1000"},
		{"the delay of an ended room", over, Dumped{}, lever{"PATCH", "/delay", `{"delay_ms":1}`, "", 410}, nil, "room_ended"},
		{"too long a delay", id, Dumped{}, lever{"PATCH", "/delay", `{"delay_ms":30001}`, "", 400}, nil, "0 to 30000 ms"},
		{"no delay at all", id, Dumped{}, lever{"PATCH", "/delay", `{}`, "", 400}, nil, "delay_ms"},
		{"made elsewhere", air.elsewhere, Dumped{}, lever{"POST", "/dump", "", "", 409}, nil, "not_made_here"},
		{"carts of a room made elsewhere", air.elsewhere, Dumped{}, lever{"GET", "/carts", "", "", 409}, nil, "not_made_here"},
		{"the list", id, Dumped{}, lever{"GET", "/carts", "", "", 200}, nil, `{"carts":[{"name":"tone","length_ms":10000,"own":false}]}`},
		{"no such cart", id, Dumped{}, lever{"POST", "/carts/bang/play", "", "", 404}, nil, "intro, jingle, apology, tone"},
		{"a sound", id, Dumped{}, lever{"PUT", "/carts/tone", "OggS", "", 200}, []edit{audio}, `"own":true`},
		{"no sound", id, Dumped{}, lever{"PUT", "/carts/tone", "junk", "", 400}, []edit{audio}, "neither WAV nor Ogg Opus"},
		{"a form", id, Dumped{}, lever{"PUT", "/carts/tone", "x=y", "", 415}, []edit{header("Content-Type", "text/plain")}, "audio/wav"},
		{"an empty sound", id, Dumped{}, lever{"PUT", "/carts/tone", "", "", 400}, []edit{audio}, "empty"},
		{"too large a sound", id, Dumped{}, lever{"PUT", "/carts/tone", strings.Repeat("x", maxSound+1), "", 413}, []edit{audio}, "Ogg Opus"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			air.dumped = tt.dumped
			w := h.do(tt.method, "/api/rooms/"+string(tt.id)+tt.path, tt.body, append([]edit{host}, tt.edits...)...)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%d %s, want %d with %q", w.Code, w.Body, tt.status, tt.says)
			}
		})
	}
}

func (m *memoryAir) Caption(id room.ID, c room.Caption, at, until *int64) (Captioned, error) {
	if c.Text == "dumped" {
		return Captioned{Held: 3 * time.Second}, room.ErrDumped
	}
	return Captioned{Held: 2 * time.Second, Same: c.ID == "again"}, m.note(id, "caption %s %s %q %t %t %t", c.ID, c.Language, c.Text, c.Final, at != nil, until != nil)
}
