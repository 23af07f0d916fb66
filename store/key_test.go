package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyFile(t *testing.T) {
	good := strings.Repeat("0f", 32)
	tests := []struct {
		name, content string
		mode          os.FileMode
		want          Code
		advice        string
	}{
		{"good", good + "\n", 0o600, "", ""},
		{"good, without the line break", good, 0o400, "", ""},
		{"empty", "", 0o600, CodeKey, "delete it"},
		{"short", good[:62], 0o600, CodeKey, "delete it"},
		{"long", good + "00", 0o600, CodeKey, "delete it"},
		{"not hexadecimal", strings.Repeat("xy", 32), 0o600, CodeKey, "delete it"},
		{"open to the group", good, 0o640, CodeKey, "chmod 600"},
		{"open to all", good, 0o604, CodeKey, "chmod 600"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, keyName)
			err := os.WriteFile(path, []byte(tt.content), tt.mode)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), dir)
			if err == nil {
				defer closed(t, s)
			}
			wantCode(t, err, tt.want)
			if err == nil {
				if s.Key()[31] != 0x0f {
					t.Errorf("key = %x", *s.Key())
				}
				return
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), tt.advice) {
				t.Errorf("%q does not say which file, or not what to do", err)
			}
			if strings.Contains(err.Error(), "0f0f") {
				t.Errorf("%q shows the key", err)
			}
		})
	}
}

func TestAKeyIsMadeWhole(t *testing.T) {
	dir := t.TempDir()
	openIn(t, dir)
	left, err := filepath.Glob(filepath.Join(dir, keyName+".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	info, err := os.Stat(filepath.Join(dir, keyName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v", info.Mode(), err)
	}
}
