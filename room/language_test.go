package room

import (
	"strings"
	"testing"
)

func TestCheckLanguage(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "en"},
		{"en", "en"},
		{"EN", "en"},
		{"pt-br", "pt-BR"},
		{"zh-HANT-tw", "zh-Hant-TW"},
		{"es-419", "es-419"},
		{"gsw", "gsw"},
		{"de-1996", "de-1996"},
		{"en-x-twain", "en-x-twain"},
	}
	for _, tt := range tests {
		got, err := CheckLanguage(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("CheckLanguage(%q) = %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestCheckLanguageRefuses(t *testing.T) {
	for _, in := range []string{"-", "--", "e", "42", "en-", "-en", "en--gb", "en_GB", "français", "en gb", "en\n", "e1", "abcdefghi",
		strings.Repeat("a", 17), "\xff\xfe"} {
		got, err := CheckLanguage(in)
		if err == nil {
			t.Errorf("CheckLanguage(%q) = %q, want an error", in, got)
			continue
		}
		if !strings.Contains(err.Error(), "write one such as en, fr or pt-BR") {
			t.Errorf("CheckLanguage(%q): %v: does not say what to do", in, err)
		}
	}
}

func FuzzCheckLanguage(f *testing.F) {
	for _, seed := range []string{"", "en", "pt-BR", "zh-Hant", "--", "en-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		kept, err := CheckLanguage(in)
		if err != nil {
			return
		}
		again, err := CheckLanguage(kept)
		if err != nil || again != kept {
			t.Errorf("CheckLanguage(%q) = %q, but of that it makes %q, %v", in, kept, again, err)
		}
	})
}
