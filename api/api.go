// Package api answers the host's requests on the stage's port: the one-time link, rooms and their lives, invites of
// speakers and of listeners, run-throughs, delay, dump and carts, chapters and the replay. docs/PROTOCOL.md ("The host's side") says what it promises, docs/openapi.json describes it for programs.
package api

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/pack/vtt"
	"github.com/epidaurus-live/epidaurus/room"
)

// TokenLife is how long a stage token is good for.
const TokenLife = 7 * 24 * time.Hour

// Sessions says who is host. Its errors wrap those of room.
type Sessions interface {
	// Redeem uses a link up and begins a session, both or neither, exactly once under concurrency: room.ErrLinkUnknown,
	// room.ErrLinkUsed, room.ErrLinkExpired.
	Redeem(ctx context.Context, link, session room.SecretHash, now time.Time) (room.HostID, error)
	// Session returns whose session it is: room.ErrNotFound.
	Session(ctx context.Context, session room.SecretHash, now time.Time) (room.HostID, error)
}

// Records keeps rooms and invites. What it has answered is on disk. Its errors wrap those of room.
type Records interface {
	RoomsOf(ctx context.Context, host room.HostID) ([]room.Record, error) // newest first
	Room(ctx context.Context, id room.ID) (room.Record, error)            // room.ErrNotFound
	AddRoom(ctx context.Context, r room.Record) error                     // room.ErrExists
	DropRoom(ctx context.Context, id room.ID) error                       // also where there is none
	// SetState may be called again with the state that is reached.
	SetState(ctx context.Context, id room.ID, to room.State, at time.Time) error
	SetTape(ctx context.Context, id room.ID, to room.Taping) error
	// AddSeats keeps invitations to listen, all or none: room.ErrManySeats.
	AddSeats(ctx context.Context, id room.ID, all []room.Invitation) error
	Seats(ctx context.Context, id room.ID) ([]room.Invitation, error)                  // in the order in which they were made
	RevokeSeats(ctx context.Context, id room.ID, seat room.SeatID, at time.Time) error // empty: all; room.ErrNotFound
	AddInvite(ctx context.Context, i room.Invite) error                                // room.ErrExists, room.ErrEnded, room.ErrManyInvites, room.ErrManyCoHosts
	Invites(ctx context.Context, id room.ID) ([]room.Invite, error)
	Consents(ctx context.Context, id room.ID) ([]room.ConsentRecord, error) // the oldest first
	RunsOf(ctx context.Context, id room.ID) ([]room.Record, error)          // the run-throughs of a room, newest first
	CopyTeam(ctx context.Context, from, to room.ID, carts bool) error       // the invited who were not removed; room.ErrNotFound
}

// Rooms runs the rooms that are open.
type Rooms interface {
	Create(ctx context.Context, f room.Facts) error   // from now on it runs: with open doors, or until its time
	End(ctx context.Context, id room.ID) error        // may fail where no room is open
	DeleteTape(ctx context.Context, id room.ID) error // on every node; returns when it is gone on this one
	Facts(id room.ID) (room.Facts, bool)              // false for rooms that are not open
	// Consent makes an answer last to whether somebody may be recorded: room.ErrNotFound.
	Consent(ctx context.Context, id room.ID, p room.PersonID, c room.Consent) error
	// SetCaptions puts these cues, at times of the replay as it is heard now, in the place of the captions of a language; nil brings back those that were written
	// live. It returns how many there are; room.ErrNotFound where there is no tape here that has ended.
	SetCaptions(id room.ID, language string, cues []vtt.Cue) (lines int, err error)
	// Recording is what is on tape here for the room's editors: room.ErrNotFound, and room.ErrStep while it is still taped.
	Recording(id room.ID) (Recording, error)
	Taped(id room.ID) (first, last int64, ok bool) // the frames of its tape, last is one behind; false where there is none here
}

// Air is the way of open rooms to their listeners: what the desk does to it. Its errors wrap room.ErrNotFound where the room's sound is not
// made here.
type Air interface {
	SetDelay(ctx context.Context, id room.ID, ms int) error
	Dump(id room.ID, fill string) (Dumped, error) // fill is a cart's name, room.FillHold or room.FillNone
	Carts(id room.ID) ([]Cart, error)
	SetCart(ctx context.Context, id room.ID, name room.Cart, file []byte) (Cart, error) // nil: the built-in one again; room.ErrSound
	PlayCart(id room.ID, name room.Cart) (Cart, error)
	StopCart(id room.ID, name room.Cart) error  // where it does not play, nothing happens
	Moment(id room.ID) (frame int64, err error) // at which listeners hear what is said on stage now

	// Caption takes a line of what is said, which goes out when listeners hear that; at and until are the frames of its first and its last word.
	// room.ErrDumped, room.ErrManyLanguages, room.ErrManyCaptions.
	Caption(id room.ID, c room.Caption, at, until *int64) (Captioned, error)
}

// Config is what the handlers need. Every field but Publishes is required.
type Config struct {
	Sessions Sessions
	Records  Records
	Rooms    Rooms
	Air      Air
	Life     Life
	Lights   Lights
	Pictures Pictures
	Key      *room.Key          // signs stage tokens
	PassKey  ed25519.PrivateKey // signs the passes of run-throughs
	Clock    func() time.Time
	Rand     io.Reader // of cookies and IDs: crypto/rand
	Log      *slog.Logger

	Publishes bool // the node writes its rooms to a place that checks no tokens

	// ListenURL and StageURL say how the one who asks, or whom they send a link to, reaches the two ports: scheme and host,
	// without a slash at the end.
	ListenURL func(*http.Request) string
	// Own are the origins at which the rooms of this cluster are heard: all of its edges'.
	Own      func(*http.Request) []string
	StageURL func(*http.Request) string
}

type api struct {
	// immutable
	cfg   Config
	cross *http.CrossOriginProtection

	claims   limiter  // has a lock of its own
	captions limiters // have one, too
}

// action answers a request; the error that it returns is written as a problem.
type action func(w http.ResponseWriter, r *http.Request) error

// methods are the actions on one address by method.
type methods map[string]action

// New returns the handler of everything under /api/. It may be used by many goroutines.
func New(cfg Config) http.Handler {
	a := &api{cfg: cfg, cross: http.NewCrossOriginProtection(), claims: limiter{every: claimEvery, burst: claimBurst}, captions: limiters{every: captionEvery, burst: captionBurst}}
	mux := http.NewServeMux()
	for pattern, m := range a.routes() {
		mux.Handle(pattern, a.serve(m))
	}
	mux.Handle("/api/", a.serve(nil))
	return mux
}

func (a *api) routes() map[string]methods {
	return map[string]methods{
		"/api/claim":                       {http.MethodPost: a.claim},
		"/api/me":                          {http.MethodGet: a.me},
		"/api/rooms":                       {http.MethodGet: a.listRooms, http.MethodPost: a.createRoom},
		"/api/rooms/{room}":                {http.MethodGet: a.getRoom},
		"/api/rooms/{room}/token":          {http.MethodPost: a.ownToken},
		"/api/rooms/{room}/invites":        {http.MethodGet: a.listInvites, http.MethodPost: a.invite},
		"/api/rooms/{room}/consents":       {http.MethodGet: a.listConsents},
		"/api/rooms/{room}/end":            {http.MethodPost: a.endRoom, http.MethodDelete: a.stay},
		"/api/rooms/{room}/life":           {http.MethodGet: a.getLife},
		"/api/rooms/{room}/doors":          {http.MethodPut: a.doors},
		"/api/rooms/{room}/lights":         {http.MethodGet: a.lights},
		"/api/rooms/{room}/plan":           {http.MethodPatch: a.replan},
		"/api/rooms/{room}/step":           {http.MethodPost: a.move},
		"/api/rooms/{room}/tape":           {http.MethodDelete: a.deleteTape},
		"/api/rooms/{room}/tracks":         {http.MethodGet: a.listTracks},
		"/api/rooms/{room}/tracks.zip":     {http.MethodGet: a.zipTracks},
		"/api/rooms/{room}/tracks/{track}": {http.MethodGet: a.getTrack},
		"/api/rooms/{room}/replay":         {http.MethodGet: a.getReplay, http.MethodPatch: a.editReplay},

		"/api/rooms/{room}/captions":        {http.MethodPost: a.caption},
		"/api/rooms/{room}/captions/{lang}": {http.MethodPut: a.putCaptions, http.MethodDelete: a.dropCaptions},

		"/api/rooms/{room}/chapters":           {http.MethodGet: a.listChapters, http.MethodPost: a.mark},
		"/api/rooms/{room}/chapters/{chapter}": {http.MethodPatch: a.changeChapter, http.MethodDelete: a.dropChapter},

		"/api/rooms/{room}/access":       {http.MethodGet: a.getAccess, http.MethodPatch: a.setAccess},
		"/api/rooms/{room}/picture":      {http.MethodPut: a.putPicture, http.MethodDelete: a.dropPicture},
		"/api/rooms/{room}/seats":        {http.MethodGet: a.listSeats, http.MethodPost: a.inviteListener, http.MethodDelete: a.withdrawSeats},
		"/api/rooms/{room}/seats.csv":    {http.MethodPost: a.inviteListeners},
		"/api/rooms/{room}/seats/mine":   {http.MethodPost: a.ownSeat},
		"/api/rooms/{room}/seats/{seat}": {http.MethodDelete: a.withdrawSeat},

		"/api/rooms/{room}/move":       {http.MethodPut: a.relocate, http.MethodDelete: a.remain},
		"/api/rooms/{room}/runs":       {http.MethodGet: a.listRuns, http.MethodPost: a.startRun},
		"/api/rooms/{room}/runs/{run}": {http.MethodDelete: a.deleteRun},

		"/api/rooms/{room}/delay":             {http.MethodPatch: a.setDelay},
		"/api/rooms/{room}/dump":              {http.MethodPost: a.dump},
		"/api/rooms/{room}/carts":             {http.MethodGet: a.listCarts},
		"/api/rooms/{room}/carts/{cart}":      {http.MethodPut: a.putCart, http.MethodDelete: a.dropCart},
		"/api/rooms/{room}/carts/{cart}/play": {http.MethodPost: a.playCart},
		"/api/rooms/{room}/carts/{cart}/stop": {http.MethodPost: a.stopCart},
	}
}

// serve checks origin and method, runs the action and writes its refusal.
func (a *api) serve(m methods) http.Handler {
	allowed := slices.Sorted(maps.Keys(m))
	if m[http.MethodGet] != nil {
		allowed = slices.Insert(allowed, 1, http.MethodHead)
	}
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		act, ok := m[method]
		var err error
		switch {
		case m == nil:
			err = problem.New(problem.NotFound, fmt.Sprintf("There is nothing at %s. docs/PROTOCOL.md lists what there is.", r.URL.Path))
		case !ok:
			w.Header().Set("Allow", allow)
			err = problem.New(problem.MethodNotAllowed, fmt.Sprintf("This address takes %s.", allow))
		case a.cross.Check(r) != nil:
			err = problem.New(problem.Forbidden, "This request comes from a page of another site. Open the desk by its own link.")
		default:
			err = act(w, r)
		}
		if err != nil {
			a.refuse(w, r, err)
		}
	})
}

// refuse writes an error as a problem. What nobody foresaw is told to the log, not to the client.
func (a *api) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var p problem.Problem
	if errors.Is(err, room.ErrUnwritable) {
		a.cfg.Log.Error("a request cannot be written down", "method", r.Method, "path", r.URL.Path, "error", err)
		p = problem.New(problem.NotKept, "The server's database takes nothing now, so this was not done. What is on air does not need it. Try again in a moment; whoever runs the server finds the reason in its log.")
		p.RetryAfter = unwritableWait + rand.N(unwritableWait)
	} else if !errors.As(err, &p) {
		level := slog.LevelError
		if r.Context().Err() != nil {
			level = slog.LevelInfo // who asked has left
		}
		a.cfg.Log.Log(r.Context(), level, "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		p = problem.New(problem.Internal, "Something failed on the server. Try again; its log has the reason.")
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	problem.Write(w, p)
}

// unwritableWait is after how long it may be worth to ask again for what could not be written down; by chance up to twice that.
const unwritableWait = 5 * time.Second

// detached is a context for a change that is finished even when the one who asked for it leaves in the middle.
func detached(r *http.Request) (context.Context, context.CancelFunc) {
	const limit = 10 * time.Second
	return context.WithTimeout(context.WithoutCancel(r.Context()), limit)
}
