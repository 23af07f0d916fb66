package stage

import (
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// Who is there is whoever is on stage with a connection, or has a desk that follows it.
func TestPresence(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Away = time.Second })
	is := func(what string, want room.Presence) {
		t.Helper()
		eventually(t, what, func() bool { return f.Presence(testRoom) == want })
	}
	is("nobody", room.Presence{})
	f.watch(f.token("pru", room.Producer))
	is("a producer", room.Presence{Producer: true})
	f.desk("bob")
	is("a guest", room.Presence{Producer: true, Stage: true})
	host := f.connect("ada", clientOptions{kind: desk, slots: slotCount, role: room.Host})
	is("the host on stage", room.Presence{Producer: true, Stage: true, Host: true})
	host.vanish()
	is("whose connection dies", room.Presence{Producer: true, Stage: true})
	page := f.watch(host.token)
	is("and whose desk is back", room.Presence{Producer: true, Stage: true, Host: true})
	page.close()
	is("and gone", room.Presence{Producer: true, Stage: true})
}

// A stream that was open when its person's voice was lost says nothing: a network that is cut leaves it open.
func TestAStreamOfACutNetworkIsNobody(t *testing.T) {
	sc := newScene(testRoom, &Config{Rooms: &fakeRooms{}, Log: slog.New(slog.DiscardHandler)})
	now := time.Now()
	p := &profile{role: room.Host, lostAt: now}
	sc.profiles["ada"] = p
	sc.streams = []*stream{{person: "ada", opened: now.Add(-time.Minute)}}
	if got := sc.presenceLocked(room.Facts{}); got.Host {
		t.Error("the host is thought to be there")
	}
	sc.streams = append(sc.streams, &stream{person: "ada", opened: now.Add(time.Millisecond)})
	if got := sc.presenceLocked(room.Facts{}); !got.Host {
		t.Error("a new stream of the host counts for nothing")
	}
}

// A room whose host is gone is offered to co-hosts and producers, of whom one gets it; the host of before comes back as a co-host.
func TestTakingARoom(t *testing.T) {
	f := newFixture(t)
	host := f.token("ada", room.Host)
	f.watch(host).close()
	eventually(t, "the host is gone", func() bool { return f.Presence(testRoom) == room.Presence{} })
	if l := f.SeeLead(testRoom, room.LeadRules{End: time.Hour}, time.Now()); !l.Free() {
		t.Fatalf("it is %+v", l)
	}
	producer, cohost, guest := f.token("pru", room.Producer), f.token("cyd", room.CoHost), f.token("bob", room.Speaker)
	page := f.watch(producer)
	f.watch(cohost)
	take := func(token string) int { return f.put(base+"/stage/lead", token, "true") }
	eventually(t, "it is told", func() bool {
		return page.is(func(s pageState) bool { return s.Room.Lead.State == "left" && s.Room.Lead.LeftMS > 3_000_000 })
	})
	for token, want := range map[string]int{guest: http.StatusForbidden, host: http.StatusForbidden} {
		if got := take(token); got != want {
			t.Errorf("by who may not: %d, want %d", got, want)
		}
	}
	var wg sync.WaitGroup
	got := make([]int, 2)
	for i, token := range []string{producer, cohost} {
		wg.Go(func() { got[i] = take(token) })
	}
	wg.Wait()
	if got[0]+got[1] != http.StatusNoContent+http.StatusConflict {
		t.Fatalf("two take it at once: %v", got)
	}
	winner := room.PersonID("pru")
	if got[1] == http.StatusNoContent {
		winner = "cyd"
	}
	facts, _ := f.rooms.Facts(testRoom)
	if facts.RoleOf(winner, "") != room.Host || facts.RoleOf("ada", room.Host) != room.CoHost {
		t.Errorf("roles are %v", facts.Roles)
	}
	eventually(t, "the page is told", func() bool {
		return page.is(func(s pageState) bool { return s.Room.Lead.State == "" && (s.You.Role == "host") == (winner == "pru") })
	})
	if got := take(cohost); winner == "pru" && got != http.StatusConflict {
		t.Errorf("taken again: %d", got)
	}
	if l := f.SeeLead(testRoom, room.LeadRules{End: time.Hour}, time.Now()); l.State != room.LeadHeld {
		t.Errorf("with its new host it is %+v", l)
	}
}
