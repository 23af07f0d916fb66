package web

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/internal/pagecheck"
	"github.com/epidaurus-live/epidaurus/internal/problem"
)

// sameWords are words that English and French share.
var sameWords = []string{"Pause", "Volume", "Description", "Jingle", "Intro", "Message", "Messages", "Notes", "Microphone", "Action", "Actions", "OK", "1 minute", "Radios (AAC)"}

// What the tables of words have in one language they have in the other, in other words; and the page has a use for each of them.
func TestTablesOfWords(t *testing.T) {
	t.Parallel()
	read := pagecheck.Tables(browsertest.Open(t, chromium.New(t), "about:blank"))
	if len(read) < 8 {
		t.Fatalf("only %d tables of words were found", len(read))
	}
	for _, w := range read {
		for _, key := range slices.Sorted(maps.Keys(w.EN)) {
			testWord(t, w, key)
		}
		for key := range w.FR {
			if _, ok := w.EN[key]; !ok && !serverSays(w, key) {
				t.Errorf("web/%s: %q is in French only", w.File, key)
			}
		}
	}
}

// serverSays reports whether the server's own sentence stands in for the English of this key.
func serverSays(w pagecheck.Words, key string) bool {
	table, _, nested := strings.Cut(key, ".")
	return nested && w.EN[table] == "{}"
}

var letters = regexp.MustCompile(`\p{L}{2}`)

func testWord(t *testing.T, w pagecheck.Words, key string) {
	t.Helper()
	en := w.EN[key]
	if en == "{}" {
		return // the server's own sentences
	}
	fr, ok := w.FR[key]
	switch {
	case !ok:
		t.Errorf("web/%s: %q is in English only", w.File, key)
	case strings.HasPrefix(en, "=>") != strings.HasPrefix(fr, "=>"):
		t.Errorf("web/%s: %q is a function in one language only", w.File, key)
	case en == fr && !strings.HasPrefix(en, "=>") && letters.MatchString(en) && !slices.Contains(sameWords, en) && !strings.HasPrefix(en, "[object"):
		t.Errorf("web/%s: %q says %q in both languages", w.File, key, en)
	}
	top, _, _ := strings.Cut(key, ".")
	if !regexp.MustCompile(`\.` + top + `\b|"` + top + `"`).MatchString(w.Sources) {
		t.Errorf("web/%s: nothing says %q", w.File, top)
	}
}

// Whatever the stage's port refuses, the desk says in French too.
func TestEveryRefusalIsTranslated(t *testing.T) {
	t.Parallel()
	tables := 0
	for _, w := range pagecheck.Tables(browsertest.Open(t, chromium.New(t), "about:blank")) {
		if w.EN["refusal"] != "{}" {
			continue
		}
		tables++
		for _, code := range problem.Codes() {
			if w.FR["refusal."+string(code)] == "" {
				t.Errorf("web/%s: the refusal %s is said in English to who reads French", w.File, code)
			}
		}
		for key := range w.FR {
			if code, ok := strings.CutPrefix(key, "refusal."); ok && !slices.Contains(problem.Codes(), problem.Code(code)) {
				t.Errorf("web/%s: there is no refusal %s", w.File, code)
			}
		}
	}
	if tables == 0 {
		t.Error("no table leaves refusals to the server")
	}
}
