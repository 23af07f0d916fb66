package room

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Relocation takes the listeners of a room to another one, while they listen. It is ordered, can be taken back until its moment, and is told to
// them then, signed, with the sound.
type Relocation struct {
	To string    `json:"to"` // where the other room's page is, see CheckRelocation
	At time.Time `json:"at"`
}

// MovedEvent says that the room goes on elsewhere. A client reads it from Signed, after it has verified it; To is for people who look.
type MovedEvent struct {
	Kind   string `json:"t"`
	To     string `json:"to"`
	Signed string `json:"signed"` // a MovedOrder as JSON, in base64url
	Sig    string `json:"sig"`    // Ed25519, over movedContext and the decoded bytes of Signed, in base64url
	Key    string `json:"key"`    // public, in base64url; the one that signs the list of edges

	// SpreadMS is that of the order, so that nobody has to look into it at once.
	SpreadMS int `json:"spread_ms"`
}

// MovedOrder is what a MovedEvent's signature is over.
type MovedOrder struct {
	Version  int    `json:"v"` // 1
	Room     ID     `json:"room"`
	To       string `json:"to"`
	Made     int64  `json:"made"`      // Unix seconds
	SpreadMS int    `json:"spread_ms"` // each listener goes at a moment by chance within it, so that the place where all go is not stormed
}

// MaxSpread is within which the last listener goes.
const MaxSpread = time.Minute

const (
	movedVersion = 1
	// movedContext keeps a signature of an order from being one of anything else that the key signs.
	movedContext  = "epidaurus moved 1\n"
	maxMovedEvent = 4 << 10
	roomPath      = "/r/"
)

// Reasons why an order to go elsewhere is not given, or not believed.
var (
	ErrPlace          = errors.New("this is not where a room can be: give the address of its page, such as https://other.example/r/harbour-k3f9x2")
	ErrPlaceSame      = errors.New("the listeners are in this room already: choose another one")
	ErrMovedMalformed = errors.New("the order to go elsewhere is damaged")
	ErrMovedForged    = errors.New("the order to go elsewhere is not signed by this cluster")
)

// Place is where a room is heard: Origin is empty for a room of the same cluster, which each of its edges has.
type Place struct {
	Origin string
	Room   ID
}

// String is the address of the room's page, relative where it is of the same cluster.
func (p Place) String() string { return p.Origin + roomPath + string(p.Room) }

// ParsePlace reads what String wrote, and nothing more lenient: it ends up in redirects.
func ParsePlace(s string) (Place, error) {
	origin, id, ok := strings.Cut(s, roomPath)
	p := Place{origin, ID(id)}
	if !ok || !p.Room.Valid() || origin != "" && !ValidOrigin(origin) {
		return Place{}, ErrPlace
	}
	return p, nil
}

// FindPlace reads what somebody typed or chose: the ID of a room, or the address of its page as a browser shows it. Own are the origins at which
// this cluster's rooms are heard. From a cluster that speaks TLS nobody is sent to one that does not.
func FindPlace(s string, own ...string) (Place, error) {
	s = strings.TrimSpace(s)
	if id := ID(s); id.Valid() {
		return Place{Room: id}, nil
	}
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, "?")
	scheme, rest, _ := strings.Cut(s, "://")
	host, path, _ := strings.Cut(rest, "/")
	p, err := ParsePlace(strings.ToLower(scheme) + "://" + strings.ToLower(host) + "/" + strings.TrimRight(path, "/"))
	if err != nil || p.Origin == "" {
		return Place{}, ErrPlace
	}
	secure := false
	for _, o := range own {
		if strings.EqualFold(o, p.Origin) {
			p.Origin = ""
		}
		secure = secure || strings.HasPrefix(o, "https:")
	}
	if secure && strings.HasPrefix(p.Origin, "http:") {
		return Place{}, fmt.Errorf("%w: it has to be https, as this server is", ErrPlace)
	}
	return p, nil
}

// Relocate orders that the listeners go to another room after some time, in which Remain takes that back. Seen is the revision of the life that
// whoever orders it has seen, so that of two who do at once one is told; 0 does not ask.
func (f *Facts) Relocate(to Place, by Cause, seen int, after time.Duration, now time.Time) error {
	switch {
	case f.State != Doors && f.State != Live:
		return fmt.Errorf("%w: nobody listens to it", ErrStep)
	case !slices.Contains(byHost, by):
		return fmt.Errorf("%w: to move the listeners by %s", ErrCause, by)
	case f.Life.Moved != nil:
		return fmt.Errorf("%w: the listeners were moved already", ErrStep)
	case f.RunOf != "":
		return fmt.Errorf("%w: it is a run-through", ErrStep)
	case to.Origin == "" && to.Room == f.ID:
		return ErrPlaceSame
	case seen != 0 && seen != f.Life.Revision:
		return ErrChanged
	}
	f.Life.Relocate = &Relocation{To: to.String(), At: now.Add(after)}
	f.Life.Revision++
	return nil
}

// Remain takes back an order to go elsewhere whose moment has not come. Where none was given it is no error.
func (f *Facts) Remain(by Cause, now time.Time) error {
	switch {
	case !slices.Contains(byHost, by):
		return fmt.Errorf("%w: to let the listeners remain by %s", ErrCause, by)
	case f.Life.Moved != nil:
		return fmt.Errorf("%w: the listeners were told", ErrStep)
	case f.Life.Relocate == nil:
		return nil
	case !now.Before(f.Life.Relocate.At):
		return fmt.Errorf("%w: its moment has come", ErrStep)
	}
	f.Life.Relocate = nil
	f.Life.Revision++
	return nil
}

// MovedTo is where the room goes on, for who comes to it now.
func (f *Facts) MovedTo() (Place, bool) {
	if f.Life.Moved == nil {
		return Place{}, false
	}
	p, err := ParsePlace(f.Life.Moved.To)
	return p, err == nil
}

// SpreadOf is within which so many listeners go to where so many may join each second: at half of that, since others come there too.
func SpreadOf(listeners, joinsPerSecond int) time.Duration {
	return min(time.Duration(float64(listeners)/float64(max(1, joinsPerSecond))*2*float64(time.Second)), MaxSpread)
}

// SignMoved signs an order, and makes of it what is told to listeners.
func SignMoved(key ed25519.PrivateKey, o MovedOrder) (*MovedEvent, error) {
	o.Version = movedVersion
	err := o.check()
	if err != nil {
		return nil, err
	}
	signed, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("write the order to go elsewhere: %w", err)
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("the key of the cluster is none of Ed25519")
	}
	return &MovedEvent{
		Kind: KindMoved, To: o.To, SpreadMS: o.SpreadMS,
		Signed: edgesEncoding.EncodeToString(signed),
		Sig:    edgesEncoding.EncodeToString(ed25519.Sign(key, append([]byte(movedContext), signed...))),
		Key:    edgesEncoding.EncodeToString(public),
	}, nil
}

// ParseMoved reads an event. Members that it does not know are passed over.
func ParseMoved(data []byte) (MovedEvent, error) {
	var e MovedEvent
	if len(data) > maxMovedEvent || json.Unmarshal(bytes.TrimSpace(data), &e) != nil || e.Kind != KindMoved {
		return MovedEvent{}, ErrMovedMalformed
	}
	return e, nil
}

// VerifyMoved returns the order that e's signature is over, if it is for this room. Key is the first one that the reader ever saw, with this or
// with a list of edges; nil takes the one that e names, which says only that e is whole.
func VerifyMoved(e MovedEvent, of ID, key ed25519.PublicKey) (MovedOrder, error) {
	signed, err := edgesEncoding.DecodeString(e.Signed)
	if err != nil || len(e.Signed) > maxMovedEvent {
		return MovedOrder{}, ErrMovedMalformed
	}
	sig, err := edgesEncoding.DecodeString(e.Sig)
	if err != nil || len(sig) != ed25519.SignatureSize {
		return MovedOrder{}, ErrMovedMalformed
	}
	named, err := edgesEncoding.DecodeString(e.Key)
	if err != nil || len(named) != ed25519.PublicKeySize {
		return MovedOrder{}, ErrMovedMalformed
	}
	if key == nil {
		key = named
	}
	if !key.Equal(ed25519.PublicKey(named)) || !ed25519.Verify(key, append([]byte(movedContext), signed...), sig) {
		return MovedOrder{}, ErrMovedForged
	}
	var o MovedOrder
	err = json.Unmarshal(signed, &o)
	if err == nil {
		err = o.check()
	}
	if err != nil || o.Room != of {
		return MovedOrder{}, ErrMovedMalformed
	}
	return o, nil
}

func (o *MovedOrder) check() error {
	_, err := ParsePlace(o.To)
	if err != nil || o.Version != movedVersion || !o.Room.Valid() || o.SpreadMS < 0 || o.SpreadMS > int(MaxSpread.Milliseconds()) {
		return ErrMovedMalformed
	}
	return nil
}
