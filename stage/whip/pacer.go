package whip

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	packetTime    = 20 * time.Millisecond
	packetSamples = 960 // at 48 kHz
	// maxBehind is how late the pacer may be before it gives up catching up: a machine that slept does not send its sleep.
	maxBehind = 400 * time.Millisecond
)

// packet is 20 ms on their way out.
type packet struct {
	seq     uint16
	ts      uint32
	payload []byte
}

// pacer takes packets from a source by the clock.
type pacer struct {
	// immutable
	source Source

	sent, lost atomic.Uint64

	// owned by run
	seq uint16
	ts  uint32
}

func newPacer(source Source) *pacer {
	return &pacer{source: source, seq: uint16(rand.Uint32()), ts: rand.Uint32()}
}

// run takes a packet every 20 ms and gives it to send, until the source or ctx ends; it returns why. Timers are late now and then:
// the plan is by the clock, so that lateness does not add up.
func (p *pacer) run(ctx context.Context, send func(packet) bool) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := time.Now()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		for now := time.Now(); !due.After(now); due = due.Add(packetTime) {
			if skipped := now.Sub(due) / packetTime; skipped*packetTime > maxBehind {
				p.ts += uint32(skipped) * packetSamples // time passed, though nothing was said
				due = due.Add(skipped * packetTime)
			}
			err := p.step(send)
			if err != nil {
				return err
			}
		}
		timer.Reset(time.Until(due))
	}
}

func (p *pacer) step(send func(packet) bool) error {
	payload, err := p.source.Next()
	if err != nil {
		return err
	}
	if len(payload) > 0 {
		if send(packet{p.seq, p.ts, payload}) {
			p.sent.Add(1)
		} else {
			p.lost.Add(1)
		}
		p.seq++
	}
	p.ts += packetSamples
	return nil
}
