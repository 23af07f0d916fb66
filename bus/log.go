package bus

import (
	"errors"
	"fmt"
	"log/slog"
)

// serverLog takes what the embedded server says: news for developers only, complaints for everybody, and why it cannot start, which it tells nowhere else.
type serverLog struct {
	*slog.Logger
	fatal chan error // holds the first one
}

func newServerLog(log *slog.Logger) serverLog { return serverLog{log, make(chan error, 1)} }

// Fatalf is why the server gave up.
func (l serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Errorf(format, v...):
	default:
	}
}

// why is the reason for which the server gave up, or nil.
func (l serverLog) why() error {
	select {
	case err := <-l.fatal:
		return err
	default:
		return nil
	}
}

// Errorf, Warnf and Noticef are what an operator may want to know; Debugf and Tracef are not called unless they are asked for.
func (l serverLog) Errorf(format string, v ...any)  { l.Warn(fmt.Sprintf(format, v...)) }
func (l serverLog) Warnf(format string, v ...any)   { l.Warn(fmt.Sprintf(format, v...)) }
func (l serverLog) Noticef(format string, v ...any) { l.Debug(fmt.Sprintf(format, v...)) }
func (l serverLog) Debugf(format string, v ...any)  { l.Debug(fmt.Sprintf(format, v...)) }
func (l serverLog) Tracef(format string, v ...any)  { l.Debug(fmt.Sprintf(format, v...)) }

var errSlowStart = errors.New("it takes too long: see whether its disk is full or slow")
