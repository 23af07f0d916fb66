package listener

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// errSilent says that an answer is open and brings no sound.
var errSilent = errors.New("the connection is open, but no sound comes")

// answer takes one answer from its request to its end. Its error says why it ended: errEnded, or what may or may not pass.
func (l *listening) answer(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer l.cuts(cancel)()
	watchdog := time.AfterFunc(l.config.Silence, func() { cancel(errSilent) })
	defer watchdog.Stop()

	resp, err := l.open(ctx)
	if c := l.adopted; c != nil {
		l.adopted = nil
		defer c.end()
		defer context.AfterFunc(ctx, c.stop)()
	}
	if err == nil {
		defer resp.Body.Close()
		err = l.read(resp, func() { watchdog.Reset(l.config.Silence) })
	}
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, errEnded) && !isFinal(err) {
		return cause
	}
	return err
}

// open sends the request, and returns an answer that claims to be sound.
func (l *listening) open(ctx context.Context) (*http.Response, error) {
	if l.adopted != nil {
		return l.adopted.resp, nil
	}
	resp, err := request(ctx, l.config.Client, l.target, l.timeline.next)
	if err != nil {
		l.report.Refusals++
		return nil, err
	}
	l.redirected(resp.Request.URL)
	return resp, nil
}

// request asks for an answer that begins at frame from; a negative one is live.
func request(ctx context.Context, client *http.Client, to target, from tape.Number) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.request(from), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSound, err)
	}
	req.Header.Set("User-Agent", "epidaurus-listen")
	resp, err := client.Do(req)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the address is known
	}
	if err == nil {
		if resp.StatusCode != http.StatusOK {
			err = readRefusal(resp)
		} else {
			err = to.checkType(resp)
		}
		if err != nil {
			_ = resp.Body.Close() // it was read as far as it is of interest
			resp = nil
		}
	}
	return resp, err
}

// contentTypes are what an answer of each container may call itself.
var contentTypes = map[Container][]string{
	MP4: {"audio/mp4", "video/mp4"},
	Ogg: {"audio/ogg", "application/ogg"},
}

func (t target) checkType(resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case slices.Contains(contentTypes[t.container], kind):
		return nil
	case kind == "text/html":
		return fmt.Errorf("%w: the address answers with a web page; %w", errNotSound, errAddress)
	default:
		return fmt.Errorf("%w: the address answers with %q; %w", errNotSound, kind, errAddress)
	}
}

// read takes an answer apart until it ends. It calls alive whenever new sound came.
func (l *listening) read(resp *http.Response, alive func()) error {
	body := &body{
		src: resp.Body, watch: newNumbers(l.target.container, l.report.fault),
		// Without chunks or a length the end of an answer looks like a cut.
		bounded: resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked"),
	}
	s := newStream(l.target.container, body)
	l.report.Answers++
	l.timeline.begin()
	l.notify(Event{Kind: Joined, Report: l.snapshot()})
	a := arrivals{promised: promisedFrame(resp.Header)}
	for {
		f, err := s.next()
		l.report.Bytes += body.taken
		l.rate.add(l.config.Clock.Mono(), body.taken)
		body.taken = 0
		if err != nil {
			return l.over(err, body, a.fragments > 0)
		}
		fresh, err := l.take(f, &a)
		if err != nil {
			return err
		}
		if fresh > 0 {
			alive()
		}
	}
}

// over says what the end of an answer means.
func (l *listening) over(err error, b *body, heard bool) error {
	atEnd := errors.Is(err, io.EOF)
	foreign := errors.Is(err, fmp4.ErrFormat) || errors.Is(err, ogg.ErrNotOgg)
	switch {
	case atEnd && b.ended && b.bounded:
		return errEnded
	case foreign && !heard && !l.timeline.started:
		return fmt.Errorf("%w: %w", errNotSound, err)
	case b.ended && b.bounded && errors.Is(err, io.ErrUnexpectedEOF):
		l.report.fault("the answer ends within a fragment")
	case !b.broken && !atEnd:
		l.report.fault("an answer cannot be read on: %v", err)
	}
	if atEnd {
		return io.ErrUnexpectedEOF
	}
	return err
}

// arrivals is what is remembered of one answer.
type arrivals struct {
	promised  tape.Number // Epidaurus-Frame; negative: not said
	fragments int64
	last      time.Duration
}

// promisedFrame reads the header that names the first frame.
func promisedFrame(h http.Header) tape.Number {
	n, err := strconv.ParseInt(h.Get("Epidaurus-Frame"), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return tape.Number(n)
}

// take works on one fragment, and returns how many of its frames are new.
func (l *listening) take(f fragment, a *arrivals) (fresh int, err error) {
	if len(f.packets) == 0 {
		l.news(f)
		return 0, nil
	}
	if a.fragments == 0 && a.promised >= 0 && f.from != a.promised {
		l.report.fault("the answer begins with frame %d, and its header promised %d", f.from, a.promised)
	}
	fresh, err = l.timeline.take(f.from, f.packets)
	if err != nil {
		return fresh, err
	}
	l.news(f)
	now := l.config.Clock.Mono()
	l.measure(f, a, now)
	if fresh > 0 {
		l.heard = now
		l.retry.reset()
	}
	l.notify(Event{Kind: Sound, Report: l.snapshot()})
	return fresh, nil
}

// measure keeps the times of a fragment that arrived at now.
func (l *listening) measure(f fragment, a *arrivals, now time.Duration) {
	r := &l.report
	first := !l.player.playing
	held, stalled := l.player.arrive(now, f.from, f.from+tape.Number(len(f.packets)))
	// What comes at once, such as the burst of a join, tells nothing about how close it was.
	if !first && now-l.arrived >= tape.FrameDuration {
		if ms := held.Milliseconds(); r.HeldMinMS < 0 || ms < r.HeldMinMS {
			r.HeldMinMS = ms
		}
	}
	l.arrived = now
	if stalled > 0 {
		r.Stalls++
		r.StalledMS += stalled.Milliseconds()
	}
	if first {
		r.JoinMS = (now - l.began).Milliseconds()
	}
	if a.fragments > 0 {
		r.SpacingMS = (now - a.last).Milliseconds()
		r.SpacingMaxMS = max(r.SpacingMaxMS, r.SpacingMS)
	}
	a.fragments, a.last = a.fragments+1, now
	r.Fragments++
}

// body is an answer's body, on its way to the stream.
type body struct {
	src     io.Reader
	watch   io.Writer // gets every byte
	bounded bool      // the end of the answer can be told from a cut

	taken  int64 // bytes since the last look
	ended  bool  // src is at its end
	broken bool  // src failed: the network's fault
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	b.taken += int64(n)
	_, _ = b.watch.Write(p[:n]) // it never fails
	switch {
	case errors.Is(err, io.EOF):
		b.ended = true
	case err != nil:
		b.broken = true
	}
	return n, err
}
