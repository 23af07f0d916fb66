package room

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// shownTable is the table of permissions as docs/PROTOCOL.md has it.
func shownTable() string {
	var b strings.Builder
	b.WriteString("| may | host | co-host | producer | speaker | captioner | listener | before the doors | after the end |\n|---|---|---|---|---|---|---|---|---|\n")
	mark := func(yes bool) string {
		if yes {
			return "yes"
		}
		return "–"
	}
	for _, r := range Rules {
		fmt.Fprintf(&b, "| %s |", r.Words)
		for _, role := range []Role{Host, CoHost, Producer, Speaker, Captioner, Listener} {
			fmt.Fprintf(&b, " %s |", mark(slices.Contains(r.Who, role)))
		}
		fmt.Fprintf(&b, " %s | %s |\n", mark(r.Before), mark(r.After))
	}
	return b.String()
}

// What people read is what is asked. That it is asked, node's TestEachCellOfTheTable shows.
func TestTheTableIsShown(t *testing.T) {
	protocol, err := os.ReadFile("../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(protocol), shownTable()) {
		t.Errorf("docs/PROTOCOL.md does not show the table of permissions as it is:\n%s", shownTable())
	}
}

func TestMay(t *testing.T) {
	for _, state := range append(slices.Clone(states), "a state of tomorrow") {
		for _, rule := range Rules {
			for _, role := range []Role{Host, CoHost, Producer, Speaker, Captioner, Listener, "king", ""} {
				want := slices.Contains(rule.Who, role)
				switch state {
				case Draft, Announced:
					want = want && rule.Before
				case Ended, Replay:
					want = want && rule.After
				}
				if err := May(role, rule.Action, state); (err == nil) != want {
					t.Errorf("%s, %s, %s: %v", role, rule.Action, state, err)
				}
			}
		}
		if May(Host, "fly", state) == nil {
			t.Error("an action that is in no table is allowed")
		}
	}
}

// Before the doors there is nobody to hear, and nothing to raise a hand for; who has not the role is told that first.
func TestMayBeforeTheDoors(t *testing.T) {
	for _, state := range []State{Draft, Announced} {
		for _, row := range []struct {
			role Role
			act  Action
			want string
		}{
			{Listener, ActRaiseHand, "the doors of this room are not open yet"},
			{Speaker, ActSpeak, "the stage opens with the doors: whoever runs the desk can open them now"},
			{Producer, ActSpeak, "a producer may not go on stage: ask the host"},
		} {
			if got := fmt.Sprint(May(row.role, row.act, state)); got != row.want {
				t.Errorf("%s: it says %q, want %q", state, got, row.want)
			}
		}
	}
}

// Nobody takes a host off the room, and only a host takes those who lead beside him.
func TestMayTo(t *testing.T) {
	roles := []Role{Host, CoHost, Producer, Speaker}
	for _, act := range []Action{ActRemove, ActBlock, ActSendBack, ActCallUp} {
		for _, by := range roles[:3] {
			for _, target := range roles {
				want := target == Speaker || by == Host && target != Host
				if err := MayTo(by, act, target); (err == nil) != want {
					t.Errorf("a %s, %s, a %s: %v", by, act, target, err)
				}
			}
		}
	}
	for _, target := range roles {
		if err := MayTo(Host, ActHandOver, target); (err == nil) != (target == CoHost) {
			t.Errorf("a room is handed over to a %s: %v", target, err)
		}
	}
	if got, want := fmt.Sprint(MayTo(CoHost, ActRemove, Host)), "a co-host may not remove somebody who is a host"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}
