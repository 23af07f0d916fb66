//go:build linux

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Each bar that is missed is named, and nothing else.
func TestJudge(t *testing.T) {
	const seated = `{"seconds":[{"due":5,"seated":5,"frames":500},{"due":5,"seated":5,"frames":500%s}],"first_sound":{"count":10,"p50_ms":2,"p99_ms":9,"max_ms":10}}`
	for _, tt := range []struct {
		name, more string
		word       float64
		after      time.Duration
		missed     string
	}{
		{"all is well", "", 0.02, 300 * time.Millisecond, ""},
		{"a late word", "", 0.15, 300 * time.Millisecond, "the first word left the mixer 0.150 s after the start"},
		{"a word before the start", "", -1, 300 * time.Millisecond, "the first word left the mixer -1.000 s after the start"},
		{"later than shown", "", 0.02, 5 * time.Second, "at 1 of 1 seats the first word came later than the delay that is shown there"},
		{"never", "", 0.02, 0, "0 of 1 listeners of the bench found the first word"},
		{"a gap", `,"gaps":3`, 0.02, 300 * time.Millisecond, "the seated lack 3 frames, and 0 are silent"},
		{"a cut", `,"cuts":1`, 0.02, 300 * time.Millisecond, "of the seated 0 stalled, and 1 were cut off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Unix(1_800_000_000, 0)
			r := result{Seats: 10, FirstWord: tt.word}
			p := &probe{depth: 4 * time.Second}
			if tt.after > 0 {
				p.at = start.Add(tt.after)
			}
			r.Word.take(p, start)
			var f findings
			err := json.Unmarshal([]byte(strings.Replace(seated, "%s", tt.more, 1)), &f)
			if err != nil {
				t.Fatal(err)
			}
			r.Before.add(f)
			r.judge()
			if got := strings.Join(r.Missed, "; "); got != tt.missed {
				t.Errorf("missed %q, want %q", got, tt.missed)
			}
			if r.Before.First.Max != 10 || r.Before.Frames != 1000 {
				t.Errorf("%+v", r.Before)
			}
		})
	}
	if share(10, 3, 0)+share(10, 3, 1)+share(10, 3, 2) != 10 {
		t.Error("parts are not the whole")
	}
}
