package node

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage/whep"
	"github.com/epidaurus-live/epidaurus/tape"
)

// whepHouse is a house that lets five listen by WHEP. It writes to seats as seldom as can be from the beginning: an edge that other tests make
// write less often than it could would let nobody in.
func whepHouse(t *testing.T) *house {
	cfg := usual(t)
	cfg.WHEPMax, cfg.Cadence = 5, 15360*time.Millisecond
	return openHouse(t, cfg)
}

// call listens to a room by WHEP until the test ends.
func (h *house) call(url string, cfg whep.Config) (*whep.Listener, error) {
	ctx, cancel := contextOf(h.t)
	defer cancel()
	l, err := whep.Listen(ctx, url+"/whep", cfg)
	if err == nil {
		h.t.Cleanup(func() { _ = l.Close() })
	}
	return l, err
}

func refusedAs(t *testing.T, err error, status int, code problem.Code) (r whep.Refused) {
	t.Helper()
	if !errors.As(err, &r) || r.Status != status || !bytes.Contains(r.Body, []byte(`"`+code+`"`)) {
		t.Errorf("%v, want %d %s", err, status, code)
	}
	return r
}

// Who listens by WHEP hears the room's sound, counts as a seat as long as that is so, and is told what others are told; where nobody may, or no
// more may, one is refused as any seat is.
func TestWHEPIsASeat(t *testing.T) {
	t.Parallel()
	h := whepHouse(t)
	r := h.room()
	_, err := h.call(h.RoomURL(r.ID), whep.Config{})
	refusedAs(t, err, http.StatusNotFound, problem.NotOffered)
	err = h.host.SetWHEP(t.Context(), r.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the edge knows", func() bool { return h.whepOf(r.ID) == 1 })

	decoder, err := codec.NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]float32, 6*tape.FrameSamples) // what a packet may have
	var loud atomic.Bool
	told := make(chan string, 64)
	l, err := h.call(h.RoomURL(r.ID), whep.Config{
		OnPacket: func(p *rtp.Packet) {
			n, err := decoder.Decode(p.Payload, pcm)
			if err != nil {
				t.Errorf("packet %d: %v", p.SequenceNumber, err)
			}
			for _, s := range pcm[:n] {
				if s > 0.02 || s < -0.02 {
					loud.Store(true)
				}
			}
		},
		OnEvent: func(e []byte) {
			select {
			case told <- string(e):
			default:
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the hold sound is heard", loud.Load)
	for e := range told {
		if strings.Contains(e, `"t":"room"`) && strings.Contains(e, `"Harbour talk"`) {
			break
		}
	}
	until(t, "it counts", func() bool { return h.edge.Seats()[r.ID] == 1 && h.edge.Stats().Seated == 1 })
	_, metrics := h.ask(t, http.MethodGet, h.PrivateURL()+"/metrics", "")
	for _, want := range []string{"epidaurus_whep_listeners 1", "epidaurus_whep_listeners_max 5", "epidaurus_whep_joined_total 1"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %q in the metrics", want)
		}
	}
	_, err = h.call(h.RoomURL(r.ID), whep.Config{})
	if full := refusedAs(t, err, http.StatusServiceUnavailable, problem.Full); full.RetryAfter < 10*time.Second {
		t.Errorf("come again after %v", full.RetryAfter)
	}
	if err = l.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.edge.Seats()[r.ID]; n != 0 {
		t.Errorf("%d seats are taken when nobody listens", n)
	}

	again, err := h.call(h.RoomURL(r.ID), whep.Config{})
	if err != nil {
		t.Fatal(err)
	}
	<-again.Connected()
	if err = h.host.End(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	<-again.Ended()
	until(t, "its seat is free", func() bool { return h.edge.Stats().Seats == 0 })
	_, err = h.call(h.RoomURL(r.ID), whep.Config{})
	refusedAs(t, err, http.StatusGone, problem.RoomEnded)
}

// A room by invitation is heard by WHEP with a good token only, and a room that is not open yet not at all.
func TestWHEPAsksForInvitations(t *testing.T) {
	t.Parallel()
	h := whepHouse(t)
	r := h.room()
	err := errors.Join(h.host.SetWHEP(t.Context(), r.ID, 5), h.host.SetVisibility(t.Context(), r.ID, room.ByInvitation))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the edge knows", func() bool { f, _ := h.bus.Facts(r.ID); return f.Life.Access.Gated() && h.whepOf(r.ID) == 5 })
	ada, err := h.host.InviteListener(t.Context(), r.ID, "Ada")
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.call(h.RoomURL(r.ID), whep.Config{})
	refusedAs(t, err, http.StatusUnauthorized, problem.InvitationNeeded)
	_, err = h.call(h.RoomURL(r.ID), whep.Config{Token: ada.Token + "x"})
	refusedAs(t, err, http.StatusUnauthorized, problem.TokenMalformed)
	l, err := h.call(h.RoomURL(r.ID), whep.Config{Token: ada.Token})
	if err != nil {
		t.Fatal(err)
	}
	<-l.Connected()
	// Two may listen with one invitation, on whichever way: with the page's address, too.
	_, err = h.call(h.RoomURL(r.ID)+"/seat/"+ada.Token, whep.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.call(h.RoomURL(r.ID), whep.Config{Token: ada.Token})
	refusedAs(t, err, http.StatusForbidden, problem.InvitationFull)
	_, err = h.call(h.ListenersURL()+"/r/no-such-room", whep.Config{})
	refusedAs(t, err, http.StatusNotFound, problem.RoomUnknown)
}

// Where the listeners' address is taken for UDP, nobody listens by WHEP, everybody else does, and the log says why.
func TestWHEPWithoutItsPort(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	n := open(t, cfg) // 0: no UDP port
	if n.whep != nil {
		t.Error("a UDP port is open that nobody asked for")
	}
	h := whepHouse(t)
	taken := h.whep.Addr().String()
	cfg = usual(t)
	cfg.WHEPMax, cfg.Listen = 5, taken
	said := &logged{}
	other, err := Open(t.Context(), cfg, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Skipf("the port of the same number is taken for TCP: %v", err)
	}
	t.Cleanup(func() { shut(t, other) })
	if !strings.Contains(said.String(), "whep-media") {
		t.Errorf("nothing says why: %s", said)
	}
	cfg = usual(t)
	cfg.WHEPMax, cfg.WHEPMedia = 5, taken
	_, err = Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	fails(t, err, "--whep-media")
}
