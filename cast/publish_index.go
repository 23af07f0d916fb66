package cast

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// indexFile is what the page reads of the tape.
const indexFile = "tape/index.json"

// sameSpans reports whether two indices are of the same sound.
func sameSpans(a, b []byte) bool {
	var spans [2]struct {
		Closed bool        `json:"closed"`
		Spans  [][2]uint64 `json:"spans"`
	}
	for i, text := range [][]byte{a, b} {
		err := json.Unmarshal(text, &spans[i])
		if err != nil || len(spans[i].Spans) == 0 {
			return false
		}
	}
	return spans[0].Closed == spans[1].Closed && slices.Equal(spans[0].Spans, spans[1].Spans)
}

// index publishes what the page reads of the tape: from time to time while it grows, and when it is closed.
func (r *published) index(ctx context.Context, c channel) error {
	if c.tape == nil || !c.tape.Closed() && time.Since(r.indexed) < indexEvery {
		return nil
	}
	index, err := r.publisher.to.Index(r.id)
	if errors.Is(err, room.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	err = r.putIndex(ctx, index, c.tape.Closed())
	if err == nil {
		r.indexed = time.Now()
	}
	return err
}

// m4aFile is a replay as M4A.
const m4aFile = "tape/floor/aac-64.m4a"

// putIndex publishes the index, and before it the M4A of a closed tape, which it is about: title, chapters and bounds are in both.
func (r *published) putIndex(ctx context.Context, index []byte, closed bool) error {
	if r.hasIndex(index) {
		return nil
	}
	if closed && r.publisher.to.M4A != nil {
		body, err := r.publisher.to.M4A(r.id)
		if err == nil && body != nil {
			err = r.publisher.to.Store.Put(ctx, r.dir+m4aFile, body, cacheShort)
		}
		if err != nil {
			return fmt.Errorf("publish the M4A: %w", err)
		}
		if body != nil {
			r.publisher.counts.objects.Add(1)
		}
	}
	return r.text(ctx, indexFile, index, cacheShort)
}

// hasIndex reports whether this is the index that was written.
func (r *published) hasIndex(index []byte) bool {
	r.books.Lock()
	defer r.books.Unlock()
	return bytes.Equal(r.texts[indexFile], index)
}
