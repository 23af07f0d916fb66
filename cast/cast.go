// Package cast gives rooms as HLS: short playlists, and segments that any cache may keep for ever. What is live comes from an edge's memory,
// what is older from the tape; AAC is made of either while somebody asks. Handler answers players, with parts for those who want little delay. Publisher
// writes the same bytes to a Store, a folder or a bucket, from which others serve them. Relay pushes rooms to an Icecast server.
//
// It never gives a seat: a player pulls.
package cast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/internal/throttle"
	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Live is the last minute of the channels that are heard here. Its methods may be called from any goroutine.
type Live interface {
	// Segments tells which segments of a variant there are. It is not ok where the channel is not heard here.
	Segments(id room.ID, ch tape.Channel, v tape.Variant) (r tape.Reach, ok bool)
	// Segment gives the packets of segment k. Sealed are those that are the same everywhere, and for ever.
	Segment(id room.ID, ch tape.Channel, v tape.Variant, k tape.Number) (packets [][]byte, sealed, ok bool)
	// Packets gives those of a stretch before the head of what Segments tells. It is not ok where not all of it is in memory.
	Packets(id room.ID, ch tape.Channel, v tape.Variant, at tape.Stretch) (packets [][]byte, ok bool)
	// Events gives what is told from a frame on, and the last event of each kind before it, in order.
	Events(id room.ID, ch tape.Channel, from tape.Number) []tape.Event
}

// Tape is what was taped of a channel. Its methods may be called from any goroutine.
type Tape interface {
	Spans() []tape.Stretch
	Closed() bool
	Segment(k tape.Number) (s tape.Stretch, ok bool)
	Read(v tape.Variant, from, to tape.Number) ([][]byte, error)
	// Whole reports whether each frame of a stretch came to the tape.
	Whole(v tape.Variant, from, to tape.Number) bool
}

// Config is what casting needs. Fields without a default are required.
type Config struct {
	Facts   func(room.ID) (room.Facts, bool)
	Live    Live
	Tape    func(room.ID, tape.Channel) (Tape, error)                       // an error that wraps room.ErrNotFound where there is none
	Epoch   func(context.Context, room.ID, tape.Channel) (time.Time, error) // when frame 0 began; zero where that is not known
	PreSkip uint16
	Log     *slog.Logger

	NewTranscoder func() (Transcoder, error) // makes AAC; nil: there is none

	Wait    time.Duration // for what is about to be there; default: 6 s
	Most    int           // requests that wait for a segment at the same time; default: 512
	MostLow int           // and for parts of segments, of which each listener has two; default: 2048
}

func (c Config) withDefaults() (Config, error) {
	if c.Facts == nil || c.Live == nil || c.Tape == nil || c.Epoch == nil || c.Log == nil {
		return c, errors.New("cast: Facts, Live, Tape, Epoch and Log are required")
	}
	if c.Wait == 0 {
		c.Wait = 3 * hls.SegmentDuration
	}
	if c.Most == 0 {
		c.Most = 512
	}
	if c.MostLow == 0 {
		c.MostLow = 2048
	}
	return c, nil
}

// channel is one mixed sound of a room, as it was when it was asked for.
type channel struct {
	*source
	facts room.Facts
	name  tape.Channel
	tape  Tape // nil: none here
}

// edited reports whether less may be heard than was: then only the tape knows what.
func (c *channel) edited() bool {
	l := &c.facts.Life
	return c.facts.State == room.Ended && (l.Edit.From != 0 || l.Edit.To != 0 || !l.Withdrawn.IsZero())
}

// source finds what channels are made of.
type source struct {
	Config
	reading throttle.Throttle
	epochs  epochs
	units   *unitsMade // nil: no AAC is made
}

// renditions are those that are served here.
func (s *source) renditions() []hls.Rendition {
	if s.units != nil {
		return hls.Renditions
	}
	return hls.AsTaped()
}

// rendition finds one of them.
func (s *source) rendition(v tape.Variant) (hls.Rendition, bool) {
	r, ok := hls.Of(v)
	return r, ok && (s.units != nil || !r.Made())
}

func newSource(cfg Config) source {
	var units *unitsMade
	if cfg.NewTranscoder != nil {
		units = newUnitsMade(cfg.NewTranscoder)
	}
	return source{
		Config: cfg, reading: make(throttle.Throttle, readers*runtime.GOMAXPROCS(0)), units: units,
		epochs: epochs{known: map[epochKey]time.Time{}, tried: map[epochKey]time.Time{}},
	}
}

// readers is how many read a disk at the same time, for each processor.
const readers = 4

// epochs remembers when rooms began: that never changes.
type epochs struct {
	mu    sync.Mutex
	known map[epochKey]time.Time // guarded by mu
	tried map[epochKey]time.Time // guarded by mu; when that could not be found out
}

type epochKey struct {
	room    room.ID
	channel tape.Channel
}

// How long is waited for an epoch, and before it is tried again. Without it playlists are good, and have no date.
const (
	epochWait  = 500 * time.Millisecond
	epochAgain = 5 * time.Second
)

var errNothing = problem.New(problem.NotFound, "There is nothing at this address. The master playlist, hls/master.m3u8, says what there is.")

// longestAway is what who comes before the doors is told to wait at most: their time may be changed meanwhile.
const longestAway = 10 * time.Minute

// doorsClosed says when to come back to a room whose doors open at a known time: at random within some time after it, since all who wait wait
// for the same.
func doorsClosed(at time.Time) problem.Problem {
	p := problem.New(problem.RoomNotOpen, "The doors of this room are not open yet.")
	p.RetryAfter = 2*time.Second + rand.N(2*time.Second) + min(max(0, time.Until(at)), longestAway)
	return p
}

// forget drops from memory what was made of a tape that is gone.
func (s *source) forget(id room.ID) {
	if s.units != nil {
		s.units.forget(id)
	}
}

// open finds a channel. Its errors are problems, or are to be logged.
func (s *source) open(id room.ID, name tape.Channel) (c channel, err error) {
	facts, known := s.Facts(id)
	switch {
	case !id.Valid() || !known || facts.State == room.Draft:
		return c, problem.NoRoom
	case facts.State == room.Announced:
		return c, doorsClosed(facts.Life.Plan.DoorsAt())
	case name != tape.Floor:
		return c, problem.New(problem.ChannelUnknown, "This room has no such channel. Leave the channel out to hear the floor.")
	}
	return s.channel(facts, name)
}

// channel finds a channel of a room that is known.
func (s *source) channel(facts room.Facts, name tape.Channel) (c channel, err error) {
	c = channel{source: s, facts: facts, name: name}
	if facts.Tape == room.TapeDeleted {
		return c, nil // though it may be there for another moment
	}
	c.tape, err = s.Tape(facts.ID, name)
	if errors.Is(err, room.ErrNotFound) {
		c.tape, err = nil, nil
	}
	if err != nil {
		return c, fmt.Errorf("find the tape: %w", err)
	}
	return c, nil
}

// epoch is when the channel's frame 0 began; zero where that is not known.
func (c *channel) epoch(ctx context.Context) time.Time {
	key, now := epochKey{c.facts.ID, c.name}, time.Now()
	c.epochs.mu.Lock()
	at, known := c.epochs.known[key]
	tried := c.epochs.tried[key]
	c.epochs.mu.Unlock()
	if known || now.Sub(tried) < epochAgain {
		return at
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), epochWait)
	defer cancel()
	at, err := c.Epoch(ctx, key.room, key.channel)
	if err != nil {
		c.Log.Warn("a playlist has no date", "room", key.room, "error", err)
	}
	c.epochs.mu.Lock()
	defer c.epochs.mu.Unlock()
	if at.IsZero() {
		c.epochs.tried[key] = now
		return at
	}
	delete(c.epochs.tried, key)
	c.epochs.known[key] = at
	return at
}

// list is a playlist, and how it may be kept.
type list struct {
	hls.Media
	closed bool // nothing of it changes any more, unless it is deleted
}

// reach tells which segments of a rendition are in memory: none, once its host has cut it or taken it back. One that is made of others needs what was before.
func (c *channel) reach(r hls.Rendition) (reach tape.Reach, heard bool) {
	if c.edited() {
		return reach, false
	}
	reach, heard = c.Live.Segments(c.facts.ID, c.name, r.Source)
	if r.Before > 0 && reach.End > reach.First {
		reach.First++
	}
	return reach, heard
}

// live is the live playlist of a variant, from memory, or of what was taped where the room is over. It is not ok while there is nothing in it;
// moved is closed then when that may have changed, and nil where it will not.
func (c *channel) live(ctx context.Context, r hls.Rendition) (l list, moved <-chan struct{}, ok bool) {
	reach, heard := c.reach(r)
	if heard && reach.End > reach.First {
		from, to := hls.Window(reach.First, reach.End)
		last := 0
		if reach.Over {
			last = c.lastPackets(r, reach.Head, to)
		}
		l.Media = hls.Media{First: from, Segments: r.Whole(int(to-from), last), Begin: c.begin(ctx, r, from), Over: reach.Over}
		return l, nil, true
	}
	return c.ended(ctx, r, reach, heard)
}

// ended is the live playlist of what was taped, where nothing is in memory and the tape is closed; else it is not ok.
func (c *channel) ended(ctx context.Context, r hls.Rendition, reach tape.Reach, heard bool) (l list, moved <-chan struct{}, ok bool) {
	if c.tape == nil || !c.tape.Closed() {
		if heard {
			moved = reach.Moved
		}
		return l, moved, false
	}
	l, ok = c.whole(ctx, r)
	cut := max(0, len(l.Segments)-hls.LiveSegments)
	l.First, l.Segments, l.Whole = l.First+tape.Number(cut), l.Segments[cut:], false
	l.Begin = c.begin(ctx, r, l.First)
	return l, nil, ok
}

// whole is the playlist of all that was taped of a variant.
func (c *channel) whole(ctx context.Context, r hls.Rendition) (l list, ok bool) {
	if c.tape == nil {
		return l, false
	}
	l.closed = c.tape.Closed() // before the spans: what is closed does not grow
	spans := c.tape.Spans()
	if len(spans) == 0 {
		return l, false
	}
	first, end := c.bounds(spans)
	if end <= first {
		return l, false
	}
	segments := r.Whole(int(end-first), c.lastPackets(r, spans[len(spans)-1].To, end))
	for i := 1; i < len(spans); i++ {
		for k := tape.SegmentOf(spans[i-1].To-1) + 1; k < min(end, tape.SegmentOf(spans[i].From)); k++ {
			segments[k-first].Gap = true
		}
	}
	l.Media = hls.Media{First: first, Segments: segments, Begin: c.begin(ctx, r, first), Whole: true, Over: l.closed}
	return l, true
}

// bounds are the first segment of a tape, and the one behind the last that may be given.
func (c *channel) bounds(spans []tape.Stretch) (first, end tape.Number) {
	first, end = tape.SegmentOf(spans[0].From), tape.SegmentOf(spans[len(spans)-1].To-1)+1
	for end > first && !c.has(end-1) {
		end-- // it grows
	}
	return first, end
}

// sight is what there is of a channel: as long as it is the same, so are its playlists.
type sight struct {
	live   []tape.Reach   // of each rendition; zero where it is not heard
	spans  []tape.Stretch // of the tape, to the end of its last whole segment while it grows
	closed bool
}

func (s sight) is(other sight) bool {
	return s.closed == other.closed && slices.Equal(s.live, other.live) && slices.Equal(s.spans, other.spans)
}

// look takes a look at what there is.
func (c *channel) look() (s sight) {
	for _, r := range c.renditions() {
		reach, _ := c.reach(r)
		reach.Moved, reach.Head = nil, 0
		s.live = append(s.live, reach)
	}
	if c.tape == nil {
		return s
	}
	s.closed = c.tape.Closed() // before the spans: what is closed does not grow
	s.spans = c.tape.Spans()
	if n := len(s.spans); n > 0 && !s.closed {
		_, end := c.bounds(s.spans)
		s.spans[n-1].To = end * tape.SegmentFrames
	}
	return s
}

func (c *channel) has(k tape.Number) bool {
	_, ok := c.tape.Segment(k)
	return ok
}

// lastPackets is how many packets of a rendition the last segment before end has, where the sound ends at a frame of it; 0: it is whole.
func (c *channel) lastPackets(r hls.Rendition, sound, end tape.Number) int {
	if left := sound - (end-1)*tape.SegmentFrames; left < tape.SegmentFrames {
		return r.Count(int(left))
	}
	return 0
}

func (c *channel) begin(ctx context.Context, r hls.Rendition, k tape.Number) time.Time {
	epoch := c.epoch(ctx)
	if epoch.IsZero() {
		return epoch
	}
	return r.Begin(epoch, k)
}

// segment makes segment k. Proven is one that is the same everywhere and for ever.
func (c *channel) segment(ctx context.Context, r hls.Rendition, k tape.Number) (body []byte, proven, ok bool, err error) {
	sound, ok := c.remembered(r, k)
	if !ok {
		return c.taped(ctx, r, k)
	}
	body, err = c.pack(ctx, r, k, sound)
	return body, sound.proven, err == nil, err
}

// sound is what a segment is made of.
type sound struct {
	before  [][]byte // packets of the frames before the segment, as many as the rendition needs
	packets [][]byte // fewer than a whole segment only where the channel ends in it
	proven  bool     // all of it is what its maker made, and the same everywhere
}

// remembered finds what segment k is made of in memory.
func (c *channel) remembered(r hls.Rendition, k tape.Number) (s sound, ok bool) {
	if c.edited() {
		return s, false
	}
	s.packets, s.proven, ok = c.Live.Segment(c.facts.ID, c.name, r.Source, k)
	if !ok || r.Before == 0 {
		return s, ok
	}
	before, sealed, ok := c.Live.Segment(c.facts.ID, c.name, r.Source, k-1)
	if !ok || len(before) != tape.SegmentFrames {
		return s, false
	}
	s.before, s.proven = before[len(before)-r.Before:], s.proven && sealed
	return s, true
}

// taped makes segment k off the tape.
func (c *channel) taped(ctx context.Context, r hls.Rendition, k tape.Number) (body []byte, proven, ok bool, err error) {
	if c.tape == nil {
		return nil, false, false, nil
	}
	sound, ok, err := c.read(ctx, r, k)
	if !ok || err != nil {
		return nil, false, false, err
	}
	body, err = c.pack(ctx, r, k, sound)
	return body, sound.proven, err == nil, err
}

// read finds what segment k is made of on tape: whole, with silence where frames are missing, save that the last one ends with the tape.
func (c *channel) read(ctx context.Context, r hls.Rendition, k tape.Number) (s sound, ok bool, err error) {
	there, ok := c.tape.Segment(k)
	if !ok {
		return s, false, nil
	}
	at := tape.Stretch{From: k * tape.SegmentFrames, To: (k + 1) * tape.SegmentFrames}
	if spans := c.tape.Spans(); c.tape.Closed() && len(spans) > 0 && there.To == spans[len(spans)-1].To {
		at.To = there.To
	}
	from := at.From - tape.Number(r.Before)
	var packets [][]byte
	err = c.reading.Do(ctx, func() (err error) {
		packets, err = c.tape.Read(r.Source, max(0, from), at.To)
		return err
	})
	if err != nil {
		return s, false, fmt.Errorf("read segment %d: %w", k, err)
	}
	if from < 0 { // before the first frame of a room nothing was
		packets = append(slices.Repeat([][]byte{tape.SilencePacket}, int(-from)), packets...)
	}
	return sound{packets[:r.Before], packets[r.Before:], c.tape.Whole(r.Source, from, at.To)}, true, nil
}

// pack makes a segment.
func (c *channel) pack(ctx context.Context, r hls.Rendition, k tape.Number, s sound) ([]byte, error) {
	packets := s.packets
	if r.Made() {
		var err error
		packets, err = c.units.get(ctx, unitsOf{c.facts.ID, c.name, k}, s.before, s.packets, len(s.packets) < tape.SegmentFrames)
		if err != nil {
			return nil, err
		}
	}
	return r.Append(nil, k, 0, packets), nil
}
