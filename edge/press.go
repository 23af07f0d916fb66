//go:build linux

package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/adts"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// press makes the pieces of one variant in one container, each once. All methods may be called from any goroutine. Who gets a piece holds
// it, and releases it when done.
type press struct {
	// immutable
	ring      *tape.Ring
	told      *told
	policies  *policies
	pack      packer
	container container
	now       func() time.Time

	// guarded by mu
	mu      sync.Mutex
	recent  [recentPieces]*piece // in order of making, the oldest is replaced
	keys    [recentPieces]pieceKey
	turn    int
	packets [][]byte     // scratch
	said    []tape.Event // scratch
	titles  *press       // what withTitles made
}

// recentPieces is how many pieces a press remembers: enough for every phase of the shortest cadence, so that sections which tick at
// different moments find what another made. Whatever is gone is made again from the frames.
const recentPieces = 16

type pieceKind uint8

const (
	sound   pieceKind = iota
	silence           // the same frames, given up for a seat that stayed behind
	opening           // the response from its first byte
	noticed           // sound behind what is told to these seats only
	ending            // what stands after the last frame
)

// pieceKey is all that the bytes of a piece depend on, besides the frames.
type pieceKey struct {
	kind     pieceKind
	bare     bool // of an opening
	from, to tape.Number
	grant    grant // of an opening, and of what is noticed
}

// grant is what a seat is told about itself, and by its edge.
type grant struct {
	seat    bool // the following fields are told
	depth   tape.Number
	grow    time.Duration
	step    step
	variant tape.Variant
	notices uint16 // their version; 0: they are not told
}

// sound returns the frames from (inclusive) to to (exclusive) with their events.
func (p *press) sound(from, to tape.Number) *piece {
	return p.get(pieceKey{kind: sound, from: from, to: to})
}

// silence returns the same stretch of time without its sound, but with its events: the timeline does not break, the state is true.
func (p *press) silence(from, to tape.Number) *piece {
	return p.get(pieceKey{kind: silence, from: from, to: to})
}

// opening returns a response from its status line to frame to (exclusive), for a seat whose first frame is from.
func (p *press) opening(from, to tape.Number, bare bool, g grant) *piece {
	return p.get(pieceKey{kind: opening, bare: bare, from: from, to: to, grant: g})
}

// noticed returns the frames from (inclusive) to to (exclusive) behind what g says.
func (p *press) noticed(from, to tape.Number, g grant) *piece {
	return p.get(pieceKey{kind: noticed, from: from, to: to, grant: g})
}

// ending returns what closes a response properly, after the last frame end-1.
func (p *press) ending(end tape.Number) *piece {
	return p.get(pieceKey{kind: ending, from: end, to: end})
}

func (p *press) get(k pieceKey) *piece {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, known := range p.keys {
		if p.recent[i] != nil && known == k {
			return p.recent[i].hold()
		}
	}
	made := p.recent[p.turn]
	if made == nil || made.holders.Load() > 0 {
		made = new(piece)
	}
	p.build(made, k)
	p.recent[p.turn], p.keys[p.turn] = made, k
	p.turn = (p.turn + 1) % recentPieces
	return made.hold()
}

// forget drops the pieces made so far: a takeover changes what their frames are.
func (p *press) forget() {
	p.mu.Lock()
	clear(p.recent[:])
	titles := p.titles
	p.mu.Unlock()
	if titles != nil {
		titles.forget()
	}
}

// build makes a piece of one that nobody holds. The caller holds mu.
func (p *press) build(made *piece, k pieceKey) {
	made.from, made.to, made.last = k.from, k.to, k.kind == ending
	prefix := ""
	if k.kind == opening {
		prefix = p.responseHead(k)
	}
	size := p.load(k)
	body := blank(made.buf, len(prefix), size)
	switch k.kind {
	case ending:
		body = p.pack.appendEnd(body, k.to, p.said)
	case opening:
		body = p.pack.appendHead(body, append(p.told.stateBefore(k.from), p.ownEvents(k)...))
		body = p.appendSound(body, k)
	case noticed:
		body = p.pack.appendNotices(body, p.ownEvents(k))
		body = p.appendSound(body, k)
	default:
		body = p.appendSound(body, k)
	}
	made.buf = body
	made.framed, made.bare = seal(body, prefix)
	switch k.kind {
	case ending:
		made.framed = append(made.framed, lastChunk...)
	case opening:
		if k.bare {
			made.bare = append([]byte(prefix), made.bare...)
		}
	}
}

// load puts the packets and events of k into the scratch, and estimates how long their container is.
func (p *press) load(k pieceKey) (size int) {
	p.packets = p.packets[:0]
	switch k.kind {
	case silence:
		for range k.to - k.from {
			p.packets = append(p.packets, tape.SilencePacket)
		}
	default:
		p.packets = p.ring.AppendPackets(p.packets, k.from, k.to)
	}
	through := k.to
	if k.kind == ending {
		through = never // what is true once the last frame was heard, such as the room's end
	}
	p.said = p.told.between(p.said[:0], k.from, through)
	size = 512
	for _, packet := range p.packets {
		size += len(packet) + 12
	}
	for _, e := range p.said {
		size += len(e.Data) + 128
	}
	if p.container == icyAAC {
		size = max(size, 512+len(p.packets)*adts.GroupBytes/adts.GroupFrames)
	}
	return size
}

func (p *press) appendSound(dst []byte, k pieceKey) []byte {
	if k.from == k.to {
		return dst
	}
	return p.pack.appendSound(dst, k.from, p.packets, p.said, k.kind == opening)
}

// ownEvents are those that a piece tells besides the channel's. Where the edge has said more since the key was made it tells the newer,
// and the seat hears it once more with a later piece.
func (p *press) ownEvents(k pieceKey) (events []tape.Event) {
	if k.grant.seat {
		events = append(events, seatEvent(k))
	}
	if k.grant.notices != 0 {
		events = append(events, p.policies.now.Load().notices.events...)
	}
	for i := range events {
		events[i].At = k.from
	}
	return events
}

// seatEvent tells a player what it was granted.
func seatEvent(k pieceKey) tape.Event {
	data, err := json.Marshal(room.SeatEvent{
		Kind:      room.KindSeat,
		DepthMS:   int(k.grant.depth.Duration().Milliseconds()),
		GrowMS:    int(k.grant.grow.Milliseconds()),
		CadenceMS: int(k.grant.step.cadence().Duration().Milliseconds()),
		Variant:   string(k.grant.variant),
	})
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	return tape.Event{Kind: room.KindSeat, Data: data}
}

// responseHead is the status line and the fields of an answer. A seat's connection carries nothing after it.
func (p *press) responseHead(k pieceKey) string {
	version, framing := "1.1", "Transfer-Encoding: chunked\r\n"
	if k.bare {
		version, framing = "1.0", ""
	}
	expose, more := frameHeader, ""
	switch p.container {
	case adtsAAC:
		more = icyVary
	case icyAAC:
		expose, more = frameHeader+", "+icyExposed, icyVary+icyFields(p.told.name(k.from))
	}
	return fmt.Sprintf("HTTP/%s 200 OK\r\n"+
		"Date: %s\r\n"+
		"Content-Type: %s\r\n"+
		"Cache-Control: no-store\r\n"+
		"Access-Control-Allow-Origin: *\r\n"+
		"Access-Control-Expose-Headers: %s\r\n"+
		frameHeader+": %d\r\n"+
		"X-Content-Type-Options: nosniff\r\n"+
		"Connection: close\r\n"+
		"%s%s\r\n",
		version, p.now().UTC().Format(http.TimeFormat), p.container.contentType(), expose, k.from, more, framing)
}

// frameHeader names the number of the first frame in an answer.
const frameHeader = "Epidaurus-Frame"
