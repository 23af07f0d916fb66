// Package liveline shows one line that says how things stand: rewritten in place on a terminal, printed every five seconds
// elsewhere.
package liveline

import (
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/epidaurus-live/epidaurus/internal/clock"
)

// interval is how often the line is printed where it cannot be rewritten.
const interval = 5 * time.Second

// eraseToEnd clears what is behind the cursor (ECMA-48 EL).
const eraseToEnd = "\x1b[K"

// Line is the line. All methods may be called from any goroutine. It is also an io.Writer for lasting lines, such as those of a log
// that goes to the same terminal: they appear above it.
type Line struct {
	// immutable
	out   io.Writer
	width func() int // columns of the terminal; nil when out is none
	now   func() time.Duration

	mu sync.Mutex
	// guarded by mu
	text    string // as it was given last
	shown   string // what stands on the terminal's last row
	printed time.Duration
	any     bool // something was printed
	pending bool // text was not printed yet
	closed  bool
}

// New returns a line on f, which is usually os.Stdout or os.Stderr.
func New(f *os.File) *Line {
	l := &Line{out: f, now: clock.Mono}
	fd := int(f.Fd())
	if term.IsTerminal(fd) && os.Getenv("TERM") != "dumb" {
		l.width = func() int {
			columns, _, err := term.GetSize(fd)
			if err != nil {
				return 80
			}
			return columns
		}
	}
	return l
}

// Show says how things stand now. What does not fit on the terminal is cut; control characters are left out, because part
// of the text may come from far away.
func (l *Line) Show(text string) {
	text = printable(text)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.text, l.pending = text, true
	if l.width != nil {
		l.drawLocked()
		return
	}
	if now := l.now(); !l.any || now-l.printed >= interval {
		l.printLocked(now)
	}
}

// Write puts lasting text above the line. It should end in a newline.
func (l *Line) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.width == nil || l.shown == "" {
		return l.out.Write(p)
	}
	l.shown = ""
	if _, err := io.WriteString(l.out, "\r"+eraseToEnd); err != nil {
		return 0, err
	}
	n, err := l.out.Write(p)
	if err == nil && !l.closed {
		l.drawLocked()
	}
	return n, err
}

// Close leaves the line as it was shown last. What is shown afterwards is not seen.
func (l *Line) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	switch {
	case l.width == nil && l.pending:
		l.printLocked(l.now())
	case l.shown != "":
		l.shown = ""
		l.say("\n")
	}
}

func (l *Line) drawLocked() {
	// One column stays free: some terminals begin a new row when the last one is used.
	text := cut(l.text, max(l.width()-1, 1))
	if text == l.shown {
		return
	}
	l.shown, l.pending = text, false
	l.say("\r" + text + eraseToEnd)
}

func (l *Line) printLocked(now time.Duration) {
	l.printed, l.any, l.pending = now, true, false
	l.say(l.text + "\n")
}

// say writes to the terminal. When that fails nobody is left to tell.
func (l *Line) say(s string) { _, _ = io.WriteString(l.out, s) }
