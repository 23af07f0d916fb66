package stage

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// told is the last queue of hands that a page was told.
func (p *page) told() (q struct {
	Open  bool
	Hands []struct{ ID, Name, Line, State string }
}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = json.Unmarshal([]byte(p.hands), &q) // nothing yet is an empty queue
	return q
}

// The producer mutes everybody, who alone undo it; a guest is sent back to the audience and stays there until called up.
func TestMuteAllAndBackToTheAudience(t *testing.T) {
	f := newFixture(t)
	host := f.connect("ada", clientOptions{kind: desk, slots: slotCount, role: room.Host})
	guest := f.desk("bob")
	producer := f.token("pru", room.Producer)
	board, page := f.watch(producer), f.watch(guest.token)
	eventually(t, "both are on stage", func() bool { return len(f.onStage()) == 2 && guest.hears()["ada"] > 0 })
	eventually(t, "the producer is seen backstage", func() bool {
		return page.is(func(s pageState) bool { return len(s.Backstage) == 1 && s.Backstage[0].Role == "producer" })
	})

	if got := f.put(base+"/stage/muted", producer, "true"); got != http.StatusNoContent {
		t.Fatalf("mute all: %d", got)
	}
	eventually(t, "all are muted", func() bool {
		p := f.onStage()
		return p[0].Muted && p[1].Muted
	})
	before := f.mix.heard("ada")
	if got := f.put(base+"/stage/people/me/muted", guest.token, "false"); got != http.StatusNoContent {
		t.Errorf("the guest undoes it: %d", got)
	}
	heard := f.mix.heard("bob")
	eventually(t, "the guest is heard again, the host is not", func() bool { return f.mix.heard("bob") > heard+10 })
	if now := f.mix.heard("ada"); now != before {
		t.Errorf("%d packets of the muted host reached the mix", now-before)
	}

	if got := f.put(base+"/stage/people/bob/place", producer, "false"); got != http.StatusNoContent {
		t.Fatalf("send back: %d", got)
	}
	eventually(t, "the guest is off the stage and is told", func() bool {
		return len(f.onStage()) == 1 && page.is(func(s pageState) bool { return s.You.SentBack })
	})
	eventually(t, "the producer sees whom to call up", func() bool {
		return board.is(func(s pageState) bool {
			for _, b := range s.Backstage {
				if b.ID == "bob" && b.SentBack {
					return true
				}
			}
			return false
		})
	})
	offer := f.offline("bob", clientOptions{kind: desk, slots: slotCount})
	resp, body := f.do(http.MethodPost, base+"/desk", guest.token, sdpType, []byte(offer.offer()))
	if resp.StatusCode != http.StatusForbidden || problemOf(t, body) != problem.SentBack {
		t.Errorf("the guest comes back unasked: %d %s", resp.StatusCode, body)
	}
	if got := f.put(base+"/stage/people/bob/place", host.token, "true"); got != http.StatusNoContent {
		t.Fatalf("call up: %d", got)
	}
	f.desk("bob")
	eventually(t, "the guest is back", func() bool { return len(f.onStage()) == 2 })
	if got := f.put(base+"/stage/people/ada/place", producer, "false"); got != http.StatusForbidden {
		t.Errorf("the producer sends the host back: %d", got)
	}
}

// A room goes to a co-host: from the same moment the roles are others, for the tokens of before too.
func TestHandOver(t *testing.T) {
	f := newFixture(t)
	host := f.connect("ada", clientOptions{kind: desk, slots: slotCount, role: room.Host})
	cohost := f.connect("cyd", clientOptions{kind: desk, slots: slotCount, role: room.CoHost})
	f.desk("bob")
	page := f.watch(cohost.token)
	eventually(t, "three are on stage", func() bool { return len(f.onStage()) == 3 })
	give := func(token, to string) int { return f.put(base+"/stage/host", token, `"`+to+`"`) }
	for _, tt := range []struct {
		name, token, to string
		want            int
	}{
		{"a co-host takes it", cohost.token, "cyd", http.StatusForbidden},
		{"to a guest", host.token, "bob", http.StatusForbidden},
		{"to nobody", host.token, "zoe", http.StatusNotFound},
		{"to the co-host", host.token, "cyd", http.StatusNoContent},
		{"a second time", host.token, "cyd", http.StatusForbidden},
		{"the new host keeps it", cohost.token, "bob", http.StatusForbidden},
	} {
		if got := give(tt.token, tt.to); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	eventually(t, "everybody sees it", func() bool {
		p := f.onStage()
		return p[0].Role == room.CoHost && p[1].Role == room.Host && page.is(func(s pageState) bool { return s.You.Role == "host" })
	})
	if resp, _ := f.do(http.MethodDelete, base+"/stage/people/cyd", host.token, nil, nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("the host of before removes the new one: %d", resp.StatusCode)
	}
	if got := give(cohost.token, "ada"); got != http.StatusNoContent {
		t.Errorf("and back: %d", got)
	}
}

// Of two who are given the room at once one gets it, and nobody who was removed a moment ago: it has one host.
func TestHandOverAtOnce(t *testing.T) {
	var first func() error // what happens between the look at the roles and their change
	f := newFixture(t, func(c *Config) {
		handOver := c.HandOver
		c.HandOver = func(id room.ID, from, to room.PersonID) error {
			if err := first(); err != nil {
				return err
			}
			return handOver(id, from, to)
		}
	})
	host := f.token("ada", room.Host)
	for _, token := range []string{host, f.token("cyd", room.CoHost), f.token("dan", room.CoHost)} { // they come as far as the stage
		if got := f.put(base+"/stage/people/me/name", token, `"Somebody"`); got != http.StatusNoContent {
			t.Fatalf("come: %d", got)
		}
	}
	give := func(to string) (int, problem.Code) {
		resp, body := f.do(http.MethodPut, base+"/stage/host", host, map[string]string{"Content-Type": "application/json"}, []byte(`"`+to+`"`))
		return resp.StatusCode, problemOf(t, body)
	}
	first = func() error { return f.rooms.remove(testRoom, "cyd") }
	if status, code := give("cyd"); status != http.StatusNotFound || code != problem.PersonUnknown {
		t.Errorf("to one who was just removed: %d %s", status, code)
	}
	first = func() error { return f.rooms.handOver(testRoom, "ada", "dan") }
	if status, code := give("dan"); status != http.StatusForbidden || code != problem.Forbidden {
		t.Errorf("a second time at once: %d %s", status, code)
	}
	facts, _ := f.rooms.Facts(testRoom)
	if facts.RoleOf("ada", room.Host) != room.CoHost || facts.RoleOf("dan", room.CoHost) != room.Host || facts.RoleOf("cyd", room.CoHost) != room.CoHost {
		t.Errorf("roles are %v", facts.Roles)
	}
}

// Whom the host sent back, the host calls up again: neither they themselves nor another co-host. Whoever is given the room may come.
func TestWhoCallsUp(t *testing.T) {
	f := newFixture(t)
	host, cyd, dan := f.token("ada", room.Host), f.token("cyd", room.CoHost), f.token("dan", room.CoHost)
	page := f.watch(cyd)
	f.watch(dan)
	f.watch(host)
	place := func(token, who, up string, want int) {
		t.Helper()
		if got := f.put(base+"/stage/people/"+who+"/place", token, up); got != want {
			t.Errorf("%s, %s: %d, want %d", who, up, got, want)
		}
	}
	sent := func(back bool) {
		t.Helper()
		eventually(t, "the page knows", func() bool { return page.is(func(s pageState) bool { return s.You.SentBack == back }) })
	}
	eventually(t, "the page is told who it is", func() bool { return page.is(func(s pageState) bool { return s.You.Role == "cohost" }) })
	place(host, "cyd", "false", http.StatusNoContent)
	sent(true)
	place(cyd, "cyd", "true", http.StatusForbidden)
	place(cyd, "me", "true", http.StatusForbidden)
	place(dan, "cyd", "true", http.StatusForbidden)
	place(host, "cyd", "true", http.StatusNoContent)
	sent(false)
	place(host, "cyd", "false", http.StatusNoContent)
	sent(true)
	if got := f.put(base+"/stage/host", host, `"cyd"`); got != http.StatusNoContent {
		t.Fatalf("hand over: %d", got)
	}
	sent(false)
}

// A listener's hand is seen at the desk, invited, accepted, and becomes a speaker; blocked, neither the token nor another hand is of use.
func TestHandToStageToBlock(t *testing.T) {
	f := newFixture(t)
	cohost := f.token("cyd", room.CoHost)
	board, guest := f.watch(cohost), f.watch(f.token("bob", room.Speaker))
	ask := func(do, id, origin string) room.HandReply {
		return f.Hand(testRoom, room.HandAsk{Do: do, ID: room.HandID(id), Name: "Lena", Line: "on tides", Origin: origin})
	}
	if got := ask("raise", "h1", "net1"); got.State != room.HandWaiting || got.Ahead != 0 {
		t.Fatalf("raised: %+v", got)
	}
	if got := ask("raise", "h2", "net1"); got.Code != string(problem.TooMany) {
		t.Errorf("a second hand of one address: %+v", got)
	}
	if got := ask("raise", "h3", "net3"); got.Ahead != 1 {
		t.Errorf("one is ahead: %+v", got)
	}
	if got := ask("accept", "h1", "net1"); got.Code != string(problem.HandUnknown) || got.Token != "" {
		t.Errorf("accepts uninvited: %+v", got)
	}
	eventually(t, "the desk sees both", func() bool {
		q := board.told()
		return q.Open && len(q.Hands) == 2 && q.Hands[0].Name == "Lena" && q.Hands[0].Line == "on tides" && q.Hands[0].State == "waiting"
	})
	if got := f.put(base+"/stage/hands/h3", cohost, `"let_go"`); got != http.StatusNoContent {
		t.Errorf("let go: %d", got)
	}
	if got := ask("look", "h3", ""); got.State != room.HandLetGo {
		t.Errorf("who was let go sees %+v", got)
	}
	if got := f.put(base+"/stage/hands/h1", cohost, `"invited"`); got != http.StatusNoContent {
		t.Fatalf("invite: %d", got)
	}
	first, again := ask("accept", "h1", ""), ask("accept", "h1", "")
	one, errOne := f.key.Verify(first.Token, time.Now())
	two, errTwo := f.key.Verify(again.Token, time.Now())
	if errOne != nil || errTwo != nil || one.Person != two.Person || one.Role != room.Speaker || one.Name != "Lena" {
		t.Fatalf("accepted as %+v (%v), and again as %+v (%v)", one, errOne, two, errTwo)
	}
	page := f.watch(first.Token)
	eventually(t, "she is backstage, and the queue is empty", func() bool {
		return page.is(func(s pageState) bool { return s.You.Name == "Lena" }) && len(board.told().Hands) == 0
	})
	if q := guest.told(); len(q.Hands) != 0 || q.Open {
		t.Errorf("a guest sees the queue: %+v", q)
	}

	if got := f.put(base+"/stage/people/"+string(one.Person)+"/blocked", cohost, "true"); got != http.StatusNoContent {
		t.Fatalf("block: %d", got)
	}
	eventually(t, "she is told", func() bool { name, _, ended := page.lastEvent(); return name == "removed" && ended })
	resp, body := f.do(http.MethodGet, base+"/stage/events", again.Token, nil, nil)
	if resp.StatusCode != http.StatusForbidden || problemOf(t, body) != problem.Removed {
		t.Errorf("with the token again: %d %s", resp.StatusCode, body)
	}
	if got := ask("accept", "h1", ""); got.Code != string(problem.HandUnknown) {
		t.Errorf("accepts again: %+v", got)
	}
	if got := ask("raise", "h9", "net1"); got.Code != string(problem.Forbidden) {
		t.Errorf("raises another hand: %+v", got)
	}
	if got := f.put(base+"/stage/hands", cohost, "false"); got != http.StatusNoContent {
		t.Errorf("no more hands: %d", got)
	}
	if got := ask("raise", "h10", "net10"); got.Code != string(problem.HandsClosed) || !strings.HasSuffix(got.Detail, ".") {
		t.Errorf("raised all the same: %+v", got)
	}
}
