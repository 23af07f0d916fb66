package replay

import (
	ordered "container/list"
	"fmt"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// keptObjects is how many bytes of objects are remembered. A crowd that rewinds pulls the same ones, and to make one takes several times what it
// takes to send it: the disk is read, pages are taken apart, and a fragment is packed.
const keptObjects = 64 << 20

// objectCost is about what an object takes besides its bytes.
const objectCost = 256

// objectName is all that an object depends on: what is on a tape stays as it is.
type objectName struct {
	room    room.ID
	channel tape.Channel
	variant tape.Variant // or what else is made of the tape
	at      tape.Stretch
}

// madeObjects makes objects when they are asked for, each once for all who ask at the same time, and remembers them up to so many bytes; who was
// not asked for the longest goes first. It may be used from any goroutine.
type madeObjects struct {
	most    int // immutable; bytes
	flights singleflight.Group

	mu    sync.Mutex
	known map[objectName]*ordered.Element // guarded by mu; of *madeObject
	order *ordered.List                   // guarded by mu; who was asked for last is first
	rooms map[room.ID]int                 // guarded by mu; how many of known each has
	size  int                             // guarded by mu; bytes
}

type madeObject struct {
	name objectName
	body []byte
}

func newMadeObjects(most int) *madeObjects {
	return &madeObjects{most: most, known: map[objectName]*ordered.Element{}, order: ordered.New(), rooms: map[room.ID]int{}}
}

// get gives an object, which must not be changed.
func (m *madeObjects) get(name objectName, work func() ([]byte, error)) (body []byte, err error) {
	body, ok := m.find(name)
	if ok {
		return body, nil
	}
	made, err, _ := m.flights.Do(fmt.Sprint(name), func() (any, error) {
		body, ok := m.find(name) // by who was before, perhaps
		if ok {
			return body, nil
		}
		body, err := work()
		if err == nil {
			m.keep(name, body)
		}
		return body, err
	})
	if err != nil {
		return nil, err
	}
	return made.([]byte), nil //nolint:forcetypeassert // nothing else is given
}

func (m *madeObjects) find(name objectName) (body []byte, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.known[name]
	if !ok {
		return nil, false
	}
	m.order.MoveToFront(at)
	return at.Value.(*madeObject).body, true //nolint:forcetypeassert // nothing else is in it
}

func (m *madeObjects) keep(name objectName, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[name] != nil {
		return
	}
	m.known[name] = m.order.PushFront(&madeObject{name, body})
	m.rooms[name.room]++
	m.size += len(body) + objectCost
	for m.size > m.most {
		m.removeLocked(m.order.Back())
	}
}

// forget drops what is remembered of a room whose tape is gone.
func (m *madeObjects) forget(id room.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at := m.order.Front(); at != nil && m.rooms[id] > 0; {
		next := at.Next()
		if at.Value.(*madeObject).name.room == id { //nolint:forcetypeassert // as above
			m.removeLocked(at)
		}
		at = next
	}
}

// removeLocked drops one. The caller holds mu.
func (m *madeObjects) removeLocked(at *ordered.Element) {
	o := m.order.Remove(at).(*madeObject) //nolint:forcetypeassert // as above
	delete(m.known, o.name)
	m.size -= len(o.body) + objectCost
	m.rooms[o.name.room]--
	if m.rooms[o.name.room] == 0 {
		delete(m.rooms, o.name.room)
	}
}
