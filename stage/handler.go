package stage

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Refusals that need no more words than these.
var (
	errRoomEnded      = problem.New(problem.RoomEnded, "The room has ended.")
	errShuttingDown   = problem.Problem{Code: problem.ShuttingDown, Detail: "The server is stopping. Try again in a moment.", RetryAfter: 2 * time.Second}
	errRemoved        = problem.New(problem.Removed, "You were removed from this room. Ask the host for a new link.")
	errSessionUnknown = problem.New(problem.SessionUnknown, "This session has ended, or was replaced by a newer one. Go on stage again.")
)

// caller is who makes a request, after the token was checked.
type caller struct {
	room.Grant
	scene *scene
}

// answer answers a request of somebody who may do what it is for; the error that it returns is written as a problem.
type answer func(w http.ResponseWriter, r *http.Request, c caller) error

// action is one thing that can be asked of one address.
type action struct {
	do answer
	// what it is for, in the table of permissions. Where that hangs on whom it concerns, do asks the table again.
	act room.Action
}

// methods are the actions on one address by method.
type methods map[string]action

func (s *Stage) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, m := range s.actions() {
		mux.Handle(pattern, s.serve(m))
	}
	for _, mount := range []string{"source", "source.ogg", "source.opus", "source.mp3"} {
		mux.HandleFunc("/r/{room}/"+mount, s.source)
	}
	mux.HandleFunc("/r/{room}/stage/ping", func(w http.ResponseWriter, _ *http.Request) {
		allowOrigins(w.Header())
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// actions are all that people with a token can ask of the stage.
func (s *Stage) actions() map[string]methods {
	const (
		post, put, patch, del, get = http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodGet
		people                     = "/r/{room}/stage/people/"
	)
	return map[string]methods{
		"/r/{room}/whip":           {post: {s.publish(whip), room.ActSpeak}},
		"/r/{room}/whip/{session}": {patch: {s.patch, room.ActSpeak}, del: {s.leave, room.ActWatch}},
		"/r/{room}/desk":           {post: {s.publish(desk), room.ActSpeak}},
		"/r/{room}/desk/{session}": {del: {s.leave, room.ActWatch}},
		"/r/{room}/stage/events":   {get: {s.watch, room.ActWatch}},
		people + "{person}/muted":  {put: {s.mute, room.ActWatch}}, // oneself or another
		people + "me/name":         {put: {s.rename, room.ActRename}},
		people + "{person}":        {del: {s.remove, room.ActRemove}},

		people + "me/consent":       {put: {s.answerConsent, room.ActConsent}},
		people + "me/check":         {put: {s.judge, room.ActCheck}},
		"/r/{room}/check":           {post: {s.try, room.ActCheck}},
		"/r/{room}/check/{session}": {del: {s.endTrial, room.ActCheck}},
		"/r/{room}/stage/lead":      {put: {s.takeLead, room.ActTakeLead}},

		"/r/{room}/stage/muted":        {put: {s.muteAll, room.ActMuteAll}},
		people + "{person}/place":      {put: {s.place, room.ActWatch}}, // sent back, or called up
		people + "{person}/blocked":    {put: {s.block, room.ActBlock}},
		"/r/{room}/stage/host":         {put: {s.handOver, room.ActHandOver}},
		"/r/{room}/stage/hands":        {put: {s.takeHands, room.ActHands}},
		"/r/{room}/stage/hands/{hand}": {put: {s.answerHand, room.ActHands}},

		"/r/{room}/stage/backstage":           {post: {s.publish(backstage), room.ActBackstage}},
		"/r/{room}/stage/backstage/{session}": {del: {s.leaveBackstage, room.ActWatch}},
		"/r/{room}/stage/ear":                 {put: {s.talkToAll, room.ActTalkback}},
		people + "{person}/ear":               {put: {s.talkToOne, room.ActTalkback}},
		"/r/{room}/stage/cues":                {post: {s.sendCue, room.ActCue}},
		"/r/{room}/stage/cues/{cue}":          {put: {s.takeCue, room.ActTakeCue}},
		"/r/{room}/stage/chat":                {post: {s.say, room.ActChat}},
	}
}

// serve checks method and token, runs the action and writes its refusal.
func (s *Stage) serve(m methods) http.Handler {
	allowed := strings.Join(append(slices.Sorted(maps.Keys(m)), http.MethodOptions), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowOrigins(w.Header())
		if r.Method == http.MethodOptions {
			s.options(w, m, allowed)
			return
		}
		act, ok := m[r.Method]
		if !ok {
			w.Header().Set("Allow", allowed)
			problem.Write(w, problem.New(problem.MethodNotAllowed, fmt.Sprintf("This address takes %s.", allowed)))
			return
		}
		c, err := s.authorize(r, act.act)
		if err == nil {
			err = act.do(w, r, c)
		}
		if err != nil {
			s.refuse(w, r, err)
		}
	})
}

// allowOrigins lets pages of other origins in (RFC 9725, section 4.2): what a request may do hangs on its token alone.
func allowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Patch, Retry-After")
}

func (s *Stage) options(w http.ResponseWriter, m methods, allowed string) {
	h := w.Header()
	h.Set("Allow", allowed)
	h.Set("Access-Control-Allow-Methods", allowed)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, "+ConsentField)
	h.Set("Access-Control-Max-Age", "86400")
	if _, ok := m[http.MethodPost]; ok {
		h.Set("Accept-Post", typeSDP)
	}
	if _, ok := m[http.MethodPatch]; ok {
		h.Set("Accept-Patch", typeFragment)
	}
	w.WriteHeader(http.StatusNoContent)
}

// authorize finds out who asks, and whether the table of permissions lets them. It costs a signature check and no look-up elsewhere; nothing is kept for strangers.
func (s *Stage) authorize(r *http.Request, act room.Action) (caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return caller{}, problem.New(problem.TokenMissing, "Send the stage token as \"Authorization: Bearer ...\". It is in the link, behind #.")
	}
	grant, err := s.cfg.Verify(token)
	if err != nil {
		return caller{}, problem.OfToken(err)
	}
	id := room.ID(r.PathValue("room"))
	if grant.Room != id {
		return caller{}, problem.New(problem.TokenWrongRoom, "The token is for another room. Use the link of this room.")
	}
	facts, ok := s.cfg.Rooms.Facts(id)
	switch {
	case !ok:
		return caller{}, problem.New(problem.RoomUnknown, fmt.Sprintf("There is no room %q here. Check the link.", id))
	case facts.IsRemoved(grant.Person):
		return caller{}, errRemoved
	}
	grant.Role = facts.RoleOf(grant.Person, grant.Role)
	err = room.May(grant.Role, act, facts.State)
	if err != nil {
		return caller{}, problem.OfDenial(err)
	}
	sc, err := s.scene(id)
	if err != nil {
		return caller{}, err
	}
	if sc.isRemoved(grant.Person) {
		return caller{}, errRemoved
	}
	return caller{Grant: grant, scene: sc}, nil
}

// may asks the table of permissions for a caller again, where what is done hangs on whom it concerns.
func (s *Stage) may(c caller, act room.Action) error {
	facts, _ := s.cfg.Rooms.Facts(c.Room)
	return problem.OfDenial(room.May(c.Role, act, facts.State))
}

// refuse writes an error as a problem. What nobody foresaw is told to the log, not to the client.
func (s *Stage) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var p problem.Problem
	err = consentProblem(problem.OfDenial(err))
	if !errors.As(err, &p) {
		s.cfg.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
		p = problem.New(problem.Internal, "Something failed on the server. Try again; its log has the reason.")
	}
	if p.Code == problem.TokenMissing && w.Header().Get("WWW-Authenticate") == "" {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	problem.Write(w, p)
}

// readBody reads a body of the wanted type and at most limit bytes.
func readBody(w http.ResponseWriter, r *http.Request, mediaType string, limit int64) ([]byte, error) {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || got != mediaType {
		return nil, problem.New(problem.WrongType, fmt.Sprintf("Send the body as %s.", mediaType))
	}
	// Where the connection takes no deadline, as in some tests, the server's own timeouts rule.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problem.New(problem.TooLarge, fmt.Sprintf("The body may have at most %d bytes.", limit))
	case err != nil:
		return nil, problem.New(problem.BadRequest, "The body could not be read to its end.")
	}
	return body, nil
}
