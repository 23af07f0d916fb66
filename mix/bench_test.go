package mix_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/mix"
)

// stage is a mixer with voices whose packets arrive in time, one after the other without end.
type stage struct {
	m       *mix.Mixer
	voices  []*mix.Voice
	packets [][]byte
	n       int
	out     [frame]float32
}

func newStage(t testing.TB, voices int) *stage {
	s := &stage{m: newMixer(), packets: load(t, "ada.ogg")}
	for i := range voices {
		s.voices = append(s.voices, open(t, s.m, fmt.Sprint("p", i)))
	}
	return s
}

func (s *stage) tick() {
	now := time.Duration(s.n) * tick
	for i, v := range s.voices {
		v.Push(uint16(s.n), uint32(s.n*frame), s.packets[(s.n+i*70)%len(s.packets)], now)
	}
	s.m.Tick(s.out[:], now)
	s.n++
}

func BenchmarkTick1(b *testing.B)  { benchmarkTick(b, 1) }
func BenchmarkTick13(b *testing.B) { benchmarkTick(b, 13) }

func benchmarkTick(b *testing.B, voices int) {
	s := newStage(b, voices)
	b.ReportAllocs()
	for b.Loop() {
		s.tick()
	}
}

func TestTickDoesNotAllocate(t *testing.T) {
	s := newStage(t, lesser(13, 3))
	for range 300 { // each slot of the jitter buffers is used once
		s.tick()
	}
	if n := testing.AllocsPerRun(200, s.tick); n != 0 {
		t.Errorf("a tick of %d voices allocates %v times, want 0", len(s.voices), n)
	}
}
