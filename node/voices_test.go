package node

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// Who may be recorded is known to the stage at once, and outlasts the process, whether the database had it or not.
func TestConsentOutlastsARestart(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	h := openHouse(t, cfg)
	id := room.ID(h.room().ID) // is taped
	asked, err := h.host.InviteAsked(t.Context(), id, "Grace", room.Speaker)
	if err != nil {
		t.Fatal(err)
	}
	vouched, err := h.host.Invite(t.Context(), id, "OBS", room.Speaker)
	if err != nil {
		t.Fatal(err)
	}
	stands := func(n *Node, p room.PersonID) room.ConsentState {
		f, _ := n.bus.Facts(id)
		return f.Consent(p, room.Speaker)
	}
	if got := [2]room.ConsentState{stands(h.Node, asked.Person), stands(h.Node, vouched.Person)}; got != [2]room.ConsentState{room.ConsentAsked, room.ConsentAgreed} {
		t.Fatalf("they stand %q", got)
	}
	if status := h.put(asked.Token, id, "people/me/consent", `{"text":1,"agree":true}`); status != http.StatusNoContent {
		t.Fatalf("she agrees: %d", status)
	}
	if status := h.put(asked.Token, id, "people/me/consent", `{"text":1,"agree":true}`); status != http.StatusNoContent {
		t.Fatalf("again: %d", status)
	}
	until(t, "both are written down", func() bool {
		kept, err := h.store.Consents(t.Context(), id)
		return err == nil && len(kept) == 2 && kept[1].Person == asked.Person && kept[1].Name == "Grace" && kept[1].Agreed && kept[1].By == ""
	})
	// What the bus alone knows is written down at the next start.
	later := room.Consent{Text: 1, At: time.Now().Add(time.Hour)}
	err = h.bus.ChangeFacts(t.Context(), id, func(f *room.Facts) error {
		_, err := f.Answer(asked.Person, later)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	shut(t, h.Node)

	n := open(t, cfg)
	if got := [2]room.ConsentState{stands(n, asked.Person), stands(n, vouched.Person)}; got != [2]room.ConsentState{room.ConsentDeclined, room.ConsentAgreed} {
		t.Errorf("after a restart they stand %q", got)
	}
	kept, err := n.store.Consents(t.Context(), id)
	if err != nil || len(kept) != 3 || kept[2].Agreed {
		t.Errorf("kept are %+v, %v", kept, err)
	}
}

// A live room whose host does not come back is offered to a producer, who is its host from then on, over a restart; one in which nobody is left ends.
func TestARoomOutlivesItsHost(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	cfg.LeftEnd = time.Hour
	cfg.HostGrace = time.Minute
	skew := make(chan time.Duration, 1)
	skew <- 0
	cfg.wall = func() time.Time {
		d := <-skew
		skew <- d
		return time.Now().Add(d)
	}
	pass := func(d time.Duration) { skew <- <-skew + d }
	h := openHouse(t, cfg)
	id := room.ID(h.room().ID)
	until(t, "the room's sound is made", func() bool { return h.rooms.making(id) != nil })
	err := h.bus.ChangeFacts(t.Context(), id, func(f *room.Facts) error { return f.Take(room.MoveLive, room.By(room.Host), time.Now()) })
	if err != nil {
		t.Fatal(err)
	}
	producer, err := h.host.Invite(t.Context(), id, "Pru", room.Producer)
	if err != nil {
		t.Fatal(err)
	}
	leadState := func() room.LeadState {
		f, _ := h.bus.Facts(id)
		return h.stage.SeeLead(id, rulesOf(h.rooms.leadRules, f), h.rooms.now()).State
	}
	take := func() int { return h.put(producer.Token, id, "lead", "true") }
	events := h.follow(t, id, producer.Token)
	until(t, "the producer is there", func() bool { return h.stage.Presence(id).Producer })
	if status := take(); status != http.StatusConflict {
		t.Errorf("before the grace is over: %d", status)
	}
	until(t, "the grace has begun", func() bool { return leadState() == room.LeadGrace })
	pass(2 * time.Minute)
	until(t, "the room may be taken", func() bool { return take() == http.StatusNoContent })
	f, _ := h.bus.Facts(id)
	record, err := h.store.Room(t.Context(), id)
	if err != nil || f.RoleOf(producer.Person, room.Producer) != room.Host || f.RoleOf(record.HostPerson, room.Host) != room.CoHost {
		t.Errorf("roles are %v, %v", f.Roles, err)
	}
	until(t, "that is written down", func() bool {
		record, err := h.store.Room(t.Context(), id)
		return err == nil && record.Facts.RoleOf(producer.Person, room.Producer) == room.Host && record.Facts.Consents[record.HostPerson].Agreed
	})
	until(t, "the room is held", func() bool { return leadState() == room.LeadHeld })

	events()
	err = h.bus.ChangeFacts(t.Context(), id, func(f *room.Facts) error { f.Life.FirstWord = time.Now(); return nil })
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the new host is gone", func() bool { return leadState() == room.LeadGrace })
	pass(2 * time.Minute)
	until(t, "nobody is left", func() bool { return leadState() == room.LeadLeft })
	pass(2 * time.Hour)
	until(t, "the room has ended", func() bool {
		f, _ := h.bus.Facts(id)
		return f.State == room.Ended
	})
	until(t, "that is kept", func() bool {
		record, err := h.store.Room(t.Context(), id)
		return err == nil && record.Facts.State == room.Ended
	})
	if err := h.rooms.takeLead(id, "", "cyd", room.CoHost); !errors.As(err, new(room.Denial)) {
		t.Errorf("taken after the end: %v", err)
	}
}

// An audience that waits for a start that is late keeps its room.
func TestARoomThatHasNotBegunIsNotLeft(t *testing.T) {
	rules := room.LeadRules{Grace: time.Minute, End: time.Minute}
	if got := rulesOf(rules, room.Facts{State: room.Live}); got.End != 0 || got.Grace != time.Minute {
		t.Errorf("before the first word: %+v", got)
	}
	if got := rulesOf(rules, room.Facts{State: room.Live, Life: room.Life{FirstWord: time.Now()}}); got != rules {
		t.Errorf("after it: %+v", got)
	}
}

// follow keeps a desk's event stream open until the returned function is called.
func (h *house) follow(t *testing.T, id room.ID, token string) (leave func()) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, h.StageURL()+"/r/"+string(id)+"/stage/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("events: %v", err)
	}
	return func() { _ = resp.Body.Close() }
}
