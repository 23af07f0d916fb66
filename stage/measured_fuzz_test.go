package stage

import (
	"encoding/json"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
)

// Whatever a page says that it measured, there is a refusal or one of the verdicts.
func FuzzMeasured(f *testing.F) {
	for _, seed := range []string{
		`{"level_db":-22,"peak_db":-6,"floor_db":-58,"echo_db":-70,"loss":0.002,"jitter_ms":4,"rtt_ms":30}`,
		`{}`, `{"loss":1}`, `{"loss":-1}`, `{"level_db":null}`, `{"rtt_ms":1e300}`, `{"floor_db":"x"}`, `null`, `[`,
	} {
		f.Add([]byte(seed))
	}
	known := map[room.Verdict]bool{room.VoiceGood: true}
	for _, rule := range room.VoiceRules {
		known[rule.Verdict] = true
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var m measured
		if json.Unmarshal(body, &m) != nil {
			return
		}
		report, err := m.report()
		if err != nil {
			return
		}
		if v := report.Judge(); !known[v] {
			t.Errorf("%s is %q", body, v)
		}
		if report.Jitter < -1 || report.RoundTrip < -1 {
			t.Errorf("%s is %+v", body, report)
		}
	})
}
