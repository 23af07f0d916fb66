package mix_test

import (
	"math"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/mix"
)

// recorder keeps what each voice is of what goes out: frames that are not there are silence.
type recorder struct {
	m      *mix.Mixer
	tracks []mix.Track
	all    map[string][]float32
	ticks  int
}

func keepApart(m *mix.Mixer) *recorder {
	m.Apart(true)
	return &recorder{m: m, all: map[string][]float32{}}
}

func (r *recorder) tick(time.Duration) {
	r.ticks++
	r.tracks = r.m.Tracks(r.tracks)
	for _, t := range r.tracks {
		pcm := r.all[t.ID]
		pcm = append(pcm, make([]float32, (r.ticks-1)*frame-len(pcm))...)
		r.all[t.ID] = append(pcm, t.PCM...)
	}
}

// power is that of a tone in x, where 1 is a full-scale sine's: the mean over windows of 20 ms, since a voice that is led to its depth is not
// quite in phase for longer.
func power(x []float32, hz float64) (p float64) {
	windows := 0
	for ; len(x) >= frame; x = x[frame:] {
		var re, im float64
		for i, v := range x[:frame] {
			a := 2 * math.Pi * hz * float64(i) / rate
			w := 1 - math.Cos(2*math.Pi*(float64(i)+0.5)/frame) // Hann's
			re += w * float64(v) * math.Cos(a)
			im += w * float64(v) * math.Sin(a)
		}
		p += (re*re + im*im) / (frame * frame / 4)
		windows++
	}
	return p / float64(max(windows, 1))
}

func share(x []float32, from, to time.Duration) []float32 {
	at := func(d time.Duration) int { return min(int(d.Seconds()*rate), len(x)) }
	return x[at(from):at(to)]
}

// Each voice is on its own track and on no other, at the moment at which it is in the mix, and as it came: the louder one is not brought down.
func TestTracksAreApart(t *testing.T) {
	m := newMixer()
	r := keepApart(m)
	a, b := open(t, m, "a"), open(t, m, "b")
	events := append(send(a, encode(t, tone(440, 0.5, 3*time.Second)), tick, 0), send(b, encode(t, tone(660, 0.05, 2*time.Second)), tick, time.Second)...)
	heard := run(m, 3*time.Second, events, r.tick)
	for id, want := range map[string]struct{ own, other, amplitude float64 }{"a": {440, 660, 0.5}, "b": {660, 440, 0.05}} {
		x := share(r.all[id], 1500*time.Millisecond, 2500*time.Millisecond)
		own, other := power(x, want.own), power(x, want.other)
		if got := math.Sqrt(own); math.Abs(got-want.amplitude) > want.amplitude/20 {
			t.Errorf("the track of %s has an amplitude of %.3f, want %.3f", id, got, want.amplitude)
		}
		if other > own/1e4 {
			t.Errorf("the track of %s has the other's tone, %.1f dB below", id, 10*math.Log10(own/other))
		}
	}
	first := func(x []float32, hz float64) int { // the frame from which on a tone has half of its amplitude
		most := power(share(x, 2*time.Second, 2500*time.Millisecond), hz)
		for i := 0; i+frame <= len(x); i += frame {
			if power(x[i:i+frame], hz) > most/4 {
				return i / frame
			}
		}
		return -1
	}
	b0, mixed := first(r.all["b"], 660), first(heard, 660)
	if d := b0 - mixed; d < -1 || d > 1 {
		t.Errorf("the second voice begins at frame %d on its track and with frame %d in the mix", b0, mixed)
	}
}

// Nothing of who is muted, who is behind the curtain, or what is dumped is on a track.
func TestTracksHaveNothingThatIsNotHeard(t *testing.T) {
	for _, tt := range []struct {
		name         string
		off, on      func(m *mix.Mixer, v *mix.Voice)
		delay, after time.Duration // of what goes out; and how long after off there is nothing
	}{
		{"mute", func(_ *mix.Mixer, v *mix.Voice) { v.Mute(true) }, func(_ *mix.Mixer, v *mix.Voice) { v.Mute(false) }, 0, 0},
		{"mute, delayed", func(_ *mix.Mixer, v *mix.Voice) { v.Mute(true) }, func(_ *mix.Mixer, v *mix.Voice) { v.Mute(false) }, time.Second, time.Second},
		{"curtain", func(m *mix.Mixer, _ *mix.Voice) { m.Curtain(true) }, func(m *mix.Mixer, _ *mix.Voice) { m.Curtain(false) }, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMixer()
			m.SetDelay(tt.delay)
			r := keepApart(m)
			v := open(t, m, "a")
			run(m, 6*time.Second, send(v, encode(t, tone(440, 0.5, 6*time.Second)), tick, 0), func(now time.Duration) {
				r.tick(now)
				switch now {
				case 2 * time.Second:
					tt.off(m, v)
				case 3 * time.Second:
					tt.on(m, v)
				}
			})
			x := r.all["a"]
			if len(x) == 0 || power(share(x, tt.after+1500*time.Millisecond, tt.after+2*time.Second), 440) < 0.1 || power(share(x, tt.after+3100*time.Millisecond, tt.after+4*time.Second), 440) < 0.1 {
				t.Fatal("the voice is not on its track")
			}
			for i, s := range share(x, tt.after+2060*time.Millisecond, tt.after+3*time.Second) {
				if s != 0 {
					t.Fatalf("there is sound %d samples into the silence", i)
				}
			}
		})
	}
}

// What is dumped is on no track, and the tracks go on with the mix after it.
func TestDumpedIsOnNoTrack(t *testing.T) {
	m := newMixer()
	m.SetDelay(2 * time.Second)
	r := keepApart(m)
	v := open(t, m, "a")
	pcm := append(tone(440, 0.5, 4*time.Second), append(tone(1000, 0.5, 1500*time.Millisecond), tone(440, 0.5, 6*time.Second)...)...)
	heard := run(m, 11*time.Second, send(v, encode(t, pcm), tick, 0), func(now time.Duration) {
		r.tick(now)
		if now == 5600*time.Millisecond && m.Dump(mix.Fill{}) < time.Second {
			t.Error("nothing was dumped")
		}
	})
	x := r.all["a"]
	if power(share(x, 2500*time.Millisecond, 3500*time.Millisecond), 440) < 0.1 || power(share(x, 9*time.Second, 10*time.Second), 440) < 0.1 {
		t.Fatal("the voice is not on its track before and after")
	}
	for i := 0; i+960 <= min(len(x), len(heard)); i += 960 {
		if p := power(x[i:i+960], 1000); p > 1e-3 {
			t.Fatalf("what was dumped is on the track, %d ms after the beginning", i/48)
		}
		// The mix is levelled, the track is not: both have sound in the same frames.
		if (power(heard[i:i+960], 440) > 1e-3) != (power(x[i:i+960], 440) > 1e-3) {
			t.Errorf("mix and track differ %d ms after the beginning", i/48)
		}
	}
}

func TestTracksDoNotAllocate(t *testing.T) {
	s := newStage(t, lesser(13, 3))
	s.m.SetDelay(time.Second)
	s.m.Apart(true)
	for range 400 {
		s.tick()
	}
	if n := testing.AllocsPerRun(200, s.tick); n != 0 {
		t.Errorf("a tick allocates %v times, want 0", n)
	}
}

func BenchmarkTick13Apart(b *testing.B) {
	s := newStage(b, 13)
	s.m.Apart(true)
	b.ReportAllocs()
	for b.Loop() {
		s.tick()
	}
}
