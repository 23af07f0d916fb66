package room

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestNewSecret(t *testing.T) {
	s, err := NewSecret(bytes.NewReader(bytes.Repeat([]byte{0xfb}, 24)))
	if err != nil {
		t.Fatal(err)
	}
	if want := Secret(strings.Repeat("-_v7", 8)); s != want {
		t.Errorf("secret = %q, want %q", s, want)
	}
	if !s.Valid() {
		t.Error("a new secret is not valid")
	}
	if s.Hash() == Secret(strings.Repeat("-_v7", 7)+"-_v8").Hash() {
		t.Error("two secrets have one hash")
	}
	_, err = NewSecret(io.LimitReader(bytes.NewReader(make([]byte, 24)), 23))
	if err == nil {
		t.Error("a secret was made of too little chance")
	}
}

func TestSecretValid(t *testing.T) {
	for _, s := range []Secret{"", "a", Secret(strings.Repeat("a", 31)), Secret(strings.Repeat("a", 33)), Secret(strings.Repeat("a", 31) + "="),
		Secret(strings.Repeat("a", 31) + "\n"), Secret(strings.Repeat("é", 16))} {
		if s.Valid() {
			t.Errorf("%q is valid", s)
		}
	}
}
