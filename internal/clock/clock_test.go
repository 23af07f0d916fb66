package clock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestMonoNeverStepsBack(t *testing.T) {
	last := Mono()
	for range 1000 {
		now := (Machine{}).Mono()
		if now < last {
			t.Fatalf("%v after %v", now, last)
		}
		last = now
	}
	if wall := (Machine{}).Wall(); time.Since(wall) > time.Minute {
		t.Errorf("the time of day is %v", wall)
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := time.Now()
		err := (Machine{}).Sleep(t.Context(), 3*time.Second)
		if slept := time.Since(before); err != nil || slept != 3*time.Second {
			t.Errorf("slept %v (%v)", slept, err)
		}
	})
}

// Who is told to stop does not sleep on.
func TestSleepIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reason := errors.New("a reason")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, reason)
		defer cancel()
		before := time.Now()
		err := (Machine{}).Sleep(ctx, time.Hour)
		if slept := time.Since(before); !errors.Is(err, context.DeadlineExceeded) || slept != time.Second {
			t.Errorf("slept %v (%v)", slept, err)
		}
		err = (Machine{}).Sleep(ctx, time.Hour)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the second time: %v", err)
		}
	})
}
