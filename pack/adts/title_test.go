package adts_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/epidaurus-live/epidaurus/pack/adts"
)

func TestTitleBlock(t *testing.T) {
	for name, tt := range map[string]struct{ title, want string }{
		"None":    {"", "\x00"},
		"Short":   {"x", "\x01StreamTitle='x';"},
		"Padded":  {"xy", "\x02StreamTitle='xy';" + strings.Repeat("\x00", 15)},
		"Quote":   {"it's'; all", "\x02StreamTitle='it’s’; all';" + strings.Repeat("\x00", 3)},
		"Lines":   {" a\r\nb\x00", "\x02StreamTitle='a  b';" + strings.Repeat("\x00", 13)},
		"NoUTF8":  {"a\xffb", "\x02StreamTitle='a\uFFFDb';" + strings.Repeat("\x00", 12)},
		"Letters": {"日本", "\x02StreamTitle='日本';" + strings.Repeat("\x00", 11)},
	} {
		if got := string(adts.AppendTitle(nil, tt.title)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// Whatever a title is, its block is as long as it says, and ends where the title does.
func FuzzTitle(f *testing.F) {
	f.Add("Harbour talk")
	f.Add("';StreamUrl='x';")
	f.Add(strings.Repeat("日", 2000))
	f.Fuzz(func(t *testing.T, title string) {
		block := adts.AppendTitle(nil, title)
		if len(block) != 1+16*int(block[0]) {
			t.Fatalf("%d bytes, and says %d", len(block), block[0])
		}
		if len(block) == 1 {
			if adts.Displayable(title) != "" {
				t.Error("the title is gone")
			}
			return
		}
		text := string(bytes.TrimRight(block[1:], "\x00"))
		inner, ok := strings.CutPrefix(text, "StreamTitle='")
		inner, end := strings.CutSuffix(inner, "';")
		if !ok || !end || strings.ContainsAny(inner, "'\r\n\x00") || !utf8.ValidString(inner) {
			t.Errorf("%q", text)
		}
	})
}
