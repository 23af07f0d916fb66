package whip

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// Packets leave by the clock: one every 20 ms, none early, and lateness does not add up.
func TestPacerKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		n := 0
		p := newPacer(SourceFunc(func() ([]byte, error) {
			if n == 500 {
				return nil, io.EOF
			}
			return []byte{1}, nil
		}))
		var first, last packet
		err := p.run(t.Context(), func(q packet) bool {
			if n == 0 {
				first = q
			}
			if since := time.Since(start); since < time.Duration(n)*packetTime || since > time.Duration(n)*packetTime+5*time.Millisecond {
				t.Errorf("packet %d after %v", n, since)
			}
			n++
			last = q
			time.Sleep(3 * time.Millisecond) // a slow line
			return n%2 == 0
		})
		if !errors.Is(err, io.EOF) {
			t.Errorf("run: %v", err)
		}
		if last.seq-first.seq != 499 || last.ts-first.ts != 499*packetSamples {
			t.Errorf("from %d/%d to %d/%d", first.seq, first.ts, last.seq, last.ts)
		}
		if p.sent.Load() != 250 || p.lost.Load() != 250 {
			t.Errorf("sent %d, lost %d", p.sent.Load(), p.lost.Load())
		}
	})
}

// A short stall is caught up with; after a long one the timestamps say how long it was, and nothing is sent in a heap.
func TestPacerAfterAStall(t *testing.T) {
	for _, tt := range []struct {
		name  string
		stall time.Duration
		burst int
	}{{"short", 200 * time.Millisecond, 10}, {"long", time.Minute, 1}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.stall+time.Second)
			defer cancel()
			n, burst := 0, 0
			var before packet
			var stalled time.Time
			p := newPacer(SourceFunc(func() ([]byte, error) { return []byte{1}, nil }))
			err := p.run(ctx, func(q packet) bool {
				n++
				switch {
				case n == 10:
					before = q
					time.Sleep(tt.stall)
					stalled = time.Now()
				case n > 10 && time.Since(stalled) < packetTime/2:
					burst++
				}
				if n == 40 {
					want := uint32((time.Since(stalled)+tt.stall)/packetTime) * packetSamples
					if q.ts-before.ts != want || q.seq-before.seq != 30 {
						t.Errorf("%s: timestamp went on by %d, want %d", tt.name, q.ts-before.ts, want)
					}
				}
				return true
			})
			if !errors.Is(err, context.DeadlineExceeded) || n < 40 {
				t.Errorf("%s: %d packets, %v", tt.name, n, err)
			}
			if burst != tt.burst {
				t.Errorf("%s: %d packets at once, want %d", tt.name, burst, tt.burst)
			}
		})
	}
}

// A packet that a source leaves out costs its time and no number: it is silence, not loss.
func TestPacerLeavesOut(t *testing.T) {
	n := 0
	p := newPacer(SourceFunc(func() ([]byte, error) {
		if n++; n == 2 {
			return nil, nil
		}
		return []byte{1}, nil
	}))
	var got []packet
	for range 3 {
		err := p.step(func(q packet) bool { got = append(got, q); return true })
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 2 || got[1].seq-got[0].seq != 1 || got[1].ts-got[0].ts != 2*packetSamples {
		t.Errorf("sent %+v", got)
	}
}
