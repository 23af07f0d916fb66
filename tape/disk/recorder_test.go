package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// A node that comes later has the same pages from there on.
func TestTwoNodesTapeTheSame(t *testing.T) {
	t.Parallel()
	first, second := newHouse(t), newHouse(t)
	for _, h := range []*house{first, second} {
		h.state(0, room.Live)
		h.hear(map[*house]tape.Number{first: 0, second: 250}[h], 600)
		h.look()
	}
	a, b := first.s.current.Load(), second.s.current.Load()
	if got := b.Spans()[0]; got != (tape.Stretch{From: 288, To: 576}) {
		t.Fatalf("the second node has %v", got)
	}
	for k := tape.Number(3); k < 6; k++ {
		at, ok := b.Segment(k)
		if same, _ := a.Segment(k); !ok || same != at {
			t.Fatalf("segment %d is %v and %v", k, same, at)
		}
		for _, v := range tape.Variants {
			var pages [2][]byte
			for i, tp := range []*Tape{a, b} {
				records, err := tp.recordsOf(v, at.From, at.To)
				if err != nil || len(records) != 1 {
					t.Fatal(records, err)
				}
				pages[i], err = tp.readSound(v, records[0].Offset, records[0].Offset+int64(records[0].Length))
				if err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(pages[0], pages[1]) {
				t.Errorf("segment %d of %s has other pages", k, v)
			}
		}
		if fmt.Sprint(a.Events(at.From, at.To)) != fmt.Sprint(b.Events(at.From, at.To)) {
			t.Errorf("segment %d has other events", k)
		}
	}
}

// newRecorder opens a recorder over some closed tapes, each of them an hour later than the one before.
func newRecorder(t *testing.T, keep time.Duration, most int64, ids ...room.ID) *Recorder {
	t.Helper()
	h := newHouse(t)
	for i, id := range ids {
		w, err := openWriter(filepath.Join(h.cfg.Dir, string(id), string(tape.Floor)), openFile, freshMeta(id, tape.Floor, noon, 312))
		if err != nil {
			t.Fatal(err)
		}
		s := segment{Stretch: tape.Stretch{From: 0, To: 96}, missing: []int{0, 0, 0}}
		for v := range tape.Variants {
			var packets [][]byte
			for n := tape.Number(0); n < 96; n++ {
				packets = append(packets, packetOf(v, n))
			}
			s.packets = append(s.packets, packets)
		}
		err = w.append(s)
		if err != nil {
			t.Fatal(err)
		}
		if id == "open-room" {
			err = w.close()
		} else {
			err = w.finish(noon.Add(time.Duration(i) * time.Hour))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	h.cfg.Keep, h.cfg.Max = keep, most
	h.cfg.Now = func() time.Time { return noon.Add(10 * time.Hour) }
	h.cfg.Log = slog.New(slog.DiscardHandler)
	r := &Recorder{cfg: h.cfg, sessions: map[room.ID]*session{}, over: map[room.ID]bool{}, loaded: map[room.ID]loaded{}}
	r.open, r.shut = context.WithCancel(t.Context())
	t.Cleanup(func() {
		err := r.Close(context.Background())
		if err != nil {
			t.Error(err)
		}
	})
	return r
}

func left(t *testing.T, r *Recorder) (ids []string) {
	t.Helper()
	files, err := os.ReadDir(r.cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		ids = append(ids, f.Name())
	}
	return ids
}

// A tape that was left open, or that another process writes, is read again when its files have changed, and only then.
func TestATapeThatIsLeftOpenIsReadOnce(t *testing.T) {
	t.Parallel()
	r := newRecorder(t, 0, 0, "open-room")
	first, err := r.Tape("open-room", tape.Floor)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.Tape("open-room", tape.Floor); again != first || err != nil {
		t.Errorf("it was read again though nothing had changed (%v)", err)
	}
	file, err := os.OpenFile(first.soundFile(tape.Opus48), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString("OggS")
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	changed, err := r.Tape("open-room", tape.Floor)
	if changed == first || err != nil {
		t.Errorf("it was not read again though a file had grown (%v)", err)
	}
	if again, err := r.Tape("open-room", tape.Floor); again != changed || err != nil {
		t.Errorf("it was read a third time (%v)", err)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		keep time.Duration
		most int64 // of a tape's size, in tenths
		want []string
	}{
		{"KeepsAll", 0, 0, []string{"first", "open-room", "second", "third"}},
		{"ByAge", 8*time.Hour + time.Minute, 0, []string{"open-room", "second", "third"}},
		{"BySize", 0, 25, []string{"open-room", "third"}},
		{"OpenOnesStay", time.Minute, 1, []string{"open-room"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder(t, test.keep, 0, "open-room", "first", "second", "third")
			size := (&Tape{dir: r.dirOf("first")}).Size()
			r.cfg.Max = test.most * size / 10
			r.sweep()
			if got := left(t, r); !slices.Equal(got, test.want) {
				t.Errorf("left are %v, not %v", got, test.want)
			}
		})
	}
}

// Who had the tape in hand has nothing any more, and the room is not taped again.
func TestDeletion(t *testing.T) {
	t.Parallel()
	r := newRecorder(t, 0, 0, "first", "second")
	tp, err := r.Tape("first", tape.Floor)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err = r.Delete("first")
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err = tp.Read(tape.Opus48, 0, 96); err == nil {
		t.Error("a deleted tape can be read")
	}
	if _, err = r.Tape("first", tape.Floor); err == nil {
		t.Error("a deleted tape is found")
	}
	r.Follow(room.Facts{ID: "first", State: room.Live, Tape: room.TapeOn})
	if r.Stats().Taping != 0 || !slices.Equal(left(t, r), []string{"second"}) {
		t.Errorf("after the deletion: %+v, %v", r.Stats(), left(t, r))
	}
	for _, id := range []room.ID{"..", "", "../second", "UPPER"} {
		if r.Delete(id) == nil {
			t.Errorf("%q was deleted", id)
		}
		if _, err := r.Tape(id, tape.Floor); err == nil {
			t.Errorf("%q was found", id)
		}
	}
}

// A tape that a node left open when it stopped is closed when its room is known to be over.
func TestTapeLeftOpenIsClosed(t *testing.T) {
	t.Parallel()
	r := newRecorder(t, 0, 0, "open-room")
	r.Follow(room.Facts{ID: "open-room", State: room.Ended, Tape: room.TapeOn})
	err := r.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tp, err := r.Tape("open-room", tape.Floor)
	if err != nil || !tp.Closed() {
		t.Errorf("it is not closed: %v", err)
	}
}
