package mix_test

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// measure returns the integrated loudness in LUFS and the true peak in dBTP of pcm, as ffmpeg's EBU R 128 meter finds them.
func measure(t testing.TB, pcm []float32) (lufs, peak float64) {
	t.Helper()
	var in bytes.Buffer
	if err := binary.Write(&in, binary.LittleEndian, pcm); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ffmpeg", "-hide_banner", "-nostats", "-f", "f32le", "-ar", "48000", "-ac", "1", "-i", "-",
		"-filter:a", "ebur128=peak=true:framelog=verbose", "-f", "null", "-")
	cmd.Stdin = &in
	report, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("measure with ffmpeg: %v\n%s", err, report)
	}
	number := func(pattern string) float64 {
		m := regexp.MustCompile(pattern).FindSubmatch(report)
		if m == nil {
			t.Fatalf("ffmpeg reports no %q:\n%s", pattern, report)
		}
		v, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return number(`I:\s+(\S+) LUFS`), number(`Peak:\s+(\S+) dBFS`)
}
