//go:build linux

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// What happened to listeners is laid to what was done before it, and a bar that is missed is named.
func TestFindings(t *testing.T) {
	const text = `{"depth":"4s","away":{"count":4,"p50_ms":100,"p99_ms":200,"max_ms":250},"seconds":[
		{"at":100,"seated":6},
		{"at":110,"cuts":2,"resumed":1,"away_us":150000},
		{"at":111,"resumed":1,"away_us":250000,"refused":{"full":1}},
		{"at":120,"cuts":2,"resumed":2,"away_us":90000,"failed":{"connect":3}%s}]}`
	for _, tt := range []struct{ name, more, missed string }{
		{"all is well", "", ""},
		{"a gap", `,"gaps":5`, "5 frames were missing"},
		{"a stall", `,"stalls":1`, "players stalled 1 times"},
		{"one too many was cut", `,"cuts":3`, "at the drain 3 were cut off; the edge had 2 seats, after the drain 1 did not resume"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f findings
			err := json.Unmarshal([]byte(strings.Replace(text, "%s", tt.more, 1)), &f)
			if err != nil {
				t.Fatal(err)
			}
			r := &result{Listeners: 6}
			r.Killed = move{At: time.Unix(110, 3), Seats: 2}
			r.Drained = move{At: time.Unix(120, 0), Seats: 2}
			r.add(f)
			r.judge()
			if got := strings.Join(r.Missed, ", "); got != tt.missed {
				t.Errorf("missed: %s, want: %s", got, tt.missed)
			}
			if r.Killed.Away != 0.25 || r.Killed.Refused["full"] != 1 || r.Drained.Failed["connect"] != 3 || r.Away.Max != 250 || r.Depth != 4 {
				t.Errorf("%+v", r)
			}
		})
	}
}
