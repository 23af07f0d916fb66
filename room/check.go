package room

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// VoiceReport is what was measured of a speaker's sound and line before the stage, or on it. What was not measured is NaN, or negative for times.
type VoiceReport struct {
	Level     float64       // dBFS while the person spoke: the power mean of the louder half
	Peak      float64       // dBFS of the loudest sample
	Floor     float64       // dBFS while nobody spoke
	Echo      float64       // dB: how loud a sound that the page plays comes back through the microphone, against how it was played
	Loss      float64       // share of packets that did not arrive, 0 to 1
	Jitter    time.Duration // RFC 3550
	RoundTrip time.Duration
}

// Unmeasured is a report of nothing.
func Unmeasured() VoiceReport {
	nan := math.NaN()
	return VoiceReport{nan, nan, nan, nan, nan, -1, -1}
}

// Worse is r with the worse line of two who looked at it.
func (r VoiceReport) Worse(loss float64, jitter time.Duration) VoiceReport {
	if math.IsNaN(r.Loss) || loss > r.Loss {
		r.Loss = loss
	}
	r.Jitter = max(r.Jitter, jitter)
	return r
}

// Verdict is what a check comes to: one word at the desk, one sentence with what to do for the speaker.
type Verdict string

// The verdicts, those first that spoil most: of several that hold the first is said.
const (
	VoiceSilent Verdict = "silent" // nothing comes
	VoiceLossy  Verdict = "lossy"  // the line loses too much
	VoiceEcho   Verdict = "echo"   // the others hear themselves
	VoiceJumpy  Verdict = "jumpy"  // packets come too unevenly
	VoiceFar    Verdict = "far"    // too long a way: people will talk over each other
	VoiceQuiet  Verdict = "quiet"
	VoiceLoud   Verdict = "loud" // clips
	VoiceNoisy  Verdict = "noisy"
	VoiceGood   Verdict = "good"
)

// Bounds of a good voice. docs/VOICES.md states them, by the table below.
const (
	silentBelow = -55.0 // dBFS
	quietBelow  = -36.0
	loudAbove   = -9.0
	clipsAbove  = -0.3 // dBFS, of the peak
	noisyWithin = 20.0 // dB between speech and floor
	echoAbove   = -40.0
	lossyAbove  = 0.05
	jumpyAbove  = 60 * time.Millisecond
	farAbove    = 400 * time.Millisecond
)

// VoiceRule is one way in which a voice is not good.
type VoiceRule struct {
	Verdict Verdict
	When    string // in words, for people
	holds   func(VoiceReport) bool
}

// VoiceRules are all of them, in the order in which they are asked. A comparison with what was not measured holds never.
var VoiceRules = []VoiceRule{
	{VoiceSilent, fmt.Sprintf("speech below %.0f dBFS", silentBelow), func(r VoiceReport) bool { return r.Level < silentBelow }},
	{VoiceLossy, fmt.Sprintf("more than %.0f %% of the packets lost, by the page's count or the server's", 100*lossyAbove), func(r VoiceReport) bool { return r.Loss > lossyAbove }},
	{VoiceEcho, fmt.Sprintf("what the page plays comes back above %.0f dB of how it was played", echoAbove), func(r VoiceReport) bool { return r.Echo > echoAbove }},
	{VoiceJumpy, fmt.Sprintf("jitter above %d ms", jumpyAbove.Milliseconds()), func(r VoiceReport) bool { return r.Jitter > jumpyAbove }},
	{VoiceFar, fmt.Sprintf("round trip above %d ms", farAbove.Milliseconds()), func(r VoiceReport) bool { return r.RoundTrip > farAbove }},
	{VoiceQuiet, fmt.Sprintf("speech below %.0f dBFS", quietBelow), func(r VoiceReport) bool { return r.Level < quietBelow }},
	{VoiceLoud, fmt.Sprintf("speech above %.0f dBFS, or a peak above %.1f dBFS", loudAbove, clipsAbove), func(r VoiceReport) bool { return r.Level > loudAbove || r.Peak > clipsAbove }},
	{VoiceNoisy, fmt.Sprintf("speech less than %.0f dB above the noise of the room", noisyWithin), func(r VoiceReport) bool { return r.Level-r.Floor < noisyWithin }},
}

// Judge says what a report comes to.
func (r VoiceReport) Judge() Verdict {
	for _, rule := range VoiceRules {
		if rule.holds(r) {
			return rule.Verdict
		}
	}
	return VoiceGood
}

// JudgeLine is what a line alone comes to; good where there is nothing to say against it.
func JudgeLine(loss float64, jitter time.Duration) Verdict {
	return Unmeasured().Worse(loss, jitter).Judge()
}

// VoiceTable is the rules as docs/VOICES.md shows them.
func VoiceTable() string {
	var b strings.Builder
	b.WriteString("| word | said when |\n|---|---|\n")
	for _, r := range VoiceRules {
		fmt.Fprintf(&b, "| `%s` | %s |\n", r.Verdict, r.When)
	}
	fmt.Fprintf(&b, "| `%s` | none of these |\n", VoiceGood)
	return b.String()
}
