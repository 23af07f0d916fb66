//go:build linux

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// What a drill found is read as it is written, and each bar that is missed is named.
func TestFindings(t *testing.T) {
	const text = `{"crossed":{"count":%c,"p50_ms":0,"p99_ms":20,"max_ms":%m},"seconds":[{"at":100,"seated":4},{"at":101,"seated":2,"refused":{"busy":3}%s}]}`
	for _, tt := range []struct{ name, crossed, silence, more, missed string }{
		{"all is well", "6", "40", "", ""},
		{"one is left", "5", "40", "", "5 of 6 were moved"},
		{"silence", "6", "1200", "", "somebody heard nothing for 1200 ms"},
		{"a gap", "6", "40", `,"gaps":5`, "5 frames were missing"},
		{"a cut", "6", "40", `,"cuts":1`, "1 were cut off"},
		{"a stall", "6", "40", `,"stalls":2`, "players stalled 2 times"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f findings
			err := json.Unmarshal([]byte(strings.NewReplacer("%c", tt.crossed, "%m", tt.silence, "%s", tt.more).Replace(text)), &f)
			if err != nil {
				t.Fatal(err)
			}
			r := &result{Listeners: 6}
			r.add(f, time.Unix(101, 0))
			r.judge()
			if got := strings.Join(r.Missed, ", "); got != tt.missed || r.Refused != 3 || r.Seated != 6 {
				t.Errorf("missed: %s, want: %s; %+v", got, tt.missed, r)
			}
		})
	}
}
