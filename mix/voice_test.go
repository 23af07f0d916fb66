package mix_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/mix"
)

func tonePackets(n int) [][]byte {
	packets := make([][]byte, n)
	for i := range packets {
		packets[i] = tonePayload(i)
	}
	return packets
}

func toneMixer(hz, amplitude float64) *mix.Mixer {
	return mix.New(mix.Config{NewDecoder: func() (mix.Decoder, error) { return &toneDecoder{hz: hz, amplitude: amplitude}, nil }})
}

// To open, mute, end a mute and close are fades: a low tone has nothing above 6 kHz but what a click would put there.
func TestSwitchesDoNotClick(t *testing.T) {
	m := toneMixer(300, 0.25)
	v := open(t, m, "p1")
	heard := run(m, 6*time.Second, send(v, tonePackets(300), tick, 5*time.Millisecond), func(now time.Duration) {
		switch now {
		case 1 * time.Second:
			v.Mute(true)
		case 2 * time.Second:
			v.Mute(false)
		case 3010 * time.Millisecond, 3500 * time.Millisecond:
			v.Mute(true)
			v.Mute(false)
		case 4 * time.Second:
			v.Mute(true)
		case 4020 * time.Millisecond:
			v.Mute(false)
		case 5 * time.Second:
			v.Close()
		}
	})
	for ms, db := range highs(heard) {
		if db > -65 {
			t.Fatalf("a click of %.1f dB at %d ms", db, ms)
		}
	}
	for _, tt := range []struct {
		name     string
		from, to time.Duration
		silent   bool
	}{
		{"open", 200 * time.Millisecond, 990 * time.Millisecond, false},
		{"muted", 1060 * time.Millisecond, 1990 * time.Millisecond, true},
		{"unmuted", 2060 * time.Millisecond, 3990 * time.Millisecond, false},
		{"closed", 5060 * time.Millisecond, 6 * time.Second, true},
	} {
		part := heard[tt.from*rate/time.Second : tt.to*rate/time.Second]
		if db := rms(part); tt.silent && db > -199 || !tt.silent && (db < -16 || db > -14) {
			t.Errorf("%s: %.1f dB", tt.name, db)
		}
	}
	if levels := m.Levels(nil); len(levels) != 0 {
		t.Errorf("a closed voice still has a level: %+v", levels)
	}
}

// Levels follow speech, its pauses, a mute and a lost connection.
func TestLevelsSayWhoSpeaks(t *testing.T) {
	m := toneMixer(300, 0.25)
	v := open(t, m, "p1")
	quiet := open(t, m, "p2")
	events := send(v, tonePackets(200), tick, 0) // 4 s
	var levels []mix.Level
	at := map[time.Duration]mix.Level{}
	run(m, 7*time.Second, events, func(now time.Duration) {
		levels = m.Levels(levels)
		if len(levels) == 2 && levels[1].ID == "p2" && (levels[1].Speaking || levels[1].Heard) {
			t.Fatalf("%v: %+v, want one who is silent and unheard", now, levels[1])
		}
		at[now] = levels[0]
		switch now {
		case 2 * time.Second:
			v.Mute(true)
		case 3 * time.Second:
			v.Mute(false)
		}
	})
	for _, tt := range []struct {
		at              time.Duration
		speaking, heard bool
	}{
		{200 * time.Millisecond, true, true},
		{1900 * time.Millisecond, true, true},
		{2200 * time.Millisecond, true, true}, // muted, but within the pause between two words
		{2500 * time.Millisecond, false, true},
		{3200 * time.Millisecond, true, true},
		{4100 * time.Millisecond, true, true},
		{4800 * time.Millisecond, false, true},
		{5100 * time.Millisecond, false, false},
	} {
		if got := at[tt.at]; got.Speaking != tt.speaking || got.Heard != tt.heard {
			t.Errorf("at %v: %+v, want speaking %v, heard %v", tt.at, got, tt.speaking, tt.heard)
		}
	}
	if db := at[1900*time.Millisecond].DB; db < -16 || db > -14 {
		t.Errorf("the level of the tone is %.1f dB, want -15", db)
	}
	quiet.Close()
}

// broken is a decoder that fails in every way.
type broken struct{ calls int }

func (b *broken) Decode(_ []byte, pcm []float32) (int, error) {
	b.calls++
	switch b.calls % 4 {
	case 0:
		return 0, errors.New("broken")
	case 1:
		return -1, nil
	case 2:
		return 1 << 30, nil
	}
	pcm[0] /= 0 * pcm[1]
	for i := range pcm {
		pcm[i] = pcm[0]
	}
	return frame, nil
}
func (b *broken) Conceal([]float32) error         { return errors.New("broken") }
func (b *broken) Recover([]byte, []float32) error { return errors.New("broken") }

// A decoder that fails is heard as silence, and counted; the others go on.
func TestBrokenDecoderHarmsNobody(t *testing.T) {
	decoders := []mix.Decoder{&broken{}, &toneDecoder{hz: 300, amplitude: 0.25}}
	m := mix.New(mix.Config{NewDecoder: func() (mix.Decoder, error) {
		d := decoders[0]
		decoders = decoders[1:]
		return d, nil
	}})
	bad, good := open(t, m, "bad"), open(t, m, "good")
	events := append(send(bad, tonePackets(150), tick, 0), send(good, tonePackets(150), tick, 0)...)
	heard := run(m, 3*time.Second, events, nil)
	if s := bad.Stats(); s.Errors < 140 {
		t.Errorf("%d errors are counted, want one for each packet", s.Errors)
	}
	if db := rms(heard[rate:]); !(db > -16 && db < -14) {
		t.Errorf("the good voice is heard at %.1f dB, want -15", db)
	}
}

func TestOpenReportsWhatIsWrong(t *testing.T) {
	cause := errors.New("no memory")
	m := mix.New(mix.Config{NewDecoder: func() (mix.Decoder, error) { return nil, cause }})
	if _, err := m.Open("p1"); !errors.Is(err, cause) {
		t.Errorf("Open returns %v, want %v", err, cause)
	}
	if _, err := m.Open(""); !errors.Is(err, mix.ErrNoID) {
		t.Errorf("Open returns %v, want %v", err, mix.ErrNoID)
	}
}

// Everything but Tick may be called from any goroutine at any moment; the race detector watches.
func TestEverythingAtOnce(t *testing.T) {
	m := newMixer()
	packets := load(t, "ada.ogg")
	var voices sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		voices.Go(func() {
			for i := range 20 {
				v, err := m.Open("p")
				if err != nil {
					t.Error(err)
					return
				}
				for n := range 50 {
					v.Push(uint16(n), uint32(n*frame), packets[n], time.Duration(n)*tick)
					v.Mute(n%7 == 0)
					v.Stats()
				}
				m.Hold(i%2 == 0)
				m.SetHold([]float32{0.1, 0.2})
				m.Levels(nil)
				v.Close()
				v.Push(0, 0, packets[0], 0)
			}
		})
	}
	go func() { voices.Wait(); close(done) }()
	var out [frame]float32
	for n := 0; ; n++ {
		m.Tick(out[:], time.Duration(n)*tick)
		select {
		case <-done:
			m.Tick(out[:], time.Duration(n)*tick)
			if levels := m.Levels(nil); len(levels) != 0 {
				t.Errorf("%d voices are left open", len(levels))
			}
			return
		default:
		}
	}
}
