package tape_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

func event(at tape.Number, kind string) tape.Event {
	return tape.Event{At: at, Term: 1, Kind: kind, Data: fmt.Appendf(nil, `{"t":%q}`, kind)}
}

func names(events []tape.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s@%d ", e.Kind, e.At)
	}
	return strings.TrimSpace(b.String())
}

func TestEventLog(t *testing.T) {
	newLog := func() *tape.EventLog {
		l := tape.NewEventLog(100)
		l.Takeover(tape.Takeover{Term: 1})
		return l
	}
	t.Run("InOrderWhateverTheArrival", func(t *testing.T) {
		l := newLog()
		for _, e := range []tape.Event{event(20, "stage"), event(5, "room"), event(10, "stage"), event(12, "speaking")} {
			if !l.Add(e) {
				t.Fatalf("%s@%d was refused", e.Kind, e.At)
			}
		}
		if l.Add(event(12, "speaking")) {
			t.Error("a repeated event was taken for news")
		}
		if got := names(l.Between(nil, 5, 20)); got != "room@5 stage@10 speaking@12" {
			t.Errorf("between 5 and 20: %s", got)
		}
		if got := names(l.StateAt(nil, 19)); got != "room@5 stage@10 speaking@12" {
			t.Errorf("state at 19: %s", got)
		}
		if got := names(l.StateAt(nil, 20)); got != "room@5 speaking@12 stage@20" {
			t.Errorf("state at 20: %s", got)
		}
	})
	t.Run("KeepsTheLastOfEachKindForEver", func(t *testing.T) {
		l := newLog()
		l.Add(event(0, "room"))
		for n := tape.Number(0); n < 1000; n++ {
			l.Add(event(n, "speaking"))
		}
		if got := names(l.StateAt(nil, 2000)); got != "room@0 speaking@999" {
			t.Errorf("state: %s", got)
		}
		if n := len(l.Between(nil, 0, 2000)); n > 103 {
			t.Errorf("%d events are kept of a window of 100 frames", n)
		}
	})
	t.Run("TakeoverDropsTheOldMaker", func(t *testing.T) {
		l := newLog()
		l.Add(event(10, "stage"))
		l.Add(event(30, "stage"))
		l.Takeover(tape.Takeover{Term: 2, First: 20})
		if l.Add(event(25, "room")) {
			t.Error("the old maker was heard after the takeover")
		}
		if got := names(l.StateAt(nil, 99)); got != "stage@10" {
			t.Errorf("state: %s", got)
		}
	})
}
