package stage

import (
	"encoding/json"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// Air is how the way from the stage to the listeners stands.
type Air struct {
	Delay    time.Duration // what a dump removes now
	Wanted   time.Duration // what Delay is led to
	Filling  time.Duration // for which the stage is still held back after a dump
	Cart     string        // that plays; empty: none
	CartLeft time.Duration // how long it goes on
	DeadAir  bool          // the room is live, and nothing has been heard for long
}

// airEvent is its form on the wire.
type airEvent struct {
	DelayMS    int64  `json:"delay_ms"`
	WantedMS   int64  `json:"wanted_ms"`
	FillingMS  int64  `json:"filling_ms"`
	Cart       string `json:"cart"`
	CartLeftMS int64  `json:"cart_left_ms"`
	DeadAir    bool   `json:"dead_air"`
}

// SetAir tells the pages how the way to the listeners stands, where that has changed. It is meant to be called about five times a second.
func (s *Stage) SetAir(id room.ID, a Air) {
	if sc := s.existing(id); sc != nil {
		sc.setAir(a)
	}
}

func (sc *scene) setAir(a Air) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if a == sc.air && sc.airTold != nil {
		return
	}
	data, err := json.Marshal(airEvent{
		a.Delay.Milliseconds(), a.Wanted.Milliseconds(), a.Filling.Milliseconds(), a.Cart, a.CartLeft.Milliseconds(), a.DeadAir,
	})
	if err != nil {
		panic(err) // strings, numbers and flags always marshal
	}
	sc.air, sc.airTold = a, data
	for _, st := range sc.streams {
		st.postAir(data)
	}
}
