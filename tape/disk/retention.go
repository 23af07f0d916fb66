package disk

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// sweepEvery is how often tapes are looked at that may have to go.
const sweepEvery = time.Minute

// keep deletes what is too old, or too much, until ctx is done.
func (r *Recorder) keep(ctx context.Context) {
	if r.cfg.Keep <= 0 && r.cfg.Max <= 0 {
		return
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		r.sweep()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// kept is a tape that could be deleted.
type kept struct {
	id    room.ID
	ended time.Time
	size  int64
	open  bool
}

// sweep deletes tapes by age, then by size, the oldest first. Open ones count, and stay.
func (r *Recorder) sweep() {
	all, err := r.list()
	if err != nil {
		r.cfg.Log.Error("the tapes cannot be looked through", "error", err)
		return
	}
	total := int64(0)
	for _, k := range all {
		total += k.size
	}
	now := r.cfg.Now()
	for _, k := range all {
		old := r.cfg.Keep > 0 && now.Sub(k.ended) > r.cfg.Keep
		much := r.cfg.Max > 0 && total > r.cfg.Max
		if k.open || !old && !much {
			continue
		}
		err = r.Delete(k.id)
		if err != nil {
			r.cfg.Log.Error("a tape is past its time and cannot be deleted", "room", k.id, "error", err)
			continue
		}
		total -= k.size
	}
}

// list is every tape, the oldest first.
func (r *Recorder) list() (all []kept, err error) {
	folders, err := os.ReadDir(r.cfg.Dir)
	if err != nil {
		return nil, err
	}
	for _, f := range folders {
		id := room.ID(f.Name())
		if !id.Valid() {
			continue
		}
		meta, err := readMeta(filepath.Join(r.cfg.Dir, f.Name(), string(tape.Floor)))
		if err != nil && !errors.Is(err, ErrNoTape) {
			r.cfg.Log.Warn("a tape cannot be read", "room", id, "error", err)
		}
		if err != nil {
			continue
		}
		t := Tape{dir: r.dirOf(id)}
		all = append(all, kept{id: id, ended: meta.Ended, size: t.Size() + r.sizeOfTracks(id), open: !meta.Closed})
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Or(a.ended.Compare(b.ended), cmp.Compare(a.id, b.id)) })
	return all, nil
}

// sizeOfTracks is how many bytes the speakers' own tracks take on disk.
func (r *Recorder) sizeOfTracks(id room.ID) (size int64) {
	dir := filepath.Join(r.cfg.Dir, string(id), string(tape.Tracks))
	people, err := speakersIn(dir)
	if err != nil {
		return 0
	}
	for _, person := range people {
		t := Tape{dir: filepath.Join(dir, string(person))}
		size += t.Size()
	}
	return size
}
