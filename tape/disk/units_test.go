package disk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

func newTranscoder() (Transcoder, error) { return codec.NewSegmentEncoder() }

// aClosedTape is a tape of frames from (inclusive) to to (exclusive), with a hole where hole is not empty.
func aClosedTape(t testing.TB, from, to tape.Number, hole tape.Stretch) (*house, *Tape) {
	t.Helper()
	h := newHouse(t)
	w, err := openWriter(h.dir(), openFile, freshMeta(testRoom, tape.Floor, noon, codec.OpusPreSkip))
	if err != nil {
		t.Fatal(err)
	}
	for n := from; n < to; {
		end := min((tape.SegmentOf(n)+1)*tape.SegmentFrames, to)
		if hole.Len() > 0 && n >= hole.From && n < hole.To {
			n = hole.To
			continue
		}
		s := segment{Stretch: tape.Stretch{From: n, To: end}, missing: make([]int, len(tape.Variants))}
		for i := range tape.Variants {
			var packets [][]byte
			for ; n < end; n++ {
				packets = append(packets, packetOf(i, n))
			}
			n = s.From
			s.packets = append(s.packets, packets)
		}
		n = end
		err = w.append(s)
		if err != nil {
			t.Fatal(err)
		}
	}
	err = w.finish(noon)
	if err != nil {
		t.Fatal(err)
	}
	tp, err := load(h.dir())
	if err != nil {
		t.Fatal(err)
	}
	return h, tp
}

func press(t testing.TB, tp *Tape) {
	t.Helper()
	tr, err := newTranscoder()
	if err == nil {
		err = tp.pressTo(openFile, tr, func(int, int) error { return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
}

func soundOf(t testing.TB, u *Units, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(u.Sound)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, s := range u.Sizes {
		total += int(s)
	}
	if total != len(b) || int64(total) != u.Sound.Size() || int64(len(u.Sizes))*tape.UnitSamples < u.Skip+u.Samples {
		t.Fatalf("%d units of %d bytes for %d + %d samples have %d bytes", len(u.Sizes), total, u.Skip, u.Samples, len(b))
	}
	return b
}

// Whatever is cut, stored segments and those made anew are the units that the cut sound makes if all of it is made anew.
func TestUnitsOfACut(t *testing.T) {
	t.Parallel()
	const first, end = 5 * 96, 11*96 + 40
	_, tp := aClosedTape(t, first, end, tape.Stretch{From: 7 * 96, To: 8 * 96})
	_, err := tp.Cut(0, 0).Units(newTranscoder)
	if !errors.Is(err, ErrUnmade) {
		t.Fatalf("before it is made: %v", err)
	}
	press(t, tp)
	for _, cut := range []tape.Stretch{
		{}, {From: first + 1}, {From: first + 47}, {From: first + 48}, {From: first + 49}, {From: first + 96}, {From: 7*96 - 1}, {From: 8 * 96}, {From: 8*96 + 5},
		{To: first + 1}, {To: end - 1}, {To: end - 41}, {To: end - 40}, {To: end - 39}, {From: 6*96 + 60, To: 6*96 + 70}, {From: 6*96 + 60, To: 9 * 96}, {From: end - 1},
		{From: 9*96 + 50, To: 10*96 + 95},
	} {
		v := tp.Cut(cut.From, cut.To)
		u, err := v.Units(newTranscoder)
		got := soundOf(t, u, err)
		s := tp.strip()
		s.from, s.to = place(s.spans, v.within.From), place(s.spans, v.within.To)
		var all [][]byte
		for k := range s.last() + 1 {
			tr, err := newTranscoder()
			if err != nil {
				t.Fatal(err)
			}
			units, err := s.segment(tr, k)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, units...)
		}
		all = all[s.from*15/16:]
		if u.Samples != int64(s.to-s.from)*960 || len(u.Sizes) != len(all) || !bytes.Equal(got, slices.Concat(all...)) {
			t.Errorf("cut to %v: %d units with %d bytes, want %d with %d", cut, len(u.Sizes), len(got), len(all), len(slices.Concat(all...)))
		}
	}
}

// Two nodes with the same tape have the same bytes, of all of it and of a clip.
func TestUnitsAreFunctionsOfTheTape(t *testing.T) {
	t.Parallel()
	var whole, clip [2][]byte
	for i := range whole {
		_, tp := aClosedTape(t, 192, 192+300, tape.Stretch{})
		press(t, tp)
		u, err := tp.Cut(0, 0).Units(newTranscoder)
		whole[i] = soundOf(t, u, err)
		u, err = tp.Cut(0, 0).ClipUnits(tape.Stretch{From: 200, To: 320}, newTranscoder)
		clip[i] = soundOf(t, u, err)
		if u.Samples != 120*960 {
			t.Errorf("the clip has %d samples", u.Samples)
		}
	}
	if !bytes.Equal(whole[0], whole[1]) || !bytes.Equal(clip[0], clip[1]) || len(whole[0]) == 0 {
		t.Error("they differ")
	}
	_, tp := aClosedTape(t, 192, 192+300, tape.Stretch{})
	for _, at := range []tape.Stretch{{From: 100, To: 200}, {From: 400, To: 500}, {From: 300, To: 300}} {
		if _, err := tp.Cut(0, 0).ClipUnits(at, newTranscoder); !errors.Is(err, ErrNoTape) {
			t.Errorf("a clip %v that is not on tape: %v", at, err)
		}
	}
}

// A clip on the same tape, cut or not, does not have what its host has cut.
func TestClipUnitsHaveNothingThatWasCut(t *testing.T) {
	t.Parallel()
	_, tp := aClosedTape(t, 0, 400, tape.Stretch{})
	_, quiet := aClosedTape(t, 200, 400, tape.Stretch{}) // as if nothing had been taped before
	at := tape.Stretch{From: 200, To: 260}
	u, err := tp.Cut(200, 0).ClipUnits(at, newTranscoder)
	got := soundOf(t, u, err)
	u, err = quiet.Cut(0, 0).ClipUnits(at, newTranscoder)
	if want := soundOf(t, u, err); !bytes.Equal(got, want) {
		t.Error("the clip knows what was before the cut")
	}
}

// openRecorder opens a recorder on a folder with a closed tape, and closes it with the test.
func openRecorder(t testing.TB, h *house, made chan<- room.ID) *Recorder {
	t.Helper()
	cfg := h.cfg
	cfg.NewTranscoder = newTranscoder
	cfg.OnUnits = func(id room.ID) { made <- id }
	cfg.Log = slog.New(slog.DiscardHandler)
	r, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err := r.Close(ctx)
		if err != nil {
			t.Error(err)
		}
	})
	r.Start()
	return r
}

// What was closed without AAC gets it by the next start, once however many ask; what a killed process left of it is never served; deleted is deleted.
func TestUnitsAreMadeOnce(t *testing.T) {
	t.Parallel()
	h, _ := aClosedTape(t, 0, 2000, tape.Stretch{})
	for _, left := range []string{unitsFile + draftOf, unitsFile} { // kill -9 before the one name, and between both
		err := os.WriteFile(filepath.Join(h.dir(), left), bytes.Repeat([]byte("half"), 500_000), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	made := make(chan room.ID, 10)
	r := openRecorder(t, h, made)
	tp, err := r.Tape(testRoom, tape.Floor)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if p := r.Press(testRoom); !p.Waiting || p.Err != nil {
			t.Fatalf("who asks is told %+v", p)
		}
	}
	if id := <-made; id != testRoom {
		t.Fatal(id)
	}
	u, err := tp.Cut(0, 0).Units(newTranscoder)
	soundOf(t, u, err)
	if tp.Size() < 1000 || slices.ContainsFunc(names(t, h.dir()), func(n string) bool { return strings.HasSuffix(n, draftOf) }) {
		t.Errorf("left are %v", names(t, h.dir()))
	}
	err = r.Delete(testRoom)
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Press(testRoom); p.Waiting || exists(h.dir()) || len(made) > 0 {
		t.Errorf("deleted, and %+v", p)
	}
}

func names(t testing.TB, dir string) (all []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		all = append(all, f.Name())
	}
	return all
}

// pressUntilKilled is the child of TestKilledWhilePressing: it makes AAC, and tells each segment that is written.
func pressUntilKilled(dir string) {
	tp, err := load(dir)
	if err != nil {
		panic(err)
	}
	tr, err := newTranscoder()
	if err == nil {
		err = tp.pressTo(openFile, tr, func(done, _ int) error { fmt.Println(done); return nil })
	}
	panic(fmt.Sprint("it came to its end: ", err))
}

// What kill -9 leaves in the middle is no AAC of the tape, and the next start makes it.
func TestKilledWhilePressing(t *testing.T) {
	t.Parallel()
	h, tp := aClosedTape(t, 0, 3000, tape.Stretch{})
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "EPIDAURUS_PRESS_CHILD="+h.dir())
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = child.Process.Kill() // SIGKILL, in the middle of the second segment
	_ = child.Wait()         // says that it was killed
	if err != nil || line != "96\n" {
		t.Fatalf("it told %q, %v", line, err)
	}
	left, err := os.Stat(filepath.Join(h.dir(), unitsFile+draftOf))
	if err != nil || left.Size() == 0 {
		t.Fatalf("it has left %v, %v", left, err)
	}
	if _, err = tp.Cut(0, 0).Units(newTranscoder); !errors.Is(err, ErrUnmade) {
		t.Errorf("half of it is served: %v", err)
	}
	made := make(chan room.ID, 1)
	openRecorder(t, h, made)
	<-made
	u, err := tp.Cut(0, 0).Units(newTranscoder)
	got := soundOf(t, u, err)
	_, other := aClosedTape(t, 0, 3000, tape.Stretch{})
	press(t, other)
	u, err = other.Cut(0, 0).Units(newTranscoder)
	if !bytes.Equal(got, soundOf(t, u, err)) {
		t.Error("it is not what is made without")
	}
}

// A tape can be deleted while its AAC is made.
func TestDeletedInTheMaking(t *testing.T) {
	t.Parallel()
	h, _ := aClosedTape(t, 0, 100_000, tape.Stretch{})
	r := openRecorder(t, h, make(chan room.ID, 1))
	for r.Press(testRoom).Of == 0 {
		time.Sleep(time.Millisecond) // it is its turn in a moment
	}
	err := r.Delete(testRoom)
	if err != nil || exists(filepath.Dir(h.dir())) {
		t.Errorf("it is there: %v", err)
	}
}

// A disk that fails at any write leaves the tape as it is, no half file, and a reason; with a disk that works it is made.
func TestUnitsOnADiskThatFails(t *testing.T) {
	t.Parallel()
	_, tp := aClosedTape(t, 0, 300, tape.Stretch{})
	before := names(t, tp.dir)
	for after := range 5 {
		tr, err := newTranscoder()
		if err != nil {
			t.Fatal(err)
		}
		f := &fault{after: after, short: true}
		err = tp.pressTo(f.open, tr, func(int, int) error { return nil })
		if !errors.Is(err, errFull) {
			t.Fatalf("the write %d fails: %v", after, err)
		}
		if _, err = tp.Cut(0, 0).Units(newTranscoder); !errors.Is(err, ErrUnmade) {
			t.Errorf("after a failure it is there: %v", err)
		}
		left := slices.DeleteFunc(names(t, tp.dir), func(n string) bool { return n == unitsFile })
		if !slices.Equal(left, before) {
			t.Errorf("after a failure of write %d there are %v", after, left)
		}
	}
	press(t, tp)
	u, err := tp.Cut(0, 0).Units(newTranscoder)
	soundOf(t, u, err)
}

// A disk that is really full: who asks is told why, and the tape plays.
func TestUnitsOnAFullDiskInEarnest(t *testing.T) {
	t.Parallel()
	h, tp := aClosedTape(t, 0, 2000, tape.Stretch{})
	small := t.TempDir()
	err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=600k")
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skip("only root can make a small disk")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(small, unix.MNT_DETACH) })
	err = os.CopyFS(filepath.Join(small, string(testRoom), string(tape.Floor)), os.DirFS(tp.dir))
	if err != nil {
		t.Fatal(err)
	}
	h.cfg.Dir = small
	r := openRecorder(t, h, make(chan room.ID, 1))
	var p Pressing
	for deadline := time.Now().Add(time.Minute); p.Err == nil && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		p = r.Press(testRoom)
	}
	if !errors.Is(p.Err, unix.ENOSPC) {
		t.Fatalf("the disk is full, and who asks is told %+v", p)
	}
	plays(t, filepath.Join(h.dir(), "opus-48.opus"), 2000)
	left := names(t, h.dir())
	if slices.ContainsFunc(left, func(n string) bool { return strings.HasSuffix(n, draftOf) }) {
		t.Errorf("left are %v", left)
	}
}

// FuzzParsePressing: nothing that lies on a disk makes it fail but by an error, and what it takes it writes again.
func FuzzParsePressing(f *testing.F) {
	good := newPressing(480, 96, make([]uint16, unitsFor(97)+unitsLead)).append(nil)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte(sizesHead))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePressing(b)
		if err != nil {
			if !errors.Is(err, ErrUnmade) {
				t.Error(err)
			}
			return
		}
		if !bytes.Equal(p.append(nil), b) || len(p.offsets) != p.frames/tape.SegmentFrames+2 {
			t.Errorf("%d bytes came back as others", len(b))
		}
	})
}

// BenchmarkPress is how fast a tape is made into AAC: so many of its seconds in a second.
func BenchmarkPress(b *testing.B) {
	_, tp := aClosedTape(b, 0, 6000, tape.Stretch{})
	for b.Loop() {
		press(b, tp)
	}
	b.ReportMetric(120*float64(b.N)/b.Elapsed().Seconds(), "s/s")
	info, err := os.Stat(filepath.Join(tp.dir, unitsFile))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())*8/120, "bit/s")
}

// BenchmarkClipUnits is a clip of 30 s.
func BenchmarkClipUnits(b *testing.B) {
	_, tp := aClosedTape(b, 0, 6000, tape.Stretch{})
	for b.Loop() {
		_, err := tp.Cut(0, 0).ClipUnits(tape.Stretch{From: 1000, To: 2500}, newTranscoder)
		if err != nil {
			b.Fatal(err)
		}
	}
}
