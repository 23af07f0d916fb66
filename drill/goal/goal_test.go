package goal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// drilled is a drill of 1,000 listeners in three seconds: five refused, one stall, 10 µs per listener-second.
func drilled() result.Result {
	r := result.Result{
		Seconds: []result.Second{
			{At: 1, Due: 500, Begun: 500, Seated: 498, Refused: map[string]int64{"busy": 2}, Seats: 498, Frames: 9000},
			{At: 2, Due: 500, Begun: 500, Seated: 497, Refused: map[string]int64{"busy": 2, "full": 1}, Seats: 995, Frames: 90_000, Cuts: 3,
				Resumed: 2},
			{At: 3, Seats: 994, Frames: 1000, Stalls: 1},
		},
		Listeners: result.Listeners{Parsed: 1000},
		Wire:      result.Wire{SeatMillis: 2_000_000, Bytes: 7_000_000, Events: 1_000_000},
		Servers:   []result.Server{{PID: 1, Seconds: []result.Usage{{At: 3, CPU: 9940, RSS: 9_950_000}}}},
	}
	r.FirstSound.RecordN(100*time.Millisecond, 990)
	r.FirstSound.RecordN(1500*time.Millisecond, 5)
	return r
}

func TestJudge(t *testing.T) {
	for _, row := range []struct {
		goal string
		want string
	}{
		{"gaps=0", "0 met"},
		{"stalls=0", "1 missed"},
		{"stalls<=1", "1 met"},
		{"refused<1%", "0.5% met"},
		{"refused < 5", "5 missed"},
		{"refused=0%", "0.5% missed"},
		{"seated>=99%", "99.5% met"},
		{"seats>995", "995 missed"},
		{"lost=1", "1 met"},
		{"first_sound_p99<1s", "0.1s met"},
		{"first_sound_p99<90ms", "100ms missed"},
		{"first_sound_max<1s", "1.5s missed"},
		{"first_sound_p50<0", "1e+05us missed"},
		{"cpu_per_seat<20us", "10us met"},
		{"cpu_per_seat<9.5µs", "10us missed"},
		{"rss_per_seat<=10kB", "10kB met"},
		{"sound_bytes_per_second<=3kB", "3kB met"},
		{"joins_per_second>400", "498 met"},
		{"handshake_p99<1s", "not known: it did not happen once"},
	} {
		goals, err := Parse(row.goal)
		if err != nil || len(goals) != 1 {
			t.Errorf("%s: %v", row.goal, err)
			continue
		}
		v := Judge(drilled(), goals)[0]
		got := fmt.Sprintf("%.3g%s", v.Value, v.Unit)
		switch {
		case v.Why != "":
			got = "not known: " + v.Why
		case v.Met:
			got += " met"
		default:
			got += " missed"
		}
		if got != row.want {
			t.Errorf("%s: %s, want %s", row.goal, got, row.want)
		}
		if Missed([]result.Verdict{v}) == v.Met {
			t.Errorf("%s: missed and met", row.goal)
		}
	}
}

// What nobody looked at is not met: an empty result passes no goal.
func TestNothingIsMetByNothing(t *testing.T) {
	for _, name := range Names() {
		m, _ := find(name)
		bar := "=0"
		if m.kind != count {
			bar = ">=0"
		}
		goals, err := Parse(name + bar)
		if err != nil {
			t.Fatal(err)
		}
		v := Judge(result.Result{}, goals)[0]
		if v.Met || v.Why == "" {
			t.Errorf("%s is met by an empty result", name)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, row := range []struct{ goal, want string }{
		{"gaps", "such as gaps=0"},
		{"gasp=0", `there is no figure "gasp"; there are bytes_per_second, cpu_per_seat, cuts,`},
		{"gaps=0s", `"s" is no unit of gaps, with or without %`},
		{"stalls<1%", `"%" is no unit of stalls`},
		{"first_sound_p99<1", `"" is no unit of first_sound_p99, with us, ms or s`},
		{"first_sound_p99<fast", `"fast" is no bar`},
		{"gaps=-1", "a number of at least 0"},
		{"gaps=NaN", "is no bar"},
		{"gaps==0", "is no bar"},
		{"=0", `there is no figure ""`},
		{"rss_per_seat<1TB", `"TB" is no unit`},
		{strings.Repeat("gaps=0,", 65), "more than 64 goals"},
	} {
		_, err := Parse(row.goal)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one with %q", row.goal, err, row.want)
		}
	}
	goals, err := Parse(" gaps=0, refused<1% ,")
	if err != nil || len(goals) != 2 || goals[1].Text != "refused<1%" {
		t.Errorf("%v, %v", goals, err)
	}
}

func TestHelpNamesAll(t *testing.T) {
	help := Help()
	for _, name := range Names() {
		if !strings.Contains(help, name) {
			t.Errorf("the help does not know %s", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("gaps=0,first_sound_p99<1s,refused<1%,stalls=0,cpu_per_seat<20us")
	f.Add("rss_per_seat<=2.5kB")
	f.Add("gaps=1e999,µ<µs")
	r := drilled()
	f.Fuzz(func(t *testing.T, text string) {
		goals, err := Parse(text)
		if err != nil {
			return
		}
		for i, v := range Judge(r, goals) {
			again, err := Parse(goals[i].Text)
			if err != nil || len(again) != 1 || again[0] != goals[i] {
				t.Fatalf("%q reads as %v, %v", goals[i].Text, again, err)
			}
			if v.Met && v.Why != "" {
				t.Fatalf("%q is met and not known", v.Goal)
			}
		}
	})
}
