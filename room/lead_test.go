package room

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A room through the absence of its host, minute by minute.
func TestLeadStepByStep(t *testing.T) {
	rules := LeadRules{Grace: 2 * time.Minute, End: 10 * time.Minute}
	for _, tt := range []struct {
		what  string
		looks []Presence
		want  []LeadState
	}{
		{"the host is there", []Presence{{Host: true}, {Host: true, Stage: true}}, []LeadState{LeadHeld, LeadHeld}},
		{"and comes back in time", []Presence{{Stage: true}, {Stage: true}, {Host: true}, {Stage: true}, {Stage: true}},
			[]LeadState{LeadGrace, LeadGrace, LeadHeld, LeadGrace, LeadGrace}},
		{"a co-host keeps the room for as long as it takes", []Presence{{CoHost: true}, {CoHost: true}, {CoHost: true}, {CoHost: true}},
			[]LeadState{LeadKept, LeadKept, LeadKept, LeadKept}},
		{"and goes: the grace begins", []Presence{{CoHost: true}, {CoHost: true}, {Stage: true}, {Stage: true}, {Stage: true}},
			[]LeadState{LeadKept, LeadKept, LeadGrace, LeadGrace, LeadOpen}},
		{"a producer does not keep it, and is offered it", []Presence{{Producer: true}, {Producer: true}, {Producer: true}}, []LeadState{LeadGrace, LeadGrace, LeadOpen}},
		{"a co-host who comes when it is over is offered it", []Presence{{}, {}, {}, {CoHost: true}}, []LeadState{LeadGrace, LeadGrace, LeadLeft, LeadOpen}},
		{"the host is back even then", []Presence{{}, {}, {}, {Host: true}}, []LeadState{LeadGrace, LeadGrace, LeadLeft, LeadHeld}},
		{"somebody on stage goes on alone", []Presence{{Stage: true}, {}, {Stage: true}, {Stage: true}}, []LeadState{LeadGrace, LeadGrace, LeadOpen, LeadOpen}},
	} {
		var l Lead
		for i, p := range tt.looks {
			l = l.See(p, rules, evening.Add(time.Duration(i)*time.Minute))
			if l.State != tt.want[i] {
				t.Errorf("%s: after %d min it is %q, want %q", tt.what, i, l.State, tt.want[i])
			}
		}
	}
}

func TestALeftRoomEnds(t *testing.T) {
	rules := LeadRules{Grace: 2 * time.Minute, End: 10 * time.Minute}
	var l Lead
	for i := range 13 {
		want := LeadGrace
		switch {
		case i == 12:
			want = LeadOver
		case i >= 2:
			want = LeadLeft
		}
		l = l.See(Presence{}, rules, evening.Add(time.Duration(i)*time.Minute))
		if l.State != want {
			t.Errorf("after %d min it is %q, want %q", i, l.State, want)
		}
	}
	l = Lead{}.See(Presence{}, LeadRules{}, evening)
	if l = l.See(Presence{}, LeadRules{}, evening.Add(1000*time.Hour)); l.State != LeadOpen {
		t.Errorf("a room that never ends by itself is %q", l.State)
	}
}

// Whoever comes and goes, whenever it is looked: a room is free, or over, only by the rules.
func TestLeadKeepsTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := LeadRules{
			Grace: time.Duration(rapid.IntRange(0, 300).Draw(t, "grace")) * time.Second,
			End:   time.Duration(rapid.IntRange(0, 900).Draw(t, "end")) * time.Second,
		}
		var l Lead
		now := evening
		alone, left := time.Time{}, time.Time{} // since when a stranger with a clock would say that it is so
		free := false
		for range rapid.IntRange(1, 80).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 120_000).Draw(t, "ms")) * time.Millisecond)
			p := Presence{Host: rapid.IntRange(0, 4).Draw(t, "host") == 0, CoHost: rapid.IntRange(0, 4).Draw(t, "cohost") == 0,
				Producer: rapid.IntRange(0, 3).Draw(t, "producer") == 0, Stage: rapid.IntRange(0, 2).Draw(t, "stage") == 0}
			l = l.See(p, rules, now)

			if p.Host || p.CoHost && !free {
				alone = time.Time{}
			} else if alone.IsZero() {
				alone = now
			}
			free = !p.Host && (free || !alone.IsZero() && !now.Before(alone.Add(rules.Grace)))
			if !free || p.CoHost || p.Producer || p.Stage {
				left = time.Time{}
			} else if left.IsZero() {
				left = now
			}
			over := rules.End > 0 && !left.IsZero() && !now.Before(left.Add(rules.End))

			switch {
			case l.Free() != free:
				t.Fatalf("free is %v, want %v: %+v, %+v", l.Free(), free, p, l)
			case (l.State == LeadOver) != over:
				t.Fatalf("over is %v, want %v: %+v, %+v", l.State == LeadOver, over, p, l)
			case p.Host && l != (Lead{}):
				t.Fatalf("the host is there, and it is %+v", l)
			case p.CoHost && !p.Host && !free && l.State != LeadKept:
				t.Fatalf("a co-host is there, and it is %+v", l)
			case (l.State == LeadGrace || l.State == LeadLeft) && !l.Until.After(now):
				t.Fatalf("it waits until %v, and it is %v", l.Until, now)
			case p.Stage && (l.State == LeadLeft || l.State == LeadOver):
				t.Fatalf("somebody is on stage, and it is %+v", l)
			}
		}
	})
}

// Who takes a room whose host is gone has to be one who may; of two one gets it; the host of before comes back as a co-host.
func TestTakeLead(t *testing.T) {
	for _, tt := range []struct {
		what  string
		facts Facts
		to    PersonID
		role  Role
		want  error
	}{
		{"a producer", Facts{State: Live}, "pru", Producer, nil},
		{"a co-host", Facts{State: Live}, "cyd", CoHost, nil},
		{"a speaker", Facts{State: Live}, "bob", Speaker, Denial{Role: Speaker, Action: ActTakeLead}},
		{"before the doors", Facts{State: Announced}, "cyd", CoHost, Denial{Role: CoHost, Action: ActTakeLead, Early: true}},
		{"after the end", Facts{State: Ended}, "cyd", CoHost, Denial{Role: CoHost, Action: ActTakeLead, Over: true}},
		{"who was removed", Facts{State: Live, Removed: []PersonID{"cyd"}}, "cyd", CoHost, ErrRemoved},
		{"who was made a speaker since", Facts{State: Live, Roles: map[PersonID]Role{"cyd": Speaker}}, "cyd", CoHost, Denial{Role: Speaker, Action: ActTakeLead}},
		{"the second of two", Facts{State: Live, Roles: map[PersonID]Role{"ada": CoHost, "pru": Host}}, "cyd", CoHost, ErrLeadTaken},
	} {
		f := tt.facts
		err := f.TakeLead("ada", tt.to, tt.role)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, err, tt.want)
		}
		is := f.RoleOf(tt.to, tt.role) == Host && f.RoleOf("ada", Host) == CoHost
		if is != (tt.want == nil) {
			t.Errorf("%s: roles are %v", tt.what, f.Roles)
		}
	}
	f := Facts{Roles: map[PersonID]Role{"ada": CoHost, "pru": Host}}
	if got := f.HostOf("ada"); got != "pru" {
		t.Errorf("the host is %s", got)
	}
	if got := (Facts{}).HostOf("ada"); got != "ada" {
		t.Errorf("the host of a new room is %s", got)
	}
}
