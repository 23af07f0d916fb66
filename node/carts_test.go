package node

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/api"
	"github.com/epidaurus-live/epidaurus/mix"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// The carts that come with the program can be told apart, and are no longer than they have to be.
func TestBuiltInCarts(t *testing.T) {
	carts, err := builtInCarts()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range room.Carts {
		c := carts[name]
		if c == nil || c.Name() != string(name) || c.Length() < 2*time.Second || c.Length() > 11*time.Second {
			t.Errorf("%s is %+v", name, c)
		}
	}
	if len(carts) != len(room.Carts) {
		t.Errorf("there are %d carts, want %d", len(carts), len(room.Carts))
	}
}

func TestCartFiles(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name string
		file []byte
		want string // in the error
	}{
		{"WAV", wavFile(t, dir, tape.SampleRate/2), ""},
		{"Ogg", oggFile(t, 25, opusPacket(t)), ""},
		{"long", oggFile(t, 31*tape.FramesPerSec, tape.SilencePacket), "longer than 30s"},
		{"long WAV", wavFile(t, dir, 31*tape.SampleRate), "longer than 30s"},
		{"junk", []byte("once upon a time"), "neither WAV nor Ogg Opus"},
		{"no sound", wavFile(t, dir, 0), "nothing that sounds"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := newCart(room.CartTone, tt.file)
			if tt.want != "" {
				fails(t, err, tt.want)
				return
			}
			if err != nil || c.Length() < 400*time.Millisecond || c.Length() > 520*time.Millisecond {
				t.Errorf("%v (%v)", c, err)
			}
		})
	}
}

// What was kept comes back, save where the host has been faster than the database.
func TestCartBox(t *testing.T) {
	builtIn, err := builtInCarts()
	if err != nil {
		t.Fatal(err)
	}
	box := newCartBox(builtIn)
	own := func(name room.Cart) *mix.Cart { return mix.NewCart(string(name), sine(tape.SampleRate)) }
	newer, kept := own(room.CartTone), own(room.CartTone)
	box.set(room.CartTone, newer)
	box.fill(map[room.Cart]*mix.Cart{room.CartTone: kept, room.CartIntro: kept})
	if c, isOwn := box.get(room.CartTone); c != newer || !isOwn {
		t.Error("an older cart came back over a newer one")
	}
	if c, isOwn := box.get(room.CartIntro); c != kept || !isOwn {
		t.Error("a cart that was kept is not there")
	}
	box.set(room.CartIntro, nil)
	if c, isOwn := box.get(room.CartIntro); c != builtIn[room.CartIntro] || isOwn {
		t.Error("the built-in cart is not back")
	}
}

// A host's own sound is heard by listeners when it is played, ends when it is stopped, and is there after a restart.
func TestCartsArePlayed(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	h := openHouse(t, cfg)
	r := h.room()
	token, err := h.host.Token(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	path := "/api/rooms/" + string(r.ID) + "/carts"
	s := newSpeech(t)
	packets := make([][]byte, 12*tape.FramesPerSec)
	for i := range packets {
		packets[i] = s.packet(t, wordA)
	}
	file := oggOf(t, packets)
	status, answer := h.pull(t, "PUT", path+"/jingle", token, string(file), "audio/ogg")
	if status != http.StatusOK || !strings.Contains(answer, `"own":true`) {
		t.Fatalf("the upload is answered with %d %s", status, answer)
	}
	seat := h.sit(r)
	running := h.rooms.running(r.ID)
	until(t, "the room is made here", running.maker.Making)
	for _, press := range []struct{ what string }{{"play"}, {"stop"}} {
		if press.what == "stop" {
			until(t, "the jingle is heard", func() bool { return wordTime(seat.heard(), wordA) > 0.5 })
		}
		status, answer = h.pull(t, "POST", path+"/jingle/"+press.what, token, "")
		if status >= 300 {
			t.Fatalf("%s: %d %s", press.what, status, answer)
		}
	}
	until(t, "it is stopped", func() bool { return running.mixer.Air().Cart == "" })
	if heard := wordTime(seat.heard(), wordA); heard > 10 {
		t.Errorf("it is heard for %.1f s, and was stopped", heard)
	}
	seat.leave()
	shut(t, h.Node)
	n := open(t, cfg)
	until(t, "the jingle is the room's own after a restart", func() bool {
		carts, err := n.rooms.Carts(r.ID)
		return err == nil && slices.ContainsFunc(carts, func(c api.Cart) bool { return c.Name == room.CartJingle && c.Own })
	})
}
