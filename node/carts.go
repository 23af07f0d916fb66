package node

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/epidaurus-live/epidaurus/api"
	"github.com/epidaurus-live/epidaurus/channel/cart"
	"github.com/epidaurus-live/epidaurus/mix"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// builtInCarts decodes the carts that come with the program.
func builtInCarts() (map[room.Cart]*mix.Cart, error) {
	carts := map[room.Cart]*mix.Cart{}
	for name, file := range map[room.Cart][]byte{
		room.CartIntro: cart.Intro, room.CartJingle: cart.Jingle, room.CartApology: cart.Apology, room.CartTone: cart.Tone,
	} {
		made, err := newCart(name, file)
		if err != nil {
			return nil, fmt.Errorf("the built-in cart %s: %w", name, err)
		}
		carts[name] = made
	}
	return carts, nil
}

// newCart decodes a file. The error wraps room.ErrSound and says what to do.
func newCart(name room.Cart, file []byte) (*mix.Cart, error) {
	pcm, err := decodeSound(file, int(mix.MaxCart.Seconds())*tape.SampleRate)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: it is neither WAV nor Ogg Opus", room.ErrSound)
	case len(pcm) == 0:
		return nil, fmt.Errorf("%w: the file holds nothing that sounds", room.ErrSound)
	case len(pcm) > int(mix.MaxCart.Seconds())*tape.SampleRate:
		return nil, fmt.Errorf("%w: it is longer than %v, cut it", room.ErrSound, mix.MaxCart)
	}
	return mix.NewCart(string(name), pcm), nil
}

// cartBox holds a room's carts in memory, so that playing and dumping wait for no database.
type cartBox struct {
	builtIn map[room.Cart]*mix.Cart // immutable

	mu  sync.Mutex
	own map[room.Cart]*mix.Cart // guarded by mu
}

func newCartBox(builtIn map[room.Cart]*mix.Cart) *cartBox {
	return &cartBox{builtIn: builtIn, own: map[room.Cart]*mix.Cart{}}
}

// get returns the room's own cart, or the one that comes with the program; nil where there is none of that name.
func (b *cartBox) get(name room.Cart) (c *mix.Cart, own bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c = b.own[name]; c != nil {
		return c, true
	}
	return b.builtIn[name], false
}

// set gives the room a cart of its own; nil takes it away.
func (b *cartBox) set(name room.Cart, c *mix.Cart) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c == nil {
		delete(b.own, name)
		return
	}
	b.own[name] = c
}

// fill adds what was kept, where nothing newer was given meanwhile.
func (b *cartBox) fill(kept map[room.Cart]*mix.Cart) {
	b.mu.Lock()
	defer b.mu.Unlock()
	newer := b.own
	b.own = kept
	maps.Copy(b.own, newer)
}

// loadCarts reads a room's own carts.
func (r *rooms) loadCarts(id room.ID, box *cartBox) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	files, err := r.store.Carts(ctx, id)
	if err != nil {
		r.log.Error("the room's own carts could not be read; it plays the built-in ones", "room", id, "error", err)
		return
	}
	kept := map[room.Cart]*mix.Cart{}
	for name, file := range files {
		c, err := newCart(name, file)
		if err != nil {
			r.log.Error("a cart of the room cannot be played", "room", id, "cart", name, "error", err)
			continue
		}
		kept[name] = c
	}
	box.fill(kept)
}

// Carts lists what can be played into a room. The error is room.ErrNotFound where the room is not made here.
func (r *rooms) Carts(id room.ID) ([]api.Cart, error) {
	running := r.running(id)
	if running == nil {
		return nil, room.ErrNotFound
	}
	list := make([]api.Cart, len(room.Carts))
	for i, name := range room.Carts {
		list[i] = running.describe(name)
	}
	return list, nil
}

func (r *runningRoom) describe(name room.Cart) api.Cart {
	c, own := r.carts.get(name)
	return api.Cart{Name: name, Length: c.Length(), Own: own}
}

// SetCart gives a room its own sound for a cart, or with nil takes it away. It can be played even when it cannot be kept.
func (r *rooms) SetCart(ctx context.Context, id room.ID, name room.Cart, file []byte) (api.Cart, error) {
	running := r.running(id)
	if running == nil {
		return api.Cart{}, room.ErrNotFound
	}
	var c *mix.Cart
	if file != nil {
		var err error
		c, err = newCart(name, file)
		if err != nil {
			return api.Cart{}, err
		}
	}
	running.carts.set(name, c)
	r.ledger.await(r.ledger.owe(id, "cart "+string(name), func(ctx context.Context) error { return r.store.SetCart(ctx, id, name, file) }))
	return running.describe(name), nil
}

// PlayCart plays a cart on stage.
func (r *rooms) PlayCart(id room.ID, name room.Cart) (api.Cart, error) {
	running := r.making(id)
	if running == nil {
		return api.Cart{}, room.ErrNotFound
	}
	c, _ := running.carts.get(name)
	running.mixer.Play(c)
	return running.describe(name), nil
}

// StopCart ends a cart; where another one plays, or none, it does nothing.
func (r *rooms) StopCart(id room.ID, name room.Cart) error {
	running := r.making(id)
	if running == nil {
		return room.ErrNotFound
	}
	if running.mixer.Air().Cart == string(name) {
		running.mixer.Play(nil)
	}
	return nil
}
