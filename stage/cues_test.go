package stage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// cuesTold is the last cues event as a stranger reads it.
func (p *page) cuesTold() (q struct {
	Shown []struct {
		ID, From, Cue, Text string
		LeftMS              int `json:"left_ms"`
	}
	Sent []struct {
		ID, From, Cue, Text string
		To                  []struct{ ID, Name, State string }
	}
}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = json.Unmarshal([]byte(p.cues), &q) // nothing yet is none
	return q
}

func (f *fixture) post(path, token, value string) (int, []byte) {
	f.t.Helper()
	resp, body := f.do(http.MethodPost, path, token, map[string]string{"Content-Type": "application/json"}, []byte(value))
	return resp.StatusCode, body
}

// A cue is shown to whom it is for, and to nobody else; who sent it sees that it was acknowledged, and who could not be shown it.
func TestCue(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.withEar("ada", room.Host)
	bob := f.desk("bob")
	f.encoder("cyd")
	pru := f.token("pru", room.Producer)
	board, page, other := f.watch(pru), f.watch(bob.token), f.watch(f.token("ada", room.Host))
	eventually(t, "three are on stage", func() bool { return board.is(func(s pageState) bool { return len(s.People) == 3 }) })

	status, body := f.post(base+"/stage/cues", pru, `{"to":"bob","cue":"wrap_up"}`)
	if status != http.StatusCreated || !strings.Contains(string(body), `"to":[{"id":"bob","name":"BOB","state":"sent"}]`) {
		t.Fatalf("to one: %d %s", status, body)
	}
	eventually(t, "he is shown it, and the leaders see that", func() bool {
		b, o := board.cuesTold(), other.cuesTold()
		shown := page.cuesTold().Shown
		return len(shown) == 1 && shown[0].Cue == "wrap_up" && shown[0].From == "PRU" && shown[0].LeftMS > 0 &&
			len(b.Sent) == 1 && len(b.Shown) == 0 && len(o.Sent) == 1 && len(o.Shown) == 0
	})
	id := page.cuesTold().Shown[0].ID
	if status, code := f.refused(base+"/stage/cues/"+id, f.token("ada", room.Host), "true"); status != http.StatusNotFound || code != problem.CueUnknown {
		t.Errorf("another acknowledges it: %d %s", status, code)
	}
	for range 2 {
		if status, code := f.refused(base+"/stage/cues/"+id, bob.token, "true"); status != http.StatusNoContent {
			t.Errorf("acknowledge: %d %s", status, code)
		}
	}
	eventually(t, "it is seen", func() bool {
		b := board.cuesTold()
		return len(page.cuesTold().Shown) == 0 && b.Sent[0].To[0].State == "taken"
	})
	if len(page.cuesTold().Sent) != 0 {
		t.Error("a guest sees what was sent")
	}

	status, body = f.post(base+"/stage/cues", pru, `{"text":" mind the\tclock "}`)
	if status != http.StatusCreated || !strings.Contains(string(body), `"text":"mind the clock"`) {
		t.Fatalf("to all: %d %s", status, body)
	}
	for want := range strings.SplitSeq("ada sent,bob sent,cyd undelivered", ",") {
		who, state, _ := strings.Cut(want, " ")
		if !strings.Contains(string(body), fmt.Sprintf(`{"id":%q,"name":%q,"state":%q}`, who, strings.ToUpper(who), state)) {
			t.Errorf("%s in %s", want, body)
		}
	}
	late := f.watch(f.token("cyd", room.Speaker)) // opens a page beside the encoder
	eventually(t, "who comes is shown it, and that is seen", func() bool {
		b := board.cuesTold()
		return len(late.cuesTold().Shown) == 1 && b.Sent[0].To[2].State == "sent"
	})

	for _, tt := range []struct {
		name, token, body string
		status            int
		code              problem.Code
	}{
		{"a guest", bob.token, `{"to":"ada","cue":"louder"}`, 403, problem.Forbidden},
		{"to nobody", pru, `{"to":"zoe","cue":"louder"}`, 404, problem.PersonUnknown},
		{"no such cue", pru, `{"to":"bob","cue":"dance"}`, 400, problem.BadRequest},
		{"no words", pru, `{"to":"bob","text":" "}`, 400, problem.BadRequest},
		{"too many words", pru, `{"to":"bob","text":"` + strings.Repeat("x", room.MaxCue+1) + `"}`, 400, problem.BadRequest},
		{"not one", pru, `"bob"`, 400, problem.BadRequest},
	} {
		status, body := f.post(base+"/stage/cues", tt.token, tt.body)
		if status != tt.status || problemOf(t, body) != tt.code {
			t.Errorf("%s: %d %s", tt.name, status, body)
		}
	}
}

// Who sends very many is told to wait, and how long.
func TestCuePace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	pru := f.token("pru", room.Producer)
	f.watch(f.token("bob", room.Speaker))
	for range room.CueBurst + 5 {
		resp, body := f.do(http.MethodPost, base+"/stage/cues", pru, map[string]string{"Content-Type": "application/json"}, []byte(`{"to":"bob","cue":"louder"}`))
		if resp.StatusCode == http.StatusTooManyRequests {
			if problemOf(t, body) != problem.TooMany || resp.Header.Get("Retry-After") == "" {
				t.Errorf("refused by %s", body)
			}
			return
		}
	}
	t.Error("no cue was one too many")
}

// A line is read by everybody at the stage, also by who comes later or loads the page again; by who was sent back only when called up.
func TestChat(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	pru, bob := f.token("pru", room.Producer), f.token("bob", room.Speaker)
	board, guest := f.watch(pru), f.watch(bob)
	reads := func(p *page, want ...string) {
		t.Helper()
		eventually(t, fmt.Sprint("the page reads ", want), func() bool { return fmt.Sprint(p.lines()) == fmt.Sprint(want) })
	}
	if status, body := f.post(base+"/stage/chat", pru, `"Five\nminutes "`); status != http.StatusCreated || string(body) != "{\"n\":1}\n" {
		t.Fatalf("say: %d %s", status, body)
	}
	reads(board, "PRU: Five minutes")
	reads(guest, "PRU: Five minutes")
	if status, body := f.post(base+"/stage/chat", bob, `"Ready"`); status != http.StatusCreated {
		t.Fatalf("say: %d %s", status, body)
	}
	reads(board, "PRU: Five minutes", "BOB: Ready")
	guest.close()
	guest = f.watch(bob)
	reads(guest, "PRU: Five minutes", "BOB: Ready")

	place := func(up string) {
		t.Helper()
		if got := f.put(base+"/stage/people/bob/place", pru, up); got != http.StatusNoContent {
			t.Fatalf("place: %d", got)
		}
	}
	place("false")
	if status, body := f.post(base+"/stage/chat", bob, `"Why?"`); status != http.StatusForbidden || problemOf(t, body) != problem.SentBack {
		t.Errorf("from the audience: %d %s", status, body)
	}
	if status, _ := f.post(base+"/stage/chat", pru, `"Next one"`); status != http.StatusCreated {
		t.Errorf("say: %d", status)
	}
	reads(board, "PRU: Five minutes", "BOB: Ready", "PRU: Next one")
	eventually(t, "he knows that he is in the audience", func() bool { return guest.is(func(s pageState) bool { return s.You.SentBack }) })
	reads(guest, "PRU: Five minutes", "BOB: Ready")
	place("true")
	reads(guest, "PRU: Five minutes", "BOB: Ready", "PRU: Next one")

	for _, bad := range []string{`""`, `"` + strings.Repeat("x", room.MaxChatLine+1) + `"`, `{}`} {
		if status, _ := f.post(base+"/stage/chat", pru, bad); status != http.StatusBadRequest {
			t.Errorf("%.20s: %d", bad, status)
		}
	}
	for range room.ChatBurst + 1 {
		resp, body := f.do(http.MethodPost, base+"/stage/chat", pru, map[string]string{"Content-Type": "application/json"}, []byte(`"x"`))
		if resp.StatusCode == http.StatusTooManyRequests {
			if problemOf(t, body) != problem.TooMany || resp.Header.Get("Retry-After") == "" {
				t.Errorf("refused by %s", body)
			}
			return
		}
	}
	t.Error("no line was one too many")
}

// A page that reads slowly gets every line once, and never more than are kept.
func TestChatForASlowPage(t *testing.T) {
	st := &stream{wake: make(chan struct{}, 1)}
	for n := range 3 * room.ChatKept {
		st.postChat(n == 0, []room.ChatLine{{N: n + 1}})
	}
	events, _ := st.take()
	var told chatEvent
	if len(events) != 1 || json.Unmarshal(events[0].data, &told) != nil {
		t.Fatalf("%d events", len(events))
	}
	if !told.All || len(told.Lines) != room.ChatKept || told.Lines[0].N != 2*room.ChatKept+1 {
		t.Errorf("%v, %d lines from %d", told.All, len(told.Lines), told.Lines[0].N)
	}
}

func (p *page) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.chat...)
}
