package mix

import "math"

// Who speaks. The thresholds stand 5 dB apart, and a speaker keeps the floor through the pause between two words.
const (
	speakOn     = -45.0 // dBFS after levelling
	speakOff    = -50.0
	speakOnset  = 2   // ticks: a click is not a word
	speakHang   = 15  // ticks: 300 ms
	meterFall   = 1.5 // dB a tick
	silentDB    = -100.0
	heardWithin = sampleRate // 1 s
)

// Level is what a meter shows of one voice.
type Level struct {
	ID       string
	DB       float64 // RMS of the last 20 ms in dBFS after levelling and mute, falling at most 75 dB/s; -100 is silence
	Speaking bool
	Heard    bool // a packet arrived within the last second
}

// activity follows one voice's level.
type activity struct {
	db       float64
	onset    int
	hang     int
	speaking bool
}

func newActivity() activity { return activity{db: silentDB} }

// observe takes 20 ms as they go into the sum.
func (a *activity) observe(x []float32) {
	now := max(silentDB, 20*math.Log10(rms(x)))
	a.db = max(now, a.db-meterFall, silentDB)
	switch {
	case now > speakOn:
		a.onset++
		if a.onset >= speakOnset {
			a.speaking = true
		}
		a.hang = speakHang
	case now > speakOff && a.speaking:
		a.hang = speakHang
	default:
		a.onset = 0
		a.hang--
		if a.hang <= 0 {
			a.speaking = false
		}
	}
}
