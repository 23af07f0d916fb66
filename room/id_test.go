package room

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestIDValid(t *testing.T) {
	tests := []struct {
		id   ID
		want bool
	}{
		{"harbour-k3f9x2", true},
		{"abc", true},
		{"a-b", true},
		{"123", true},
		{ID(strings.Repeat("a", 64)), true},
		{"", false},
		{"ab", false},
		{ID(strings.Repeat("a", 65)), false},
		{"-abc", false},
		{"abc-", false},
		{"Abc", false},
		{"a_b", false},
		{"a.b", false},
		{"a/b", false},
		{"a b", false},
		{"caf\u00e9", false},
		{"ab\x00", false},
		{"ab\n", false},
	}
	for _, tt := range tests {
		if got := tt.id.Valid(); got != tt.want {
			t.Errorf("ID(%q).Valid() = %v, want %v", tt.id, got, tt.want)
		}
	}
}

func TestPersonIDValid(t *testing.T) {
	tests := []struct {
		id   PersonID
		want bool
	}{
		{"p", true},
		{"p1", true},
		{PersonID(strings.Repeat("a", 32)), true},
		{"", false},
		{PersonID(strings.Repeat("a", 33)), false},
		{"P1", false},
		{"p-1", false},
		{"me/", false},
	}
	for _, tt := range tests {
		if got := tt.id.Valid(); got != tt.want {
			t.Errorf("PersonID(%q).Valid() = %v, want %v", tt.id, got, tt.want)
		}
	}
}

// FuzzIDValid compares Valid with the sentence that defines it.
func FuzzIDValid(f *testing.F) {
	for _, seed := range []string{"", "abc", "-a-", "harbour-k3f9x2", "a\u00df-", strings.Repeat("x", 65)} {
		f.Add(seed)
	}
	room := regexp.MustCompile(`\A[a-z0-9][a-z0-9-]{1,62}[a-z0-9]\z`)
	person := regexp.MustCompile(`\A[a-z0-9]{1,32}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		if ID(s).Valid() != room.MatchString(s) {
			t.Errorf("ID(%q).Valid() = %v", s, ID(s).Valid())
		}
		if PersonID(s).Valid() != person.MatchString(s) {
			t.Errorf("PersonID(%q).Valid() = %v", s, PersonID(s).Valid())
		}
	})
}

func TestNewID(t *testing.T) {
	tests := []struct{ title, want string }{
		{"Harbour talk", "harbour-talk-k3f9x2"},
		{"  Harbour --- talk!  ", "harbour-talk-k3f9x2"},
		{"Été à la plage", "t-la-plage-k3f9x2"},
		{"Конференция", "k3f9x2"},
		{"", "k3f9x2"},
		{"🎤", "k3f9x2"},
		{strings.Repeat("a", 200), strings.Repeat("a", 40) + "-k3f9x2"},
		{"24/7", "24-7-k3f9x2"},
		{"\u212aelvin sign", "kelvin-sign-k3f9x2"},
	}
	for _, tt := range tests {
		if got := NewID(tt.title, "k3f9x2"); string(got) != tt.want {
			t.Errorf("NewID(%q) = %q, want %q", tt.title, got, tt.want)
		}
	}
}

func TestNewIDIsValidForEveryTitle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		title := rapid.String().Draw(t, "title")
		random := rapid.StringMatching(`[a-z0-9]{3,22}`).Draw(t, "random")
		id := NewID(title, random)
		if !id.Valid() {
			t.Fatalf("NewID(%q, %q) = %q is not valid", title, random, id)
		}
		if !strings.HasSuffix(string(id), random) {
			t.Fatalf("NewID(%q, %q) = %q lost its random part", title, random, id)
		}
	})
}

func TestRandomChars(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	got, err := RandomChars(bytes.NewReader(every), len(every))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range randomAlphabet {
		if n := strings.Count(got, string(c)); n != 8 {
			t.Errorf("%q is made by %d of the 256 byte values, want 8", c, n)
		}
	}
	if id := PersonID(got[:8]); !id.Valid() {
		t.Errorf("%q is not a valid person ID", id)
	}
	_, err = RandomChars(iotest.ErrReader(io.ErrClosedPipe), 8)
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error = %v, want that of the reader", err)
	}
}
