package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// handPage is a listener's page that raises a hand, behind a balancer that says from where.
type handPage struct {
	h       *house
	id      room.ID
	secret  string
	address string
}

// told is what such a page is answered.
type handTold struct {
	status  int
	State   room.HandState
	Ahead   int
	DeskURL string `json:"desk_url"`
	Code    problem.Code
}

func (p handPage) ask(method, path, body string) (told handTold) {
	p.h.t.Helper()
	ctx, cancel := context.WithTimeout(p.h.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.h.ListenersURL()+"/r/"+string(p.id)+"/hand"+path, strings.NewReader(body))
	if err != nil {
		p.h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+p.secret)
	req.Header.Set("X-Forwarded-For", p.address)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		p.h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &told)
	}
	if err != nil {
		p.h.t.Fatalf("%s %s: %d %s (%v)", method, path, resp.StatusCode, text, err)
	}
	told.status = resp.StatusCode
	return told
}

func (p handPage) raise() handTold { return p.ask("POST", "", `{"name":"Lena","line":"on tides"}`) }

// put is a leader's request to the stage.
func (h *house) put(token string, id room.ID, path, body string) int {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPut, h.StageURL()+"/r/"+string(id)+"/stage/"+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func balanced(t *testing.T) Config {
	cfg := usual(t)
	cfg.ProxyHeader, cfg.ProxyFrom = "X-Forwarded-For", []string{"127.0.0.0/8"}
	return cfg
}

func (h *house) page(id room.ID, n int, address string) handPage {
	return handPage{h, id, fmt.Sprintf("%032d", n), address}
}

// Through the listeners' port and over the bus: one hand of an address, words that can be shown, and a link to the stage for who was invited.
func TestHandsOfAddresses(t *testing.T) {
	t.Parallel()
	h := openHouse(t, balanced(t))
	id := room.ID(h.room().ID)
	until(t, "the room's sound is made", func() bool { return h.rooms.making(id) != nil })
	one, two := h.page(id, 1, "192.0.2.1"), h.page(id, 2, "192.0.2.1")
	if got := one.raise(); got.status != 200 || got.State != room.HandWaiting {
		t.Fatalf("raised: %+v", got)
	}
	for _, tt := range []struct {
		what string
		got  handTold
		code problem.Code
	}{
		{"a second hand of the address", two.raise(), problem.TooMany},
		{"without a name", h.page(id, 3, "192.0.2.3").ask("POST", "", `{"name":" ","line":"x"}`), problem.BadRequest},
		{"a line without end", h.page(id, 3, "192.0.2.3").ask("POST", "", `{"name":"x","line":"`+strings.Repeat("x", 141)+`"}`), problem.BadRequest},
		{"3 kB", h.page(id, 3, "192.0.2.3").ask("POST", "", strings.Repeat(" ", 3<<10)), problem.TooLarge},
		{"no JSON", h.page(id, 3, "192.0.2.3").ask("POST", "", "x"), problem.BadRequest},
		{"a short secret", handPage{h, id, "short", "192.0.2.4"}.raise(), problem.TokenMalformed},
		{"in no room", h.page("nowhere-abcdef", 5, "192.0.2.5").raise(), problem.RoomUnknown},
		{"accepted uninvited", one.ask("POST", "/mine/accept", ""), problem.HandUnknown},
		{"looked at without one", two.ask("GET", "/mine", ""), problem.HandUnknown},
		{"another method", one.ask("PUT", "/mine", ""), problem.MethodNotAllowed},
	} {
		if tt.got.Code != tt.code {
			t.Errorf("%s: %+v, want %s", tt.what, tt.got, tt.code)
		}
	}
	token, err := h.host.Token(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if status := h.put(token, id, "hands/"+string(room.HandIDOf(room.Secret(one.secret))), `"invited"`); status != 204 {
		t.Fatalf("invite: %d", status)
	}
	if got := one.ask("GET", "/mine", ""); got.State != room.HandInvited || got.DeskURL != "" {
		t.Errorf("invited: %+v", got)
	}
	got := one.ask("POST", "/mine/accept", "")
	base, speaker, ok := strings.Cut(got.DeskURL, "#")
	if !ok || base != strings.Replace(h.StageURL(), "localhost", "127.0.0.1", 1)+"/desk/"+string(id) && base != h.StageURL()+"/desk/"+string(id) {
		t.Errorf("led to %q", got.DeskURL)
	}
	grant, err := h.store.Key().Verify(speaker, time.Now())
	if err != nil || grant.Role != room.Speaker || grant.Name != "Lena" || grant.Origin == "" || strings.Contains(speaker, "192.0.2") {
		t.Errorf("as %+v (%v)", grant, err)
	}
	until(t, "she is among the invited", func() bool {
		all, err := h.store.Invites(t.Context(), id)
		return err == nil && len(all) == 1 && all[0].Person == grant.Person
	})
	if got := two.raise(); got.State != room.HandWaiting {
		t.Errorf("the next of the address: %+v", got)
	}
	if got := two.ask("DELETE", "/mine", ""); got.status != 204 {
		t.Errorf("lowered: %+v", got)
	}
}

// A room that was handed over, and whom it blocked, outlast the process; what was blocked is the address, and the hand's token too.
func TestLeadersDecisionsOutlastARestart(t *testing.T) {
	t.Parallel()
	cfg := balanced(t)
	h := openHouse(t, cfg)
	id := room.ID(h.room().ID)
	until(t, "the room's sound is made", func() bool { return h.rooms.making(id) != nil })
	host, err := h.host.Token(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	cohost, err := h.host.Invite(t.Context(), id, "Cyd", room.CoHost)
	if err != nil {
		t.Fatal(err)
	}
	lena := h.page(id, 1, "192.0.2.1")
	lena.raise()
	h.put(host, id, "hands/"+string(room.HandIDOf(room.Secret(lena.secret))), `"invited"`)
	_, speaker, _ := strings.Cut(lena.ask("POST", "/mine/accept", "").DeskURL, "#")
	grant, err := h.store.Key().Verify(speaker, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{cohost.Token, speaker} { // they come as far as the stage
		if status := h.put(token, id, "people/me/name", `"Somebody"`); status != 204 {
			t.Fatalf("come: %d", status)
		}
	}
	if status := h.put(host, id, "people/"+string(grant.Person)+"/blocked", "true"); status != 204 {
		t.Fatalf("block: %d", status)
	}
	if status := h.put(host, id, "host", `"`+string(cohost.Person)+`"`); status != 204 {
		t.Fatalf("hand over: %d", status)
	}
	shut(t, h.Node)

	h.Node = open(t, cfg)
	until(t, "the room's sound is made again", func() bool { return h.rooms.making(id) != nil })
	if got := h.page(id, 2, "192.0.2.1").raise(); got.Code != problem.Forbidden {
		t.Errorf("a hand of a blocked address: %+v", got)
	}
	if got := h.page(id, 3, "192.0.2.3").raise(); got.State != room.HandWaiting {
		t.Errorf("a hand of another: %+v", got)
	}
	if status := h.put(speaker, id, "people/me/name", `"Again"`); status != http.StatusForbidden {
		t.Errorf("the blocked one's token: %d", status)
	}
	if status := h.put(host, id, "host", `"x"`); status != http.StatusForbidden {
		t.Errorf("the host of before hands over: %d", status)
	}
	if status := h.put(cohost.Token, id, "host", `"nobody"`); status != http.StatusNotFound {
		t.Errorf("the new host hands over to nobody: %d", status)
	}
}

// A hand that is accepted while the node closes is a speaker's all the same; what nobody would wait for is not begun.
func TestAdmitWhileTheNodeCloses(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	id := room.ID(h.room().ID)
	h.rooms.close()
	in := h.rooms.admit(id, room.Hand{Name: "Lena", Person: "lena1234"})
	h.rooms.makers.Wait()
	all, err := h.store.Invites(t.Context(), id)
	if err != nil || len(all) != 0 || in.Token == "" {
		t.Errorf("admitted with %q, and invited are %+v (%v)", in.Token, all, err)
	}
}

// Who asks without end uses up what is his, and the pages of others are answered.
func TestNobodyTakesTheHandsOfOthers(t *testing.T) {
	t.Parallel()
	h := openHouse(t, balanced(t))
	id := room.ID(h.room().ID)
	until(t, "the room's sound is made", func() bool { return h.rooms.making(id) != nil })
	refused := false
	for i := 0; i < looksBurst/2 && !refused; i++ { // fewer than all together have
		refused = h.page(id, 100+i, "192.0.2.9").ask("GET", "/mine", "").Code == problem.Busy
	}
	if !refused {
		t.Error("an address asks without end")
	}
	if got := h.page(id, 1, "192.0.2.1").raise(); got.State != room.HandWaiting {
		t.Errorf("another address meanwhile: %+v", got)
	}
}

func TestOwnBudget(t *testing.T) {
	b, now := newOwnBudget(), time.Now()
	allowed := func(origin string, n int) (yes int) {
		for range n {
			if b.allow(origin, now) {
				yes++
			}
		}
		return yes
	}
	if one, unknown := allowed("c0000201", 100), allowed("", 100); one != ownBurst || unknown != 100 {
		t.Errorf("of 100 at once an origin has %d, and whose is not known %d", one, unknown)
	}
	now = now.Add(3 * time.Second)
	if one := allowed("c0000201", 100); one != 3*ownPerSecond {
		t.Errorf("three seconds later an origin has %d", one)
	}
}

// A draft is unknown to listeners; where the doors are not open no hand is raised, and nobody goes on stage.
func TestHandsAreForOpenRooms(t *testing.T) {
	t.Parallel()
	h := openHouse(t, balanced(t))
	start := time.Now().Add(24 * time.Hour)
	announced := h.announce(start, true).ID
	for id, state := range map[room.ID]room.State{"draft-abcdef": room.Draft, announced: room.Announced} {
		if state == room.Draft {
			err := h.bus.PutFacts(t.Context(), room.Facts{ID: id, Title: "Not yet told", State: state})
			if err != nil {
				t.Fatal(err)
			}
		}
		want := map[room.State]problem.Code{room.Draft: problem.RoomUnknown, room.Announced: problem.RoomNotOpen}[state]
		page := h.page(id, 1, "192.0.2.1")
		for what, got := range map[string]handTold{"raised": page.raise(), "looked at": page.ask("GET", "/mine", ""), "accepted": page.ask("POST", "/mine/accept", "")} {
			if got.Code != want {
				t.Errorf("%s in a room of state %s: %+v, want %s", what, state, got, want)
			}
		}
	}
	token := h.store.Key().Sign(room.Grant{Room: announced, Person: "grace", Role: room.Speaker, Expires: start.Unix()})
	if status, body := h.ask(t, "POST", h.StageURL()+"/r/"+string(announced)+"/desk", token); status != http.StatusTooEarly || !strings.Contains(body, "The stage opens with the doors") {
		t.Errorf("a speaker before the doors: %d %s", status, body)
	}
}
