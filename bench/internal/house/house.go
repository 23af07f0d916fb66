//go:build linux

// Package house is an edge process of a bench: the edge behind net/http on loopback, fed by the clock, and beside it the bare loop that
// it is measured against, on the very sockets that it accepted.
package house

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/bench/internal/loop"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Role is what the process is called.
const Role = "edge"

// Config says how the process serves. The zero value of anything takes the default.
type Config struct {
	Rooms      int           // default: 1
	Cadence    time.Duration // default: 960 ms
	Sections   int           // goroutines that write; default: one per core
	Procs      int           // GOMAXPROCS; default: Go's
	Sizes      frames.Sizes  // default: frames.Usual
	Congestion string        // default: the system's
	TLS        bool          // serve TLS too
}

// Place is where to find it.
type Place struct {
	PID   int    `json:"pid"`
	Plain string `json:"plain"`
	TLS   string `json:"tls"`
}

type house struct {
	config Config
	place  Place
	feed   *frames.Feed
	book   *frames.Book
	edge   *edge.Edge
}

// New makes the process ready. Its orders are where, play, run, bare, idle, heap and stats.
func New(c Config) (map[string]child.Order, error) {
	h, err := open(c)
	if err != nil {
		return nil, err
	}
	return map[string]child.Order{
		"where": child.Do(func(struct{}) (Place, error) { return h.place, nil }),
		"play":  child.Do(func(on bool) (bool, error) { h.feed.Play(on); return on, nil }),
		"run":   child.Do(h.run),
		"bare":  child.Do(h.bare),
		"idle":  child.Do(h.idle),
		"heap":  child.Do(func(struct{}) (Heap, error) { return heap(), nil }),
		"stats": child.Do(func(struct{}) (Stats, error) { return h.stats(), nil }),
	}, nil
}

func open(c Config) (*house, error) {
	debug.SetGCPercent(edge.CollectAt)
	if c.Procs > 0 {
		runtime.GOMAXPROCS(c.Procs)
	}
	if c.Sizes == (frames.Sizes{}) {
		c.Sizes = frames.Usual
	}
	c.Rooms = max(c.Rooms, 1)
	if c.Cadence == 0 {
		c.Cadence = 960 * time.Millisecond
	}
	book := frames.NewBook(c.Sizes)
	h := &house{config: c, feed: frames.NewFeed(book), book: book}
	e, err := edge.New(edgeConfig(c, h.feed))
	if err != nil {
		return nil, err
	}
	h.edge = e
	for i := range c.Rooms {
		err = e.Open(frames.Room(i))
		if err != nil {
			return nil, err
		}
	}
	h.feed.Given()
	return h, h.listen()
}

// edgeConfig is the one place where benches say how an edge behaves: at one cadence, whatever the load, for which it grants the depth.
func edgeConfig(c Config, feed edge.Feed) edge.Config {
	return edge.Config{
		Rooms: frames.NewRooms(c.Rooms), Feed: feed, Cadence: c.Cadence, Longest: c.Cadence, Sections: c.Sections,
		MaxBehind: max(8*time.Second, 2*c.Cadence), MaxWaiting: 512,
	}
}

// listenTLS is how the edge speaks TLS.
func listenTLS(l net.Listener, c *tls.Config) net.Listener { return edge.NewTLSListener(l, c, 0) }

func (h *house) listen() error {
	l, err := listen(h.config.Congestion)
	if err != nil {
		return err
	}
	plain, err := h.edge.Front(l)
	if err != nil {
		return err
	}
	h.place = Place{PID: pid(), Plain: plain.Addr().String()}
	go h.serve(plain) // ends with the process
	if !h.config.TLS {
		return nil
	}
	l, err = listen(h.config.Congestion)
	if err != nil {
		return err
	}
	config, err := serverTLS()
	if err != nil {
		return err
	}
	h.place.TLS = l.Addr().String()
	go h.serve(listenTLS(l, config)) // ends with the process
	return nil
}

func (h *house) serve(l net.Listener) {
	server := http.Server{
		Handler: h.edge.Handler(), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0), // hostile handshakes would fill the terminal
	}
	panic(server.Serve(l)) // returns only when the listener broke
}

// Window is what a stretch of time cost the process.
type Window struct {
	Seconds float64     `json:"seconds"`
	CPU     machine.CPU `json:"cpu"`
	Writes  uint64      `json:"writes"`
	Bytes   uint64      `json:"bytes"`
	Short   uint64      `json:"short"`
	Failed  uint64      `json:"failed"`
}

// Plus adds what several processes spent at the same time.
func (w Window) Plus(o Window) Window {
	return Window{
		max(w.Seconds, o.Seconds), w.CPU.Plus(o.CPU), w.Writes + o.Writes, w.Bytes + o.Bytes, w.Short + o.Short, w.Failed + o.Failed,
	}
}

// calm is the pause around a window, in which what was begun is finished.
const calm = 40 * time.Millisecond

// measure runs do between two looks at the clocks.
func measure(do func()) Window {
	time.Sleep(calm)
	begin, cpu := time.Now(), machine.Self()
	do()
	return Window{Seconds: time.Since(begin).Seconds(), CPU: machine.Self().Less(cpu)}
}

// run lets the edge write what d is long, while the sound stands still before and after.
func (h *house) run(d time.Duration) (Window, error) {
	h.feed.Play(false)
	before := h.edge.Stats()
	w := measure(func() {
		h.feed.Run(tape.Number(d / tape.FrameDuration))
		h.settle()
	})
	after := h.edge.Stats()
	w.Writes, w.Bytes, w.Short = after.Writes-before.Writes, after.BytesOut-before.BytesOut, after.Full-before.Full
	return w, nil
}

// settle waits until the edge writes no more: on a busy machine its last ticks come late.
func (h *house) settle() {
	for last, until := uint64(0), time.Now().Add(2*time.Second); time.Now().Before(until); {
		time.Sleep(calm)
		now := h.edge.Stats().Writes
		if now == last {
			return
		}
		last = now
	}
}

// idle measures what the process costs while nobody writes.
func (h *house) idle(d time.Duration) (Window, error) {
	return measure(func() { time.Sleep(d) }), nil
}

// Bare says what the bare loop writes.
type Bare struct {
	For      time.Duration
	Interval time.Duration
	Variant  int  // whose fragments' length it writes
	TLS      bool // to the sockets of TLS seats, but for those whose listener decrypts
	InOrder  bool // in the order of their coming, whatever room they are in
}

// bare writes the length of a fragment to the seats' sockets by bare loops, one per section, at the same pace as the edge, and in as many
// turns as that has phases: what is written in a clump is cheaper than what is written one by one.
func (h *house) bare(b Bare) (Window, error) {
	at := h.place.Plain
	if b.TLS {
		at = h.place.TLS
	}
	calls, err := sockets(int(netip.MustParseAddrPort(at).Port()), b.TLS)
	if err != nil {
		return Window{}, err
	}
	sections := h.config.Sections
	if sections == 0 {
		sections = runtime.GOMAXPROCS(0)
	}
	junk := h.junk(b)
	if !b.InOrder {
		calls = byRoom(calls, h.config.Rooms)
	}
	parts := deal(calls, sections, int(b.Interval/tape.FrameDuration))
	plan := loop.Plan{Bytes: junk, Step: tape.FrameDuration, For: b.For, Whole: true}
	var r loop.Result
	w := measure(func() {
		r = loop.Spread(parts, plan)
		time.Sleep(calm) // as after the edge's
	})
	w.Writes, w.Short, w.Failed, w.Bytes = r.Writes, r.Short, r.Failed, r.Writes*uint64(len(junk))
	return w, nil
}

// junk is a chunk as long as a fragment, holding a box that players skip: a listener who parses everything stays in step.
func (h *house) junk(b Bare) []byte {
	packets := make([][]byte, b.Interval/tape.FrameDuration)
	for i := range packets {
		packets[i] = h.book.Packet(b.Variant, tape.Number(i))
	}
	size := len(fmp4.AppendFragment(nil, 1, packets, nil))
	chunk := fmt.Appendf(nil, "%x\r\n", size)
	chunk = append(chunk, byte(size>>24), byte(size>>16), byte(size>>8), byte(size))
	chunk = append(chunk, "free"...)
	return append(append(chunk, make([]byte, size-8)...), "\r\n"...)
}

// phases are those of an edge's cadence.
const phases = 12

// byRoom orders connections as an edge writes to them: room by room, and the rooms in no order. Listeners come to the rooms in turn, so
// those who are written to one after the other are no neighbours in the kernel's memory, and that costs every loop that serves rooms.
func byRoom(calls []call, rooms int) []call {
	ordered := make([]call, 0, len(calls))
	for _, r := range rand.New(rand.NewPCG(1, 1)).Perm(rooms) {
		for i := r; i < len(calls); i += rooms {
			ordered = append(ordered, calls[i])
		}
	}
	return ordered
}

// deal gives every loop its sockets as the edge gives its sections theirs: in turn, and to phases by the time of their coming.
func deal(calls []call, loops, turns int) []loop.Turns {
	parts := make([]loop.Turns, loops)
	for i := range parts {
		parts[i] = make(loop.Turns, turns)
	}
	for i, c := range calls {
		turn := &parts[i%loops][i*phases/len(calls)*(turns/phases)]
		*turn = append(*turn, c.fd)
	}
	return parts
}

// Heap is the process's heap after it was cleaned.
type Heap struct {
	Inuse uint64 `json:"inuse"`
	Alloc uint64 `json:"alloc"`
}

func heap() Heap {
	runtime.GC()
	runtime.GC() // the first one only moves what pools hold aside
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Heap{m.HeapInuse, m.HeapAlloc}
}

// Stats is the process at a moment.
type Stats struct {
	CPU      machine.CPU       `json:"cpu"`
	RSS      int64             `json:"rss"`
	Seats    int               `json:"seats"`
	Seated   uint64            `json:"seated"`
	Writes   uint64            `json:"writes"`
	Full     uint64            `json:"full"`
	BytesOut uint64            `json:"bytes_out"`
	Gaps     uint64            `json:"gaps"`
	Lost     uint64            `json:"seats_lost"` // stuck, cut or talkative: not the listeners' own doing
	Worst    float64           `json:"worst_tick_s"`
	Refused  map[string]uint64 `json:"refused"`
}

// Plus adds what several processes counted.
func (s Stats) Plus(o Stats) Stats {
	sum := Stats{
		s.CPU.Plus(o.CPU), s.RSS + o.RSS, s.Seats + o.Seats, s.Seated + o.Seated, s.Writes + o.Writes, s.Full + o.Full,
		s.BytesOut + o.BytesOut, s.Gaps + o.Gaps, s.Lost + o.Lost, max(s.Worst, o.Worst), map[string]uint64{},
	}
	for _, m := range []map[string]uint64{s.Refused, o.Refused} {
		for k, n := range m {
			sum.Refused[k] += n
		}
	}
	return sum
}

// Sum adds up all.
func Sum[T interface{ Plus(T) T }](all []T) (sum T) {
	for _, one := range all {
		sum = sum.Plus(one)
	}
	return sum
}

func (h *house) stats() Stats {
	s := h.edge.Stats()
	all := Stats{
		CPU: machine.Self(), RSS: machine.RSS(0), Seats: s.Seats, Seated: s.Seated, Writes: s.Writes, Full: s.Full, BytesOut: s.BytesOut,
		Gaps: s.Gaps, Lost: s.Stuck + s.Cut + s.Talkative, Worst: s.WorstLate.Seconds(), Refused: map[string]uint64{},
	}
	for code, n := range s.Refused {
		if n > 0 {
			all.Refused[string(code)] = n
		}
	}
	return all
}

// Made is the role for child.Main.
var Made = child.Make(New)
