package stage

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// What is done to find out whether somebody will be heard well: a connection that nobody hears, and a verdict.

const (
	// trialTime is how long such a connection lasts.
	trialTime = 30 * time.Second
	// maxTrials in a room at a time: as many as may be on stage together.
	maxTrials = room.MaxOnStage
	// lineEvery is the time between two looks at the line of who is on stage.
	lineEvery = 5 * time.Second
)

// trial is somebody's connection that nobody hears.
type trial struct {
	session *session
	until   time.Time
}

// try answers an offer as the desk's, with a session that is in no mix and on no stage.
func (s *Stage) try(w http.ResponseWriter, r *http.Request, c caller) error {
	o, err := s.readOffer(w, r, check)
	if err != nil {
		return err
	}
	err = c.scene.mayTry(c.Person)
	if err != nil {
		return err
	}
	sess, answer, err := s.negotiate(r, c, check, o, func(*session, connState) {})
	if err != nil {
		return clientProblem(err, problem.BadOffer)
	}
	err = c.scene.keepTrial(c.Grant, sess)
	if err != nil {
		sess.close()
		return err
	}
	writeAnswer(w, c, check, sess, answer)
	return nil
}

// endTrial ends the caller's trial.
func (s *Stage) endTrial(w http.ResponseWriter, r *http.Request, c caller) error {
	if !c.scene.dropTrial(c.Person, r.PathValue("session")) {
		return errSessionUnknown
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (sc *scene) mayTry(id room.PersonID) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.mayTryLocked(id)
}

func (sc *scene) mayTryLocked(id room.PersonID) error {
	switch {
	case sc.ended:
		return errRoomEnded
	case sc.closed:
		return errShuttingDown
	case sc.removed[id]:
		return errRemoved
	case sc.trials[id] == nil && len(sc.trials) >= maxTrials:
		return problem.Problem{
			Status: http.StatusServiceUnavailable, Code: problem.TooMany, RetryAfter: trialTime,
			Detail: "Many try their line at this moment. Try again in half a minute, or go on stage without.",
		}
	}
	return nil
}

func (sc *scene) keepTrial(g room.Grant, s *session) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	err := sc.mayTryLocked(g.Person)
	if err != nil {
		return err
	}
	sc.endTrialLocked(g.Person)
	sc.profileLocked(g)
	sc.trials[g.Person] = &trial{s, time.Now().Add(trialTime)}
	sc.changed()
	return nil
}

// dropTrial reports whether there was one of this name.
func (sc *scene) dropTrial(id room.PersonID, session string) bool {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	t := sc.trials[id]
	if t == nil || t.session.id != session {
		return false
	}
	sc.endTrialLocked(id)
	return true
}

// endTrialLocked ends a person's trial, if there is one, without waiting here.
func (sc *scene) endTrialLocked(id room.PersonID) {
	t := sc.trials[id]
	if t == nil {
		return
	}
	delete(sc.trials, id)
	sc.wg.Go(t.session.close)
}

// expireTrialsLocked ends those whose time is over, and returns the time to the next such end.
func (sc *scene) expireTrialsLocked(now time.Time) time.Duration {
	next := time.Hour
	for id, t := range sc.trials {
		if left := t.until.Sub(now); left > 0 {
			next = min(next, left)
		} else {
			sc.endTrialLocked(id)
		}
	}
	return next
}

// measured is what a page says of its speaker's sound and line; what it could not measure it leaves out.
type measured struct {
	Level     *float64 `json:"level_db"`
	Peak      *float64 `json:"peak_db"`
	Floor     *float64 `json:"floor_db"`
	Echo      *float64 `json:"echo_db"`
	Loss      *float64 `json:"loss"`
	Jitter    *float64 `json:"jitter_ms"`
	RoundTrip *float64 `json:"rtt_ms"`
}

// report is m where it can be believed.
func (m measured) report() (room.VoiceReport, error) {
	r := room.Unmeasured()
	for _, member := range []struct {
		name  string
		from  *float64
		least float64
		most  float64
		take  func(float64)
	}{
		{name: "level_db", from: m.Level, least: -200, most: 20, take: func(x float64) { r.Level = x }},
		{name: "peak_db", from: m.Peak, least: -200, most: 20, take: func(x float64) { r.Peak = x }},
		{name: "floor_db", from: m.Floor, least: -200, most: 20, take: func(x float64) { r.Floor = x }},
		{name: "echo_db", from: m.Echo, least: -200, most: 60, take: func(x float64) { r.Echo = x }},
		{name: "loss", from: m.Loss, least: 0, most: 1, take: func(x float64) { r.Loss = x }},
		{name: "jitter_ms", from: m.Jitter, least: 0, most: 60_000, take: func(x float64) { r.Jitter = milliseconds(x) }},
		{name: "rtt_ms", from: m.RoundTrip, least: 0, most: 60_000, take: func(x float64) { r.RoundTrip = milliseconds(x) }},
	} {
		if member.from == nil {
			continue
		}
		if x := *member.from; math.IsNaN(x) || x < member.least || x > member.most {
			return r, problem.New(problem.BadRequest, fmt.Sprintf("The member %q has to be from %g to %g.", member.name, member.least, member.most))
		}
		member.take(*member.from)
	}
	return r, nil
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// judge says what the page's measurements and the server's come to, and tells those who lead.
func (s *Stage) judge(w http.ResponseWriter, r *http.Request, c caller) error {
	m, err := readJSON[measured](w, r)
	if err != nil {
		return err
	}
	report, err := m.report()
	if err != nil {
		return err
	}
	verdict := c.scene.judge(c.Grant, report)
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, "{\"verdict\":%q}\n", verdict) // who does not wait for it asks again
	return nil
}

func (sc *scene) judge(g room.Grant, report room.VoiceReport) room.Verdict {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	p := sc.profileLocked(g)
	var sess *session
	if m := sc.memberLocked(g.Person); m != nil {
		sess = m.session
	} else if t := sc.trials[g.Person]; t != nil {
		sess = t.session
	}
	if sess != nil {
		if loss, jitter, ok := sess.reception.take(); ok {
			report = report.Worse(loss, jitter)
		}
	}
	p.check = report.Judge()
	sc.changed()
	return p.check
}

// watchLinesLocked judges the lines of those who are on stage, now and then, by what arrived.
func (sc *scene) watchLinesLocked(now time.Time) {
	if now.Sub(sc.linesAt) < lineEvery {
		return
	}
	sc.linesAt = now
	for _, m := range sc.people {
		verdict := room.VoiceGood
		if m.session != nil {
			if loss, jitter, ok := m.session.reception.take(); ok {
				verdict = room.JudgeLine(loss, jitter)
			}
		}
		if verdict != m.line || m.lookAtBufferLocked() {
			m.line = verdict
			sc.changed()
		}
	}
}

// checksLocked are the last verdicts, for those who lead: of who is on stage the line's where it is not good.
func (sc *scene) checksLocked() map[room.PersonID]room.Verdict {
	var all map[room.PersonID]room.Verdict
	note := func(id room.PersonID, v room.Verdict) {
		if v == "" {
			return
		}
		if all == nil {
			all = map[room.PersonID]room.Verdict{}
		}
		all[id] = v
	}
	for _, st := range sc.streams {
		note(st.person, sc.profiles[st.person].check)
	}
	for _, m := range sc.people {
		v := m.profile.check
		if m.line != "" && m.line != room.VoiceGood {
			v = m.line
		}
		note(m.id, v)
	}
	return all
}
