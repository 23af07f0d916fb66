package cast

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// live publishes what there is now: segments, then the playlists that list them. It reports whether the live playlists have ended.
func (r *published) live(ctx context.Context, c channel) (over bool, err error) {
	err = r.take(ctx)
	if err != nil {
		return false, err
	}
	over = true
	heard := false
	var variants errgroup.Group
	for _, rendition := range c.renditions() {
		live, _, ok := c.live(ctx, rendition)
		whole, taped := c.whole(ctx, rendition)
		if !ok && !taped {
			continue
		}
		heard = true
		over = over && live.Over
		variants.Go(func() error { return r.variant(ctx, c, rendition, [2]list{live, whole}) })
		r.whole = r.whole || taped
	}
	err = variants.Wait()
	switch {
	case err != nil:
		return false, err
	case !heard:
		return c.facts.State == room.Ended, nil
	}
	clear(r.stock) // all that is listed is on the shelves now, and others may remove what was there
	return over, r.rest(ctx, c)
}

// take takes stock of what there is, once: as after a restart, that of a whole evening.
func (r *published) take(ctx context.Context) error {
	if r.stock != nil {
		return nil
	}
	names, err := r.publisher.to.Store.List(ctx, r.dir)
	if err != nil {
		return fmt.Errorf("look at what was published: %w", err)
	}
	r.stock = make(map[string]bool, len(names))
	for _, name := range names {
		r.stock[name] = true
	}
	return nil
}

// variant publishes one variant of the room: its live list and the whole one. A list without segments is not written.
func (r *published) variant(ctx context.Context, c channel, rendition hls.Rendition, lists [2]list) error {
	dir := hls.Dir + "/" + string(c.name) + "/" + string(rendition.Variant) + "/"
	err := r.text(ctx, dir+hls.Init, rendition.Init(c.PreSkip), cacheForEver)
	if err != nil {
		return err
	}
	for _, l := range lists {
		if len(l.Segments) == 0 {
			continue
		}
		err = r.segments(ctx, c, rendition, dir, l)
		if err != nil {
			return err
		}
		name, keep := hls.Live, cacheShort
		if l.Whole {
			name = hls.DVR
		}
		if l.closed {
			keep = cacheLong
		}
		err = r.text(ctx, dir+name, hls.AppendMedia(nil, l.Media), keep)
		if err != nil {
			return err
		}
	}
	return r.sweep(ctx, rendition, dir, lists)
}

// segments publishes what a playlist lists, several at a time.
func (r *published) segments(ctx context.Context, c channel, rendition hls.Rendition, dir string, l list) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(puts)
	for i, s := range l.Segments {
		k := l.First + tape.Number(i)
		if s.Gap || r.has(rendition, k) {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return r.segment(ctx, c, rendition, dir, k) })
	}
	return group.Wait()
}

func (r *published) has(rendition hls.Rendition, k tape.Number) bool {
	r.books.Lock()
	defer r.books.Unlock()
	return r.shelves[rendition.Variant][k]
}

// segment publishes segment k, unless it is there.
func (r *published) segment(ctx context.Context, c channel, rendition hls.Rendition, dir string, k tape.Number) (err error) {
	name, store := r.dir+dir+hls.SegmentName(k), r.publisher.to.Store
	there := r.stock[name]
	if !there { // nor was it, but another node may have been here
		there, err = store.Has(ctx, name)
		if err != nil {
			return err
		}
	}
	if !there {
		err = r.put(ctx, c, rendition, name, k)
		if err != nil {
			return err
		}
	}
	r.books.Lock()
	defer r.books.Unlock()
	r.shelves[rendition.Variant][k] = true
	return nil
}

func (r *published) put(ctx context.Context, c channel, rendition hls.Rendition, name string, k tape.Number) error {
	body, proven, ok, err := c.segment(ctx, rendition, k)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("segment %d of %s is listed, and not there", k, rendition.Variant)
	}
	keep := cacheForEver
	if !proven {
		keep = cacheShort
		r.books.Lock()
		r.filled[rendition.Variant][k] = true // before the write, which may be done though it fails
		r.books.Unlock()
	}
	err = r.publisher.to.Store.Put(ctx, name, body, keep)
	if err != nil {
		return fmt.Errorf("publish segment %d: %w", k, err)
	}
	r.publisher.counts.objects.Add(1)
	return nil
}

// sweep removes what no list has, and no player needs any more: what was heard before the tape began, or is not on tape. Where this node has no
// tape and the folder has the list of one, that is another node's, and may need everything.
func (r *published) sweep(ctx context.Context, rendition hls.Rendition, dir string, lists [2]list) error {
	live, whole := lists[0], lists[1]
	if len(live.Segments) == 0 {
		return nil
	}
	asked := whole.Whole
	for _, k := range r.kept(rendition) {
		taped := whole.Whole && k >= whole.First && k < whole.First+tape.Number(len(whole.Segments))
		if k >= live.First-keptBehind || taped {
			continue
		}
		if !asked {
			others, err := r.publisher.to.Store.Has(ctx, r.dir+dir+hls.DVR)
			if others || err != nil {
				return err
			}
			asked = true
		}
		err := r.publisher.to.Store.Remove(ctx, r.dir+dir+hls.SegmentName(k))
		if err != nil {
			return fmt.Errorf("remove segment %d: %w", k, err)
		}
		r.dropped(rendition, k)
	}
	return nil
}

// kept are the segments of a variant that are there.
func (r *published) kept(rendition hls.Rendition) []tape.Number {
	r.books.Lock()
	defer r.books.Unlock()
	return slices.Collect(maps.Keys(r.shelves[rendition.Variant]))
}

func (r *published) dropped(rendition hls.Rendition, k tape.Number) {
	r.books.Lock()
	defer r.books.Unlock()
	delete(r.shelves[rendition.Variant], k)
	delete(r.filled[rendition.Variant], k)
}

// rest publishes what leads to the variants.
func (r *published) rest(ctx context.Context, c channel) error {
	texts := []struct {
		name string
		body []byte
	}{{hls.Dir + "/" + hls.Master, hls.AppendMaster(nil, c.name, hls.Live, c.renditions())}, {"index.html", r.publisher.to.Page}}
	if r.whole {
		err := r.index(ctx, c)
		if err != nil {
			return err
		}
		texts = append(texts, struct {
			name string
			body []byte
		}{hls.Dir + "/" + hls.DVR, hls.AppendMaster(nil, c.name, hls.DVR, c.renditions())})
	}
	if ask := r.publisher.to.Beacon; ask != nil {
		body, err := ask(r.id)
		if err != nil {
			return err
		}
		texts = append(texts, struct {
			name string
			body []byte
		}{beaconFile, body})
	}
	for _, t := range texts {
		err := r.text(ctx, t.name, t.body, cacheShort)
		if err != nil {
			return err
		}
	}
	return nil
}

// text publishes a file that may change.
func (r *published) text(ctx context.Context, name string, body []byte, keep string) error {
	r.books.Lock()
	same := bytes.Equal(r.texts[name], body)
	r.books.Unlock()
	if same {
		return nil
	}
	err := r.publisher.to.Store.Put(ctx, r.dir+name, body, keep)
	if err != nil {
		return fmt.Errorf("publish %s: %w", name, err)
	}
	r.publisher.counts.objects.Add(1)
	r.books.Lock()
	defer r.books.Unlock()
	r.texts[name] = body
	return nil
}
