package channel_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/channel"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// captions lists the lines that listeners get, each with the second at which they get it and, behind @, that at which it was said.
func (r *rig) captions(t *testing.T) (told []string) {
	t.Helper()
	for _, e := range r.wire.events {
		if e.Kind != room.KindCaption {
			continue
		}
		var v room.CaptionEvent
		err := json.Unmarshal(e.Data, &v)
		if err != nil {
			t.Fatal(err)
		}
		if v.At > int64(e.At) {
			t.Errorf("the event at %d is of %d", e.At, v.At)
		}
		var lines []string
		for _, l := range v.Lines {
			more := ""
			if !l.Final {
				more = "…"
			}
			lines = append(lines, fmt.Sprintf("%s %s%s@%.1f", l.Language, l.Text, more, tape.Number(l.At).Duration().Seconds()))
		}
		told = append(told, fmt.Sprintf("%.1f: %s", e.At.Duration().Seconds(), strings.Join(lines, ", ")))
	}
	return told
}

func line(id, text string) room.Caption {
	return room.Caption{ID: id, Language: "en", Text: text, Final: true}
}

func frame(seconds float64) *int64 {
	n := int64(seconds * tape.FramesPerSec)
	return &n
}

func wantCaptions(t *testing.T, r *rig, want ...string) {
	t.Helper()
	if got := r.captions(t); !slices.Equal(got, want) {
		t.Errorf("listeners get\n%q, want\n%q", got, want)
	}
}

// send has lines said at the seconds given.
func (r *rig) send(t *testing.T, m *channel.Maker, at time.Duration, c room.Caption, from, until *int64, want error) {
	t.Helper()
	r.machine.at[at] = func(*machine) {
		_, err := m.Caption(c, from, until)
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%q at %v: %v, want %v", c.Text, at, err, want)
		}
	}
}

func (r *rig) onAir() *channel.Maker {
	m := r.maker()
	m.SetFacts(room.Facts{ID: "harbour", State: room.Live})
	return m
}

// A line of what is said on stage is held for as long as that is; one of what listeners have heard goes out at once, and says where that was.
func TestCaptionsShareTheDelay(t *testing.T) {
	r := newRig()
	r.stage.setDelay(500)
	m := r.onAir()
	r.send(t, m, 12*time.Second, line("a", "Good evening."), nil, nil, nil)
	r.send(t, m, 15*time.Second, line("b", "heard"), frame(11), frame(13), nil)
	r.send(t, m, 16*time.Second, line("c", "on its way"), frame(17), frame(18), nil)
	r.runMaker(t, m, 30*time.Second)
	wantCaptions(t, r, "15.0: en heard@11.0", "18.0: en on its way@17.0", "22.0: en Good evening.@22.0")
}

// What was dumped is in no line, whether that came before the dump or a moment after it; nor is a line taken for one that is there already
// because it was dumped.
func TestDumpedCaptionsAreNotTold(t *testing.T) {
	r := newRig()
	r.stage.setDelay(500)
	m := r.onAir()
	r.send(t, m, 5*time.Second, line("a", "before"), nil, nil, nil)
	r.send(t, m, 12*time.Second, line("b", "secret"), nil, nil, nil)
	r.send(t, m, 14*time.Second, line("c", "secret"), frame(22), frame(23), nil)
	r.send(t, m, 18*time.Second, line("d", "old"), frame(16), frame(17), nil) // listeners have heard it
	r.machine.at[20*time.Second] = func(*machine) { r.stage.dump() }
	r.send(t, m, 21*time.Second, line("b", "secret"), nil, nil, room.ErrDumped)
	r.send(t, m, 25*time.Second, line("e", "secret"), nil, nil, room.ErrDumped)
	r.send(t, m, 25500*time.Millisecond, line("f", "secret"), frame(30), frame(40), room.ErrDumped)
	r.send(t, m, 27*time.Second, line("b", "after"), nil, nil, nil)
	r.runMaker(t, m, 50*time.Second)
	wantCaptions(t, r, "15.0: en before@15.0", "18.0: en old@16.0", "37.0: en after@37.0")
}

// A line grows, is made final, corrected, and taken back; the same twice is one, and what is final does not become less so.
func TestCaptionsAreReplaced(t *testing.T) {
	r := newRig()
	m := r.onAir()
	grows := line("a", "Good")
	grows.Final = false
	french := room.Caption{ID: "a", Language: "fr", Text: "Bonsoir", Final: true}
	r.send(t, m, 1*time.Second, grows, frame(0.5), frame(0.9), nil)
	r.send(t, m, 2*time.Second, line("a", "Good evening"), nil, nil, nil)
	r.send(t, m, 3*time.Second, line("a", "Good evening"), nil, nil, nil)
	r.send(t, m, 4*time.Second, grows, nil, nil, nil)
	r.send(t, m, 5*time.Second, french, nil, nil, nil)
	r.send(t, m, 6*time.Second, line("a", "Good morning"), nil, nil, nil)
	r.send(t, m, 7*time.Second, line("a", ""), nil, nil, nil)
	for i, language := range []string{"de", "es", "it"} {
		want := error(nil)
		if i == 2 {
			want = room.ErrManyLanguages
		}
		r.send(t, m, time.Duration(8+i)*time.Second, room.Caption{ID: "x", Language: language, Text: "…", Final: true}, nil, nil, want)
	}
	r.runMaker(t, m, 15*time.Second)
	wantCaptions(t, r,
		"1.0: en Good…@0.5", "2.0: en Good evening@0.5", "5.0: en Good evening@0.5, fr Bonsoir@5.0", "6.0: en Good morning@0.5, fr Bonsoir@5.0",
		"7.0: en @0.5, fr Bonsoir@5.0", "8.0: en @0.5, fr Bonsoir@5.0, de …@8.0", "9.0: en @0.5, fr Bonsoir@5.0, de …@8.0, es …@9.0")
}

// Lines that come together are told one after the other: a frame has one event of a kind, and none is lost.
func TestCaptionsOfOneMomentAreAllTold(t *testing.T) {
	r := newRig()
	m := r.onAir()
	r.machine.at[time.Second] = func(*machine) {
		for i := range 5 {
			_, err := m.Caption(line(fmt.Sprint(i), fmt.Sprint("line ", i)), nil, nil)
			if err != nil {
				t.Error(err)
			}
		}
	}
	r.runMaker(t, m, 3*time.Second)
	if got := r.captions(t); len(got) != 5 || !strings.Contains(got[4], "line 4") {
		t.Errorf("told %q", got)
	}
}
