package stage

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog sends pion's logs to slog, all of them as debug: what pion calls a warning or an error is mostly what a stranger did
// on the network, and anybody could fill the log with it.
type pionLog struct {
	log *slog.Logger
}

var _ logging.LoggerFactory = pionLog{}

// NewLogger returns pion's logger for one of its parts.
func (p pionLog) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{p.log.With("pion", scope)}
}

func (p pionLog) print(level, msg string) { p.log.Debug(msg, "level", level) }

func (p pionLog) printf(level, format string, args []any) {
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		p.print(level, fmt.Sprintf(format, args...))
	}
}

// Trace is dropped: pion traces each packet.
func (p pionLog) Trace(string)                      {}
func (p pionLog) Tracef(string, ...any)             {}
func (p pionLog) Debug(msg string)                  { p.print("debug", msg) }
func (p pionLog) Debugf(format string, args ...any) { p.printf("debug", format, args) }
func (p pionLog) Info(msg string)                   { p.print("info", msg) }
func (p pionLog) Infof(format string, args ...any)  { p.printf("info", format, args) }
func (p pionLog) Warn(msg string)                   { p.print("warn", msg) }
func (p pionLog) Warnf(format string, args ...any)  { p.printf("warn", format, args) }
func (p pionLog) Error(msg string)                  { p.print("error", msg) }
func (p pionLog) Errorf(format string, args ...any) { p.printf("error", format, args) }
