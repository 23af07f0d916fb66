package listener

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// errMoved ends an answer because the one of the room where it goes on is there.
var errMoved = errors.New("the room goes on elsewhere, and there is sound")

// crossing is the way to another room: its answer is opened beside the present one, which is heard until then.
type crossing struct {
	// immutable
	to   target
	stop context.CancelFunc // ends the new answer

	open    context.Context // done when resp is there
	arrived context.CancelFunc
	done    chan struct{} // closed when the goroutine has ended

	resp *http.Response // to be read once open is done
}

// trust keeps the first key that was seen. What is signed by another one is not believed.
func (l *listening) trust(key string) ed25519.PublicKey {
	if l.key == nil {
		k, err := base64.RawURLEncoding.DecodeString(key)
		if err == nil && len(k) == ed25519.PublicKeySize {
			l.key = k
		}
	}
	return l.key
}

// heed looks at an event for what leads elsewhere.
func (l *listening) heed(e tape.Event) {
	switch e.Kind {
	case room.KindEdges:
		said, err := room.ParseEdges(e.Data)
		if err == nil {
			l.trust(said.Key)
		}
	case room.KindMoved:
		said, err := room.ParseMoved(e.Data)
		if err != nil {
			l.report.fault("%v", err)
			return
		}
		order, err := room.VerifyMoved(said, l.target.room(), l.trust(said.Key))
		if err != nil {
			l.report.fault("%v", err)
			return
		}
		to, ok := l.target.moved(order.To)
		if ok && l.crossing == nil && l.begin != nil {
			l.begin(to, time.Duration(l.config.Random()*float64(order.SpreadMS)*float64(time.Millisecond)))
		}
	}
}

// room is the ID of the room that is heard.
func (t target) room() room.ID {
	_, rest, _ := strings.Cut(t.live.Path, "/r/")
	name, _, _ := strings.Cut(rest, "/")
	id, _, _ := strings.Cut(name, room.TokenMark)
	return room.ID(id)
}

// moved is where an order leads: to the same server, or to one that speaks TLS, unless this one does not.
func (t target) moved(to string) (target, bool) {
	u, err := t.live.Parse(to)
	if err != nil || u.Scheme != "https" && u.Host != t.live.Host && t.live.Scheme == "https" {
		return target{}, false
	}
	t.live = u.JoinPath(path.Base(t.live.Path))
	return t, true
}

// cross opens the new answer after a wait, and again until it is there. It returns at once; whoever calls it waits for done.
func (l *listening) cross(ctx context.Context, to target, wait time.Duration) *crossing {
	c := &crossing{to: to, done: make(chan struct{})}
	ctx, c.stop = context.WithCancel(ctx)
	c.open, c.arrived = context.WithCancel(context.Background())
	retry := backoff{random: l.config.Random}
	config := l.config
	go func() {
		defer close(c.done)
		for config.Clock.Sleep(ctx, wait) == nil {
			resp, err := request(ctx, config.Client, to, -1)
			if err == nil {
				c.resp = resp
				c.arrived()
				return
			}
			wait = max(retry.next(), retryAfter(err, config.Random))
		}
	}()
	return c
}

// end gives a crossing up, or ends what is left of it.
func (c *crossing) end() {
	c.stop()
	<-c.done
	c.arrived()
	if c.resp != nil {
		_ = c.resp.Body.Close() // its context is done
	}
}

// arrive goes over to the room whose answer is there.
func (l *listening) arrive(c *crossing) {
	now := l.config.Clock.Mono()
	l.report.Moves++
	if held := l.player.held(now); held < 0 {
		l.report.MoveGapMS = max(l.report.MoveGapMS, -held.Milliseconds())
	}
	l.target, l.adopted = c.to, c
	l.restart()
}

// restart begins with another room: its frames are another timeline.
func (l *listening) restart() {
	l.report.URL = l.target.live.String()
	l.timeline.elsewhere()
	l.player, l.heard = player{}, l.config.Clock.Mono()
	l.retry.reset()
}

// redirected takes note of where an answer really came from.
func (l *listening) redirected(final *url.URL) {
	if final.Path == l.target.live.Path && final.Host == l.target.live.Host {
		return
	}
	u := *final
	u.RawQuery = ""
	l.target.live = &u
	if l.timeline.started {
		l.report.Moves++
	}
	l.restart()
}

// cuts makes cancel what ends the present answer, until the function that it returns is called.
func (l *listening) cuts(cancel context.CancelCauseFunc) (forget func()) {
	l.cutting.Lock()
	l.cut = cancel
	l.cutting.Unlock()
	if c := l.crossing; c != nil && c.open.Err() != nil {
		cancel(errMoved)
	}
	return func() {
		l.cutting.Lock()
		l.cut = nil
		l.cutting.Unlock()
	}
}

// cutFor ends the present answer because that of a crossing is there. It is called by another goroutine.
func (l *listening) cutFor(*crossing) {
	l.cutting.Lock()
	defer l.cutting.Unlock()
	if l.cut != nil {
		l.cut(errMoved)
	}
}
