//go:build linux

package crowd

import (
	"errors"
	"net/url"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/tape"
)

// hlsState is what a listener of HLS remembers: it reads the playlist once per target duration, and every segment once.
type hlsState struct {
	path     string // of the request that is made, or will be
	media    string // of the playlist
	body     []byte // of a playlist that came in part
	queue    []segment
	now      segment       // that is fetched; no uri: the playlist is
	sequence int64         // of the segment that is due; -1: any
	target   time.Duration // between two looks at the playlist
	clock    time.Duration // sound time of the next segment
	looked   time.Duration // at the playlist
	keep     bool          // the connection can take another request
	over     bool          // there is no more behind the queue
}

func newHLS(to *place) *hlsState { return &hlsState{path: to.path, media: to.path, sequence: -1} }

// restart begins with the playlist again, and goes on where it stopped.
func (h *hlsState) restart() {
	h.path, h.now, h.queue, h.body = h.media, segment{}, nil, nil
}

// resolve returns the path of an address in a playlist. Only what is on the same server is followed.
func (h *hlsState) resolve(to *place, uri string) (string, error) {
	base, err1 := url.Parse(to.origin + h.media)
	link, err2 := url.Parse(uri)
	if errors.Join(err1, err2) != nil {
		return "", errPlaylist
	}
	full := base.ResolveReference(link)
	if full.Host != base.Host || full.Scheme != base.Scheme {
		return "", errPlaylist
	}
	return full.RequestURI(), nil
}

// fetched begins the body of a playlist or a segment.
func (l *loop) fetched(x *listener, h *head, rest []byte) error {
	x.state, x.began = hearing, l.now
	x.hls.keep = h.keep
	x.hls.body = nil
	if h.length == 0 {
		return errOver
	}
	return l.body(x, rest)
}

// fetching takes bytes of a playlist or a segment.
func (l *loop) fetching(x *listener, p []byte) error {
	h := x.hls
	if h.now.uri != "" {
		l.firstByte(x)
		return nil
	}
	l.tally.wire.Events += int64(len(p)) // beside the sound, as in-band events are
	if len(h.body)+len(p) > maxPlaylist {
		return errPlaylist
	}
	h.body = append(h.body, p...)
	return nil
}

// fetchedAll goes on when a body is complete.
func (l *loop) fetchedAll(x *listener) {
	h := x.hls
	if !h.keep && x.fd >= 0 {
		l.drop(x)
	}
	if h.now.uri != "" {
		l.segmentHeard(x)
		l.fetchNext(x)
		return
	}
	p, err := parsePlaylist(h.body)
	h.body, h.looked = nil, l.now
	if err == nil && p.variant != "" {
		h.media, err = h.resolve(x.place, p.variant)
		h.path = h.media
		if err == nil {
			l.fetch(x)
			return
		}
	}
	if err != nil {
		l.wrong(err.Error())
		l.lose(x)
		return
	}
	l.enqueue(x, &p)
	l.fetchNext(x)
}

// enqueue queues the segments that were not fetched yet; at the beginning, the last three.
func (l *loop) enqueue(x *listener, p *playlist) {
	h := x.hls
	h.target, h.over = p.target, p.over
	end := p.sequence + int64(len(p.segments))
	switch {
	case h.sequence < 0 || h.sequence > end:
		h.sequence = max(end-3, p.sequence)
	case h.sequence < p.sequence:
		missed := time.Duration(p.sequence-h.sequence) * p.target
		l.tally.row(l.now).Gaps += int64(missed / tape.FrameDuration)
		h.clock += missed
		h.sequence = p.sequence
	}
	h.queue = append(h.queue[:0], p.segments[h.sequence-p.sequence:]...)
}

// segmentHeard counts a segment that has arrived.
func (l *loop) segmentHeard(x *listener) {
	h := x.hls
	end := h.clock + h.now.long
	l.tally.row(l.now).Frames += int64(h.now.long / tape.FrameDuration)
	if x.play.arrive(l.now, h.clock, end) > 0 {
		l.stalled(x)
	}
	h.clock, h.now = end, segment{}
	h.sequence++
	l.heard(x)
}

// fetchNext asks for the next segment, or for the playlist when its time has come.
func (l *loop) fetchNext(x *listener) {
	h := x.hls
	if len(h.queue) > 0 {
		path, err := h.resolve(x.place, h.queue[0].uri)
		if err != nil {
			l.wrong("segments on another server are not fetched")
			l.lose(x)
			return
		}
		h.now, h.path, h.queue = h.queue[0], path, h.queue[1:]
		l.fetch(x)
		return
	}
	if h.over {
		l.ended(x)
		return
	}
	h.path = h.media
	// At least half of it when nothing was new, as RFC 8216 §6.3.4 wants.
	l.sleep(x, max(h.looked+h.target-l.now, h.target/2))
}

// fetch makes the next request: on the connection that is there, or on a new one.
func (l *loop) fetch(x *listener) {
	if x.fd >= 0 {
		l.ask(x)
		return
	}
	l.connect(x)
}

// drop closes the connection of a listener that stays.
func (l *loop) drop(x *listener) {
	unix.Close(int(x.fd))
	x.fd, x.wire = -1, nil
	x.generation++
}

// segmentRefused goes on behind a segment that is not there any more.
func (l *loop) segmentRefused(x *listener) {
	h := x.hls
	l.tally.row(l.now).Gaps += int64(h.now.long / tape.FrameDuration)
	h.clock += h.now.long
	h.sequence++
	h.now = segment{}
	x.head, x.stash = nil, nil
	l.drop(x)
	l.fetchNext(x)
}
