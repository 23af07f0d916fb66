package room

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxDelay bounds the broadcast delay.
const MaxDelay = 30 * time.Second

// ErrDelay refuses a delay that is out of bounds.
var ErrDelay = fmt.Errorf("the delay has to be from 0 to %d ms", MaxDelay.Milliseconds())

// Delay is the time by which listeners hear the stage later than the edges alone would have it.
func (f Facts) Delay() time.Duration { return time.Duration(f.DelayMS) * time.Millisecond }

// CheckDelay refuses a broadcast delay, in milliseconds, that no room can have.
func CheckDelay(ms int) error {
	if ms < 0 || ms > int(MaxDelay.Milliseconds()) {
		return ErrDelay
	}
	return nil
}

// Cart is the name of a short sound that can be played into a room.
type Cart string

// The carts that every room has.
const (
	CartIntro   Cart = "intro"
	CartJingle  Cart = "jingle"
	CartApology Cart = "apology"
	CartTone    Cart = "tone"
)

// Carts lists them.
var Carts = []Cart{CartIntro, CartJingle, CartApology, CartTone}

// Valid reports whether there is such a cart.
func (c Cart) Valid() bool { return slices.Contains(Carts, c) }

// Fills of what is dumped, beside the carts.
const (
	FillHold = "hold" // the hold sound, until the whole delay is there again
	FillNone = "none" // nothing: what is said now is heard at once
)

// ErrSound refuses a file that cannot be played.
var ErrSound = errors.New("the sound cannot be used")
