package disk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("EPIDAURUS_TAPE_CHILD"); dir != "" {
		tapeUntilKilled(dir)
	}
	if dir := os.Getenv("EPIDAURUS_PRESS_CHILD"); dir != "" {
		pressUntilKilled(dir)
	}
	goleak.VerifyTestMain(m)
}

const testRoom room.ID = "harbour-k3f9x2"

var noon = time.UnixMilli(1_800_000_000_000).UTC()

// tone is a second of sound, as packets: real Opus, so that others can play it.
var tone = sync.OnceValue(func() (packets [][]byte) {
	enc, err := codec.NewOpusEncoder(codec.ForVariant(tape.Opus24))
	if err != nil {
		panic(err)
	}
	pcm, packet := make([]float32, tape.FrameSamples), make([]byte, 1500)
	for n := range tape.FramesPerSec {
		for i := range pcm {
			pcm[i] = float32(0.3 * math.Sin(2*math.Pi*440*float64(n*tape.FrameSamples+i)/tape.SampleRate))
		}
		size, err := enc.Encode(pcm, packet)
		if err != nil {
			panic(err)
		}
		packets = append(packets, bytes.Clone(packet[:size]))
	}
	return packets
})

// packetOf is what a variant has at frame n. Variants differ by where in the tone they are.
func packetOf(v int, n tape.Number) []byte { return tone()[(int(n)+v)%tape.FramesPerSec] }

// memoryBus gives what a test puts in, and has nothing that was missed but what a test leaves there.
type memoryBus struct {
	mu   sync.Mutex
	to   tape.Receiver                // guarded by mu
	have map[tape.Variant]tape.Number // guarded by mu; frames before it can be fetched

	wants  []tape.Variant // guarded by mu; what was said to be needed
	source tape.Source    // another node's, of tracks
}

func (b *memoryBus) Subscribe(_ room.ID, _ tape.Channel, to tape.Receiver) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.to = to
	return func() {}, nil
}

func (b *memoryBus) Serve(room.ID, tape.Channel, tape.Source) (func(), error) { return func() {}, nil }

func (b *memoryBus) Want(_ room.ID, _ tape.Channel, v tape.Variant) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wants = append(b.wants, v)
	return nil
}

func (b *memoryBus) Epoch(context.Context, room.ID, tape.Channel) (time.Time, error) {
	return noon, nil
}

func (b *memoryBus) Fetch(_ context.Context, _ room.ID, _ tape.Channel, v tape.Variant, from, to tape.Number) (p tape.Past, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := v.Speaker(); ok && b.source != nil {
		return b.source.Past(v, from, to), nil
	}
	for i, o := range tape.Variants {
		for n := from; o == v && n < min(to, b.have[v]); n++ {
			p.Frames = append(p.Frames, tape.Frame{N: n, Term: 1, Packet: packetOf(i, n)})
		}
	}
	return p, nil
}

// house is one session without a goroutine: a test says when it looks.
type house struct {
	t   testing.TB
	cfg Config
	log bytes.Buffer
	bus *memoryBus
	s   *session
	r   counts
	now time.Time
	say []State
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, bus: &memoryBus{have: map[tape.Variant]tape.Number{}}, now: noon}
	h.cfg = Config{
		Dir: t.TempDir(), Bus: h.bus, PreSkip: codec.OpusPreSkip, Log: slog.New(slog.NewTextHandler(&h.log, nil)),
		NewDecoder: func() (Decoder, error) { return codec.NewOpusDecoder() }, Now: func() time.Time { return h.now },
	}
	var err error
	h.cfg, err = h.cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	h.start()
	return h
}

// start begins a session, as after a start of the program.
func (h *house) start() {
	h.s = newSession(&h.cfg, testRoom, tape.Floor, &h.r, func(_ room.ID, s State) { h.say = append(h.say, s) })
	h.s.reel.Takeover(tape.Takeover{Term: 1})
}

// state says how the room is from frame n on.
func (h *house) state(n tape.Number, s room.State) {
	data, err := json.Marshal(room.RoomEvent{Kind: room.KindRoom, ID: testRoom, Title: "Harbour", State: s, Tape: true})
	if err != nil {
		h.t.Fatal(err)
	}
	h.s.reel.Event(tape.Event{At: n, Term: 1, Kind: room.KindRoom, Data: data})
}

// hear brings frames from (inclusive) to to (exclusive), but those left out, and seals.
func (h *house) hear(from, to tape.Number, without ...tape.Number) {
	for n := from; n < to; n++ {
		for i, v := range tape.Variants {
			if i == 0 && len(without) > 0 && without[0] == n {
				continue
			}
			h.s.reel.Frame(v, tape.Frame{N: n, Term: 1, Packet: packetOf(i, n)})
		}
		if len(without) > 0 && without[0] == n {
			without = without[1:]
		}
		if (n+1)%tape.SegmentFrames == 0 {
			h.seal(n + 1 - tape.SegmentFrames)
		}
	}
}

func (h *house) seal(from tape.Number) {
	s := tape.Seal{Stretch: tape.Stretch{From: from, To: from + tape.SegmentFrames}, Term: 1}
	for i, v := range tape.Variants {
		sum := tape.NewSummer(from)
		for n := s.From; n < s.To; n++ {
			sum.Add(packetOf(i, n))
		}
		s.Sums = append(s.Sums, tape.VariantSum{Variant: v, Sum: sum.Sum()})
	}
	h.s.reel.Seal(s)
}

func (h *house) look() (over bool) {
	h.t.Helper()
	return h.s.look(h.t.Context())
}

func (h *house) dir() string { return filepath.Join(h.cfg.Dir, string(testRoom), string(tape.Floor)) }

// played checks that a tape holds these stretches, with the packets that were said.
func (h *house) played(want ...tape.Stretch) *Tape {
	h.t.Helper()
	got, err := load(h.dir())
	if err != nil {
		h.t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Spans(), want) {
		h.t.Fatalf("on tape are %v, not %v", got.Spans(), want)
	}
	check(h.t, got)
	return got
}

// check compares what is on a tape with what was said.
func check(t testing.TB, got *Tape) {
	t.Helper()
	for _, span := range got.Spans() {
		for i, v := range tape.Variants {
			packets, err := got.Read(v, span.From, span.To)
			if err != nil {
				t.Fatal(err)
			}
			for j, p := range packets {
				if n := span.From + tape.Number(j); !bytes.Equal(p, packetOf(i, n)) {
					t.Fatalf("%s has another packet at frame %d", v, n)
				}
			}
		}
	}
}

// fault makes writes to the n-th file fail that was opened.
type fault struct {
	mu    sync.Mutex
	after int  // writes that are done before
	done  bool // the write that fails is done all the same
	short bool // the write that fails is half done
	off   bool
}

var errFull = errors.New("no space left on device")

type faultyFile struct {
	file
	fault *fault
}

func (f *fault) open(name string) (file, error) {
	inner, err := openFile(name)
	return faultyFile{inner, f}, err
}

func (f faultyFile) WriteAt(b []byte, at int64) (int, error) {
	f.fault.mu.Lock()
	defer f.fault.mu.Unlock()
	if f.fault.off || f.fault.after > 0 {
		f.fault.after--
		return f.file.WriteAt(b, at)
	}
	if f.fault.short {
		b = b[:len(b)/2]
	}
	if f.fault.done || f.fault.short {
		_, _ = f.file.WriteAt(b, at)
	}
	return 0, errFull
}
