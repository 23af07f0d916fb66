//go:build linux

// Command rewind tapes a room for two hours, much faster than real time, from frames that are encoded once, and then listens to it again over
// HTTP while it goes on: from the beginning, after seeks to anywhere, and as clips. It prints one JSON line.
//
//	go run ./bench/rewind
//	go run ./bench/rewind -long 20m -seeks 50 -clips 20
//	go run ./bench/rewind -seeks 50 -clips 10 -rewinders 10000   and then so many rewind it beside as many who listen live (ulimit -n 20000)
//
// A seek is timed from its request to the first decoded sound, on connections that are open. A clip is exact when what it plays is what the
// tape's own segments play between its two frames, sample by sample, and one frame earlier or later is something else.
//
// Rewinders pull one object after the other, at the pace of the sound, each on a connection of his own, and seek once a minute; two edges give seats and objects by one port each.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/crowd"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/replay"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/disk"
)

const (
	name    room.ID = "rewound"
	heard           = 40 * tape.FramesPerSec // frames at a time: a ring keeps 60 s
	encoded         = 37 * tape.FramesPerSec // frames that are encoded, and come again
)

func main() {
	child.Main(map[string]child.Role{roleServer: child.Make(openServer), roleRewinder: child.Make(openRewinders), crowd.Role: crowd.Made})
	rewinders := flag.Int("rewinders", 0, "beside as many live seats; 0: none")
	window := flag.Duration("for", time.Minute, "how long these are watched")
	long := flag.Duration("long", 2*time.Hour, "of the tape")
	seeks := flag.Int("seeks", 300, "how many")
	clips := flag.Int("clips", 60, "how many")
	flag.Parse()
	r, err := run(*long, *seeks, *clips, *rewinders, *window)
	figure.Fail(err)
	figure.Fail(figure.Print(r))
}

type result struct {
	Frames    int     `json:"frames"` // on tape
	TapedIn   float64 `json:"taped_in_s"`
	TimesReal float64 `json:"times_real_time"`
	DiskMB    float64 `json:"disk_mb"`
	IndexKB   float64 `json:"index_kb"`      // while it grows
	Beginning float64 `json:"beginning_ms"`  // from the first request to the first sound, from the beginning
	SeekP50   float64 `json:"seek_p50_ms"`   // to the first sound
	SeekP99   float64 `json:"seek_p99_ms"`   //
	SeekMax   float64 `json:"seek_max_ms"`   //
	Clips     int     `json:"clips"`         // made
	Exact     int     `json:"clips_exact"`   // to a frame
	ClipP50   float64 `json:"clip_p50_ms"`   // from the request to the last byte
	ClipMax   float64 `json:"clip_max_ms"`   //
	WorstDiff float64 `json:"worst_sample"`  // difference of a clip from the whole, of full scale 1
	Nearest   float64 `json:"nearest_other"` // least difference from what lies a frame away

	Besides *besides      `json:"rewinders,omitempty"`
	Machine machine.Facts `json:"machine"`
}

func run(long time.Duration, seeks, clips, rewinders int, window time.Duration) (r result, err error) {
	r.Machine = machine.About()
	dir, err := os.MkdirTemp("", "rewind")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	sound, err := encode()
	if err != nil {
		return r, err
	}
	b := &bus{}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	tapes, err := disk.Open(disk.Config{
		Dir: dir, Bus: b, PreSkip: codec.OpusPreSkip, Log: log, NewDecoder: func() (disk.Decoder, error) { return codec.NewOpusDecoder() },
	})
	if err != nil {
		return r, err
	}
	facts := room.Facts{ID: name, Title: "Rewound", Language: "en", State: room.Live, Tape: room.TapeOn}
	tapes.Follow(facts)
	begin := time.Now()
	total := tape.Number(long / tape.FrameDuration)
	err = b.say(sound, total, tapes)
	if err != nil {
		return r, err
	}
	r.TapedIn = time.Since(begin).Seconds()
	r.TimesReal = long.Seconds() / r.TapedIn
	t, err := tapes.Tape(name, tape.Floor)
	if err != nil {
		return r, err
	}
	r.DiskMB = float64(t.Size()) / 1e6
	address, stop, err := serve(facts, tapes, log)
	if err != nil {
		return r, err
	}
	defer stop()
	l := &listener{address: address}
	spans := t.Spans()
	err = errors.Join(l.listen(&r, spans, seeks, clips), tapes.Close(context.Background()))
	if err != nil || rewinders == 0 {
		return r, err
	}
	beside, err := besideLive(dir, spans[0], rewinders, window)
	r.Besides = &beside
	return r, err
}

// bus brings frames to the recorder.
type bus struct {
	mu sync.Mutex
	to tape.Receiver // guarded by mu
}

func (b *bus) Subscribe(_ room.ID, _ tape.Channel, to tape.Receiver) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.to = to
	return func() {}, nil
}

func (b *bus) Serve(room.ID, tape.Channel, tape.Source) (func(), error) { return func() {}, nil }

func (b *bus) Want(room.ID, tape.Channel, tape.Variant) error { return nil }

func (b *bus) Epoch(context.Context, room.ID, tape.Channel) (time.Time, error) {
	return time.Unix(1_800_000_000, 0), nil
}

func (b *bus) Fetch(context.Context, room.ID, tape.Channel, tape.Variant, tape.Number, tape.Number) (tape.Past, error) {
	return tape.Past{}, errors.New("there is nobody else")
}

// say brings frames up to total, some at a time, as fast as the disk takes them.
func (b *bus) say(sound map[tape.Variant][][]byte, total tape.Number, tapes *disk.Recorder) error {
	b.mu.Lock()
	to := b.to
	b.mu.Unlock()
	to.Takeover(tape.Takeover{Term: 1})
	to.Event(tape.Event{Term: 1, Kind: room.KindRoom, Data: []byte(`{"t":"room","state":"live","tape":true}`)})
	to.Event(tape.Event{Term: 1, Kind: room.KindStage, Data: []byte(`{"t":"stage","people":[{"id":"p1","name":"Ada"}]}`)})
	for from := tape.Number(0); from < total; from += heard {
		next := min(from+heard, total)
		for n := from; n < next; n++ {
			if n%450 == 0 {
				to.Event(tape.Event{At: n, Term: 1, Kind: room.KindSpeaking, Data: []byte(`{"t":"speaking","ids":["p1"]}`)})
			}
			for _, v := range tape.Variants {
				to.Frame(v, tape.Frame{N: n, Term: 1, Packet: sound[v][int(n)%encoded]})
			}
		}
		err := taped(tapes, next-2*tape.SegmentFrames)
		if err != nil {
			return err
		}
	}
	return nil
}

// taped waits until a frame is on tape.
func taped(tapes *disk.Recorder, n tape.Number) error {
	for wait := time.Duration(0); wait < time.Minute; wait += 5 * time.Millisecond {
		t, err := tapes.Tape(name, tape.Floor)
		if err == nil {
			if spans := t.Spans(); spans[len(spans)-1].To >= n {
				return nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("after a minute frame %d is not on tape", n)
}

// encode makes sound of which no two frames are alike, in each variant.
func encode() (map[tape.Variant][][]byte, error) {
	all := map[tape.Variant][][]byte{}
	for _, v := range tape.Variants {
		enc, err := codec.NewOpusEncoder(codec.ForVariant(v))
		if err != nil {
			return nil, err
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		pcm, packet := make([]float32, tape.FrameSamples), make([]byte, 1500)
		phase, hz, low := 0.0, 200.0, 0.0
		for n := range encoded {
			if n%7 == 0 {
				hz = 120 + 1800*rnd.Float64()
			}
			for i := range pcm {
				phase += 2 * math.Pi * hz / tape.SampleRate
				low += 0.2 * (rnd.Float64() - 0.5 - low)
				pcm[i] = float32(0.25*math.Sin(phase) + 0.1*math.Sin(2.7*phase) + low)
			}
			size, err := enc.Encode(pcm, packet)
			if err != nil {
				return nil, err
			}
			all[v] = append(all[v], bytes.Clone(packet[:size]))
		}
	}
	return all, nil
}

// view is what a node serves of a tape.
type view struct{ *disk.View }

func (v view) Ogg(variant tape.Variant) (replay.File, error)   { return v.View.Ogg(variant) }
func (v view) Movie(variant tape.Variant) (replay.File, error) { return v.View.Movie(variant) }
func (v view) Clip(variant tape.Variant, at tape.Stretch) (replay.File, error) {
	return v.View.Clip(variant, at)
}

// What rewinds asks for no M4A.
func (view) HasUnits() bool                               { return false }
func (view) Units() (replay.Units, error)                 { return replay.Units{}, room.ErrNotFound }
func (view) ClipUnits(tape.Stretch) (replay.Units, error) { return replay.Units{}, room.ErrNotFound }

func serve(facts room.Facts, tapes *disk.Recorder, log *slog.Logger) (address string, stop func(), err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{ReadHeaderTimeout: time.Second, Handler: tapeHandler(facts, tapes, log)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(ln) // it says that it was closed
	}()
	return "http://" + ln.Addr().String() + "/r/" + string(name), func() { _ = s.Close(); <-done }, nil
}

// listener hears the tape again.
type listener struct{ address string }

func (l *listener) get(path string) ([]byte, error) {
	resp, err := http.Get(l.address + path) //nolint:noctx // on this machine
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d", path, resp.StatusCode)
	}
	return body, err
}

// segment is the packets of segment k.
func (l *listener) segment(k tape.Number) ([][]byte, error) {
	body, err := l.get(fmt.Sprintf("/tape/floor/opus-48/%d.m4s", k))
	if err != nil {
		return nil, err
	}
	f, err := fmp4.NewReader(io.MultiReader(bytes.NewReader(fmp4.Init(codec.OpusPreSkip)), bytes.NewReader(body))).Next()
	if err != nil {
		return nil, err
	}
	packets := make([][]byte, len(f.Packets))
	for i, p := range f.Packets {
		packets[i] = bytes.Clone(p)
	}
	return packets, nil
}

// sound waits for the first sound at a frame, and returns how long that took, in ms.
func (l *listener) sound(n tape.Number) (ms float64, err error) {
	begin := time.Now()
	packets, err := l.segment(tape.SegmentOf(n))
	if err != nil {
		return 0, err
	}
	_, err = decode(packets[:1])
	return float64(time.Since(begin).Microseconds()) / 1000, err
}

func decode(packets [][]byte) (all []float32, err error) {
	d, err := codec.NewOpusDecoder()
	if err != nil {
		return nil, err
	}
	pcm := make([]float32, 5760)
	for _, p := range packets {
		n, err := d.Decode(p, pcm)
		if err != nil {
			return nil, err
		}
		all = append(all, pcm[:n]...)
	}
	return all, nil
}

func (l *listener) listen(r *result, spans []tape.Stretch, seeks, clips int) error {
	if len(spans) != 1 {
		return fmt.Errorf("the tape has holes: %v", spans)
	}
	at := spans[0]
	r.Frames = at.Len()
	begin := time.Now()
	index, err := l.get("/tape/index.json")
	if err != nil {
		return err
	}
	_, err = l.sound(at.From)
	if err != nil {
		return err
	}
	r.Beginning = float64(time.Since(begin).Microseconds()) / 1000
	r.IndexKB = float64(len(index)) / 1000
	rnd := rand.New(rand.NewPCG(3, 4))
	var times []float64
	for range seeks {
		ms, err := l.sound(at.From + tape.Number(rnd.IntN(at.Len()-tape.SegmentFrames)))
		if err != nil {
			return err
		}
		times = append(times, ms)
	}
	slices.Sort(times)
	r.SeekP50, r.SeekP99, r.SeekMax = times[len(times)/2], times[len(times)*99/100], times[len(times)-1]
	return l.clips(r, rnd, at, clips)
}

func (l *listener) clips(r *result, rnd *rand.Rand, at tape.Stretch, clips int) error {
	r.Nearest = math.Inf(1)
	var times []float64
	for range clips {
		long := tape.FramesPerSec + rnd.IntN(20*tape.FramesPerSec)
		from := at.From + tape.Number(rnd.IntN(at.Len()-long-2*tape.SegmentFrames))
		c := tape.Stretch{From: from, To: from + tape.Number(long)}
		begin := time.Now()
		file, err := l.get(fmt.Sprintf("/clip/%d-%d/sound.ogg", c.From, c.To))
		if err != nil {
			return err
		}
		times = append(times, float64(time.Since(begin).Microseconds())/1000)
		same, other, err := l.compare(c, file)
		if err != nil {
			return err
		}
		r.Clips++
		r.WorstDiff, r.Nearest = max(r.WorstDiff, same), min(r.Nearest, other)
		if same < 0.02 && other > 2*same {
			r.Exact++
		}
	}
	slices.Sort(times)
	r.ClipP50, r.ClipMax = times[len(times)/2], times[len(times)-1]
	return nil
}

// compare tells by how much a clip differs from the whole at its place, and at least one frame away from there.
func (l *listener) compare(c tape.Stretch, file []byte) (same, other float64, err error) {
	got, err := play(file)
	if err != nil {
		return 0, 0, err
	}
	if want := c.Len() * tape.FrameSamples; len(got) != want {
		return 1, 0, nil
	}
	first := max(0, tape.SegmentOf(c.From)-2)
	var packets [][]byte
	for k := first; k <= tape.SegmentOf(c.To)+1; k++ {
		some, err := l.segment(k)
		if err != nil {
			return 0, 0, err
		}
		packets = append(packets, some...)
	}
	whole, err := decode(packets)
	if err != nil {
		return 0, 0, err
	}
	begin := int((c.From - first*tape.SegmentFrames).Samples()) + codec.OpusPreSkip
	other = math.Inf(1)
	for _, away := range []int{0, -tape.FrameSamples, tape.FrameSamples} {
		if begin+away < 0 {
			continue
		}
		d := 0.0
		for i, v := range got {
			d = max(d, math.Abs(float64(v-whole[begin+away+i])))
		}
		if away == 0 {
			same = d
		} else {
			other = min(other, d)
		}
	}
	return same, other, nil
}

// play is what a player plays of an Ogg Opus file.
func play(file []byte) ([]float32, error) {
	r := ogg.NewReader(bytes.NewReader(file))
	var packets [][]byte
	skip, trim := 0, 0
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		packets = append(packets, bytes.Clone(p.Data))
		skip, trim = skip+p.Skip, trim+p.Trim
	}
	all, err := decode(packets)
	if err != nil {
		return nil, err
	}
	return all[skip : len(all)-trim], nil
}
