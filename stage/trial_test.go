package stage

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/epidaurus-live/epidaurus/room"
)

// judged sends a measurement and returns the verdict.
func (f *fixture) judged(token, body string) (verdict string) {
	f.t.Helper()
	resp, answer := f.do(http.MethodPut, base+"/stage/people/me/check", token, map[string]string{"Content-Type": "application/json"}, []byte(body))
	var got struct{ Verdict string }
	err := json.Unmarshal(answer, &got)
	if err != nil || resp.StatusCode != http.StatusOK {
		f.t.Fatalf("%s: %d %s", body, resp.StatusCode, answer)
	}
	return got.Verdict
}

// A voice is tried before the stage: over a connection that nobody hears and no page shows, whose loss the server counts. Who leads sees the verdict.
func TestTrial(t *testing.T) {
	f := newFixture(t)
	board := f.watch(f.token("pru", room.Producer))
	guest := f.offline("bob", clientOptions{kind: check})
	page := f.watch(guest.token)
	resp, body := f.do(http.MethodPost, base+"/check", guest.token, map[string]string{"Content-Type": typeSDP}, []byte(guest.offer()))
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	err := guest.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)})
	if err != nil {
		t.Fatal(err)
	}
	sc := f.existing(testRoom)
	eventually(t, "his packets are counted", func() bool {
		sc.mu.Lock()
		defer sc.mu.Unlock()
		r := &sc.trials["bob"].session.reception
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.arrived > fewPackets
	})
	if f.mix.opened != 0 || len(f.onStage()) != 0 {
		t.Error("somebody hears who only tries")
	}
	if got := f.judged(guest.token, `{"level_db":-22,"peak_db":-6,"floor_db":-60,"echo_db":-70,"loss":0,"jitter_ms":2,"rtt_ms":20}`); got != "good" {
		t.Errorf("a good voice is %s", got)
	}
	if got := f.judged(guest.token, `{"level_db":-45,"floor_db":-80}`); got != "quiet" {
		t.Errorf("a quiet voice is %s", got)
	}
	eventually(t, "the producer is told", func() bool { return board.is(func(s pageState) bool { return s.Checks["bob"] == "quiet" }) })
	if page.is(func(s pageState) bool { return len(s.Checks) != 0 }) {
		t.Error("a guest is told how others sound")
	}
	for _, body := range []string{`{"loss":2}`, `{"level_db":1e9}`, `{"rtt_ms":-1}`, `[]`, `{"level_db":"loud"}`} {
		if got := f.put(base+"/stage/people/me/check", guest.token, body); got != http.StatusBadRequest {
			t.Errorf("%s: %d", body, got)
		}
	}
	location := resp.Header.Get("Location")
	if resp, _ := f.do(http.MethodDelete, location, f.token("zoe", room.Speaker), nil, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("another ends it: %d", resp.StatusCode)
	}
	if resp, _ := f.do(http.MethodDelete, location, guest.token, nil, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("it ends: %d", resp.StatusCode)
	}
	if resp, _ := f.do(http.MethodDelete, location, guest.token, nil, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("it ends again: %d", resp.StatusCode)
	}
}

// A trial that nobody ends ends by time; another one takes its place; and there are only so many.
func TestTrialsEnd(t *testing.T) {
	sc := newScene(testRoom, &Config{Rooms: &fakeRooms{}, Log: slog.New(slog.DiscardHandler)})
	now := time.Now()
	for i := range maxTrials {
		sc.trials[person(i)] = &trial{session: &session{}, until: now.Add(time.Duration(i+1) * time.Second)}
	}
	if sc.mayTry("one-more") == nil || sc.mayTry(person(0)) != nil {
		t.Error("there are more trials than may be, or who has one may not make another")
	}
	if next := sc.expireTrialsLocked(now); next != time.Second {
		t.Errorf("the next ends in %v", next)
	}
}

func TestLineVerdicts(t *testing.T) {
	sc := newScene(testRoom, &Config{Rooms: &fakeRooms{}, Log: slog.New(slog.DiscardHandler)})
	s := &session{}
	sc.people = []*member{{id: "bob", profile: &profile{check: room.VoiceQuiet}, session: s}, {id: "ada", profile: &profile{}}}
	now := time.Now()
	look := func() map[room.PersonID]room.Verdict {
		now = now.Add(lineEvery)
		sc.watchLinesLocked(now)
		return sc.checksLocked()
	}
	arrive(&s.reception, 0, 100, never, inTime)
	if got := look(); len(got) != 1 || got["bob"] != room.VoiceQuiet {
		t.Errorf("a good line: %v", got)
	}
	arrive(&s.reception, 100, 100, every(5), inTime)
	if got := look(); got["bob"] != room.VoiceLossy {
		t.Errorf("one in five lost: %v", got)
	}
	arrive(&s.reception, 200, 100, never, inTime)
	if got := look(); got["bob"] != room.VoiceQuiet {
		t.Errorf("well again: %v", got)
	}
}
