package room

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCheckName(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "Ada Lovelace", "Ada Lovelace"},
		{"white space of every kind becomes one space", "\t Ada\n\u00a0\u2003Lovelace\u2028 ", "Ada Lovelace"},
		{"controls go", "Ada\x00\x1b[31m\u0085!", "Ada[31m !"},
		{"direction overrides go", "Ada\u202etxt.exe\u2066\u2069", "Adatxt.exe"},
		{"right-to-left letters stay", "עדה", "עדה"},
		{"zero-width space and byte-order mark go", "A\u200bd\ufeffa", "Ada"},
		{"invisible letters go", "A\u3164d\u115f\u1160a\uffa0\u2800", "Ada"},
		{"a joiner between Latin letters goes", "A\u200cd\u200da", "Ada"},
		{"a joiner between Persian letters stays", "می\u200cخواهم", "می\u200cخواهم"},
		{"a joiner at the end goes", "می\u200c", "می"},
		{"a family of emoji stays one picture", "👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"},
		{"a skin tone joins", "👩🏽\u200d🚀", "👩🏽\u200d🚀"},
		{"an emoji keeps its style", "Ada ❤\ufe0f\u200d🔥", "Ada ❤\ufe0f\u200d🔥"},
		{"a letter has no style", "A\ufe0fda", "Ada"},
		{"accents stay", "E\u0301lodie", "E\u0301lodie"},
		{"towers of marks are cut", "A" + strings.Repeat("\u0336", 30) + "da", "A" + strings.Repeat("\u0336", 4) + "da"},
		{"marks without a letter go", "\u0301 \u0301Ada", "Ada"},
		{"private characters go", "Ada\ue000", "Ada"},
		{"the longest", strings.Repeat("é", 40), strings.Repeat("é", 40)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := CheckName(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("CheckName(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestCheckTextRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", "the name is empty: write at least one letter, digit or sign"},
		{"only white space", " \t\u00a0", "the name is empty: write at least one letter, digit or sign"},
		{"only invisible", "\u200b\u2060\u3164", "the name is empty: write at least one letter, digit or sign"},
		{"only marks", "\u0301\u0302", "the name is empty: write at least one letter, digit or sign"},
		{"too long", strings.Repeat("é", 41), "the name has 41 characters: at most 40 are allowed"},
		{"megabytes", strings.Repeat("a", 1<<20), "the name has 1048576 characters: at most 40 are allowed"},
		{"not UTF-8", "Ada\xff", "the name is not valid UTF-8 text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := CheckName(tt.in)
			if err == nil {
				t.Fatalf("CheckName = %q, want an error", got)
			}
			if err.Error() != tt.want {
				t.Errorf("error = %q, want %q", err, tt.want)
			}
		})
	}
	_, err := CheckTitle(strings.Repeat("a", 121))
	if err == nil || err.Error() != "the title has 121 characters: at most 120 are allowed" {
		t.Errorf("CheckTitle: %v", err)
	}
}

func TestCleanTextStaysClean(t *testing.T) {
	// Runes at random seldom meet their neighbours' rules; the second generator draws those that matter.
	awkward := rapid.SliceOf(rapid.SampledFrom([]rune("aZ1 \t\u0301\u20e3\u200c\u200d\ufe0f\u202e\u3164\u064bم❤🔥🏽\ue000ക")))
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.Map(awkward, func(r []rune) string { return string(r) })).Draw(t, "in")
		checkKept(t, in)
	})
}

func FuzzCheckTitle(f *testing.F) {
	for _, seed := range []string{"Harbour talk", "\u202eAda", "👩\u200d👩\u200d👧", "a\xffb", "می\u200cخواهم", "\u0301"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) { checkKept(t, in) })
}

type failer interface{ Fatalf(string, ...any) }

// checkKept holds what is kept of any text to the promises of checkText.
func checkKept(t failer, in string) {
	kept, err := CheckTitle(in)
	if err != nil {
		return
	}
	again, err := CheckTitle(kept)
	if err != nil || again != kept {
		t.Fatalf("CheckTitle(%q) = %q, but of that it makes %q, %v", in, kept, again, err)
	}
	if !utf8.ValidString(kept) || utf8.RuneCountInString(kept) > MaxTitle || strings.TrimSpace(kept) != kept || strings.Contains(kept, "  ") {
		t.Fatalf("CheckTitle(%q) = %q", in, kept)
	}
	for _, r := range kept {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u200b' {
			t.Fatalf("CheckTitle(%q) kept %U", in, r)
		}
	}
}
