// Package logs makes the program's logger: lines for people on a terminal, JSON for machines.
package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// New makes a logger that writes to w: for people, or as JSON.
func New(w io.Writer, level slog.Level, people bool) *slog.Logger {
	if people {
		return slog.New(&lines{w: w, level: level, mu: &sync.Mutex{}})
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

// lines writes records as "20:00:01 WARN  what happened  room=harbour".
type lines struct {
	// immutable
	w      io.Writer
	level  slog.Level
	prefix string // of attribute names, by group
	attrs  string // as written

	mu *sync.Mutex // one line at a time
}

func (h *lines) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *lines) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-5s %s", r.Time.Format("15:04:05"), r.Level, r.Message)
	if h.attrs != "" || r.NumAttrs() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		write(&b, h.prefix, a)
		return true
	})
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String())
	return err
}

func (h *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		write(&b, h.prefix, a)
	}
	next := *h
	next.attrs += b.String()
	return &next
}

func (h *lines) WithGroup(name string) slog.Handler {
	next := *h
	next.prefix += name + "."
	return &next
}

func write(b *strings.Builder, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range v.Group() {
			write(b, prefix, member)
		}
		return
	}
	s := v.String()
	if s == "" || strings.ContainsAny(s, " \t\n\"=\x1b") {
		s = fmt.Sprintf("%q", s)
	}
	fmt.Fprintf(b, " %s%s=%s", prefix, a.Key, s)
}
