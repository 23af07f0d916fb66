package logs_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/logs"
)

func TestLines(t *testing.T) {
	var b bytes.Buffer
	log := logs.New(&b, slog.LevelInfo, true)
	log.Debug("not shown")
	log.With("room", "harbour").WithGroup("seat").Warn("it is slow", "n", 7, "why", errors.New("no room left"), slog.Group("at", "frame", 12))
	line := b.String()[len("20:00:01 "):]
	want := "WARN  it is slow  room=harbour seat.n=7 seat.why=\"no room left\" seat.at.frame=12\n"
	if line != want {
		t.Errorf("got  %q\nwant %q", line, want)
	}
}

// What comes from outside cannot begin a line of its own or colour the terminal.
func TestLinesAreQuoted(t *testing.T) {
	var b bytes.Buffer
	logs.New(&b, slog.LevelInfo, true).Info("joined", "name", "Ada\n20:00:00 ERROR \x1b[31mlie")
	if strings.Count(b.String(), "\n") != 1 || strings.Contains(b.String(), "\x1b") {
		t.Errorf("%q", b.String())
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	logs.New(&b, slog.LevelInfo, false).Info("joined", "n", 1)
	if !strings.Contains(b.String(), `"msg":"joined","n":1`) {
		t.Errorf("%q", b.String())
	}
}
