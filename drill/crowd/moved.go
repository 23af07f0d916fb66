//go:build linux

package crowd

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/plan"
)

// How a listener goes along when his room is moved: another one with his number opens the new sound, and when it is there he leaves.

var errOrder = errors.New("the order to go to another room is not signed as it should be")

const (
	orderContext = "epidaurus moved 1\n"
	maxSpread    = time.Minute
	maxHops      = 5
)

// order is an order to go to another room.
type order struct {
	V        int    `json:"v"`
	Room     string `json:"room"`
	To       string `json:"to"`
	SpreadMS int64  `json:"spread_ms"`
}

// readOrder returns the order in the data of a moved event, for those who hear a room. The first key that was seen is the one that counts.
func (k *edgeKeeper) readOrder(data []byte, room string) (order, error) {
	var said struct {
		Signed string `json:"signed"`
		Sig    string `json:"sig"`
		Key    string `json:"key"`
	}
	if json.Unmarshal(data, &said) != nil {
		return order{}, errOrder
	}
	signed, err1 := base64.RawURLEncoding.DecodeString(said.Signed)
	sig, err2 := base64.RawURLEncoding.DecodeString(said.Sig)
	key, err3 := base64.RawURLEncoding.DecodeString(said.Key)
	if errors.Join(err1, err2, err3) != nil || len(key) != ed25519.PublicKeySize {
		return order{}, errOrder
	}
	trusted := k.key
	if trusted == nil {
		trusted = key
	}
	var o order
	if !ed25519.Verify(trusted, append([]byte(orderContext), signed...), sig) || json.Unmarshal(signed, &o) != nil ||
		o.V != 1 || o.Room != room || o.SpreadMS < 0 || o.SpreadMS > maxSpread.Milliseconds() {
		return order{}, errOrder
	}
	k.key = trusted
	return o, nil
}

// roomOf is the room in a path, and what stands behind it.
func roomOf(path string) (room, rest string) {
	_, name, _ := strings.Cut(path, "/r/")
	i := strings.IndexAny(name, "/?")
	if i < 0 {
		return name, ""
	}
	return name[:i], name[i:]
}

// goElsewhere begins to follow an order that listener x was told.
func (l *loop) goElsewhere(x *listener, data []byte) {
	room, rest := roomOf(x.place.path)
	o, err := l.keeper.readOrder(data, room)
	if err != nil {
		l.wrong(err.Error())
		return
	}
	if x.leaving {
		return // it was told again
	}
	to := l.placeAt(x.place, o.To+rest)
	if to == nil {
		return
	}
	x.leaving = true
	y := &listener{
		number: x.number, due: l.now, place: to, fd: -1, next: -1, began: l.now, manner: x.manner, check: x.check,
		ever: true, counted: true, old: x,
	}
	l.seatOf(y)
	l.order = append(l.order, seat{y.slot, y.number})
	l.sleep(y, time.Duration(l.random.Float64()*float64(o.SpreadMS)*float64(time.Millisecond)))
}

// crossed is called when the new sound of a listener who goes elsewhere is there.
func (l *loop) crossed(y *listener) {
	x := y.old
	y.old = nil
	without := max(0, -x.play.held(l.now))
	l.tally.crossed.Record(without)
	if without > 0 {
		l.stalled(y)
	}
	if l.listeners[x.slot] == x {
		l.leave(x)
	}
}

// redirected goes where an answer says, and reports whether it does.
func (l *loop) redirected(x *listener, location string) bool {
	if x.hls != nil || x.hops >= maxHops || l.crowd.config.Plan.Kind != plan.Epidaurus {
		return false
	}
	to := l.placeAt(x.place, location)
	if to == nil {
		return false
	}
	l.hangUp(x, false)
	x.hops++
	x.place, x.next, x.play = to, -1, player{}
	l.connect(x)
	return true
}

// placeAt is the place of an address as it was given at another place, or nil where nobody of this drill goes.
func (l *loop) placeAt(here *place, address string) *place {
	if strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") {
		to := *here
		to.path = address
		return &to
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme == "https") != (l.crowd.tls != nil) {
		l.tally.note("rooms at addresses of another scheme than the target's are not visited")
		return nil
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil && u.Hostname() != "localhost" {
		l.tally.note("rooms elsewhere are visited by their IP addresses only: there is nobody to ask in the middle of a drill")
		return nil
	}
	to, err := findPlace(context.Background(), &l.crowd.config.Plan, u)
	if err != nil || !l.crowd.config.Abroad && !to.loopback() {
		l.tally.note("rooms on other machines are not visited without leave")
		return nil
	}
	return to
}

// sumsOf are the checksums of the room that a listener hears.
func (l *loop) sumsOf(x *listener) *sums {
	room, _ := roomOf(x.place.path)
	if home, _ := roomOf(l.home.path); room == home {
		return &l.sums
	}
	s := l.others[room]
	if s == nil {
		if l.others == nil {
			l.others = map[string]*sums{}
		}
		s = &sums{}
		l.others[room] = s
	}
	return s
}
