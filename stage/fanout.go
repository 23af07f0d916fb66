package stage

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	// fanoutFrames is how many frames of a room wait to be written: more than a third of a second late, none is of use to a call.
	fanoutFrames = 16
	// fanoutEvents is how many events wait.
	fanoutEvents = 256
	// fanoutKept is how many frames back one is known to have been sent already, or to be of a maker who was overtaken.
	fanoutKept = 4 * tape.FramesPerSec
	// fanoutLook is how often it looks whether the room is still to be heard.
	fanoutLook = time.Second
	// endWait is how long the last frames may take to come of a room that is known to have ended; its broadcast delay comes on top.
	endWait = 2 * time.Second
	// unreadMost is how many bytes of events a listener may leave unacknowledged.
	unreadMost = 256 << 10
)

// fanout writes what one room's channel carries to all its ears: one goroutine, and for each ear nothing but the encryption of the packet and
// a send. A frame's number is the packet's: sequence number n and timestamp 960·n, each in as many bits as it has, so that a hole is one to the
// listener, too. As a tape.Receiver it is called by the feed's goroutine.
type fanout struct {
	// immutable
	of     *Listeners
	room   room.ID
	frames chan tape.Frame
	events chan tape.Event
	greet  chan *ear // whose data channel has opened
	done   chan struct{}
	stop   func() // ends the subscription

	ring *tape.Ring // owned by the feed's goroutine

	ears atomic.Pointer[[]*ear] // replaced under Listeners.mu

	taken int // guarded by Listeners.mu; ears, and requests on their way to one

	// owned by run
	end     tape.Number // the frame before which the room ends; negative: not known
	over    bool        // the last frame was sent
	ending  time.Time   // when the room was first known to have ended; zero: it has not
	notices uint16      // the version that all were told
}

func newFanout(l *Listeners, id room.ID) *fanout {
	f := &fanout{
		of: l, room: id, frames: make(chan tape.Frame, fanoutFrames), events: make(chan tape.Event, fanoutEvents), greet: make(chan *ear),
		done: make(chan struct{}), ring: tape.NewRing(fanoutKept), end: -1,
	}
	f.ears.Store(&[]*ear{})
	return f
}

// addLocked and removeLocked change who is written to. The caller holds Listeners.mu.
func (f *fanout) addLocked(e *ear) {
	ears := append(slices.Clone(*f.ears.Load()), e)
	f.ears.Store(&ears)
}

func (f *fanout) removeLocked(e *ear) {
	ears := slices.DeleteFunc(slices.Clone(*f.ears.Load()), func(o *ear) bool { return o == e })
	f.ears.Store(&ears)
}

// Takeover implements tape.Receiver.
func (f *fanout) Takeover(t tape.Takeover) { f.ring.Takeover(t) }

// Frame implements tape.Receiver. What comes faster than it can be written is dropped: a listener's player conceals it, and is not late.
func (f *fanout) Frame(v tape.Variant, frame tape.Frame) {
	if v != f.of.cfg.Variant() {
		return
	}
	_, kept := f.ring.Put(frame)
	if !kept {
		return // sent before, or of a maker who was overtaken
	}
	select {
	case f.frames <- frame:
	default:
		f.of.dropped.Add(1)
	}
}

// Event implements tape.Receiver.
func (f *fanout) Event(e tape.Event) {
	select {
	case f.events <- e:
	default:
		f.of.dropped.Add(1)
	}
}

func (f *fanout) run() {
	look := time.NewTicker(fanoutLook)
	defer look.Stop()
	for {
		select {
		case frame := <-f.frames:
			f.write(frame)
		case e := <-f.events:
			f.tell(e)
		case e := <-f.greet:
			e.welcome(f.of.cfg.Said(f.room))
			_, notices := f.of.cfg.Notices()
			e.welcome(notices)
		case <-look.C:
			f.look()
		case <-f.done:
			return
		}
	}
}

func (f *fanout) write(frame tape.Frame) {
	sent, bytes := 0, 0
	for _, e := range *f.ears.Load() {
		if n := e.write(frame); n > 0 {
			sent++
			bytes += n
		}
	}
	f.of.packets.Add(uint64(sent))
	f.of.bytes.Add(uint64(bytes))
	f.over = f.over || f.end >= 0 && frame.N+1 >= f.end
}

// tell sends an event to all who can hear events.
func (f *fanout) tell(e tape.Event) {
	text := eventText(e)
	for _, ear := range *f.ears.Load() {
		ear.say(text)
	}
	if e.Kind != room.KindRoom {
		return
	}
	var said room.RoomEvent
	err := json.Unmarshal(e.Data, &said)
	f.end = -1
	if err == nil && said.State == room.Ended {
		f.end = e.At
	}
}

// eventText is an event as a data channel carries it: {"at":frame,"e":event}.
func eventText(e tape.Event) string {
	return `{"at":` + strconv.FormatInt(int64(e.At), 10) + `,"e":` + string(e.Data) + `}`
}

// look lets the ears go whose room is over, some of them where the node is being emptied, and tells the others the node's news.
func (f *fanout) look() {
	ears := *f.ears.Load()
	facts, ok := f.of.cfg.Facts(f.room)
	switch {
	case ok && facts.State != room.Ended:
		f.ending = time.Time{}
	case f.ending.IsZero():
		f.ending = f.of.cfg.Now()
	case f.over, f.of.cfg.Now().Sub(f.ending) > endWait+facts.Delay():
		f.letGo(ears)
		return
	}
	if f.of.cfg.Draining() {
		f.letGo(ears[:(len(ears)+drainParts-1)/drainParts])
		return
	}
	version, notices := f.of.cfg.Notices()
	if version == f.notices {
		return
	}
	f.notices = version
	for _, e := range notices {
		f.tell(e)
	}
}

// drainParts: a node that is being emptied lets so large a part of a room's listeners go each second.
const drainParts = 4

func (f *fanout) letGo(ears []*ear) {
	for _, e := range ears {
		f.of.end(e)
	}
}
