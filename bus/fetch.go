package bus

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// What a node missed it asks of another that has it, in two steps: fetch.<room>.<channel> reaches all that serve the channel, and those that
// have any of the frames answer with the address at which they are asked for them, which is remembered. The subject is not below the
// channel's own, where every receiver would get each request.
const (
	fetchTries   = 3
	fetchTimeout = 300 * time.Millisecond // of one try
	fetchPause   = 20 * time.Millisecond  // before the next one; at random up to twice that
	moreWait     = 10 * time.Millisecond  // for more peers than the first that answers

	requestVersion = 1
	maxAnswer      = 1 << 20 // what NATS carries in one message
	maxName        = 255
)

// ErrNoPeer says that no other node had all of what was asked for.
var ErrNoPeer = errors.New("no other node has it")

// request asks for frames of a variant, at most a segment of them.
//
//	1 byte version, 8 bytes first frame, 1 byte number of frames, 1 byte length of the variant's name, the name; the rest names the node that asks.
type request struct {
	tape.Stretch
	variant tape.Variant
	asker   string
}

func (r request) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, requestVersion), uint64(r.From))
	dst = append(dst, byte(r.Len()), byte(len(r.variant)))
	return append(append(dst, r.variant...), r.asker...)
}

func parseRequest(p []byte) (r request, err error) {
	const fixed = 11
	if len(p) < fixed || p[0] != requestVersion || len(p) < fixed+int(p[10]) {
		return r, errMessage
	}
	r.From = tape.Number(binary.BigEndian.Uint64(p[1:]))
	r.To = r.From + tape.Number(p[9])
	name := fixed + int(p[10])
	r.variant, r.asker = tape.Variant(p[fixed:name]), string(p[name:])
	if r.From < 0 || r.To <= r.From || r.Len() > tape.SegmentFrames || len(r.asker) > maxName {
		return r, errMessage
	}
	return r, nil
}

func fetchSubject(id room.ID, ch tape.Channel) string {
	return "fetch." + string(id) + "." + string(ch)
}

// Serve answers other nodes from source until stop is called; an answer that is under way may still be given after that.
func (b *Bus) Serve(id room.ID, ch tape.Channel, source tape.Source) (stop func(), err error) {
	own := nats.NewInbox()
	answer := func(m *nats.Msg, with func(request) *nats.Msg) {
		r, err := parseRequest(m.Data)
		if err != nil {
			b.log.Warn("dropped a request of the bus", "subject", m.Subject, "error", err)
			return
		}
		if r.asker == b.node || m.Reply == "" {
			return
		}
		reply := with(r)
		if reply == nil {
			return
		}
		reply.Subject = m.Reply
		err = b.conn.PublishMsg(reply)
		if err != nil {
			b.log.Warn("a request of the bus was not answered", "subject", m.Subject, "error", err)
		}
	}
	who, err := b.conn.Subscribe(fetchSubject(id, ch), func(m *nats.Msg) {
		answer(m, func(r request) *nats.Msg {
			if len(source.Past(r.variant, r.From, r.To).Frames) == 0 {
				return nil
			}
			return &nats.Msg{Reply: own}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("serve what room %s was: %w", id, err)
	}
	asked, err := b.conn.Subscribe(own, func(m *nats.Msg) {
		answer(m, func(r request) *nats.Msg {
			return &nats.Msg{Data: appendAnswer(nil, r.variant, source.Past(r.variant, r.From, r.To))}
		})
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve what room %s was: %w", id, err), who.Unsubscribe())
	}
	return func() {
		_, _ = who.Unsubscribe(), asked.Unsubscribe() // fails only on a closed connection, which is the same thing
		b.peers.forget(channelKey{id, ch})
	}, nil
}

// Fetch asks other nodes for frames from (inclusive) to to (exclusive), at most a segment of them, and for the events that go with them. It
// returns what it got of them, and ErrNoPeer where that is not all. It takes a second and a half at most.
func (b *Bus) Fetch(ctx context.Context, id room.ID, ch tape.Channel, v tape.Variant, from, to tape.Number) (tape.Past, error) {
	r := request{Stretch: tape.Stretch{From: from, To: to}, variant: v, asker: b.node}
	if _, err := parseRequest(r.append(nil)); err != nil {
		return tape.Past{}, fmt.Errorf("fetch frames %d to %d of %s: %w", from, to, v, err)
	}
	key := channelKey{id, ch}
	var got tape.Past
	for try := range fetchTries {
		if try > 0 {
			err := pause(ctx, fetchPause+rand.N(fetchPause))
			if err != nil {
				return got, err
			}
		}
		peer := b.peers.next(key)
		if peer == "" || try == fetchTries-1 && len(got.Frames) == 0 {
			// Who is known has none of it: somebody else may.
			peer = b.find(ctx, key, r)
		}
		if peer == "" {
			break
		}
		answer, err := b.ask(ctx, peer, r)
		if err != nil {
			b.peers.drop(key, peer)
			continue
		}
		got = merge(got, answer)
		if len(got.Frames) == r.Len() {
			return got, nil
		}
	}
	return got, errors.Join(ErrNoPeer, ctx.Err())
}

// pause waits before another try.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find asks who has any of what r asks for, remembers those who answer and returns one of them.
func (b *Bus) find(ctx context.Context, key channelKey, r request) (peer string) {
	inbox := nats.NewInbox()
	sub, err := b.conn.SubscribeSync(inbox)
	if err != nil {
		return ""
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
	err = b.conn.PublishRequest(fetchSubject(key.room, key.channel), inbox, r.append(nil))
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var found []string
	for len(found) < maxPeers {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil || m.Reply == "" {
			break // a message without a reply is the server's: nobody serves the channel
		}
		if len(found) == 0 {
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(ctx, moreWait)
			defer stop()
		}
		found = append(found, m.Reply)
	}
	b.peers.learn(key, found)
	return b.peers.next(key)
}

// ask asks one peer.
func (b *Bus) ask(ctx context.Context, peer string, r request) (tape.Past, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	m, err := b.conn.RequestWithContext(ctx, peer, r.append(nil))
	if err != nil {
		return tape.Past{}, err
	}
	return parseAnswer(m.Data, r)
}

// appendAnswer appends a version and what there is, each part as
//
//	1 byte length of its token, the token, 4 bytes length of the message, the message: as both are on the channel's own subject.
//
// What would make it too long is left out, events first.
func appendAnswer(dst []byte, v tape.Variant, p tape.Past) []byte {
	dst = append(dst, requestVersion)
	add := func(token string, term tape.Term, message func(tape.Takeover) []byte) {
		i := slices.IndexFunc(p.Takeovers, func(t tape.Takeover) bool { return t.Term == term })
		if i < 0 {
			return
		}
		m := message(p.Takeovers[i])
		if m == nil || len(dst)+1+len(token)+4+len(m) > maxAnswer {
			return
		}
		dst = append(append(dst, byte(len(token))), token...)
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(m))), m...)
	}
	for _, f := range p.Frames {
		add(string(v), f.Term, func(t tape.Takeover) []byte { return append(appendHead(nil, t, f.N), f.Packet...) })
	}
	for _, s := range p.Seals {
		add(sealToken, s.Term, func(t tape.Takeover) []byte { return sealMessage(t, s) })
	}
	for _, e := range p.Events {
		add(eventsToken, e.Term, func(t tape.Takeover) []byte {
			m, err := eventMessage(t, e)
			if err != nil {
				return nil // data that is no JSON came from no maker
			}
			return m
		})
	}
	return dst
}

// parseAnswer reads what a peer answered, and leaves out what was not asked for.
func parseAnswer(p []byte, r request) (tape.Past, error) {
	if len(p) == 0 || p[0] != requestVersion {
		return tape.Past{}, errMessage
	}
	c := &collector{request: r}
	var failed error
	d := deliverer{to: c, bad: func(_ string, err error) { failed = err }}
	for p = p[1:]; len(p) > 0 && failed == nil; {
		name := 1 + int(p[0])
		if len(p) < name+4 {
			return tape.Past{}, errMessage
		}
		token, size := string(p[1:name]), uint64(binary.BigEndian.Uint32(p[name:]))
		p = p[name+4:]
		if size > uint64(len(p)) {
			return tape.Past{}, errMessage
		}
		d.deliver(token, p[:size:size])
		p = p[size:]
	}
	return c.past, failed
}

// collector keeps what an answer brings.
type collector struct {
	request request
	past    tape.Past
}

func (c *collector) Takeover(t tape.Takeover) {
	if !slices.Contains(c.past.Takeovers, t) {
		c.past.Takeovers = append(c.past.Takeovers, t)
	}
}

func (c *collector) Frame(v tape.Variant, f tape.Frame) {
	if v == c.request.variant && f.N >= c.request.From && f.N < c.request.To {
		c.past.Frames = append(c.past.Frames, f)
	}
}

func (c *collector) Event(e tape.Event) {
	if e.At < c.request.To {
		c.past.Events = append(c.past.Events, e)
	}
}

func (c *collector) Seal(s tape.Seal) {
	if s.To > c.request.From && s.From < c.request.To {
		c.past.Seals = append(c.past.Seals, s)
	}
}

// merge adds what b has and a has not. The frames are in order.
func merge(a, b tape.Past) tape.Past {
	a.Frames = append(a.Frames, b.Frames...)
	slices.SortStableFunc(a.Frames, func(x, y tape.Frame) int { return cmp.Compare(x.N, y.N) })
	a.Frames = slices.CompactFunc(a.Frames, func(x, y tape.Frame) bool { return x.N == y.N })
	for _, t := range b.Takeovers {
		if !slices.Contains(a.Takeovers, t) {
			a.Takeovers = append(a.Takeovers, t)
		}
	}
	slices.SortFunc(a.Takeovers, func(x, y tape.Takeover) int { return cmp.Compare(x.Term, y.Term) })
	a.Events = append(a.Events, b.Events...) // an event log takes each once
	a.Seals = append(a.Seals, b.Seals...)
	return a
}
