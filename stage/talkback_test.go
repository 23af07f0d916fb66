package stage

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// clear waits until so much of another voice came to a client without a packet of who may not be heard, not even one that was under way.
func (c *client) clear(of, while room.PersonID) {
	c.f.t.Helper()
	eventually(c.f.t, fmt.Sprintf("%s does not hear %s", c.person, of), func() bool {
		c.forget()
		for c.hears()[string(while)] < 20 {
			if c.pc.ConnectionState().String() == "closed" {
				c.f.t.Fatalf("%s was closed", c.person)
			}
			time.Sleep(5 * time.Millisecond)
		}
		return c.hears()[string(of)] == 0
	})
}

// refused asks for something, and returns the refusal's code.
func (f *fixture) refused(path, token, value string) (int, problem.Code) {
	f.t.Helper()
	resp, body := f.do(http.MethodPut, path, token, map[string]string{"Content-Type": "application/json"}, []byte(value))
	if resp.StatusCode < 400 {
		return resp.StatusCode, ""
	}
	return resp.StatusCode, problemOf(f.t, body)
}

// The producer speaks into one ear, then into all on stage: those hear it by the section behind the slots, and nobody else does, neither on
// stage nor backstage, and the mix never.
func TestTalkback(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ada, bob := f.withEar("ada", room.Host), f.withEar("bob", room.Speaker)
	f.encoder("cyd")
	pru, dan := f.backstage("pru", room.Producer), f.backstage("dan", room.Speaker)
	board, page, other := f.watch(pru.token), f.watch(bob.token), f.watch(ada.token)
	stage := map[string]int{"ada": 10, "bob": 10, "cyd": 10}
	eventually(t, "those backstage hear the stage", func() bool { return mapsEqual(pru.hears(), stage) && mapsEqual(dan.hears(), stage) })
	eventually(t, "the stage hears itself", func() bool { return ada.hears()["bob"] > 10 && bob.hears()["ada"] > 10 })

	if got := f.put(base+"/stage/people/me/muted", pru.token, "false"); got != http.StatusNoContent {
		t.Fatalf("open the microphone: %d", got)
	}
	eventually(t, "who is backstage hears it", func() bool { return dan.hears()["pru"] >= 10 })
	eventually(t, "it is seen who can be spoken to, and who is heard backstage", func() bool {
		return board.is(func(s pageState) bool {
			return len(s.People) == 3 && s.People[0].Ear && s.People[1].Ear && !s.People[2].Ear &&
				len(s.Backstage) == 2 && s.Backstage[0].ID == "pru" && s.Backstage[0].Here && s.Backstage[0].Open && s.Backstage[1].Here && !s.Backstage[1].Open
		})
	})

	if got := f.put(base+"/stage/people/bob/ear", pru.token, "true"); got != http.StatusNoContent {
		t.Fatalf("speak to one: %d", got)
	}
	eventually(t, "he hears it", func() bool { return bob.hears()["pru"] >= 20 })
	if got := bob.slotOf("pru"); got != slotCount {
		t.Errorf("by section %d, want %d", got, slotCount)
	}
	eventually(t, "he is told who it is, the speaker that he hears, and others nothing", func() bool {
		return page.is(func(s pageState) bool { return s.Ear != nil && s.Ear.ID == "pru" && s.Ear.Name == "PRU" && !s.Ear.All }) &&
			board.is(func(s pageState) bool { return s.Talk != nil && fmt.Sprint(s.Talk.To) == "[bob]" }) &&
			other.is(func(s pageState) bool { return s.Ear == nil && s.Talk == nil })
	})
	if got := f.put(base+"/stage/people/bob/ear", pru.token, "true"); got != http.StatusNoContent {
		t.Errorf("say that it is held: %d", got)
	}
	dan.clear("pru", "ada")

	if got := f.put(base+"/stage/people/bob/ear", pru.token, "false"); got != http.StatusNoContent {
		t.Fatalf("let go: %d", got)
	}
	bob.clear("pru", "ada")
	if n := ada.hears()["pru"]; n != 0 {
		t.Errorf("the host heard %d packets that were for another", n)
	}
	if bob.gaps > 0 {
		t.Errorf("the silence between looks like loss: %d breaks in numbering", bob.gaps)
	}

	if got := f.put(base+"/stage/ear", pru.token, "true"); got != http.StatusNoContent {
		t.Fatalf("speak to all: %d", got)
	}
	eventually(t, "all on stage hear it", func() bool { return ada.hears()["pru"] >= 10 && bob.hears()["pru"] >= 10 })
	eventually(t, "who plays nothing is not among them", func() bool {
		return board.is(func(s pageState) bool { return s.Talk != nil && fmt.Sprint(s.Talk.To) == "[ada bob]" }) &&
			page.is(func(s pageState) bool { return s.Ear != nil && s.Ear.All })
	})
	dan.clear("pru", "ada")
	if n := f.mix.heardAtAll("pru"); n != 0 || f.mix.voice("pru") != nil || f.mix.voice("dan") != nil {
		t.Errorf("%d packets from backstage reached the mix", n)
	}
	for _, p := range f.onStage() {
		if p.ID == "pru" || p.ID == "dan" {
			t.Errorf("listeners are told that %s is on stage", p.ID)
		}
	}
}

func TestTalkbackRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.withEar("ada", room.Host)
	f.desk("bob") // a page of before there were ears
	pru, pia := f.backstage("pru", room.Producer), f.backstage("pia", room.Producer)
	guest, absent := f.token("bob", room.Speaker), f.token("max", room.Producer)
	f.watch(f.token("zoe", room.Speaker))
	page := f.watch(pru.token)
	eventually(t, "all are there", func() bool {
		return page.is(func(s pageState) bool {
			ears := 0
			for _, b := range s.Backstage {
				if b.Ear {
					ears++
				}
			}
			return len(s.People) == 2 && len(s.Backstage) == 3 && s.People[0].Ear && ears == 2
		})
	})
	for _, tt := range []struct {
		name, who, token string
		status           int
		code             problem.Code
	}{
		{"a guest", "people/ada/ear", guest, 403, problem.Forbidden},
		{"who has no microphone there", "people/ada/ear", absent, 409, problem.NotBackstage},
		{"to all without one", "ear", absent, 409, problem.NotBackstage},
		{"to nobody", "people/nobody/ear", pru.token, 404, problem.PersonUnknown},
		{"to oneself", "people/me/ear", pru.token, 400, problem.BadRequest},
		{"to who has no ear", "people/bob/ear", pru.token, 409, problem.NoEar},
		{"to who only looks", "people/zoe/ear", pru.token, 409, problem.NoEar},
		{"to one", "people/ada/ear", pru.token, 204, ""},
		{"to the same one", "people/ada/ear", pia.token, 409, problem.EarTaken},
		{"to another backstage", "people/pru/ear", pia.token, 204, ""},
	} {
		if status, code := f.refused(base+"/stage/"+tt.who, tt.token, "true"); status != tt.status || code != tt.code {
			t.Errorf("%s: %d %s, want %d %s", tt.name, status, code, tt.status, tt.code)
		}
	}
	if status, _ := f.refused(base+"/stage/people/bob/ear", pru.token, "false"); status != http.StatusNoContent {
		t.Errorf("to let go of what is not held: %d", status)
	}
	eventually(t, "what is held goes on", func() bool {
		return page.is(func(s pageState) bool {
			return s.Talk != nil && fmt.Sprint(s.Talk.To) == "[ada]" && s.Ear != nil && s.Ear.ID == "pia"
		})
	})
}

// It ends with the page, with the connection, and by itself where nobody says that the button is held; and with who is spoken to.
func TestTalkbackEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		hold time.Duration
		end  func(f *fixture, pru *client, board *page)
	}{
		{"the page is closed", time.Hour, func(_ *fixture, _ *client, board *page) { board.close() }},
		{"left", time.Hour, func(f *fixture, pru *client, _ *page) {
			if got := pru.leave(); got != http.StatusOK {
				f.t.Errorf("leave: %d", got)
			}
		}},
		{"the connection is closed", time.Hour, func(_ *fixture, pru *client, _ *page) { pru.vanish() }},
		{"nobody says that it is held", 300 * time.Millisecond, func(*fixture, *client, *page) {}},
		{"removed", time.Hour, func(f *fixture, _ *client, _ *page) {
			resp, _ := f.do(http.MethodDelete, base+"/stage/people/pru", f.token("ada", room.Host), nil, nil)
			if resp.StatusCode != http.StatusNoContent {
				f.t.Errorf("remove: %d", resp.StatusCode)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(c *Config) { c.Hold = tt.hold })
			bob := f.withEar("bob", room.Speaker)
			f.desk("ada")
			pru := f.backstage("pru", room.Producer)
			board, page := f.watch(pru.token), f.watch(bob.token)
			eventually(t, "he can be spoken to", func() bool {
				return board.is(func(s pageState) bool { return len(s.People) == 2 && s.People[0].Ear }) && bob.hears()["ada"] > 0 && pru.hears()["bob"] > 0
			})
			eventually(t, "he is", func() bool {
				if got := f.put(base+"/stage/people/bob/ear", pru.token, "true"); got != http.StatusNoContent {
					t.Fatalf("speak: %d", got)
				}
				return bob.hears()["pru"] > 0
			})
			tt.end(f, pru, board)
			eventually(t, "he is told of the end", func() bool { return page.is(func(s pageState) bool { return s.Ear == nil }) })
			bob.clear("pru", "ada")
		})
	}
}

// Whoever is spoken to and comes back by a new connection hears on.
func TestTalkbackSurvivesTheListenersConnection(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Hold = time.Hour })
	bob := f.withEar("bob", room.Speaker)
	pru := f.backstage("pru", room.Producer)
	f.watch(pru.token)
	eventually(t, "she hears him", func() bool { return pru.hears()["bob"] > 0 })
	if got := f.put(base+"/stage/ear", pru.token, "true"); got != http.StatusNoContent {
		t.Fatalf("speak: %d", got)
	}
	eventually(t, "he hears her", func() bool { return bob.hears()["pru"] > 0 })
	again := f.withEar("bob", room.Speaker)
	eventually(t, "he hears on", func() bool { return again.hears()["pru"] >= 10 })
}

// Before anything goes out, stage and backstage hear each other; from the moment on which the room is live the stage hears itself alone, and
// those backstage hear it, and each other. Nothing from backstage is ever in the mix.
func TestGreenRoom(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	state := func(to room.State) {
		err := f.rooms.change(testRoom, func(r *room.Facts) {
			r.State, r.Life.Plan.Start = to, time.Now().Add(time.Hour)
		})
		if err != nil {
			t.Fatal(err)
		}
		f.Refresh(testRoom)
	}
	state(room.Doors)
	ada := f.withEar("ada", room.Host)
	pru, dan := f.backstage("pru", room.Producer), f.backstage("dan", room.Speaker)
	for _, c := range []*client{pru, dan} {
		if got := f.put(base+"/stage/people/me/muted", c.token, "false"); got != http.StatusNoContent {
			t.Fatalf("open the microphone: %d", got)
		}
	}
	bob := f.desk("bob")
	eventually(t, "everybody hears everybody", func() bool {
		return mapsEqual(ada.hears(), map[string]int{"bob": 10, "pru": 10, "dan": 10}) && mapsEqual(bob.hears(), map[string]int{"ada": 10, "pru": 10, "dan": 10}) &&
			mapsEqual(pru.hears(), map[string]int{"ada": 10, "bob": 10, "dan": 10}) && mapsEqual(dan.hears(), map[string]int{"ada": 10, "bob": 10, "pru": 10})
	})
	if got := f.put(base+"/stage/people/dan/muted", pru.token, "true"); got != http.StatusNoContent {
		t.Errorf("the producer mutes who is backstage: %d", got)
	}
	ada.clear("dan", "pru")
	if got := f.put(base+"/stage/people/dan/muted", pru.token, "false"); got != http.StatusForbidden {
		t.Errorf("and undoes it: %d", got)
	}

	state(room.Live)
	ada.clear("pru", "bob")
	bob.clear("pru", "ada")
	dan.forget()
	eventually(t, "backstage goes on", func() bool { return mapsEqual(dan.hears(), map[string]int{"ada": 10, "bob": 10, "pru": 10}) })
	cyd := f.desk("cyd")
	eventually(t, "who comes then hears the stage", func() bool { return mapsEqual(cyd.hears(), map[string]int{"ada": 20, "bob": 20}) })
	if n := cyd.hears()["pru"]; n != 0 {
		t.Errorf("and %d packets from backstage", n)
	}
	if n := f.mix.heardAtAll("pru") + f.mix.heardAtAll("dan"); n != 0 {
		t.Errorf("%d packets from backstage reached the mix", n)
	}
	if ada.gaps > 0 || dan.gaps > 0 {
		t.Errorf("breaks in numbering: %d and %d", ada.gaps, dan.gaps)
	}
}

// Who goes on stage is not backstage any more, and the other way round; nobody is twice.
func TestBackstageOrOnStage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	dan := f.backstage("dan", room.Speaker)
	page := f.watch(dan.token)
	eventually(t, "he is backstage", func() bool {
		return page.is(func(s pageState) bool {
			return len(s.Backstage) == 1 && s.Backstage[0].Here && len(s.Slots) == backstageSlots
		})
	})
	on := f.withEar("dan", room.Speaker)
	eventually(t, "he is on stage alone", func() bool {
		return page.is(func(s pageState) bool {
			return s.onStage() == "dan" && s.People[0].Ear && len(s.Backstage) == 0 && len(s.Slots) == slotCount
		}) && dan.pc.ConnectionState().String() == "closed"
	})
	enter := func(id room.PersonID) (int, problem.Code) {
		offer := f.offline(id, clientOptions{kind: backstage, slots: backstageSlots + 1})
		resp, body := f.do(http.MethodPost, base+"/stage/backstage", offer.token, sdpType, []byte(offer.offer()))
		if resp.StatusCode < 400 {
			return resp.StatusCode, ""
		}
		return resp.StatusCode, problemOf(t, body)
	}
	if status, code := enter("dan"); status != http.StatusConflict || code != problem.OnStage {
		t.Errorf("from on stage: %d %s", status, code)
	}
	on.vanish()
	eventually(t, "his connection is lost", func() bool { return page.is(func(s pageState) bool { return len(s.People) == 1 && s.People[0].Away }) })
	if status, _ := enter("dan"); status != http.StatusCreated {
		t.Errorf("when that is lost: %d", status)
	}
	eventually(t, "his place on stage is free", func() bool { return len(f.onStage()) == 0 })

	sc := f.existing(testRoom)
	sc.mu.Lock()
	for n := len(sc.wings); n < maxBackstage; n++ {
		sc.wings = append(sc.wings, &member{id: person(n), profile: sc.profileLocked(room.Grant{Person: person(n), Name: "Somebody"}), hearing: newHearing(backstage)})
	}
	sc.mu.Unlock()
	if status, code := enter("late"); status != http.StatusServiceUnavailable || code != problem.BackstageFull {
		t.Errorf("the thirteenth: %d %s", status, code)
	}
	if got := f.put(base+"/stage/people/dan/place", f.token("ada", room.Host), "false"); got != http.StatusNoContent {
		t.Fatalf("send back: %d", got)
	}
	if status, code := enter("dan"); status != http.StatusForbidden || code != problem.SentBack {
		t.Errorf("back in the audience: %d %s", status, code)
	}
	if got := on.location; !strings.HasPrefix(got, base+"/desk/") || !strings.HasPrefix(dan.location, base+"/stage/backstage/") {
		t.Errorf("sessions are %s and %s", got, dan.location)
	}
}
