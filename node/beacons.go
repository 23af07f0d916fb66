package node

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/beacon"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Listeners who pull, from a cache or a file host, are no seats. A few of them say now and then that they listen, away from the sound: POST
// /r/{room}/beacon. How many of them are asked is told at GET /r/{room}/beacon.json, which caches keep, and beside what is published.

// beacons is what this node hears of them.
type beacons struct {
	tally                    beacon.Tally
	taken, refused, unwanted atomic.Uint64
}

// beaconAnswer tells listeners whether to speak.
type beaconAnswer struct {
	URL   string `json:"url"` // relative to where it was read
	OneIn int    `json:"one_in"`
	Every int    `json:"every_s"`
}

const (
	beaconLife = 5 * time.Second // how long a cache may keep how many are asked
	beaconMost = 32              // bytes of a word
)

// asks is what is said to the listeners of a room: nobody is asked where it is not on.
func (n *Node) asks(f room.Facts, url string) beaconAnswer {
	a := beaconAnswer{URL: url, Every: int(beacon.Every.Seconds())}
	if f.State.Open() {
		a.OneIn = n.beacons.tally.OneIn(f.ID)
	}
	return a
}

// beaconRules serves how many of those who pull are asked.
func (n *Node) beaconRules(w http.ResponseWriter, r *http.Request) {
	f, ok := n.shown(room.ID(r.PathValue("room")))
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if !ok {
		problem.Write(w, problem.NoRoom)
		return
	}
	writeCached(w, r, n.asks(f, "beacon"), beaconLife)
}

// publishedBeacon is what stands beside a room that is published: there the address is a whole one.
func (n *Node) publishedBeacon(id room.ID) ([]byte, error) {
	f, _ := n.bus.Facts(id)
	return json.Marshal(n.asks(f, n.RoomURL(id)+"/beacon"))
}

// takeBeacon takes the word of somebody who pulls. Whatever becomes of it, nothing is kept but the number that he drew, for a minute.
func (n *Node) takeBeacon(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "no-store")
	f, ok := n.shown(room.ID(r.PathValue("room")))
	if !ok {
		problem.Write(w, problem.NoRoom)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(headerTimeout)) // a word is as short as a head
	drawn, ok := readDrawn(r.Body)
	if !ok {
		problem.Write(w, problem.New(problem.BadRequest, "A beacon is a number below 2^48 that was drawn by chance, in digits."))
		return
	}
	take := false
	if f.State.Open() {
		take, ok = n.beacons.tally.Offer(f.ID, drawn, time.Now())
	}
	if !ok {
		n.beacons.refused.Add(1)
		p := problem.New(problem.Busy, "Enough listeners have been heard for now. Nothing is missing.")
		p.RetryAfter = beacon.Every
		problem.Write(w, p)
		return
	}
	if !take {
		n.beacons.unwanted.Add(1)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	n.beacons.taken.Add(1)
	err := n.bus.PublishBeacon(f.ID, drawn)
	if err != nil {
		n.log.Debug("the nodes are not told that somebody listens", "error", err)
	}
	w.WriteHeader(http.StatusNoContent)
}

// readDrawn reads the number of a listener.
func readDrawn(body io.Reader) (drawn uint64, ok bool) {
	text, err := io.ReadAll(io.LimitReader(body, beaconMost+1))
	if err != nil || len(text) > beaconMost {
		return 0, false
	}
	drawn, err = strconv.ParseUint(string(text), 10, 64)
	return drawn, err == nil && drawn < beacon.Draws
}

// watchBeacons counts what all nodes hear.
func (n *Node) watchBeacons() error {
	stop, err := n.bus.WatchBeacons(func(id room.ID, drawn uint64) {
		if f, ok := n.bus.Facts(id); ok && f.State.Open() {
			n.beacons.tally.Hear(id, drawn, time.Now())
		}
	})
	if err == nil {
		n.unwatch = append(n.unwatch, stop)
	}
	return err
}

// behindCaches is who pulls a room, as its status says it; nil: nobody is known to.
func (n *Node) behindCaches(id room.ID) *beacon.Estimate {
	e, ok := n.beacons.tally.Estimate(id)
	if !ok {
		return nil
	}
	return &e
}
