package stage

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Admitted is a listener who has become a speaker.
type Admitted struct {
	Token string
	Stage string // where the desk is: scheme and host
}

// Hand answers what a listener's page wants of the queue of raised hands. It waits for nobody.
func (s *Stage) Hand(id room.ID, ask room.HandAsk) room.HandReply {
	reply, err := s.hand(id, ask, time.Now())
	if err == nil {
		return reply
	}
	var p problem.Problem
	if !errors.As(err, &p) {
		s.cfg.Log.Error("a hand failed", "room", id, "err", err)
		p = problem.New(problem.Internal, "Something failed on the server. Try again.")
	}
	return room.HandReply{Code: string(p.Code), Detail: p.Detail, RetryMS: p.RetryAfter.Milliseconds()}
}

func (s *Stage) hand(id room.ID, ask room.HandAsk, now time.Time) (room.HandReply, error) {
	facts, ok := s.cfg.Rooms.Facts(id)
	if !ok {
		return room.HandReply{}, problem.NoRoom
	}
	err := problem.OfDenial(room.May(room.Listener, room.ActRaiseHand, facts.State))
	if err != nil {
		return room.HandReply{}, err
	}
	sc, err := s.scene(id)
	if err != nil {
		return room.HandReply{}, err
	}
	switch ask.Do {
	case "raise":
		return sc.raiseHand(facts, ask, now)
	case "look":
		return sc.lookAtHand(ask, now)
	case "lower":
		sc.lowerHand(ask.ID)
		return room.HandReply{}, nil
	case "accept":
		return sc.acceptHand(ask, now)
	}
	return room.HandReply{}, problem.New(problem.BadRequest, "This is nothing that a hand can do.")
}

func (sc *scene) raiseHand(facts room.Facts, ask room.HandAsk, now time.Time) (room.HandReply, error) {
	switch {
	case facts.IsBlocked(ask.Origin):
		return room.HandReply{}, problem.New(problem.Forbidden, "The stage of this room takes no hand from you.")
	case facts.NoHands:
		return room.HandReply{}, problem.New(problem.HandsClosed, problem.Sentence(room.ErrHandsClosed))
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	before := len(sc.hands.Up())
	h, err := sc.hands.Raise(room.Hand{ID: ask.ID, Name: ask.Name, Line: ask.Line, Origin: ask.Origin}, now)
	if err != nil {
		return room.HandReply{}, handProblem(err, sc.hands.RestLeft(ask.ID, ask.Origin, now))
	}
	_, ahead, _ := sc.hands.Look(ask.ID, now)
	if len(sc.hands.Up()) > before {
		sc.handsChangedLocked()
	}
	return room.HandReply{State: h.State, Ahead: ahead}, nil
}

func handProblem(err error, rest time.Duration) error {
	p := problem.Problem{Detail: problem.Sentence(err)}
	switch {
	case errors.Is(err, room.ErrHandsFull):
		p.Code, p.RetryAfter = problem.HandsFull, time.Minute
	case errors.Is(err, room.ErrHandTwice):
		p.Code, p.RetryAfter = problem.TooMany, time.Minute
	case errors.Is(err, room.ErrHandRest):
		p.Code, p.RetryAfter = problem.TooMany, rest
	case errors.Is(err, room.ErrHandUnknown):
		p.Code = problem.HandUnknown
	default:
		return err
	}
	return p
}

func (sc *scene) lookAtHand(ask room.HandAsk, now time.Time) (room.HandReply, error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	h, ahead, err := sc.hands.Look(ask.ID, now)
	if err != nil {
		return room.HandReply{}, handProblem(err, 0)
	}
	return room.HandReply{State: h.State, Ahead: ahead}, nil
}

func (sc *scene) lowerHand(id room.HandID) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.hands.Lower(id)
	sc.handsChangedLocked()
}

// acceptHand makes the listener a speaker. Asked again, it gives the same person a token again: an answer may get lost.
func (sc *scene) acceptHand(ask room.HandAsk, now time.Time) (room.HandReply, error) {
	person, err := sc.cfg.NewPerson()
	if err != nil {
		return room.HandReply{}, err
	}
	sc.mu.Lock()
	h, err := sc.hands.Accept(ask.ID, person, now)
	if err == nil {
		sc.handsChangedLocked()
	}
	sc.mu.Unlock()
	if err != nil {
		return room.HandReply{}, handProblem(err, 0)
	}
	in := sc.cfg.Admit(sc.id, h)
	sc.log.Info("a listener was brought on stage", "person", h.Person)
	return room.HandReply{State: h.State, Token: in.Token, Stage: in.Stage}, nil
}

// takeHands says whether hands may be raised. Where they may not any more, those that wait are lowered.
func (s *Stage) takeHands(w http.ResponseWriter, r *http.Request, c caller) error {
	take, err := readJSON[bool](w, r)
	if err == nil {
		err = s.cfg.TakeHands(c.Room, take)
	}
	if err != nil {
		return err
	}
	c.scene.clearHands(!take)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// answerHand invites a listener to the stage, or lets one go.
func (s *Stage) answerHand(w http.ResponseWriter, r *http.Request, c caller) error {
	to, err := readJSON[room.HandState](w, r)
	if err != nil {
		return err
	}
	id := room.HandID(r.PathValue("hand"))
	sc := c.scene
	sc.mu.Lock()
	defer sc.mu.Unlock()
	switch to {
	case room.HandInvited:
		err = sc.hands.Invite(id, time.Now())
	case room.HandLetGo:
		err = sc.hands.LetGo(id, time.Now())
	default:
		return problem.New(problem.BadRequest, "A hand can be answered by \"invited\" or \"let_go\".")
	}
	if err != nil {
		return handProblem(err, 0)
	}
	sc.handsChangedLocked()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (sc *scene) clearHands(all bool) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if all {
		sc.hands.Clear()
	}
	sc.handsChangedLocked()
}

func (sc *scene) dropHands(origin string, person room.PersonID) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.hands.Drop(origin, person)
	sc.handsChangedLocked()
}

func (sc *scene) handsChangedLocked() {
	sc.handsVersion++
	sc.changed()
}

// expireHandsLocked does to the queue what time does, and returns the time to the next such change.
func (sc *scene) expireHandsLocked(now time.Time) time.Duration {
	changed, next := sc.hands.Expire(now)
	if changed {
		sc.handsVersion++
	}
	if next.IsZero() {
		return time.Hour
	}
	return max(next.Sub(now), 0)
}

// The hands event; docs/PROTOCOL.md has the words.
type (
	handsEvent struct {
		Open  bool       `json:"open"`
		Hands []handItem `json:"hands"`
	}
	handItem struct {
		ID       room.HandID    `json:"id"`
		Name     string         `json:"name"`
		Line     string         `json:"line"`
		State    room.HandState `json:"state"`
		WaitedMS int64          `json:"waited_ms"`
	}
)

// tellHandsLocked gives the queue to each page that may see it and has an older one.
func (sc *scene) tellHandsLocked(facts room.Facts) {
	var data []byte
	for _, st := range sc.streams {
		if st.handsTold == sc.handsVersion || room.May(sc.profiles[st.person].role, room.ActHands, facts.State) != nil {
			continue
		}
		if data == nil {
			data = sc.handsLocked(facts, time.Now())
		}
		st.handsTold = sc.handsVersion
		st.postHands(data)
	}
}

func (sc *scene) handsLocked(facts room.Facts, now time.Time) []byte {
	told := handsEvent{Open: !facts.NoHands, Hands: []handItem{}}
	for _, h := range sc.hands.Up() {
		told.Hands = append(told.Hands, handItem{h.ID, h.Name, h.Line, h.State, now.Sub(h.Raised).Milliseconds()})
	}
	data, err := json.Marshal(told)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return data
}
