package channel_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/channel"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// told lists the room's states, who is on stage and who speaks, each with the second at which listeners learn of it.
func (r *rig) told(t *testing.T) (said []string) {
	t.Helper()
	for _, e := range r.wire.events {
		var v struct {
			T      string   `json:"t"`
			IDs    []string `json:"ids"`
			People []struct {
				Name string `json:"name"`
			} `json:"people"`
			State string `json:"state"`
		}
		err := json.Unmarshal(e.Data, &v)
		if err != nil {
			t.Fatal(err)
		}
		second := int(e.At.Duration().Round(time.Second).Seconds())
		switch v.T {
		case room.KindSpeaking:
			said = append(said, fmt.Sprintf("%d: %s speaks", second, strings.Join(v.IDs, " and ")))
		case room.KindStage:
			var names []string
			for _, p := range v.People {
				names = append(names, p.Name)
			}
			said = append(said, fmt.Sprintf("%d: stage: %s", second, strings.Join(names, " and ")))
		case room.KindRoom:
			said = append(said, fmt.Sprintf("%d: %s", second, v.State))
		}
	}
	return said
}

func wantTold(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("listeners are told\n%q, want\n%q", got, want)
	}
}

var (
	ada   = room.Person{ID: "p1", Name: "Ada", Role: room.Host}
	grace = room.Person{ID: "p2", Name: "Grace", Role: room.Speaker}
)

// What belongs to the sound comes with it: ten seconds late, and the end after the last word.
func TestEventsShareTheDelay(t *testing.T) {
	r := newRig()
	r.stage.delay = 500
	m := r.maker()
	r.machine.at[1*time.Second] = func(*machine) { m.SetPeople([]room.Person{ada}) }
	r.machine.at[2*time.Second] = func(*machine) { r.stage.say(channel.Level{ID: "p1", Heard: true, Speaking: true}) }
	r.machine.at[3*time.Second] = func(*machine) { m.SetFacts(room.Facts{ID: "harbour", State: room.Live}) }
	r.machine.at[5*time.Second] = func(*machine) { r.stage.say(channel.Level{ID: "p1", Heard: true}) }
	r.machine.at[20*time.Second] = func(*machine) { m.SetFacts(room.Facts{ID: "harbour", State: room.Ended}) }
	var held []bool
	for _, at := range []time.Duration{11, 13} { // before and after the first word's way out
		r.machine.at[at*time.Second] = func(*machine) { held = append(held, r.stage.holding()) }
	}
	r.machine.stop = time.Hour
	m.Run(t.Context())
	wantTold(t, r.told(t), []string{
		"0: doors", "0: stage: ", "0:  speaks", "11: stage: Ada", "12: p1 speaks", "13: live", "15:  speaks", "30: ended",
	})
	if !slices.Equal(held, []bool{true, false}) {
		t.Errorf("the hold sound is on at 11 and 13 s: %v, want true and false", held)
	}
	if r.live == 0 {
		t.Error("the first voice did not make the room live")
	}
	if frames, _ := m.Made(); frames < 30*tape.FramesPerSec {
		t.Errorf("%d frames were made, want more than 30 s: the last words are still in the delay when the room ends", frames)
	}
}

// What happened only in what was dumped is told nobody; while it is filled nobody speaks; and what still is so afterwards is told.
func TestDumpedEventsAreNotTold(t *testing.T) {
	r := newRig()
	r.stage.delay = 500
	m := r.maker()
	m.SetFacts(room.Facts{ID: "harbour", State: room.Live})
	m.SetPeople([]room.Person{ada})
	speak := func(people []room.Person, ids ...room.PersonID) func(*machine) {
		return func(*machine) {
			m.SetPeople(people)
			var levels []channel.Level
			for _, id := range ids {
				levels = append(levels, channel.Level{ID: id, Heard: true, Speaking: true})
			}
			r.stage.say(levels...)
		}
	}
	r.machine.at[1*time.Second] = speak([]room.Person{ada}, "p1")
	r.machine.at[14*time.Second] = speak([]room.Person{ada, grace}, "p2") // this is never heard
	r.machine.at[16*time.Second] = speak([]room.Person{ada}, "p1")
	r.machine.at[18*time.Second] = speak([]room.Person{ada, grace}, "p1")
	r.machine.at[20*time.Second] = func(*machine) { r.stage.dump() } // what was said from 10 s to 20 s
	r.machine.at[25*time.Second] = speak([]room.Person{ada, grace})
	r.runMaker(t, m, 40*time.Second)
	wantTold(t, r.told(t), []string{
		"0: live", "0: stage: Ada", "0:  speaks", "11: p1 speaks", "20:  speaks", "30: stage: Ada and Grace", "30: p1 speaks", "35:  speaks",
	})
}

// A mix that reaches nobody is not taken for one that does: neither before the lease is there nor after it is gone.
func TestOnlyTheHolderIsMaking(t *testing.T) {
	r := newRig()
	var m *channel.Maker
	var before bool
	var last channel.Air
	cfg := r.config(nil, nil)
	cfg.Acquire = func(context.Context) (channel.Lease, error) { before = m.Making(); r.lease.term++; return r.lease, nil }
	cfg.OnAir = func(a channel.Air) { last = a }
	m = channel.NewMaker(cfg, room.Facts{ID: "harbour", State: room.Live})
	var during, told bool
	r.machine.at[time.Second] = func(*machine) { during, told = m.Making(), last.In > 0 }
	r.runMaker(t, m, 2*time.Second)
	if before || !during || !told || m.Making() || last != (channel.Air{}) {
		t.Errorf("making: %t, then %t (told: %t), then %t with %+v", before, during, told, m.Making(), last)
	}
}

func TestDeadAir(t *testing.T) {
	r := newRig()
	var heard []string
	note := func(what string) {
		heard = append(heard, fmt.Sprintf("%v: %s", r.machine.Mono().Round(time.Second), what))
	}
	cfg := r.config(func(on bool) {
		if on {
			note("dead air")
		} else {
			note("sound")
		}
	}, func() { note("apology") })
	m := channel.NewMaker(cfg, room.Facts{ID: "harbour", State: room.Doors})
	m.SetPeople([]room.Person{ada})
	r.machine.at[60*time.Second] = func(*machine) { m.SetFacts(room.Facts{ID: "harbour", State: room.Live}) }
	r.machine.at[80*time.Second] = func(*machine) { r.stage.sound() }
	r.machine.at[85*time.Second] = func(*machine) { m.SetPeople(nil) } // silent since 80 s, and empty since 85 s
	r.machine.at[120*time.Second] = func(*machine) { m.SetPeople([]room.Person{ada}) }
	r.machine.at[130*time.Second] = func(*machine) { m.SetPeople(nil) }
	r.machine.at[160*time.Second] = func(*machine) { m.SetFacts(room.Facts{ID: "harbour", State: room.Ended}) }
	r.machine.stop = time.Hour
	m.Run(t.Context())
	want := []string{
		"1m8s: dead air", "1m20s: sound", "1m28s: dead air", "1m40s: apology", "2m25s: apology", "2m40s: sound",
	}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}
