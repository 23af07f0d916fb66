package room

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fine is a voice with nothing to say against it.
var fine = VoiceReport{Level: -22, Peak: -6, Floor: -58, Echo: -70, Loss: 0.002, Jitter: 4 * time.Millisecond, RoundTrip: 30 * time.Millisecond}

func TestJudge(t *testing.T) {
	with := func(change func(*VoiceReport)) VoiceReport {
		r := fine
		change(&r)
		return r
	}
	for _, tt := range []struct {
		what   string
		report VoiceReport
		want   Verdict
	}{
		{"a good voice", fine, VoiceGood},
		{"nothing was measured", Unmeasured(), VoiceGood},
		{"a microphone that is switched off", with(func(r *VoiceReport) { r.Level, r.Floor = -80, -80 }), VoiceSilent},
		{"far from the microphone", with(func(r *VoiceReport) { r.Level, r.Floor = -38, -70 }), VoiceQuiet},
		{"just near enough", with(func(r *VoiceReport) { r.Level = -36 }), VoiceGood},
		{"into the microphone", with(func(r *VoiceReport) { r.Level = -8 }), VoiceLoud},
		{"it clips", with(func(r *VoiceReport) { r.Peak = 0 }), VoiceLoud},
		{"beside a fan", with(func(r *VoiceReport) { r.Floor = -38 }), VoiceNoisy},
		{"a steady tone", with(func(r *VoiceReport) { r.Level, r.Floor = -15, -15 }), VoiceNoisy},
		{"loudspeakers without cancellation", with(func(r *VoiceReport) { r.Echo = -18 }), VoiceEcho},
		{"a headset", with(func(r *VoiceReport) { r.Echo = -52 }), VoiceGood},
		{"a line that loses", with(func(r *VoiceReport) { r.Loss = 0.08 }), VoiceLossy},
		{"a line that jumps", with(func(r *VoiceReport) { r.Jitter = 90 * time.Millisecond }), VoiceJumpy},
		{"a satellite", with(func(r *VoiceReport) { r.RoundTrip = 600 * time.Millisecond }), VoiceFar},
		{"what spoils most is said first", VoiceReport{-38, -20, -40, -20, 0.5, time.Second, time.Second}, VoiceLossy},
		{"then the next", VoiceReport{-38, -20, -40, -20, 0, time.Second, time.Second}, VoiceEcho},
		{"only the line is known", with(func(r *VoiceReport) { *r = Unmeasured(); r.Loss = 0.2 }), VoiceLossy},
		{"the server sees loss that the page does not", fine.Worse(0.1, 0), VoiceLossy},
		{"the server sees jitter that the page does not", fine.Worse(0, 100*time.Millisecond), VoiceJumpy},
	} {
		if got := tt.report.Judge(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
}

// Whatever is measured there is one word, and to lose more never makes it better.
func TestJudgeIsSteady(t *testing.T) {
	rank := map[Verdict]int{VoiceGood: len(VoiceRules)}
	for i, r := range VoiceRules {
		rank[r.Verdict] = i
	}
	number := rapid.OneOf(rapid.Float64Range(-120, 20), rapid.Just(math.NaN()), rapid.Just(math.Inf(-1)))
	rapid.Check(t, func(t *rapid.T) {
		r := VoiceReport{
			number.Draw(t, "level"), number.Draw(t, "peak"), number.Draw(t, "floor"), number.Draw(t, "echo"), rapid.Float64Range(0, 1).Draw(t, "loss"),
			time.Duration(rapid.IntRange(-1, 2000).Draw(t, "jitter")) * time.Millisecond, time.Duration(rapid.IntRange(-1, 2000).Draw(t, "rtt")) * time.Millisecond,
		}
		now := r.Judge()
		if _, ok := rank[now]; !ok {
			t.Fatalf("%+v is %q", r, now)
		}
		if worse := r.Worse(rapid.Float64Range(0, 1).Draw(t, "more"), 0).Judge(); rank[worse] > rank[now] {
			t.Fatalf("%s, and with more loss %s", now, worse)
		}
	})
}

func TestVoiceTableIsShown(t *testing.T) {
	doc, err := os.ReadFile("../docs/VOICES.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), VoiceTable()) {
		t.Errorf("docs/VOICES.md does not show the thresholds as they are:\n%s", VoiceTable())
	}
}
