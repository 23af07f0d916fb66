package channel_test

import (
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/channel"
	"github.com/epidaurus-live/epidaurus/room"
)

// Who talks on the stage of a room that was announced for a time is heard by nobody outside and begins nothing; from the time on he is, and the
// first word is told once.
func TestNothingIsHeardBeforeTheTime(t *testing.T) {
	r := newRig()
	live, words := 0, []time.Duration{}
	cfg := r.config(func(bool) {}, func() {})
	cfg.OnLive = func() { live++ }
	cfg.OnWord = func() { words = append(words, r.machine.Mono()) }
	planned := room.Facts{ID: "harbour", State: room.Doors, Life: room.Life{Plan: room.Plan{Start: time.Unix(1_800_000_000, 0), Zone: "UTC"}}}
	m := channel.NewMaker(cfg, planned)
	var closed, held []bool
	look := func(*machine) {
		r.stage.mu.Lock()
		defer r.stage.mu.Unlock()
		closed, held = append(closed, r.stage.closed), append(held, r.stage.hold)
	}
	r.machine.at[1*time.Second] = func(*machine) {
		m.SetPeople([]room.Person{ada})
		r.stage.say(channel.Level{ID: "p1", Heard: true, Speaking: true})
	}
	r.machine.at[8*time.Second] = look
	r.machine.at[10*time.Second] = func(*machine) {
		begun := planned
		begun.State = room.Live
		m.SetFacts(begun)
	}
	r.machine.at[12*time.Second] = look
	r.runMaker(t, m, 20*time.Second)
	wantTold(t, r.told(t), []string{"0: doors", "0: stage: ", "0:  speaks", "1: stage: Ada", "10: live", "10: p1 speaks"})
	if live != 0 {
		t.Errorf("a voice asked for the beginning %d times", live)
	}
	if len(words) != 1 || words[0] < 10*time.Second || words[0] > 10*time.Second+100*time.Millisecond {
		t.Errorf("the first word was told at %v", words)
	}
	if want := [2][2]bool{{true, true}, {false, false}}; len(closed) != 2 || [2][2]bool{{closed[0], held[0]}, {closed[1], held[1]}} != want {
		t.Errorf("curtain: %v, hold sound: %v", closed, held)
	}
}
