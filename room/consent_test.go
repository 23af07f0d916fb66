package room

import (
	"errors"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWhoIsAskedForConsent(t *testing.T) {
	answered := map[PersonID]Consent{"yes": {Agreed: true, Text: 1}, "no": {Text: 1}}
	for _, tt := range []struct {
		tape   Taping
		role   Role
		person PersonID
		want   ConsentState
		heard  bool
	}{
		{TapeOn, Speaker, "new", ConsentAsked, false},
		{TapeOn, CoHost, "new", ConsentAsked, false},
		{TapeOn, Speaker, "no", ConsentDeclined, false},
		{TapeOn, Speaker, "yes", ConsentAgreed, true},
		{TapeOn, CoHost, "yes", ConsentAgreed, true},
		{TapeOn, Host, "no", ConsentFree, true},
		{TapeOn, Producer, "no", ConsentFree, true},
		{TapeOff, Speaker, "no", ConsentFree, true},
		{TapeDeleted, Speaker, "new", ConsentFree, true},
	} {
		f := Facts{Tape: tt.tape, Consents: answered}
		if got := f.Consent(tt.person, tt.role); got != tt.want || got.MayBeHeard() != tt.heard {
			t.Errorf("tape %q, a %s, %s: %q, heard %v", tt.tape, tt.role, tt.person, got, got.MayBeHeard())
		}
	}
}

// Whatever is answered in whatever order, by clocks that jump: the last answer counts, each that is news is later than the one before, nobody
// else's is touched, and what readers hold stays as it was.
func TestAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Facts{Tape: TapeOn}
		last := map[PersonID]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "answers") {
			p := rapid.SampledFrom([]PersonID{"bob", "cyd"}).Draw(t, "person")
			c := Consent{
				Agreed: rapid.Bool().Draw(t, "agreed"), Text: rapid.IntRange(0, TracksText+1).Draw(t, "text"),
				At: evening.Add(time.Duration(rapid.IntRange(-1000, 1000).Draw(t, "at")) * time.Millisecond),
			}
			before, copied := f.Consents, maps.Clone(f.Consents)
			news, err := f.Answer(p, c)
			if !maps.Equal(before, copied) {
				t.Fatal("facts that somebody may hold were changed")
			}
			was, is := before[p], f.Consents[p]
			switch {
			case ConsentTexts[c.Text] == nil:
				if !errors.Is(err, ErrConsentText) {
					t.Fatalf("an answer to a question that was never asked: %v", err)
				}
			case err != nil:
				if !errors.Is(err, ErrManyAnswers) || was.N != MaxAnswers {
					t.Fatalf("after %d answers: %v", was.N, err)
				}
			case news:
				last[p] = c.Agreed
				if !is.At.After(was.At) || is.N != was.N+1 {
					t.Fatalf("%+v follows %+v", is, was)
				}
			case is != was || is.Agreed != c.Agreed:
				t.Fatalf("no news, and %+v follows %+v", is, was)
			}
			for q, agreed := range last {
				if f.Consents[q].Agreed != agreed {
					t.Fatalf("%s answered %v, and it is %+v", q, agreed, f.Consents[q])
				}
			}
		}
	})
}

// Two who know of different answers come to know the same, whoever joins them.
func TestJoinConsents(t *testing.T) {
	early, late := Consent{Agreed: true, Text: 1, At: evening, N: 1}, Consent{Text: 1, At: evening.Add(time.Second), N: 2}
	a := map[PersonID]Consent{"bob": early, "ada": early}
	b := map[PersonID]Consent{"bob": late, "cyd": late}
	want := map[PersonID]Consent{"bob": late, "ada": early, "cyd": late}
	if got := JoinConsents(a, b); !maps.Equal(got, want) {
		t.Errorf("joined: %v", got)
	}
	if got := JoinConsents(b, a); !maps.Equal(got, want) {
		t.Errorf("the other way: %v", got)
	}
	if len(a) != 2 || len(b) != 2 {
		t.Error("joining changed what it was given")
	}
	if got := JoinConsents(nil, nil); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

// Who hands over a room that is taped, or loses it, is on air as before: that it is recorded was the host's own will.
func TestAHostOfBeforeIsNotAsked(t *testing.T) {
	f := Facts{State: Live, Tape: TapeOn, Created: evening, Roles: map[PersonID]Role{"cyd": CoHost}}
	err := f.HandOver("ada", "cyd")
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Consent("ada", f.RoleOf("ada", Host)); got != ConsentAgreed || !f.Consents["ada"].At.Equal(evening) {
		t.Errorf("the host of before is %s: %+v", got, f.Consents)
	}
}

// What people agreed to can be read for ever, in both languages.
func TestConsentTextsAreShown(t *testing.T) {
	protocol, err := os.ReadFile("../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for version := 1; version <= TracksText; version++ {
		for _, lang := range []string{"en", "fr"} {
			words := ConsentTexts[version][lang]
			if words == "" || !strings.Contains(string(protocol), words) {
				t.Errorf("docs/PROTOCOL.md does not show version %d of the question in %s", version, lang)
			}
		}
	}
	if len(ConsentTexts) != TracksText {
		t.Errorf("%d texts, the newest is %d", len(ConsentTexts), TracksText)
	}
}

// Where a conversation goes on in another room, its people are not asked again, save that what somebody said there stands.
func TestAnswersGoAlong(t *testing.T) {
	yes, no := Consent{Agreed: true, Text: 1, At: time.Unix(1, 0).UTC(), N: 3}, Consent{Text: 1, At: time.Unix(2, 0).UTC(), N: 1}
	from := Facts{Tape: TapeOn, Consents: map[PersonID]Consent{"grace": yes, "dan": no, "eve": yes}}
	held := map[PersonID]Consent{"eve": no}
	to := Facts{Tape: TapeOn, Consents: held}
	to.TakeAnswers(from)
	for p, want := range map[PersonID]ConsentState{"grace": ConsentAgreed, "dan": ConsentDeclined, "eve": ConsentDeclined, "bo": ConsentAsked} {
		if got := to.Consent(p, Speaker); got != want {
			t.Errorf("%s: %q", p, got)
		}
	}
	if to.Consents["grace"].N != 1 || len(held) != 1 {
		t.Errorf("%+v, and who read the facts before sees %+v", to.Consents, held)
	}
}
