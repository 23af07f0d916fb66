package stage

import (
	"net/http"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// taped is a stage of a room that is taped.
func taped(t *testing.T) *fixture {
	f := newFixture(t)
	err := f.rooms.change(testRoom, func(f *room.Facts) { f.Tape = room.TapeOn })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// goOn asks to go on stage, and returns how that was answered.
func (f *fixture) goOn(person room.PersonID, k kind, header map[string]string) (int, problem.Code) {
	f.t.Helper()
	c := f.offline(person, clientOptions{kind: k})
	fields := map[string]string{"Content-Type": typeSDP}
	for name, value := range header {
		fields[name] = value
	}
	resp, body := f.do(http.MethodPost, base+"/"+string(k), c.token, fields, []byte(c.offer()))
	if resp.StatusCode == http.StatusCreated {
		return resp.StatusCode, ""
	}
	return resp.StatusCode, problemOf(f.t, body)
}

// consents is how the others stand to being recorded, as a page is told.
func (p *page) consents() (all map[string]string) {
	p.is(func(s pageState) bool { all = s.Consents; return true })
	return all
}

// In a room that is taped nobody but its host goes on air without having agreed, whatever is asked in whatever way; who leads sees who did. Who
// takes it back is off the stage at once, and may come again after having agreed.
func TestConsent(t *testing.T) {
	f := taped(t)
	host := f.connect("ada", clientOptions{kind: desk, slots: slotCount, role: room.Host}) // is not asked
	board := f.watch(host.token)
	token := f.token("bob", room.Speaker)
	page := f.watch(token)
	stands := func(want string) func() bool {
		return func() bool {
			return board.consents()["bob"] == want && page.is(func(s pageState) bool { return s.You.Consent == want && s.Room.ConsentText == room.ConsentText })
		}
	}
	eventually(t, "he is asked", stands("asked"))
	for _, k := range []kind{desk, whip} {
		if status, code := f.goOn("bob", k, nil); status != http.StatusForbidden || code != problem.ConsentNeeded {
			t.Errorf("by %s without an answer: %d %s", k, status, code)
		}
	}
	answer := func(body string) int { return f.put(base+"/stage/people/me/consent", token, body) }
	for _, body := range []string{`true`, `{}`, `{"text":1}`, `{"agree":true}`, `{"text":0,"agree":true}`, `{"text":99,"agree":true}`, `{"text":1,"agree":null}`, `null`} {
		if status := answer(body); status != http.StatusBadRequest {
			t.Errorf("%s: %d", body, status)
		}
	}
	if status := answer(`{"text":1,"agree":false}`); status != http.StatusNoContent {
		t.Fatalf("he listens only: %d", status)
	}
	eventually(t, "he listens only", stands("declined"))
	if status, code := f.goOn("bob", desk, nil); status != http.StatusForbidden || code != problem.ConsentNeeded {
		t.Errorf("who listens only: %d %s", status, code)
	}
	if status := answer(`{"text":1,"agree":true}`); status != http.StatusNoContent {
		t.Fatalf("he agrees: %d", status)
	}
	eventually(t, "he agrees", stands("agreed"))
	f.desk("bob")
	eventually(t, "he is on air", func() bool { return f.mix.heard("bob") > 0 && len(f.onStage()) == 2 })
	if status := answer(`{"text":1,"agree":false}`); status != http.StatusNoContent {
		t.Fatalf("he takes it back: %d", status)
	}
	eventually(t, "he is off", func() bool { return len(f.onStage()) == 1 && f.mix.voice("bob").isClosed() })
	if page.is(func(s pageState) bool { return len(s.Consents) != 0 }) {
		t.Error("a guest is told who agreed")
	}
}

func (v *fakeVoice) isClosed() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.closed
}

// An encoder says in its request that it agrees; one that says nonsense is refused, and in a room that is not taped nobody is asked.
func TestConsentOfAnEncoder(t *testing.T) {
	f := taped(t)
	for field, want := range map[string]problem.Code{"yes": problem.BadRequest, "7": problem.BadRequest, "": problem.ConsentNeeded} {
		if _, code := f.goOn("obs", whip, map[string]string{ConsentField: field}); code != want {
			t.Errorf("%q: %s, want %s", field, code, want)
		}
	}
	if _, code := f.goOn("obs", desk, map[string]string{ConsentField: "1"}); code != problem.ConsentNeeded {
		t.Errorf("the page is asked in words: %s", code)
	}
	if status, code := f.goOn("obs", whip, map[string]string{ConsentField: "1"}); status != http.StatusCreated {
		t.Fatalf("agreed: %d %s", status, code)
	}
	facts, _ := f.rooms.Facts(testRoom)
	if c := facts.Consents["obs"]; !c.Agreed || c.Text != 1 || c.At.IsZero() {
		t.Errorf("kept is %+v", c)
	}
	err := f.rooms.change(testRoom, func(f *room.Facts) { f.Tape = room.TapeDeleted })
	if err != nil {
		t.Fatal(err)
	}
	f.desk("zoe")
}
