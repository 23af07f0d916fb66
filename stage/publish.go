package stage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
)

// publish puts the caller on stage, or backstage: WHIP's and the desk's POST (RFC 9725, section 4.2).
func (s *Stage) publish(k kind) answer {
	return func(w http.ResponseWriter, r *http.Request, c caller) error {
		o, err := s.readOffer(w, r, k)
		if err != nil {
			return err
		}
		if k == whip {
			err = s.consentByField(r, c)
		}
		if err == nil {
			err = c.scene.mayCome(c.Grant, k)
		}
		if err != nil {
			return err
		}
		sess, answer, err := s.answer(r, c, k, o)
		if err != nil {
			return clientProblem(err, problem.BadOffer)
		}
		writeAnswer(w, c, k, sess, answer)
		return nil
	}
}

func (s *Stage) readOffer(w http.ResponseWriter, r *http.Request, k kind) (*offer, error) {
	body, err := readBody(w, r, typeSDP, maxOffer)
	if err != nil {
		return nil, err
	}
	o, err := parseOffer(body, k)
	return o, clientProblem(err, problem.BadOffer)
}

func writeAnswer(w http.ResponseWriter, c caller, k kind, sess *session, answer string) {
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	h.Set("Location", fmt.Sprintf("/r/%s/%s/%s", c.Room, k.path(), sess.id))
	h.Set("ETag", sess.etag())
	if k == whip {
		h.Set("Accept-Patch", typeFragment)
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(answer)) // who does not wait for the answer never connects, and leaves by time
}

// answer makes the session and puts it where it belongs.
func (s *Stage) answer(r *http.Request, c caller, k kind, o *offer) (*session, string, error) {
	sess, answer, err := s.negotiate(r, c, k, o, c.scene.connection)
	if err != nil {
		return nil, "", err
	}
	if k == backstage {
		err = c.scene.enterBackstage(c.Grant, sess)
	} else {
		err = c.scene.join(c.Grant, sess)
	}
	if err != nil {
		sess.close()
		return nil, "", err
	}
	return sess, answer, nil
}

// negotiate makes a session, as one of a bounded number at a time. The caller closes it.
func (s *Stage) negotiate(r *http.Request, c caller, k kind, o *offer, onState func(*session, connState)) (*session, string, error) {
	ctx := r.Context()
	select {
	case s.negotiating <- struct{}{}:
		defer func() { <-s.negotiating }()
	case <-time.After(negotiateTimeout):
		return nil, "", problem.Problem{
			Status: http.StatusServiceUnavailable, Code: problem.TooMany, RetryAfter: 3 * time.Second,
			Detail: "Too many people go on stage at this moment. Try again in a few seconds.",
		}
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	return newSession(ctx, s.network, k, c.Person, o, &s.cfg, onState)
}

// patch takes trickled candidates, or restarts ICE (RFC 9725, sections 4.3.1 and 4.3.2).
func (s *Stage) patch(w http.ResponseWriter, r *http.Request, c caller) error {
	sess, err := c.scene.session(r.PathValue("session"), c.Person)
	if err != nil {
		return err
	}
	return patchICE(w, r, sess)
}

// iceSession is what a PATCH changes.
type iceSession interface {
	etag() string
	isCurrent(ufrag, pwd string) bool
	restart(ctx context.Context, f fragment) (answer string, err error)
}

// patchICE takes trickled candidates for a session, or restarts its ICE.
func patchICE(w http.ResponseWriter, r *http.Request, sess iceSession) error {
	body, err := readBody(w, r, typeFragment, maxFragment)
	if err != nil {
		return err
	}
	f, err := parseFragment(string(body))
	if err != nil {
		return clientProblem(err, problem.BadFragment)
	}
	err = checkMatch(r.Header.Get("If-Match"), sess.etag())
	if err != nil {
		return err
	}
	if f.ufrag == "" || sess.isCurrent(f.ufrag, f.pwd) {
		// A lite agent makes no checks: candidates are welcome and not needed.
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	answer, err := sess.restart(r.Context(), f)
	if err != nil {
		return clientProblem(err, problem.BadFragment)
	}
	h := w.Header()
	h.Set("Content-Type", typeFragment)
	h.Set("ETag", sess.etag())
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(answer)) // who is gone before the answer comes back by a new session
	return nil
}

// checkMatch compares If-Match with the ICE session's tag; a restart may come with "*".
func checkMatch(given, etag string) error {
	if given == "" {
		return problem.New(problem.VersionMissing, "Send the session's ETag as If-Match; for an ICE restart \"*\".")
	}
	for tag := range strings.SplitSeq(given, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || tag == etag {
			return nil
		}
	}
	return problem.New(problem.VersionStale, "The ICE session was restarted since. Use the ETag of the last answer.")
}

// leave takes the caller off the stage.
func (s *Stage) leave(w http.ResponseWriter, r *http.Request, c caller) error {
	err := c.scene.leave(r.PathValue("session"), c.Person)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// clientProblem makes a refusal of what is wrong with what a client sent; other errors pass.
func clientProblem(err error, code problem.Code) error {
	var words clientError
	if errors.As(err, &words) {
		return problem.New(code, string(words))
	}
	return err
}
