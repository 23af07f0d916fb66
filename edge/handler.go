//go:build linux

package edge

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Handler serves the live streams of all rooms: /r/{room}/live.mp4, live.ogg and live.aac, and the same below /r/{room}/{channel}/. It takes
// connections over, so it must be reached by HTTP/1: a TLS listener in front of it must not offer h2,
// and must be NewTLSListener's or use TLSServer.
func (e *Edge) Handler() http.Handler { return e.handler }

func (e *Edge) routes() http.Handler {
	mux := http.NewServeMux()
	for c := range icyAAC {
		file := c.file()
		listen := func(w http.ResponseWriter, r *http.Request) { e.serveLive(w, r, c) }
		mux.HandleFunc("/r/{room}/"+file, listen)
		mux.HandleFunc("/r/{room}/{channel}/"+file, listen)
	}
	mux.HandleFunc("/r/{room}/seat.json", e.serveSeat)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		e.refuse(w, problem.New(problem.NotFound, "There is nothing at this address. Check the link."))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*") // a page on any site may listen, and read why it may not
		mux.ServeHTTP(w, r)
	})
}

// request is what a listener asks for.
type request struct {
	key       hubKey
	facts     room.Facts
	variant   int // in variants
	container container
	from      tape.Number    // negative: live
	depth     time.Duration  // what the player says it holds, where it resumes; 0: it does not say
	pace      bool           // the player can play slow to gain depth
	bare      bool           // HTTP/1.0: no chunks
	seat      string         // the seat token that it came with
	grant     room.SeatGrant // what that says, where the room asks for one
	origin    origin         // whom it counts for
	token     string         // lets somebody into a room that is not for everybody
}

func (e *Edge) serveLive(w http.ResponseWriter, r *http.Request, c container) {
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, "+icyHeader)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if r.Method == http.MethodGet {
		e.offered.Add(1)
	}
	if c == adtsAAC {
		w.Header().Add("Vary", icyHeader)
		if r.Header.Get(icyHeader) == "1" {
			c = icyAAC
		}
	}
	ask, err := e.parse(r, c)
	if err == nil {
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Type", c.contentType())
			w.Header().Set("Cache-Control", "no-store")
			if c == icyAAC {
				setICYFields(w.Header())
			}
			return
		}
		ask.origin = e.origin(r)
		err = e.join(w, r, ask)
	}
	if err != nil {
		e.turnedDown(err, ask)
		e.refuse(w, e.tellInside(err, ask.key.room))
	}
}

// parse reads a request. Its errors are problems.
func (e *Edge) parse(r *http.Request, c container) (ask request, err error) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return ask, problem.New(problem.MethodNotAllowed, "A live stream can only be read: use GET.")
	case r.ProtoMajor != 1:
		return ask, problem.Problem{
			Status: http.StatusHTTPVersionNotSupported, Code: problem.BadRequest, Title: "HTTP/1.1 only",
			Detail: "Live streams are served by HTTP/1.1 only: connect without HTTP/2.",
		}
	}
	if c.onDemand() && e.config.Want == nil {
		return ask, problem.New(problem.NotOffered, "This server makes no AAC. Listen at live.ogg or live.mp4 instead.")
	}
	ask, err = parseQuery(r.URL.RawQuery, c)
	if err != nil {
		return ask, err
	}
	ask.bare = !r.ProtoAtLeast(1, 1)
	id, token, _ := strings.Cut(r.PathValue("room"), room.TokenMark)
	ask.key, ask.token = hubKey{room.ID(id), tape.Floor}, token
	if channel := r.PathValue("channel"); channel != "" {
		ask.key.channel = tape.Channel(channel)
	}
	if ask.seat == "" {
		ask.seat = bearer(r)
	}
	return ask, e.find(&ask)
}

// parseQuery reads what stands behind the question mark of an address of a container. Its errors are problems.
func parseQuery(raw string, c container) (ask request, err error) {
	first, end := c.variants()
	ask.from, ask.container, ask.variant = -1, c, first
	query, err := url.ParseQuery(raw)
	if err != nil {
		return ask, problem.New(problem.BadRequest, "The part of the address behind the question mark cannot be read.")
	}
	if query.Has("from") {
		n, err := strconv.ParseInt(query.Get("from"), 10, 64)
		if err != nil || n < 0 {
			return ask, problem.New(problem.BadRequest, "\"from\" must be the number of a frame, such as from=12345.")
		}
		ask.from = tape.Number(n)
	}
	if query.Has("variant") {
		i := slices.Index(variants[first:end], tape.Variant(query.Get("variant")))
		if i < 0 {
			return ask, problem.New(problem.BadRequest, "\"variant\" must be opus-48, opus-24 or opus-12, and aac-64 in live.aac.")
		}
		ask.variant = first + i
	}
	if query.Has("depth") {
		ms, err := strconv.ParseUint(query.Get("depth"), 10, 31)
		if err != nil {
			return ask, problem.New(problem.BadRequest, "\"depth\" must be milliseconds of sound, such as depth=4000.")
		}
		ask.depth = min(time.Duration(ms)*time.Millisecond, maxDepth)
	}
	ask.pace = query.Get("pace") == "1"
	ask.seat = query.Get("seat")
	return ask, nil
}

// find looks the room up.
func (e *Edge) find(ask *request) error {
	ok := ask.key.room.Valid()
	if ok {
		ask.facts, ok = e.config.Rooms.Facts(ask.key.room)
	}
	if !ok || ask.facts.State == room.Draft || ask.facts.IsPrivate() && !ask.facts.LetsIn(ask.token, e.config.Now()) {
		return problem.NoRoom
	}
	err := e.invited(ask)
	if err != nil {
		return err
	}
	switch {
	case ask.facts.State == room.Announced:
		return e.doorsClosed(ask.facts.Life.Plan.DoorsAt())
	case ask.leaves():
		return ask.away()
	case ask.facts.State == room.Ended:
		return problem.New(problem.RoomEnded, "This conversation is over.")
	case ask.key.channel != tape.Floor:
		return problem.New(problem.ChannelUnknown, "This room has no such channel. Leave the channel out to hear the floor.")
	}
	return nil
}

// leaves reports whether who asks is sent to where the room goes on. While the old one is open, who had a seat in it comes back to it, and so does
// a player that reads events (pace): they are told there, and leave when they hear the new one.
func (ask *request) leaves() bool {
	return ask.facts.Life.Moved != nil && (ask.facts.State == room.Ended || ask.from < 0 && !ask.pace)
}

// away says where the room goes on: the same sound of it, from what is live there.
func (ask *request) away() problem.Problem {
	to, ok := ask.facts.MovedTo()
	if !ok {
		return problem.New(problem.RoomEnded, "This conversation is over.")
	}
	p := problem.New(problem.RoomMoved, "This conversation goes on at "+to.String()+".")
	p.Location = to.String() + "/" + ask.container.file()
	query := url.Values{}
	if first, _ := ask.container.variants(); ask.variant != first {
		query.Set("variant", string(variants[ask.variant]))
	}
	if ask.pace {
		query.Set("pace", "1")
	}
	if len(query) > 0 {
		p.Location += "?" + query.Encode()
	}
	return p
}

// longestAway is what a listener who came before the doors is told to wait at most: their time may be changed meanwhile.
const longestAway = 10 * time.Minute

// doorsClosed says when to come back to a room whose doors open at a known time: at random within some time after it, since all who wait wait
// for the same.
func (e *Edge) doorsClosed(at time.Time) problem.Problem {
	p := e.later(problem.RoomNotOpen, "The doors of this room are not open yet.")
	p.RetryAfter += min(max(0, at.Sub(e.config.Now())), longestAway)
	return p
}

// join gives a seat. Once the connection is taken over it returns nil whatever happens.
func (e *Edge) join(w http.ResponseWriter, r *http.Request, ask request) error {
	h, ticket, err := e.take(ask)
	if err != nil {
		return err
	}
	defer e.joining.Done()
	reel := h.reels[ask.variant]
	err = e.ready(r.Context(), reel, ask.from, e.depthOf(ask))
	if err != nil {
		e.giveBack(h, ticket)
		return err
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		e.config.Log.Error("cannot take a connection over", "error", err)
		e.giveBack(h, ticket)
		return problem.New(problem.Internal, "The server cannot stream on this connection.")
	}
	// The request's reader may hold bytes that followed it. They are thrown away, but they count.
	st := &seat{input: int32(buffered.Reader.Buffered()), ticket: ticket}
	err = st.connect(conn, e.config.MaxStuck)
	if err != nil {
		e.config.Log.Debug("cannot seat a listener", "error", err)
		_ = conn.Close()
		e.giveBack(h, ticket)
		return nil
	}
	e.place(st, h, ask)
	return nil
}

// place hands a seat that has its connection to a section. The caller holds a place for it, and is not done with joining.
func (e *Edge) place(st *seat, h *hub, ask request) {
	st.bare, st.wish, st.pace = ask.bare, uint8(ask.variant), ask.pace && ask.container == mp4
	st.depth = uint16(frames(e.depthOf(ask)))
	h.seated.Store(true)
	e.door.fit()
	reel := h.reels[ask.variant]
	if reel.onDemand {
		reel.seats.Add(1)
	}
	section := e.sections[e.turn.Add(1)%uint64(len(e.sections))]
	if !section.post(arrival{seat: st, hub: h, container: ask.container, from: ask.from}) {
		_ = st.conn.Close()
		if reel.onDemand {
			reel.seats.Add(-1)
		}
		e.giveBack(h, st.ticket)
	}
}

// depthOf is what a player has to live on: what it was granted elsewhere, where it goes on, and else what it is granted here.
func (e *Edge) depthOf(ask request) time.Duration {
	if ask.from >= 0 && ask.depth > 0 {
		return ask.depth
	}
	return e.grantDepth(ask.facts)
}

// take keeps a place for a request, so that the limit holds however many come at once. Who gets one gives it back or makes it a seat,
// and then is done with joining.
func (e *Edge) take(ask request) (*hub, ticket, error) {
	if e.Draining() {
		return nil, 0, e.later(problem.Draining, drainingDetail)
	}
	if e.short.Load() {
		return nil, 0, e.tooShort()
	}
	if closed := ask.facts.Life.Closed; closed > 0 && ask.from < 0 && e.config.Inside != nil && e.config.Inside(ask.key.room) >= closed {
		return nil, 0, e.later(problem.Full, "The doors of this room are closed: "+notice(ask.facts))
	}
	if e.taken.Add(1) > int64(e.config.MaxSeats) {
		e.taken.Add(-1)
		return nil, 0, e.later(problem.Full, "Every seat is taken. Try again in a moment.")
	}
	h, t, err := e.enter(ask)
	if err != nil {
		e.taken.Add(-1)
		return nil, 0, err
	}
	return h, t, nil
}

// notice is what the room's team has to say to who comes too late.
func notice(f room.Facts) string { return cmp.Or(f.Life.Notice, "as many are in as it may have.") }

const drainingDetail = "This server gives no seats any more, but others do. Try again in a moment."

// enter finds the hub of a request that has a place, and lets it in.
func (e *Edge) enter(ask request) (*hub, ticket, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, 0, e.later(problem.ShuttingDown, "This server is stopping. Try again in a moment.")
	}
	if e.Draining() {
		return nil, 0, e.later(problem.Draining, drainingDetail)
	}
	h := e.hubLocked(ask.key)
	if h.told.end.Load() != never {
		return nil, 0, problem.New(problem.RoomEnded, "This conversation is over.")
	}
	t, err := e.admit(ask, h.reels[ask.variant])
	if err != nil {
		return nil, 0, err
	}
	h.seats.Add(1)
	e.joining.Add(1)
	return h, t, nil
}

// giveBack undoes take for a request that got no seat.
func (e *Edge) giveBack(h *hub, t ticket) {
	h.seats.Add(-1)
	e.taken.Add(-1)
	e.crowd.leave(t)
}

// ready returns when there is something to hear, and when the peers gave what the seat begins with, or cannot. Only who comes to a channel
// that was not subscribed has to wait.
func (e *Edge) ready(ctx context.Context, r *reel, from tape.Number, depth time.Duration) error {
	err := r.hub.subscribe()
	if err != nil {
		e.config.Log.Error("cannot hear a room", "room", r.hub.key.room, "error", err)
		e.forget(r.hub)
		p := e.later(problem.Internal, "The sound does not reach this server. Try again in a moment.")
		p.Status = http.StatusServiceUnavailable
		return p
	}
	if r.onDemand {
		e.want(r)
	}
	if r.begins() && r.flows() && r.reachesBack(from, depth) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.config.FirstWait)
	defer cancel()
	defer context.AfterFunc(e.closing, cancel)()
	select {
	case <-r.ready:
		if r.waitFlow(ctx) {
			r.waitBack(ctx, from, depth)
			return nil
		}
	case <-ctx.Done():
	}
	if e.closing.Err() != nil {
		return e.later(problem.ShuttingDown, "This server is stopping. Try again in a moment.")
	}
	if r.onDemand && r.hub.reels[0].begins() {
		return e.later(problem.RoomNotOpen, "This room's sound does not come as AAC yet. Try again in a moment, or listen at live.ogg.")
	}
	return e.later(problem.RoomNotOpen, "There is nothing to hear in this room yet. Try again in a moment.")
}

// retryAfter says when a listener who is refused for now should come back. A full edge empties slowly; one that starts, stops or is hurried
// has room, or a successor, within moments.
var retryAfter = map[problem.Code]wait{
	problem.Full:    {10 * time.Second, 20 * time.Second},
	problem.TooMany: {10 * time.Second, 20 * time.Second},

	problem.InvitationFull: {10 * time.Second, 20 * time.Second},

	problem.Internal:     {10 * time.Second, 20 * time.Second},
	problem.RoomNotOpen:  {2 * time.Second, 4 * time.Second},
	problem.Busy:         {time.Second, 3 * time.Second},
	problem.Draining:     {time.Second, 2 * time.Second},
	problem.ShuttingDown: {time.Second, 2 * time.Second},
}

// wait is when to come back: at random between the two, so that they do not come all at once.
type wait struct{ least, most time.Duration }

// later is a refusal that waiting helps against.
func (e *Edge) later(code problem.Code, detail string) problem.Problem {
	p, w := problem.New(code, detail), retryAfter[code]
	p.RetryAfter = w.least + time.Duration(e.config.Random()*float64(w.most-w.least))
	return p
}

// tellInside adds to a refusal that waiting helps against how many are inside.
func (e *Edge) tellInside(err error, id room.ID) error {
	p, ok := errors.AsType[problem.Problem](err)
	if !ok || p.RetryAfter == 0 || e.config.Inside == nil {
		return err
	}
	p.Inside = e.config.Inside(id)
	return p
}

// turnedDown counts for a room who got no seat in it for want of one. Rooms that are not known are not counted: anybody can name some.
func (e *Edge) turnedDown(err error, ask request) {
	p, ok := errors.AsType[problem.Problem](err)
	if !ok || ask.facts.ID == "" {
		return
	}
	switch p.Code {
	case problem.Full, problem.Busy, problem.TooMany, problem.Draining:
	default:
		return
	}
	n, ok := e.turned.Load(ask.facts.ID)
	if !ok {
		n, _ = e.turned.LoadOrStore(ask.facts.ID, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1) //nolint:forcetypeassert // nothing else is stored
}

// TurnedDown is how often somebody got no seat in each room for want of one, since the edge began; of rooms that are open.
func (e *Edge) TurnedDown() map[room.ID]uint64 {
	all := map[room.ID]uint64{}
	e.turned.Range(func(id, n any) bool {
		f, ok := e.config.Rooms.Facts(id.(room.ID)) //nolint:forcetypeassert // as above
		if !ok || !f.State.Open() {
			e.turned.Delete(id)
			return true
		}
		all[f.ID] = n.(*atomic.Uint64).Load() //nolint:forcetypeassert // as above
		return true
	})
	return all
}

// Depth is how far behind the stage an ear is that comes to a room now, as this edge stands.
func (e *Edge) Depth(f room.Facts) time.Duration { return e.grantDepth(f) }

// refuse answers with a problem and counts it.
func (e *Edge) refuse(w http.ResponseWriter, err error) {
	p, ok := errors.AsType[problem.Problem](err)
	if !ok {
		p = problem.New(problem.Internal, "The server failed.")
	}
	e.count(p)
	if p.Code == problem.MethodNotAllowed {
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	problem.Write(w, p)
}

// count counts a refusal.
func (e *Edge) count(p problem.Problem) {
	if i := slices.Index(refusals[:], p.Code); i >= 0 {
		e.refused[i].Add(1)
	}
}
