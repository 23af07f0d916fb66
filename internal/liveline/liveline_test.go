package liveline

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func terminal(columns int) (*Line, *strings.Builder) {
	var out strings.Builder
	return &Line{out: &out, width: func() int { return columns }, now: func() time.Duration { return 0 }}, &out
}

func TestTerminal(t *testing.T) {
	l, out := terminal(11)
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"shown", func() { l.Show("one") }, "\rone\x1b[K"},
		{"the same again", func() { l.Show("one") }, ""},
		{"rewritten", func() { l.Show("two") }, "\rtwo\x1b[K"},
		{"cut", func() { l.Show("0123456789ab") }, "\r012345678…\x1b[K"},
		{"a lasting line above", func() { _, _ = io.WriteString(l, "log\n") }, "\r\x1b[Klog\n\r012345678…\x1b[K"},
		{"what comes from far away", func() { l.Show("a\x1b[2Jb\nc\u202ed") }, "\ra[2Jb cd\x1b[K"},
		{"closed", l.Close, "\n"},
		{"closed again", l.Close, ""},
		{"shown too late", func() { l.Show("three") }, ""},
		{"a lasting line behind", func() { _, _ = io.WriteString(l, "end\n") }, "end\n"},
	} {
		out.Reset()
		step.do()
		if got := out.String(); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}

func TestNoTerminal(t *testing.T) {
	var out strings.Builder
	now := time.Duration(0)
	l := &Line{out: &out, now: func() time.Duration { return now }}
	for range 12 {
		l.Show(now.String())
		now += time.Second
	}
	l.Close()
	if got, want := out.String(), "0s\n5s\n10s\n11s\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFileIsNoTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	l := New(f)
	l.Show("one")
	l.Show("two")
	l.Close()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "one\ntwo\n" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestManyGoroutines(t *testing.T) {
	l, out := terminal(80)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				l.Show("line")
				_, _ = io.WriteString(l, "log\n")
			}
		})
	}
	all.Wait()
	l.Close()
	if got := strings.Count(out.String(), "log\n"); got != 800 {
		t.Errorf("%d lasting lines, want 800", got)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestTerminalIsGone(t *testing.T) {
	l := &Line{out: broken{}, width: func() int { return 80 }, now: func() time.Duration { return 0 }}
	l.Show("one")
	if _, err := io.WriteString(l, "log\n"); err == nil {
		t.Error("a lasting line was lost without an error")
	}
	l.Close()
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		s       string
		columns int
		want    string
	}{
		{"", 1, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"abcd", 1, "…"},
		{"会話の部屋", 10, "会話の部屋"},
		{"会話の部屋", 9, "会話の部…"},
		{"会話の部屋", 8, "会話の…"},
		{"e\u0301te\u0301", 3, "e\u0301te\u0301"},
		{"e\u0301te\u0301s", 3, "e\u0301t…"},
		{"🎙 on", 5, "🎙 on"},
		{"🎙 on", 4, "🎙 …"},
	} {
		if got := cut(test.s, test.columns); got != test.want {
			t.Errorf("cut(%q, %d) = %q, want %q", test.s, test.columns, got, test.want)
		}
	}
}

func FuzzShow(f *testing.F) {
	f.Add("épidaure 会話 \x1b[31m", 12)
	f.Add("\xff\xfe", 3)
	f.Fuzz(func(t *testing.T, text string, columns int) {
		columns = min(max(columns, 2), 300)
		text = cut(printable(text), columns)
		if !utf8.ValidString(text) {
			t.Errorf("%q is no text", text)
		}
		used := 0
		for _, r := range text {
			if unicode.IsControl(r) {
				t.Errorf("%q has a control character", text)
			}
			used += cells(r)
		}
		if used > columns {
			t.Errorf("%q takes %d columns of %d", text, used, columns)
		}
	})
}
