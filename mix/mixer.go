package mix

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// FrameSamples is the length of the frame that one Tick makes: 20 ms at 48 kHz, mono.
const FrameSamples = frameSamples

// Config says how a Mixer works. The zero value of each field but the first is its default.
type Config struct {
	NewDecoder func() (Decoder, error) // required; called once for each voice

	Loudness float64 // LUFS, to which voices are led; default -18
	Ceiling  float64 // dBTP, above which no true peak goes; default -1

	MinDepth   time.Duration // of the jitter buffers; default 20 ms
	StartDepth time.Duration // until the jitter is known; default 40 ms
	MaxDepth   time.Duration // default 200 ms, at most 400 ms
}

const (
	defaultLoudness   = -18
	defaultCeiling    = -1
	defaultMinDepth   = 20 * time.Millisecond
	defaultStartDepth = 40 * time.Millisecond
	defaultMaxDepth   = 200 * time.Millisecond
	mostMaxDepth      = 400 * time.Millisecond
	remembered        = 256 // speakers whose level is kept
)

// Mixer makes one sound of the voices that are open. Tick is called by one goroutine; everything else by any.
type Mixer struct {
	// immutable
	config Config

	mu     sync.Mutex // guards the following fields
	opened []*Voice   // since the last tick
	levels []Level
	loop   []float32 // a new hold sound, until the next tick takes it
	relay  bool      // there is one
	holdOn bool
	closed bool  // the curtain
	apart  bool  // the voices are kept apart, too
	cart   *Cart // to play on stage, until the next tick takes it
	recart bool  // there is one, or an end
	fill   Fill  // of a dump, until the next tick takes it
	refill bool  // there is one

	cartName string // as of the last tick
	cartLeft time.Duration

	line delayLine // has a lock of its own, below mu

	// owned by Tick
	voices  []*Voice
	memory  map[string]leveller // by the ID of voices that have ended
	ended   []string            // the keys of memory, oldest first
	limiter limiter
	hold    hold
	opening float32 // how much of the voices is let out: 0 behind the curtain, else 1
	carts   player  // on stage
	filler  player  // for listeners alone
	filling bool    // the hold sound fills what was dumped
	frame   [frameSamples]float32
	parts   parts // of this tick's sum
	alone   [frameSamples]float32
}

// New returns a mixer without voices. It panics when c has no NewDecoder.
func New(c Config) *Mixer {
	if c.NewDecoder == nil {
		panic("mix: Config.NewDecoder is nil")
	}
	if c.Loudness == 0 {
		c.Loudness = defaultLoudness
	}
	if c.Ceiling == 0 {
		c.Ceiling = defaultCeiling
	}
	if c.MaxDepth == 0 {
		c.MaxDepth = defaultMaxDepth
	}
	c.MaxDepth = min(c.MaxDepth, mostMaxDepth)
	if c.MinDepth == 0 {
		c.MinDepth = defaultMinDepth
	}
	c.MinDepth = min(c.MinDepth, c.MaxDepth)
	if c.StartDepth == 0 {
		c.StartDepth = defaultStartDepth
	}
	c.StartDepth = min(max(c.StartDepth, c.MinDepth), c.MaxDepth)
	return &Mixer{
		config:  c,
		memory:  map[string]leveller{},
		limiter: newLimiter(c.Ceiling),
		line:    newDelayLine(),
		opening: 1,
	}
}

// ErrNoID refuses a voice without a name.
var ErrNoID = errors.New("a voice needs an ID")

// Open adds a voice. The same ID again goes on with the level that the speaker had before; the older voice, if it is still open, is
// not closed.
func (m *Mixer) Open(id string) (*Voice, error) {
	if id == "" {
		return nil, ErrNoID
	}
	dec, err := m.config.NewDecoder()
	if err != nil {
		return nil, fmt.Errorf("open voice %q: %w", id, err)
	}
	v := &Voice{
		id:     id,
		inbox:  &inbox{},
		taken:  &inbox{},
		stream: newStream(dec, m.config),
		active: newActivity(),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened = append(m.opened, v)
	return v, nil
}

// SetHold sets the hold sound: a loop of 48 kHz mono, which is copied and brought to -24 LUFS. Nil is none.
func (m *Mixer) SetHold(pcm []float32) {
	loop := newLoop(pcm)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loop, m.relay = loop, true
}

// Hold fades the hold sound in or out, within a second.
func (m *Mixer) Hold(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holdOn = on
}

// Curtain lets nothing of the voices out while it is closed; carts and the hold sound are heard all the same. It closes and opens within a
// tick.
func (m *Mixer) Curtain(closed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = closed
}

// Levels appends the level of each open voice, as of the last tick, to dst[:0] and returns it.
func (m *Mixer) Levels(dst []Level) []Level {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append(dst[:0], m.levels...)
}

// Tick writes the frame that begins at now, 960 samples, to out. It is called once for each 20 ms of now.
func (m *Mixer) Tick(out []float32, now time.Duration) {
	out = out[:frameSamples]
	clear(out)
	idle, closed, apart := m.begin()
	at := samples(now)
	var alone []float32
	if apart {
		alone = m.alone[:]
	}
	kept := m.voices[:0]
	for _, v := range m.voices {
		stays := v.tick(out, m.frame[:], alone, at)
		if apart {
			m.collect(v.id, alone)
		}
		if stays {
			kept = append(kept, v)
		} else {
			m.remember(v)
		}
	}
	clear(m.voices[len(kept):])
	m.voices = kept
	m.veil(out, closed)
	m.carts.add(out)
	m.line.pass(out, &m.parts, idle)
	m.filler.add(out)
	m.hold.add(out)
	m.limiter.limit(out)
	m.publish(at)
}

// veil lets the voices out as far as the curtain is open.
func (m *Mixer) veil(out []float32, closed bool) {
	to := float32(1)
	if closed {
		to = 0
	}
	if m.opening != 1 || to != 1 {
		scale(out, m.opening, to)
		for _, p := range m.parts {
			scale(p.pcm[:], m.opening, to)
		}
	}
	m.opening = to
}

// begin takes over what was asked for since the last tick. Idle says that the hold sound is asked for.
func (m *Mixer) begin() (idle, closed, apart bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, v := range m.opened {
		v.level = m.recall(v.id)
		m.voices = append(m.voices, v)
		m.opened[i] = nil
	}
	m.opened = m.opened[:0]
	if m.recart {
		m.carts.start(m.cart)
		m.cart, m.recart = nil, false
	}
	if m.refill {
		m.filler.start(m.fill.Cart)
		m.filling = m.fill.Hold
		m.fill, m.refill = Fill{}, false
	}
	m.filling = m.filling && m.line.holdsBack()
	m.hold.on = m.holdOn || m.filling
	if m.relay {
		m.hold.change(m.loop)
		m.loop, m.relay = nil, false
	}
	return m.holdOn, m.closed, m.apart
}

// publish makes the levels known.
func (m *Mixer) publish(now float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cartName, m.cartLeft = m.carts.left()
	m.levels = m.levels[:0]
	for _, v := range m.voices {
		m.levels = append(m.levels, v.activeLevel(now))
	}
}

// recall returns the leveller of the speaker as it was last.
func (m *Mixer) recall(id string) leveller {
	for i := len(m.voices) - 1; i >= 0; i-- {
		if m.voices[i].id == id {
			return m.voices[i].level
		}
	}
	if l, ok := m.memory[id]; ok {
		return l
	}
	return newLeveller(m.config.Loudness)
}

// remember keeps the leveller of a voice that has ended, and forgets the one that ended longest ago when there are too many.
func (m *Mixer) remember(v *Voice) {
	if _, ok := m.memory[v.id]; !ok {
		if len(m.ended) == remembered {
			delete(m.memory, m.ended[0])
			m.ended = m.ended[:copy(m.ended, m.ended[1:])]
		}
		m.ended = append(m.ended, v.id)
	}
	m.memory[v.id] = v.level
}
