package disk

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/format"
)

const (
	lookEvery  = 500 * time.Millisecond
	before     = 50                             // frames before the room went live: its first word began before it was recognised
	patience   = 3 * tape.FramesPerSec          // newer frames come so long before a missing one is asked for, and given up
	sealWait   = tape.FramesPerSec / 2          // newer frames come so long before a segment is taken without its seal
	syncEvery  = 5 * tape.SegmentFrames         // what a power cut may cost
	retryAfter = 30 * time.Second               // a disk that failed is tried again
	overAfter  = 4 * int(time.Second/lookEvery) // looks: a room that has ended, and of which nothing new comes, is over without its last word
)

// session tapes one channel of one room. Its goroutine owns it, but for what is said otherwise.
type session struct {
	cfg     *Config
	id      room.ID
	channel tape.Channel
	dir     string
	reel    *reel
	log     *slog.Logger
	counts  *counts
	tell    func(room.ID, State)

	// owned by the recorder: set before the session runs
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended

	ended atomic.Bool // the facts say that the room is over

	speakers *speakers // nil: the speakers are not taped apart
	over     bool      // the channel's tape is done, whatever still comes of the speakers
	writer   *writer   // nil: nothing to write to
	decoder  Decoder
	pcm      []float32
	next     tape.Number // the next frame to write; 0 before it is known
	synced   tape.Number
	seen     tape.Number   // the newest frame at the last look
	still    int           // looks at which nothing new had come
	idle     time.Duration // since the disk failed
	failed   bool
	current  atomic.Pointer[Tape] // for readers
}

// counts are what a recorder counts, for metrics.
type counts struct {
	segments, failures, lost atomic.Int64
	failing                  atomic.Int64 // rooms that are live and not taped, because the disk fails
}

func newSession(cfg *Config, id room.ID, ch tape.Channel, c *counts, tell func(room.ID, State)) *session {
	return &session{
		cfg: cfg, id: id, channel: ch, dir: filepath.Join(cfg.Dir, string(id), string(ch)), reel: newReel(), counts: c, tell: tell,
		log: cfg.Log.With("room", id, "channel", ch), pcm: make([]float32, 5760),
	}
}

// run tapes until the room is over or ctx is done. It reports whether it is over.
func (s *session) run(ctx context.Context) (over bool) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !over {
		select {
		case <-tick.C:
			over = s.look(ctx)
		case <-ctx.Done():
			s.look(context.WithoutCancel(ctx)) // what is whole by now is kept
			s.stop()
			return false
		}
	}
	s.stop()
	return true
}

// tapeSpeakers has the speakers taped apart, too. It is called before the session runs.
func (s *session) tapeSpeakers() {
	s.speakers = newSpeakers(s.cfg, s.id)
	s.speakers.fail = func(frame tape.Number, err error) {
		s.log.Error("THE SPEAKERS ARE NOT TAPED APART ANY MORE; the conversation goes on. Is the disk full? It is tried again every half minute",
			"frame", frame, "error", err)
		s.counts.failures.Add(1)
		s.counts.failing.Add(1)
		s.tell(s.id, Failed)
	}
	s.speakers.well = func() {
		s.counts.failing.Add(-1)
		if s.writer != nil && !s.over {
			s.tell(s.id, On)
		}
	}
}

// stop leaves the tape as it is.
func (s *session) stop() {
	if s.speakers != nil {
		s.speakers.stop()
	}
	if s.failed {
		s.counts.failing.Add(-1)
		s.failed = false
	}
	if s.writer == nil {
		return
	}
	err := s.writer.sync()
	if err == nil {
		err = s.writer.close()
	}
	if err != nil {
		s.log.Error("the end of a tape may not survive a power cut", "error", err)
	}
	s.writer = nil
}

// look writes what is whole. It reports whether the room is over, and its tape closed.
func (s *session) look(ctx context.Context) (over bool) {
	if !s.over {
		s.over = s.lookAtChannel(ctx)
	}
	if s.speakers == nil {
		return s.over
	}
	_, newest := s.reel.span()
	return s.speakers.look(ctx, newest, s.over)
}

func (s *session) lookAtChannel(ctx context.Context) (over bool) {
	live, end := s.reel.life()
	_, newest := s.reel.span()
	if newest == s.seen {
		s.still++
	} else {
		s.seen, s.still = newest, 0
	}
	silent := s.ended.Load() && s.still >= overAfter
	if end == never && silent {
		end = newest
	}
	if live == never && s.writer == nil && !exists(s.dir) {
		return end != never // never live: there is nothing to tape
	}
	if s.writer == nil && !s.begin(ctx, live) {
		return end != never && (newest >= end || silent) && s.failed
	}
	for s.ready(ctx, end) {
		err := s.write(end)
		if err != nil {
			s.fail(err)
			return false
		}
	}
	if end != never && s.next >= end {
		s.finish()
		return true
	}
	return false
}

// begin opens the tape and finds out where to go on.
func (s *session) begin(ctx context.Context, live tape.Number) bool {
	if s.failed {
		s.idle += lookEvery
		if s.idle < retryAfter {
			return false
		}
	}
	oldest, newest := s.reel.span()
	if newest == 0 {
		return false
	}
	epoch, err := s.cfg.Bus.Epoch(ctx, s.id, s.channel)
	if err != nil {
		s.log.Warn("the tape does not know its epoch", "error", err)
	}
	w, err := openWriter(s.dir, s.cfg.open, freshMeta(s.id, s.channel, epoch, s.cfg.PreSkip))
	if err != nil {
		s.fail(err)
		return false
	}
	s.writer = w
	s.current.Store(w.tape)
	from := max(w.next(), live-before)
	if live == never {
		from = w.next()
	}
	// The grid is where a tape begins, and goes on after a hole, so that an object is the same wherever it was taped.
	from -= from % tape.SegmentFrames
	if whole := oldest + tape.SegmentFrames - 1; from < oldest {
		from = whole - whole%tape.SegmentFrames
	}
	s.next = max(from, w.next())
	s.synced = s.next
	s.decoder, err = s.cfg.NewDecoder()
	if err != nil {
		s.log.Warn("the tape has no waveform", "error", err)
	}
	if s.failed {
		s.failed = false
		s.counts.failing.Add(-1)
		s.log.Warn("the disk takes the tape again", "frame", s.next)
	}
	if s.speakers == nil || !s.speakers.failed {
		s.tell(s.id, On)
	}
	return true
}

// stretch is what is written next.
func (s *session) stretch(end tape.Number) tape.Stretch {
	to := (tape.SegmentOf(s.next) + 1) * tape.SegmentFrames
	return tape.Stretch{From: s.next, To: min(to, end)}
}

// ready reports whether the next stretch is whole, or as whole as it will get.
func (s *session) ready(ctx context.Context, end tape.Number) bool {
	at := s.stretch(end)
	oldest, newest := s.reel.span()
	if at.Len() <= 0 || newest < at.To {
		return false
	}
	if at.To <= oldest {
		// The maker left numbers out, or this node heard nothing for a minute.
		whole := oldest + tape.SegmentFrames - 1
		s.next = whole - whole%tape.SegmentFrames
		s.log.Warn("the tape has a hole", "from", at.From, "to", s.next)
		return s.ready(ctx, end)
	}
	last := end != never && newest >= end
	missing := s.reel.missing(at)
	seal, sealed := s.reel.seal(tape.SegmentOf(at.From))
	switch {
	case missing == 0 && sealed && s.fits(seal):
		return true
	case missing == 0 && !sealed:
		return newest-at.To >= sealWait || last
	case newest-at.To < patience && !last:
		return false
	}
	s.fetch(ctx, at)
	return true
}

// fits reports whether what was heard is what the maker sealed.
func (s *session) fits(seal tape.Seal) bool {
	for i, v := range tape.Variants {
		sum, ok := seal.SumOf(v)
		if ok && tape.SumOf(seal.From, s.reel.rings[i].AppendPackets(nil, seal.From, seal.To)) != sum {
			return false
		}
	}
	return true
}

// fetch asks other nodes for what is missing, or differs from its seal.
func (s *session) fetch(ctx context.Context, at tape.Stretch) {
	for i, v := range tape.Variants {
		past, err := s.cfg.Bus.Fetch(ctx, s.id, s.channel, v, at.From, at.To)
		if err != nil {
			s.log.Debug("other nodes do not have what the tape misses", "variant", v, "from", at.From, "error", err)
		}
		ring := s.reel.rings[i]
		ring.Fill(past.Takeovers, past.Frames)
		seal, sealed := s.reel.seal(tape.SegmentOf(at.From))
		sum, ok := seal.SumOf(v)
		if sealed && ok && len(past.Frames) == seal.Len() && sumOf(past.Frames) == sum {
			ring.Replace(past.Takeovers, past.Frames)
		}
	}
}

func sumOf(frames []tape.Frame) tape.Sum {
	sum := tape.NewSummer(frames[0].N)
	for _, f := range frames {
		sum.Add(f.Packet)
	}
	return sum.Sum()
}

// write writes the next stretch.
func (s *session) write(end tape.Number) error {
	at := s.stretch(end)
	seg := segment{Stretch: at}
	for _, ring := range s.reel.rings {
		seg.packets = append(seg.packets, ring.AppendPackets(nil, at.From, at.To))
		seg.missing = append(seg.missing, ring.Missing(at.From, at.To))
	}
	seg.events = s.reel.log.StateAt(nil, at.From)
	seg.events = s.reel.log.Between(seg.events, at.From, at.To)
	if end == at.To {
		seg.events = s.reel.log.Between(seg.events, end, end+1) // that it ended
	}
	seg.levels = s.levels(seg.packets[len(seg.packets)-1])
	err := s.writer.append(seg)
	if err != nil {
		return err
	}
	s.counts.segments.Add(1)
	s.counts.lost.Add(int64(seg.missing[0]))
	s.next = at.To
	if s.speakers != nil {
		s.speakers.written(at, s.writer.tape.Epoch())
	}
	if s.next-s.synced >= syncEvery {
		s.synced = s.next
		return s.writer.sync()
	}
	return nil
}

// levels measures how loud packets are.
func (s *session) levels(packets [][]byte) (levels format.Levels) {
	if s.decoder == nil {
		return levels
	}
	for i := range levels {
		sum, n := 0.0, 0
		for _, p := range packets[min(i*format.LevelFrames, len(packets)):min((i+1)*format.LevelFrames, len(packets))] {
			got, err := s.decoder.Decode(p, s.pcm)
			if err != nil {
				continue
			}
			for _, v := range s.pcm[:got] {
				sum += float64(v) * float64(v)
			}
			n += got
		}
		if n > 0 && sum > 0 {
			const floor = 60 // dB
			db := 10 * math.Log10(sum/float64(n))
			levels[i] = byte(255 * min(max(db+floor, 0), floor) / floor)
		}
	}
	return levels
}

// fail gives the tape up for a while: loudly, and without a word to the conversation.
func (s *session) fail(err error) {
	s.log.Error("THE ROOM IS NOT TAPED ANY MORE; the conversation goes on. Is the disk full? It is tried again every half minute",
		"frame", s.next, "folder", s.dir, "error", err)
	s.counts.failures.Add(1)
	if !s.failed {
		s.failed = true
		s.counts.failing.Add(1)
	}
	s.idle = 0
	if s.writer != nil {
		err = s.writer.close()
		if err != nil {
			s.log.Debug("a file of the tape was not closed", "error", err)
		}
		s.writer = nil
	}
	s.tell(s.id, Failed)
}

// finish closes the tape at the room's end.
func (s *session) finish() {
	err := s.writer.finish(s.cfg.Now())
	s.writer = nil
	if err != nil {
		s.fail(fmt.Errorf("the tape plays, but is not closed: %w", err))
	}
	s.tell(s.id, Off)
}
