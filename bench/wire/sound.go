//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	packetBytes = 80  // 32 kbit/s
	preSkip     = 312 // of libopus
)

// makeSound makes a file of Opus at a constant 32 kbit/s, and returns its packets.
func makeSound(ctx context.Context, dir string, long time.Duration) (file string, packets [][]byte, err error) {
	file = filepath.Join(dir, "sound.ogg")
	cmd := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", fmt.Sprint(long.Seconds()),
		"-ac", "1", "-c:a", "libopus", "-b:a", "32k", "-vbr", "off", "-frame_duration", "20", file) //nolint:gosec // a folder of ours
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", nil, fmt.Errorf("make the sound: %w: %s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	r := ogg.NewReader(bytes.NewReader(text))
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return file, packets, nil
		}
		if err != nil {
			return "", nil, err
		}
		if len(p.Data) != packetBytes {
			return "", nil, fmt.Errorf("packet %d has %d bytes, not %d", len(packets), len(p.Data), packetBytes)
		}
		packets = append(packets, bytes.Clone(p.Data))
	}
}

// past is what a subscriber is given at once: more than a live playlist lists.
const past = 20 * tape.FramesPerSec

// feed plays the packets by the clock in all variants, and seals each segment. It implements edge.Feed.
type feed struct {
	packets [][]byte
	epoch   time.Time
	stop    chan struct{}
	done    chan struct{}

	mu    sync.Mutex
	fresh []tape.Receiver // guarded by mu

	// owned by run
	ears []tape.Receiver
	head tape.Number
}

func newFeed(packets [][]byte) *feed {
	now := frames.Now()
	f := &feed{packets: packets, epoch: time.Now().Add(-now.Duration()), stop: make(chan struct{}), done: make(chan struct{}), head: now}
	go f.run() // close waits for it
	return f
}

// Subscribe implements edge.Feed. Nobody stops before all of it does.
func (f *feed) Subscribe(_ room.ID, _ tape.Channel, to tape.Receiver) (func(), error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fresh = append(f.fresh, to)
	return func() {}, nil
}

func (f *feed) close() {
	close(f.stop)
	<-f.done
}

func (f *feed) run() {
	defer close(f.done)
	ticker := time.NewTicker(tape.FrameDuration)
	defer ticker.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-ticker.C:
		}
		f.mu.Lock()
		fresh := f.fresh
		f.fresh = nil
		f.mu.Unlock()
		for _, to := range fresh {
			to.Takeover(tape.Takeover{Term: 1})
			f.give([]tape.Receiver{to}, (f.head-past)/tape.SegmentFrames*tape.SegmentFrames, f.head)
		}
		f.ears = append(f.ears, fresh...)
		next := tape.Number(time.Since(f.epoch) / tape.FrameDuration)
		f.give(f.ears, f.head, next)
		f.head = next
	}
}

func (f *feed) packet(n tape.Number) []byte { return f.packets[int(n)%len(f.packets)] }

func (f *feed) give(ears []tape.Receiver, from, to tape.Number) {
	for n := from; n < to; n++ {
		for _, e := range ears {
			for _, v := range tape.Variants {
				e.Frame(v, tape.Frame{N: n, Term: 1, Packet: f.packet(n)})
			}
		}
		if (n+1)%tape.SegmentFrames == 0 {
			f.seal(ears, n+1-tape.SegmentFrames)
		}
	}
}

func (f *feed) seal(ears []tape.Receiver, from tape.Number) {
	sum := tape.NewSummer(from)
	for n := from; n < from+tape.SegmentFrames; n++ {
		sum.Add(f.packet(n))
	}
	s := tape.Seal{Stretch: tape.Stretch{From: from, To: from + tape.SegmentFrames}, Term: 1}
	one := sum.Sum()
	for _, v := range tape.Variants {
		s.Sums = append(s.Sums, tape.VariantSum{Variant: v, Sum: one})
	}
	for _, e := range slices.Clone(ears) {
		if to, ok := e.(tape.SealReceiver); ok {
			to.Seal(s)
		}
	}
}
