package disk

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// A disk that is really full: what was written plays, and the tape goes on when there is room again.
func TestFullDiskInEarnest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	err := unix.Mount("tmpfs", h.cfg.Dir, "tmpfs", 0, "size=400k")
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skip("only root can make a small disk")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := unix.Unmount(h.cfg.Dir, 0)
		if err != nil {
			t.Error(err)
		}
	})
	h.state(0, room.Live)
	end := tape.Number(0)
	for ; h.r.failing.Load() == 0 && end < 20_000; end += 300 {
		h.hear(end, end+300)
		h.look()
	}
	if !strings.Contains(h.log.String(), "no space left on device") || !slices.Contains(h.say, Failed) {
		t.Fatalf("the disk is full, and nobody is told: %s", &h.log)
	}
	tp, err := load(h.dir())
	if err != nil {
		t.Fatal(err)
	}
	if spans := tp.Spans(); len(spans) != 1 || spans[0].To < end-600 {
		t.Errorf("of %d frames, on tape are %v", end, spans)
	}
	check(t, withoutSilence(tp))
	err = unix.Mount("tmpfs", h.cfg.Dir, "tmpfs", unix.MS_REMOUNT, "size=10m")
	if err != nil {
		t.Fatal(err)
	}
	for range retryAfter / lookEvery {
		h.look()
	}
	h.state(end, room.Ended)
	h.hear(end, end+24)
	if !h.look() {
		t.Fatalf("there is room again, and the tape did not come to its end: %s", &h.log)
	}
	h.played(tape.Stretch{From: 0, To: end})
}
