package stage

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

// sources numbers what rewriters tell apart, in the order of coming.
var sources atomic.Uint64

// sound is a session's way into the mix. Its lock makes sure that nothing is pushed after Close.
type sound struct {
	mu     sync.Mutex
	voice  Voice  // guarded by mu; nil before open and after close
	muted  bool   // guarded by mu
	source uint64 // guarded by mu
}

// open connects the sound to a voice of the mix.
func (s *sound) open(v Voice, muted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.voice, s.muted, s.source = v, muted, sources.Add(1)
	if muted {
		v.Mute(true)
	}
}

// push hands a packet to the mix, and returns the number of the source it counts to, or 0 where it is muted.
func (s *sound) push(p *rtp.Packet, at time.Duration) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.voice == nil || s.muted {
		return 0
	}
	s.voice.Push(p.SequenceNumber, p.Timestamp, p.Payload, at)
	return s.source
}

func (s *sound) mute(muted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.voice == nil || s.muted == muted {
		return
	}
	s.muted = muted
	if !muted {
		s.source = sources.Add(1) // listeners must not take the silence for loss
	}
	s.voice.Mute(muted)
}

func (s *sound) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.voice != nil {
		s.voice.Close()
		s.voice = nil
	}
}
