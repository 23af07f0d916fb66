//go:build linux

package edge

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/tape"
)

// crowd counts the seats and the requests under way of each origin. An origin that has none is not in it, so it has at most as many
// entries as there are seats, whoever walks through however many addresses. It keeps the memory of the most that it had at once:
// about 50 bytes for each.
type crowd struct {
	most int // immutable; per origin; 0: no limit, and nothing is counted

	mu    sync.Mutex
	index map[origin]int32 // guarded by mu; where in heads
	heads []head           // guarded by mu; the first is nobody's
	free  []int32          // guarded by mu; of heads
}

type head struct {
	origin origin
	count  int32
}

// ticket names an entry of a crowd. The zero ticket names none.
type ticket int32

func newCrowd(most int) *crowd {
	return &crowd{most: most, index: make(map[origin]int32), heads: make([]head, 1)}
}

// enter counts one more of an origin, unless it has its most. Who was let in leaves with the ticket. One of unknown origin is not counted.
func (c *crowd) enter(o origin) (ticket, bool) { return c.enterUpTo(o, c.most) }

// enterUpTo is enter where the origin has a limit of its own.
func (c *crowd) enterUpTo(o origin, most int) (ticket, bool) {
	if most == 0 || o == 0 {
		return 0, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i, known := c.index[o]
	if !known {
		i = c.placeLocked(o)
	}
	if int(c.heads[i].count) >= most {
		return 0, false
	}
	c.heads[i].count++
	return ticket(i), true
}

// placeLocked makes an entry. The caller holds mu.
func (c *crowd) placeLocked(o origin) int32 {
	i := int32(len(c.heads))
	if n := len(c.free); n > 0 {
		i = c.free[n-1]
		c.free = c.free[:n-1]
		c.heads[i] = head{origin: o}
	} else {
		c.heads = append(c.heads, head{origin: o})
	}
	c.index[o] = i
	return i
}

// countOf is how many there are of an origin.
func (c *crowd) countOf(o origin) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, known := c.index[o]
	if !known {
		return 0
	}
	return int(c.heads[i].count)
}

// leave counts one less.
func (c *crowd) leave(t ticket) {
	if t == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &c.heads[t]
	h.count--
	if h.count == 0 {
		delete(c.index, h.origin)
		c.free = append(c.free, int32(t))
	}
}

// Joins per second.
const (
	joinsPerCore = 6000        // by default: a burst is made once for many, and a core sends more of them than this
	joinBurst    = time.Second // how much of its rate a bucket that was left alone gives at once
	joinUnit     = 64 << 10    // bytes of opening that cost as much as the join itself: 4 s at 48 kbit/s are 0.37 of it, 17 s are 1.56
)

// turnstile is a token bucket of joins, kept as one number: the time at which it will be full again (the generic cell rate algorithm).
// Its methods may be called from any goroutine.
type turnstile struct {
	per  time.Duration // immutable; what a join without an opening costs; 0: nothing, there is no limit
	full atomic.Int64  // time.Duration since the edge began
}

// perJoin is what one of so many joins per second costs; a negative rate is no limit.
func perJoin(rate int) time.Duration {
	if rate < 0 {
		return 0
	}
	return time.Second / time.Duration(max(rate, 1))
}

// pass takes what a join costs from the bucket, if it has that much.
func (t *turnstile) pass(now time.Duration, opening int) bool {
	if t.per == 0 {
		return true
	}
	for {
		full := t.full.Load()
		next, ok := spend(time.Duration(full), now, joinCost(t.per, opening))
		if !ok {
			return false
		}
		if t.full.CompareAndSwap(full, int64(next)) {
			return true
		}
	}
}

// joinCost is the price of a join whose opening has so many bytes.
func joinCost(per time.Duration, opening int) time.Duration {
	return per + per*time.Duration(opening)/joinUnit
}

// spend takes cost from a bucket that is full at a time. A full bucket gives once whatever is asked, so that nothing is too dear for ever.
func spend(full, now, cost time.Duration) (next time.Duration, ok bool) {
	next = max(full, now) + cost
	if next-now > joinBurst && full > now {
		return full, false
	}
	return next, true
}

// openingBytes is about how many bytes of sound a request gets at once or soon after: its depth, or what it missed where it resumes.
func openingBytes(v tape.Variant, depth time.Duration, from, head tape.Number) int {
	length := frames(depth)
	if from >= 0 && from <= head {
		length = min(head-from, resumeFrames)
	}
	return int(length) * bitrate(v) / 8 / tape.FramesPerSec
}

// bitrate is that of a variant, in bits per second.
func bitrate(v tape.Variant) int {
	switch v {
	case tape.Opus12:
		return 12_000
	case tape.Opus24:
		return 24_000
	case tape.AAC64:
		return 64_000
	}
	return 48_000
}

// admit asks all limits in turn; the one that is spent by being asked comes last. The caller holds a place among the seats, and gives
// up the ticket where it is refused later.
func (e *Edge) admit(ask request, r *reel) (ticket, error) {
	t, err := e.countIn(ask)
	if err != nil {
		return 0, err
	}
	head, _ := r.reach()
	if !e.turnstile.pass(e.now(), openingBytes(r.variant, e.depthOf(ask), ask.from, head)) {
		e.crowd.leave(t)
		return 0, e.later(problem.Busy, busyDetail)
	}
	return t, nil
}

// countIn counts a request for its origin or, where it came with an invitation, for that: whoever is invited is known, wherever he is.
func (e *Edge) countIn(ask request) (ticket, error) {
	if ask.facts.Life.Access.Gated() {
		t, ok := e.crowd.enterUpTo(originOfSeat(ask.grant), ask.grant.Most())
		if !ok {
			return 0, e.later(problem.InvitationFull, fullInvitation(ask.grant))
		}
		return t, nil
	}
	t, ok := e.crowd.enter(ask.origin)
	if !ok {
		return 0, e.later(problem.TooMany, "Too many are listening from your network's address. Close other players, or try again in a moment.")
	}
	return t, nil
}

const busyDetail = "Very many come at this moment. Try again in a few seconds."

// origin is whom a request counts for.
func (e *Edge) origin(r *http.Request) origin {
	return originOf(clientAddress(r.RemoteAddr, r.Header, e.config.ProxyHeader, e.config.ProxyFrom))
}

// Origin is whom a request counts for, in a form that others can compare: an IPv4 address or the /56 of an IPv6 one. It is empty where that
// is not known, and for this machine itself, behind which anybody may be.
func (e *Edge) Origin(r *http.Request) string {
	a := clientAddress(r.RemoteAddr, r.Header, e.config.ProxyHeader, e.config.ProxyFrom)
	if !a.IsValid() || a.IsLoopback() {
		return ""
	}
	return strconv.FormatUint(uint64(originOf(a)), 16)
}
