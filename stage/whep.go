package stage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Handler serves /r/{room}/whep and the sessions below it (draft-ietf-wish-whep). A session's address is a secret of its listener: who knows it
// may end it, and needs nothing else.
func (l *Listeners) Handler() http.Handler { return l.handler }

func (l *Listeners) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/r/{room}/whep", l.serve(map[string]listenAnswer{http.MethodPost: l.open}, "POST, OPTIONS"))
	mux.Handle("/r/{room}/whep/{session}", l.serve(map[string]listenAnswer{http.MethodPatch: l.patch, http.MethodDelete: l.delete}, "DELETE, OPTIONS, PATCH"))
	return mux
}

// listenAnswer answers a request; the error that it returns is written as a problem.
type listenAnswer func(http.ResponseWriter, *http.Request) error

func (l *Listeners) serve(methods map[string]listenAnswer, allowed string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowOrigins(w.Header())
		do, ok := methods[r.Method]
		switch {
		case r.Method == http.MethodOptions:
			l.options(w, methods, allowed)
			return
		case !ok:
			w.Header().Set("Allow", allowed)
			problem.Write(w, problem.New(problem.MethodNotAllowed, fmt.Sprintf("This address takes %s.", allowed)))
			return
		}
		err := do(w, r)
		if err == nil {
			return
		}
		var p problem.Problem
		if !errors.As(err, &p) {
			l.cfg.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
			p = problem.New(problem.Internal, "Something failed on the server. Try again; its log has the reason.")
		}
		l.cfg.Refuse(w, r, p)
	})
}

func (l *Listeners) options(w http.ResponseWriter, methods map[string]listenAnswer, allowed string) {
	h := w.Header()
	h.Set("Allow", allowed)
	h.Set("Access-Control-Allow-Methods", allowed)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	h.Set("Access-Control-Max-Age", "86400")
	if _, ok := methods[http.MethodPost]; ok {
		h.Set("Accept-Post", typeSDP)
	} else {
		h.Set("Accept-Patch", typeFragment)
	}
	w.WriteHeader(http.StatusNoContent)
}

// open gives a listener a seat and answers the offer (draft-ietf-wish-whep, section 4.2).
func (l *Listeners) open(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, typeSDP, maxListenOffer)
	if err != nil {
		return err
	}
	o, err := parseListenOffer(body)
	if err != nil {
		return clientProblem(err, problem.BadOffer)
	}
	seat, err := l.cfg.Seat(r)
	if err != nil {
		return err
	}
	id, origin := roomOf(r), l.cfg.Origin(r)
	f, err := l.enter(id, origin)
	if err != nil {
		seat.Leave()
		return err
	}
	e, answer, err := l.negotiate(r, f, origin, seat, o)
	if err != nil {
		l.leave(f, origin, true)
		seat.Leave()
		return clientProblem(err, problem.BadOffer)
	}
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	h.Set("Cache-Control", "no-store")
	h.Set("Location", fmt.Sprintf("/r/%s/whep/%s", r.PathValue("room"), e.id))
	h.Set("ETag", e.etag())
	h.Set("Accept-Patch", typeFragment)
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(answer)) // who does not wait for the answer never connects, and is let go by time
	return nil
}

// roomOf is the room of a request, without what lets somebody into it.
func roomOf(r *http.Request) room.ID {
	id, _, _ := strings.Cut(r.PathValue("room"), room.TokenMark)
	return room.ID(id)
}

// negotiate makes an ear that has the seat, as one of a bounded number at a time.
func (l *Listeners) negotiate(r *http.Request, f *fanout, origin string, seat Seat, o *offer) (*ear, string, error) {
	ctx, cancel := context.WithTimeout(r.Context(), negotiateTimeout)
	defer cancel()
	select {
	case l.negotiating <- struct{}{}:
		defer func() { <-l.negotiating }()
	case <-ctx.Done():
		return nil, "", l.later(problem.Busy, time.Second, "Very many come at this moment. Try again in a few seconds.")
	}
	e, answer, err := newEar(ctx, l, f, origin, r, o)
	if err != nil {
		return nil, "", err
	}
	err = l.add(e, seat)
	if err != nil {
		e.close()
		return nil, "", err
	}
	e.start()
	return e, answer, nil
}

// patch takes trickled candidates, or restarts ICE (draft-ietf-wish-whep, section 4.3; as RFC 9725, sections 4.3.1 and 4.3.2).
func (l *Listeners) patch(w http.ResponseWriter, r *http.Request) error {
	e, err := l.ear(roomOf(r), r.PathValue("session"))
	if err != nil {
		return err
	}
	return patchICE(w, r, e)
}

// delete ends a session.
func (l *Listeners) delete(w http.ResponseWriter, r *http.Request) error {
	e, err := l.ear(roomOf(r), r.PathValue("session"))
	if err != nil {
		return err
	}
	l.end(e)
	w.WriteHeader(http.StatusOK)
	return nil
}
