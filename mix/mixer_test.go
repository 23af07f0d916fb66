package mix_test

import (
	"testing"
	"time"
)

func TestSpeechPassesACleanNetwork(t *testing.T) {
	m := newMixer()
	v := open(t, m, "ada")
	packets := load(t, "ada.ogg")
	events := delay(send(v, packets, tick, 13*time.Millisecond), 0, 2*time.Millisecond, random(1))
	length := time.Duration(len(packets)) * tick
	heard := run(m, length, events, nil)
	s := v.Stats()
	t.Logf("%+v", s)
	if s.Lost+s.Late+s.Concealed+s.Errors+s.Discarded != 0 {
		t.Errorf("a clean network leaves %+v, want no loss of any kind", s)
	}
	if s.Buffer > 30*time.Millisecond {
		t.Errorf("the buffer holds %v, want 30 ms at most", s.Buffer)
	}
	if len(heard) == 0 {
		t.Error("nothing is heard")
	}
}
