package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/bus"
	"github.com/epidaurus-live/epidaurus/drill/listener"
	"github.com/epidaurus-live/epidaurus/internal/clock"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// A room is heard from its first moment, ends for who listens, and is gone for who comes later.
func TestRoomFromDoorsToEnd(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	r := h.room()
	hear(t, h.Node, r.ID, 50)
	stats := h.RoomStats(r.ID)
	if stats.Frames < 50 || stats.Speakers != 0 {
		t.Errorf("its figures are %+v", stats)
	}
	if none := h.RoomStats("none"); none != (RoomStats{}) {
		t.Errorf("a room that does not exist has %+v", none)
	}

	type heard struct {
		report listener.Report
		err    error
	}
	joined, end := make(chan struct{}), make(chan heard, 1)
	go func() { // ends with the room
		once := sync.OnceFunc(func() { close(joined) })
		report, err := listener.Listen(t.Context(), listener.Config{URL: r.ListenURL + "/live.ogg"}, func(e listener.Event) {
			if e.Kind == listener.Sound {
				once()
			}
		})
		end <- heard{report, err}
	}()
	<-joined
	until(t, "one seat is counted", func() bool { return h.RoomStats(r.ID).Seats == 1 })
	err := h.host.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := <-end; got.err != nil || got.report.End != listener.EndRoom || !got.report.Faultless() {
		t.Errorf("the listener heard %+v (%v)", got.report, got.err)
	}
	status, body := h.ask(t, "GET", r.ListenURL+"/live.mp4", "")
	if status != http.StatusGone || !strings.Contains(body, `"code":"room_ended"`) {
		t.Errorf("who comes later gets %d %s", status, body)
	}
	until(t, "its channel is not made any more", func() bool { return len(h.rooms.ids()) == 0 })
	if open, all := h.rooms.made(); open != 0 || all.frames < 50 {
		t.Errorf("%d rooms are open, and %d frames were made", open, all.frames)
	}
	err = h.host.End(t.Context(), r.ID) // again is no error
	if err != nil {
		t.Error(err)
	}
}

// What a restart keeps: the room, its link, the host, an end, a removal; and no frame number is used twice.
func TestRestart(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	h := openHouse(t, cfg)
	kept, ended := h.room(), h.room()
	before := hear(t, h.Node, kept.ID, 50)
	err := h.host.End(t.Context(), ended.ID)
	if err != nil {
		t.Fatal(err)
	}
	removed, err := h.host.Invite(t.Context(), kept.ID, "Mallory", room.Speaker)
	if err != nil {
		t.Fatal(err)
	}
	host, err := h.host.Token(t.Context(), kept.ID)
	if err != nil {
		t.Fatal(err)
	}
	status, body := h.ask(t, "DELETE", h.StageURL()+"/r/"+string(kept.ID)+"/stage/people/"+string(removed.Person), host)
	if status >= 300 {
		t.Fatalf("to remove somebody answers %d %s", status, body)
	}
	shut(t, h.Node)

	n := open(t, cfg)
	after := hear(t, n, kept.ID, 50)
	if after.First < before.Next {
		t.Errorf("frame %d came again: before the restart there were %d", after.First, before.Next)
	}
	if status, body := n.ask(t, "GET", n.RoomURL(ended.ID)+"/live.mp4", ""); status != http.StatusGone {
		t.Errorf("the room that ended answers %d %s", status, body)
	}
	status, body = n.ask(t, "POST", n.StageURL()+"/r/"+string(kept.ID)+"/whip", removed.Token)
	if status != http.StatusForbidden || !strings.Contains(body, `"code":"removed"`) {
		t.Errorf("who was removed gets %d %s", status, body)
	}
	if link, err := n.FirstHostLink(t.Context()); link != "" || err != nil {
		t.Errorf("there is a host, and a link for the first one: %q (%v)", link, err)
	}
}

// The lease is given back at the end, so that another node need not wait for it to run out.
func TestLeaseIsGivenBack(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	h := openHouse(t, cfg)
	r := h.room()
	hear(t, h.Node, r.ID, 1)
	shut(t, h.Node)

	b, err := bus.Open(t.Context(), bus.Config{Dir: cfg.Data + "/bus", Node: "another", Log: h.log})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()                                                    //nolint:errcheck // it was only read
	ctx, cancel := context.WithTimeout(t.Context(), bus.LeaseTTL*9/10) // of what it would take otherwise, at least
	defer cancel()
	_, err = b.Acquire(ctx, r.ID, tape.Floor)
	if err != nil {
		t.Error(err)
	}
}

// Of changes at the same moment none is lost, on the bus and in the database.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	h := openHouse(t, cfg)
	r := h.room()
	const people = 40
	person := func(i int) room.PersonID { return room.PersonID(fmt.Sprint("p", i)) }
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() {
			err := h.rooms.remove(r.ID, person(i))
			if err != nil {
				t.Error(err)
			}
		})
		if i == people/2 {
			all.Go(func() { h.rooms.goLive(r.ID) })
			all.Go(func() {
				err := h.host.End(t.Context(), r.ID)
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	complete := func(n *Node) {
		t.Helper()
		f, ok := n.rooms.Facts(r.ID)
		if !ok || f.State != room.Ended || f.EndedAt.IsZero() {
			t.Errorf("the room is %+v", f)
		}
		for i := range people {
			if !f.IsRemoved(person(i)) {
				t.Errorf("person %d is back", i)
			}
		}
	}
	complete(h.Node)
	shut(t, h.Node)
	n := open(t, cfg)
	complete(n)
	kept, err := n.store.Room(t.Context(), r.ID)
	if err != nil || kept.Facts.State != room.Ended || len(kept.Facts.Removed) != people {
		t.Errorf("the database has %+v (%v)", kept, err)
	}
}

// Removing somebody from a room that there is not says so.
func TestChangeUnknownRoom(t *testing.T) {
	t.Parallel()
	n := open(t, usual(t))
	for name, err := range map[string]error{
		"remove": n.rooms.remove("none", "p1"),
		"end":    n.rooms.End(t.Context(), "none"),
	} {
		if !errors.Is(err, room.ErrNotFound) {
			t.Errorf("%s: %v, want room.ErrNotFound", name, err)
		}
	}
	if _, err := n.rooms.Open("none", "p1"); !errors.Is(err, room.ErrNotFound) {
		t.Errorf("a voice: %v, want room.ErrNotFound", err)
	}
	if f := n.rooms.frame("none"); f != 0 {
		t.Errorf("it makes frame %d", f)
	}
}

// The first voice makes a room live, for everybody and over a restart.
func TestFirstVoiceMakesTheRoomLive(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	h := openHouse(t, cfg)
	r := h.room()
	voice, err := h.rooms.Open(r.ID, "p1")
	if err != nil {
		t.Fatal(err)
	}
	packet, seq := opusPacket(t), uint16(0)
	until(t, "the room is live", func() bool {
		voice.Push(seq, uint32(seq)*tape.FrameSamples, packet, clock.Mono())
		seq++
		return h.state(r.ID) == room.Live
	})
	voice.Close()
	until(t, "it is written down", func() bool {
		kept, err := h.store.Room(t.Context(), r.ID)
		return err == nil && kept.Facts.State == room.Live
	})
	shut(t, h.Node)
	if n := open(t, cfg); n.state(r.ID) != room.Live {
		t.Errorf("after a restart it is %s", n.state(r.ID))
	}
}

func (n *Node) state(id room.ID) room.State {
	f, _ := n.rooms.Facts(id)
	return f.State
}

// What the store and the bus know is joined: whichever lags behind takes what the other has.
func TestMerge(t *testing.T) {
	at := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name                string
		stored, known, want room.Facts
	}{
		{"Same", room.Facts{State: room.Live}, room.Facts{State: room.Live}, room.Facts{State: room.Live}},
		{"BusIsAhead", room.Facts{State: room.Doors}, room.Facts{State: room.Live}, room.Facts{State: room.Live}},
		{"BusHasEnded", room.Facts{State: room.Live}, room.Facts{State: room.Ended, EndedAt: at}, room.Facts{State: room.Ended, EndedAt: at}},
		{"StoreHasEnded", room.Facts{State: room.Ended, EndedAt: at}, room.Facts{State: room.Live}, room.Facts{State: room.Ended, EndedAt: at}},
		{"StoreIsAhead", room.Facts{State: room.Live}, room.Facts{State: room.Doors}, room.Facts{State: room.Live}},
		{
			"Removals", room.Facts{State: room.Live, Removed: []room.PersonID{"a", "b"}}, room.Facts{State: room.Live, Removed: []room.PersonID{"c", "b"}},
			room.Facts{State: room.Live, Removed: []room.PersonID{"a", "b", "c"}},
		},
		{"TitleOfTheStore", room.Facts{Title: "new", State: room.Doors}, room.Facts{Title: "old", State: room.Doors}, room.Facts{Title: "new", State: room.Doors}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := merge(row.stored, row.known)
			if !slices.Equal(got.Removed, row.want.Removed) || got.State != row.want.State || !got.EndedAt.Equal(row.want.EndedAt) || got.Title != row.want.Title {
				t.Errorf("%+v, want %+v", got, row.want)
			}
		})
	}
}
