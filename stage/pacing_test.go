package stage

import (
	"testing"
	"time"
)

// played is what became of an encoder's sound.
type played struct {
	out, skipped time.Duration
	starved      int
	least, most  time.Duration // of what waited after the first window
}

// playFor runs an encoder whose clock is off by ppm, that sends a burst as soon as it has one, against the pacing, by a given clock.
func playFor(long, burst time.Duration, ppm float64, from time.Duration) (r played) {
	const packet = 20 * time.Millisecond
	p := newPacing()
	var waits time.Duration
	sent, now := time.Duration(0), time.Duration(0)
	r.least = 1 << 62
	for now < long {
		for due := time.Duration(float64(sent) / (1 + ppm*1e-6)); due <= now; due = time.Duration(float64(sent) / (1 + ppm*1e-6)) {
			waits += burst
			sent += burst
		}
		was := p.playing
		next := time.Duration(0)
		if waits > 0 {
			next = packet
		}
		emit, skip, _ := p.step(now, waits, next)
		if was && !p.playing {
			r.starved++
		}
		if emit {
			skip = skip.Truncate(packet)
			r.skipped += skip
			waits -= skip + packet
			r.out += packet
			if now > from {
				r.least, r.most = min(r.least, waits), max(r.most, waits)
			}
			continue
		}
		now += time.Millisecond
	}
	return r
}

// An encoder's clock is followed for hours, whatever the length of its bursts: nothing is lost, and what waits neither grows nor ends.
func TestEncoderClockIsFollowed(t *testing.T) {
	t.Parallel()
	for _, burst := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		for _, ppm := range []float64{-100, -30, 0, 30, 100} {
			r := playFor(3*time.Hour, burst, ppm, time.Minute)
			if r.starved > 0 || r.skipped > 0 {
				t.Errorf("bursts of %v, %+.0f ppm: starved %d times, %v skipped", burst, ppm, r.starved, r.skipped)
			}
			if low, high := r.least, r.most-burst; low < pacingMargin/3 || high > pacingMargin+pacingSlack {
				t.Errorf("bursts of %v, %+.0f ppm: between %v and %v wait", burst, ppm, r.least, r.most)
			}
		}
	}
}

// A fresh encoder's first sound goes out a margin after it came.
func TestEncoderDelay(t *testing.T) {
	p := newPacing()
	const at, packet = time.Second, 20 * time.Millisecond
	emit, _, wait := p.step(at, time.Second, packet)
	if emit || wait != pacingMargin {
		t.Fatalf("%v, %v", emit, wait)
	}
	if emit, _, _ = p.step(at+wait, time.Second, packet); !emit {
		t.Error("it is late")
	}
}

// After a stall what came meanwhile is heard at the old delay again: the rest is skipped within a window, and the silence is told to listeners.
func TestEncoderThatStalledComesBack(t *testing.T) {
	const packet = 20 * time.Millisecond
	p := newPacing()
	now := time.Duration(0)
	p.step(now, packet, packet)
	now += pacingMargin
	if emit, _, _ := p.step(now, packet, packet); !emit {
		t.Fatal("it does not begin")
	}
	now += packet
	p.step(now, 0, 0)
	if p.playing {
		t.Fatal("it plays on with nothing")
	}
	now += 3 * time.Second
	if away := p.away(now); away != 3*time.Second {
		t.Errorf("away for %v", away)
	}
	if p.target <= pacingMargin {
		t.Error("it does not wait longer after a stall")
	}
	_, _, wait := p.step(now, 3*time.Second, packet)
	now += wait
	waits, skipped := 3*time.Second+wait, time.Duration(0)
	if emit, _, _ := p.step(now, waits, packet); !emit || p.gap < 3*time.Second {
		t.Fatalf("after a stall: gap %v", p.gap)
	}
	for end := now + 2*pacingWindow; now < end; now += packet {
		emit, skip, _ := p.step(now, waits, packet)
		if emit {
			skipped += skip
			waits -= skip + packet
		}
		waits += packet
	}
	if waits > p.target+pacingSlack || skipped < 2*time.Second {
		t.Errorf("%v waits, %v was skipped", waits, skipped)
	}
}

// Who sends as fast as it may is held back, and loses nothing.
func TestEncoderWithoutAClockLosesNothing(t *testing.T) {
	p := newPacing()
	out := 0
	for now := time.Duration(0); now < time.Minute; now += time.Millisecond {
		p.held(now)
		emit, skip, _ := p.step(now, feedLength, 20*time.Millisecond)
		if skip > 0 {
			t.Fatalf("%v is skipped at %v", skip, now)
		}
		if emit {
			out++
		}
	}
	if want := int((time.Minute - pacingMargin) / (20 * time.Millisecond)); out < want-2 || out > want+2 {
		t.Errorf("%d packets in a minute, not %d", out, want)
	}
}

// What waits of one encoder is bounded: put waits, and goes on when there is room.
func TestFeedIsBounded(t *testing.T) {
	f, done := newFeed(), make(chan struct{})
	put := make(chan int)
	go func() {
		n := 0
		for f.put(make([]byte, 100), packetSamples, done) {
			n++
		}
		put <- n
	}()
	eventually(t, "it is held back", func() bool {
		_, _, held, _ := f.look()
		return held
	})
	if waits := f.waiting(); waits > feedLength {
		t.Errorf("%v waits", waits)
	}
	f.take()
	close(done)
	if n, most := <-put, int(feedLength/(20*time.Millisecond))+1; n > most {
		t.Errorf("%d packets were taken, at most %d", n, most)
	}
}
