package channel

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Track is what one speaker is of a frame that goes out. Who is silent in it has none.
type Track struct {
	ID  room.PersonID
	PCM []float32 // a frame; valid until the mix's next tick
}

// TrackMix gives what a Mix is made of. Its methods are called by the goroutine of Tick.
type TrackMix interface {
	Apart(on bool)              // whether the voices are wanted apart
	Tracks(dst []Track) []Track // of the last tick, appended to dst[:0]
}

// TrackEncoder encodes one speaker's track.
type TrackEncoder interface {
	Encoder
	// Reset forgets what was encoded: the next packet is decoded without what was before.
	Reset() error
}

const (
	// trackQueue is how many frames wait for the encoders. When they are that late, speakers' tracks lose frames, and the mix loses none.
	trackQueue = tape.FramesPerSec
	// trackIdle is how many frames a speaker's encoder is kept that encodes nothing.
	trackIdle = 60 * tape.FramesPerSec
	// assumeWanted is how long tracks are made at the beginning though nobody has said that he needs them: who does says so every few seconds.
	assumeWanted = 10 * time.Second
)

// tracks makes the speakers' tracks beside the tick, while somebody needs them and the room's host wants them: what the tick does is to copy.
type tracks struct {
	// immutable
	cfg  *Config
	from TrackMix // nil: none are made

	wanted  atomic.Int64 // monotonic time until which somebody needs them
	dropped atomic.Int64 // frames of tracks for which the encoders were too late

	// owned by the tick
	apart  bool
	mixed  []Track
	roles  map[room.PersonID]room.Role // of everybody who was seen on stage
	jobs   chan trackJob               // nil while no lease is held
	spare  chan []float32
	done   sync.WaitGroup
	warned bool
}

// trackJob is the tracks of one frame.
type trackJob struct {
	n     tape.Number
	parts []Track // the PCM is the job's own
}

func newTracks(cfg *Config) *tracks {
	t := &tracks{cfg: cfg, roles: map[room.PersonID]room.Role{}, spare: make(chan []float32, trackQueue)}
	if cfg.NewTrackEncoder != nil && cfg.Wants != nil {
		t.from, _ = cfg.Mix.(TrackMix)
	}
	return t
}

// want says at a monotonic time that somebody needs tracks.
func (t *tracks) want(mono time.Duration) { t.needUntil(mono + wantLinger) }

func (t *tracks) needUntil(mono time.Duration) {
	for {
		old := t.wanted.Load()
		if int64(mono) <= old || t.wanted.CompareAndSwap(old, int64(mono)) {
			return
		}
	}
}

// begin starts the goroutine that encodes, for one lease.
func (t *tracks) begin(term tape.Takeover, mono time.Duration) {
	if t.from == nil {
		return
	}
	t.needUntil(mono + assumeWanted)
	t.jobs = make(chan trackJob, trackQueue)
	w := &trackWriter{cfg: t.cfg, log: t.cfg.Log.With("room", t.cfg.Room), term: term, speakers: map[room.PersonID]*speaker{}, packet: make([]byte, maxPacket)}
	jobs := t.jobs
	t.done.Go(func() { w.run(jobs, t.spare) })
}

// end waits until what was handed over is published, with its seal.
func (t *tracks) end() {
	if t.jobs == nil {
		return
	}
	close(t.jobs)
	t.jobs = nil
	t.done.Wait()
	t.from.Apart(false)
	t.apart = false
}

// follow takes what the tick let out as frame n.
func (t *tracks) follow(n tape.Number, mono time.Duration, now moment) {
	if t.jobs == nil {
		return
	}
	for _, p := range now.people {
		t.roles[p.ID] = p.Role
	}
	on := now.facts.TapesTracks() && int64(mono) < t.wanted.Load()
	if on != t.apart {
		t.apart = on
		t.from.Apart(on)
	}
	if !on {
		return
	}
	job := trackJob{n: n}
	t.mixed = t.from.Tracks(t.mixed)
	for _, track := range t.mixed {
		if now.facts.TapesTrack(track.ID, t.roles[track.ID]) {
			job.parts = append(job.parts, Track{track.ID, append(t.buffer(), track.PCM...)})
		}
	}
	select {
	case t.jobs <- job:
	default:
		t.lose(job)
	}
}

func (t *tracks) lose(job trackJob) {
	t.dropped.Add(int64(len(job.parts)))
	if !t.warned && len(job.parts) > 0 {
		t.warned = true
		t.cfg.Log.Warn("speakers' tracks lose frames: this machine is too busy to encode them; the mix does not", "room", t.cfg.Room, "frame", job.n)
	}
}

// buffer is an empty one with room for a frame.
func (t *tracks) buffer() []float32 {
	select {
	case b := <-t.spare:
		return b[:0]
	default:
		return make([]float32, 0, tape.FrameSamples)
	}
}

// trackWriter encodes and publishes tracks. Its goroutine owns it.
type trackWriter struct {
	cfg      *Config
	log      *slog.Logger
	term     tape.Takeover
	speakers map[room.PersonID]*speaker
	packet   []byte

	from, next tape.Number // of the segment that is not sealed; next is 0 before the first frame
	failed     bool        // it was said that an encoder cannot be had
}

// speaker is one person's track.
type speaker struct {
	variant tape.Variant
	enc     TrackEncoder
	next    tape.Number  // the frame behind the last that was encoded
	sum     *tape.Summer // of the segment; nil: nothing of this speaker is in it
	summed  tape.Number  // the frame behind the last in sum
}

func (w *trackWriter) run(jobs <-chan trackJob, spare chan<- []float32) {
	for job := range jobs {
		w.write(job)
		for _, p := range job.parts {
			select {
			case spare <- p.PCM:
			default:
			}
		}
	}
	w.seal()
}

// silentFrame is never written to.
var silentFrame = make([]float32, tape.FrameSamples)

// write encodes a frame of each speaker who is heard in it. Behind the last of somebody's sound one frame of silence is encoded: the encoder's
// look-ahead holds its end back until then.
func (w *trackWriter) write(job trackJob) {
	if k := tape.SegmentOf(job.n); w.next == 0 || k != tape.SegmentOf(w.from) {
		if w.next > w.from {
			w.next = (tape.SegmentOf(w.from) + 1) * tape.SegmentFrames // what was not handed over is silent
			w.seal()
		}
		w.from = k * tape.SegmentFrames
		if w.next == 0 {
			w.from = job.n // who made what was before, another said
		}
	}
	w.next = job.n + 1
	for _, p := range job.parts {
		w.encode(p.ID, job.n, p.PCM)
	}
	for id, s := range w.speakers {
		switch {
		case s.next == job.n:
			w.put(s, job.n, silentFrame)
			s.next-- // it is at rest
		case job.n-s.next > trackIdle:
			delete(w.speakers, id)
		}
	}
}

func (w *trackWriter) encode(id room.PersonID, n tape.Number, pcm []float32) {
	s := w.speakers[id]
	if s == nil {
		v, ok := tape.TrackOf(string(id))
		enc, err := w.cfg.NewTrackEncoder()
		if err != nil || !ok {
			if !w.failed {
				w.log.Error("a speaker's track cannot be made", "person", id, "error", err)
			}
			w.failed = true
			return
		}
		s = &speaker{variant: v, enc: enc, next: n}
		w.speakers[id] = s
	} else if s.next != n {
		err := s.enc.Reset()
		if err != nil {
			w.log.Error("a speaker's track goes on in the state of before", "person", id, "error", err)
		}
	}
	w.put(s, n, pcm)
}

// put encodes and publishes frame n of a speaker.
func (w *trackWriter) put(s *speaker, n tape.Number, pcm []float32) {
	s.next = n + 1
	size, err := s.enc.Encode(pcm, w.packet)
	if err != nil {
		w.log.Error("a frame of a track could not be encoded", "track", s.variant, "frame", n, "error", err)
		return
	}
	packet := w.packet[:size]
	if s.sum == nil {
		s.sum, s.summed = tape.NewSummer(w.from), w.from
	}
	s.pad(n)
	s.sum.Add(packet)
	s.summed = n + 1
	err = w.cfg.Bus.PublishFrame(w.cfg.Room, tape.Tracks, s.variant, w.term.First, tape.Frame{N: n, Term: w.term.Term, Packet: packet})
	if err != nil {
		w.log.Error("a frame of a track was not published", "track", s.variant, "frame", n, "error", err)
	}
}

// pad sums the silence before frame n: a frame that is not published is a silent one.
func (s *speaker) pad(n tape.Number) {
	for ; s.summed < n; s.summed++ {
		s.sum.Add(tape.SilencePacket)
	}
}

// seal says what the segment consists of. Without a sum it says that nobody was heard in it.
func (w *trackWriter) seal() {
	if w.next <= w.from {
		return
	}
	seal := tape.Seal{Stretch: tape.Stretch{From: w.from, To: w.next}, Term: w.term.Term}
	for _, s := range w.speakers {
		if s.sum == nil {
			continue
		}
		s.pad(w.next)
		seal.Sums = append(seal.Sums, tape.VariantSum{Variant: s.variant, Sum: s.sum.Sum()})
		s.sum = nil
	}
	w.from = w.next
	err := w.cfg.Bus.PublishSeal(w.cfg.Room, tape.Tracks, w.term.First, seal)
	if err != nil {
		w.log.Error("a seal of tracks was not published", "from", seal.From, "error", err)
	}
}
