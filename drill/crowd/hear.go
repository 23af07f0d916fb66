//go:build linux

package crowd

import (
	"errors"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/tape"
)

const maxRefusal = 8 << 10

// Faults that end an answer.
var (
	errOver    = errors.New("the body is over")
	errRefused = errors.New("refused")
)

// readable reads what a socket has.
func (l *loop) readable(x *listener) {
	generation := x.generation
	reads := readsATime
	if x.wire != nil {
		reads = math.MaxInt // what TLS holds back no event tells of
	}
	for range reads {
		into := l.buffer
		if x.manner != plan.Good {
			into = into[:badRead]
		}
		n, err := l.receive(x, into)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, errAgain):
			return
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil, n == 0:
			l.atEnd(x)
			return
		}
		x.last = l.now
		if !x.raw {
			err = l.take(x, l.buffer[:n])
		} else {
			err = l.opaque(x, n)
		}
		if err != nil {
			l.stop(x, err)
			return
		}
		if x.generation != generation || x.state == away || x.state == dawdling || x.fd < 0 ||
			n < len(into) && x.wire == nil {
			return
		}
	}
}

// receive reads what is there, at most as much as p has room for.
func (l *loop) receive(x *listener, p []byte) (n int, err error) {
	switch {
	case x.wire != nil:
		n, err = x.wire.tls.Read(p)
	case x.raw:
		n, err = discard(int(x.fd), p)
	default:
		n, err = unix.Read(int(x.fd), p)
	}
	if n > 0 {
		err = nil
		l.came(x, n)
	}
	return n, err
}

// came counts bytes.
func (l *loop) came(x *listener, n int) {
	if bad := l.bad(x); bad != nil {
		bad.Bytes += int64(n)
		return
	}
	l.tally.row(l.now).Bytes += int64(n)
	l.tally.wire.Bytes += int64(n)
}

// atEnd is called when the other side has closed, or the connection is broken.
func (l *loop) atEnd(x *listener) {
	if x.hls != nil && x.state == away { // kept alive for the next request, and not long enough
		l.drop(x)
		// The timer knows the connection by its generation.
		l.sleep(x, max(x.hls.looked+x.hls.target-l.now, 0))
		return
	}
	if x.hls != nil && x.state == hearing && !x.chunked && x.left < 0 { // a body that ends with its connection
		x.hls.keep = false
		l.fetchedAll(x)
		return
	}
	l.broken(x)
}

// stop ends an answer as its bytes say.
func (l *loop) stop(x *listener, err error) {
	switch {
	case errors.Is(err, errOver) && x.hls != nil:
		l.fetchedAll(x)
	case errors.Is(err, errOver):
		l.ended(x)
	case errors.Is(err, errRefused):
		l.refused(x)
	case x.state == asking:
		l.fail(x, "protocol")
	default:
		l.tally.row(l.now).Wrong++
		l.tally.note(err.Error())
		l.lose(x)
	}
}

// take works on bytes of the answer.
func (l *loop) take(x *listener, p []byte) error {
	switch x.state {
	case asking:
		if len(x.stash) > 0 {
			x.stash = append(x.stash, p...)
			p = x.stash
		}
		h, size, err := parseHead(p)
		if err != nil {
			return err
		}
		if size == 0 {
			if len(x.stash) == 0 {
				x.stash = append(x.stash, p...)
			}
			return nil
		}
		x.stash = nil
		if x.manner == plan.Good {
			l.tally.wire.Heads += int64(size)
		}
		return l.answer(x, &h, p[size:])
	case refusing:
		x.stash = append(x.stash, p[:min(len(p), maxRefusal-len(x.stash))]...)
		if x.head.length >= 0 && int64(len(x.stash)) >= min(x.head.length, maxRefusal) || len(x.stash) == maxRefusal {
			return errRefused
		}
		return nil
	}
	return l.body(x, p)
}

// answer begins the body behind a head.
func (l *loop) answer(x *listener, h *head, rest []byte) error {
	if h.server != "" && l.tally.server == "" {
		l.tally.server = h.server
	}
	x.chunked, x.left, x.promised = h.chunked, h.length, h.frame
	if h.chunked {
		x.left = -1
	}
	if h.status == 307 && h.location != "" && l.redirected(x, h.location) {
		return nil
	}
	if h.status != 200 {
		kept := *h
		x.head, x.state, x.began = &kept, refusing, l.now
		if h.length == 0 {
			return errRefused
		}
		return l.take(x, rest)
	}
	if x.manner != plan.Good {
		l.dawdle(x)
		return nil
	}
	if x.hls != nil {
		return l.fetched(x, h, rest)
	}
	err := l.choose(x, h)
	if err != nil {
		return err
	}
	x.state, x.began = hearing, l.now
	if x.check == plan.Bytes {
		x.raw = true
		if x.wire != nil { // from here on records are counted as they are
			x.wire = nil
		}
		if len(rest) > 0 {
			return l.opaque(x, len(rest))
		}
		return nil
	}
	return l.body(x, rest)
}

// choose finds what can look into the body.
func (l *loop) choose(x *listener, h *head) error {
	p := &l.crowd.config.Plan
	ogg := h.kind == "audio/ogg" || h.kind == "application/ogg"
	mp4 := h.kind == "audio/mp4" || h.kind == "video/mp4"
	if p.Kind == plan.Epidaurus && !ogg && !mp4 {
		l.tally.note("answers were of a type that is not sound: " + h.kind)
		return errHead
	}
	if h.kind == "audio/mpeg" {
		x.bitrate = h.bitrate
	}
	x.play.on = x.play.on && p.Kind == plan.Epidaurus // elsewhere an answer is a timeline of its own
	if x.check == plan.Chunks || x.check == plan.Bytes {
		return nil
	}
	switch {
	case ogg:
		x.pages = &pages{}
	case mp4 && p.Kind == plan.Epidaurus:
		x.boxes = &boxes{known: l.sumsOf(x)}
		if x.check == plan.Packets {
			x.boxes.closely = &packets{}
		}
	}
	return nil
}

// body takes the framing off.
func (l *loop) body(x *listener, p []byte) error {
	if !x.chunked {
		if x.left < 0 {
			return l.data(x, p)
		}
		p = p[:min(int64(len(p)), x.left)]
		x.left -= int64(len(p))
		err := l.data(x, p)
		if err == nil && x.left == 0 {
			err = errOver
		}
		return err
	}
	for len(p) > 0 {
		data, rest, err := x.chunks.next(p)
		if err == nil && len(data) > 0 {
			err = l.data(x, data)
		}
		if err == nil && x.chunks.over() {
			err = errOver
		}
		if err != nil {
			return err
		}
		p = rest
	}
	return nil
}

// data looks into a run of the body.
func (l *loop) data(x *listener, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if x.hls != nil {
		return l.fetching(x, p)
	}
	l.firstByte(x)
	l.at = x
	switch {
	case x.boxes != nil:
		heads, events := x.boxes.heads, x.boxes.events
		err := x.boxes.scan(p, l)
		if x.boxes != nil {
			l.tally.wire.Heads += x.boxes.heads - heads
			l.tally.wire.Events += x.boxes.events - events
		}
		return err
	case x.pages != nil:
		heads, bad := x.pages.heads, x.pages.bad
		err := x.pages.scan(p, l.page)
		l.tally.wire.Heads += x.pages.heads - heads
		for ; bad < x.pages.bad; bad++ {
			l.wrong("Ogg pages were not what their checksum says")
		}
		return err
	default:
		return l.opaque(x, len(p))
	}
}

func (l *loop) firstByte(x *listener) {
	if !x.counted {
		x.counted = true
		l.tally.firstByte.Record(l.now - x.due)
	}
}

// opaque takes n bytes of sound that nobody looks into.
func (l *loop) opaque(x *listener, n int) error {
	l.firstByte(x)
	l.heard(x)
	if x.bitrate > 0 {
		from := time.Duration(0)
		if x.play.on {
			from = x.play.have
		}
		l.playOn(x, from, from+time.Duration(float64(n*8)/float64(x.bitrate)*float64(time.Second)))
	}
	return nil
}

// heard is called whenever there was sound.
func (l *loop) heard(x *listener) {
	x.tries, x.failed, x.waits = 0, nil, false
	if x.seated {
		return
	}
	x.seated = true
	l.tally.seat(l.now)
	if x.old != nil {
		l.crossed(x)
		return
	}
	switch {
	case !x.ever:
		x.ever = true
		l.tally.row(l.now).Seated++
		l.tally.firstSound.Record(l.now - x.due)
		if x.boxes != nil || x.pages != nil || x.hls != nil {
			l.tally.parsed++
		} else {
			l.tally.counted++
		}
	case x.resuming:
		x.resuming = false
		l.tally.resume(l.now, l.now-x.lost)
	}
}

func (l *loop) stalled(*listener) { l.tally.row(l.now).Stalls++ }

// fragment judges a fragment of the listener whose bytes are scanned.
func (l *loop) fragment(f fragment) {
	x, row := l.at, l.tally.row(l.now)
	to := f.from + int64(f.count)
	if x.fresh {
		l.tally.wire.Bursts += f.bytes
		if x.promised >= 0 && x.promised != f.from {
			l.wrong("answers began with another frame than their head promised")
		}
		if x.next < 0 {
			x.next = f.from
			x.depth = time.Duration(f.count) * tape.FrameDuration
			l.tally.began(x.depth)
		}
		if f.from < x.next-int64(rewind/tape.FrameDuration) {
			l.wrong("timelines went back")
			x.next = f.from
			l.sumsOf(x).forget()
		}
	} else if f.from < x.expect {
		l.wrong("frames came again, or late")
	}
	if f.from > x.next {
		row.Gaps += f.from - x.next
	}
	x.fresh, x.expect, x.next = false, to, max(x.next, to)
	row.Frames += int64(f.count)
	row.Silent += int64(f.silent)
	row.Wrong += int64(f.bad + f.differ)
	if f.bad > 0 {
		l.tally.note("packets were no Opus of 20 ms")
	}
	if f.differ > 0 {
		l.tally.note("sound was not what others got of the same frames")
	}
	if x.play.arrive(l.now, frames(f.from), frames(to)) > 0 {
		l.stalled(x)
	}
	l.heard(x)
}

func frames(n int64) time.Duration { return time.Duration(n) * tape.FrameDuration }

func (l *loop) wrong(what string) {
	l.tally.row(l.now).Wrong++
	l.tally.note(what)
}

// page judges a page of Ogg.
func (l *loop) page(p page) {
	x := l.at
	if l.crowd.config.Plan.Kind == plan.Epidaurus {
		if p.last {
			return // its end is trimmed
		}
		if p.end%tape.FrameSamples != 0 {
			l.wrong("pages were not on the grid of frames")
			return
		}
		if p.missing > 0 {
			l.wrong("page numbers did not go on")
		}
		end := p.end / tape.FrameSamples
		l.fragment(fragment{from: end - int64(p.packets), count: p.packets, bytes: p.bytes})
		return
	}
	l.tally.row(l.now).Gaps += p.missing
	if p.rate > 0 {
		next := time.Duration(float64(p.end) / float64(p.rate) * float64(time.Second))
		from := next
		if x.play.on {
			from = x.play.have
		}
		l.playOn(x, from, next)
	}
	l.heard(x)
}

// foreignBuffer is what a player keeps before it begins, where a server does not say how large its burst is.
const foreignBuffer = time.Second

// playOn gives the player of an answer of another server's sound.
func (l *loop) playOn(x *listener, from, to time.Duration) {
	first := !x.play.on
	if x.play.arrive(l.now, from, to) > 0 {
		l.stalled(x)
	}
	if first {
		x.play.base += foreignBuffer
	}
}

// event takes an emsg of the listener whose bytes are scanned.
func (l *loop) event(contents []byte) {
	kind, data, ok := readEvent(contents)
	if ok && kind == "seat" {
		l.variant(l.at, data)
	}
	if ok && kind == "moved" {
		l.goElsewhere(l.at, data)
	}
	if !ok || kind != "edges" {
		return
	}
	list, err := l.keeper.read(data)
	if err != nil {
		l.wrong(err.Error())
		return
	}
	if l.at.edges != list {
		l.at.edges = list
		l.learn(list)
	}
}

// variant takes note of which sound a listener gets: at the beginning from here on, and later from behind the next fragment.
func (l *loop) variant(x *listener, data []byte) {
	variant, known := variantOf(data)
	if !known {
		x.boxes.known = nil
		return
	}
	x.boxes.behind = variant
	if x.fresh {
		x.boxes.variant = variant
	}
}

// compile-time check: a loop is what scanners report to.
var _ sink = (*loop)(nil)
