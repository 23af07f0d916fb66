//go:build linux

// Package crowd is a client process of a bench: many listeners by one epoll. Most of them throw away what they get without looking at it,
// as cheaply as the kernel can; a stated part takes everything apart and checks it.
package crowd

import (
	"bytes"
	"fmt"
	"math"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
)

// Role is what the process is called.
const Role = "crowd"

// Made is the role for child.Main.
var Made = child.Make(New)

// PerProcess is how many listeners a process holds where it may open 20,000 files.
const PerProcess = 19000

// Config says who listens to what.
type Config struct {
	Index      int          // of this process: its listeners come from addresses of their own
	Targets    []string     // host:port; taken in turn
	Paths      []string     // taken in turn
	TLS        string       // "", "full" or "resumed" handshakes
	ParseEvery int          // every so many take everything apart; 0: none
	Content    bool         // these know what each packet must be
	Sizes      frames.Sizes // of those packets; default: frames.Usual
	Mark       string       // of the answer, by which a listener knows that sound came; empty: its first byte
	Nap        time.Duration
}

// Gather is the Nap for listeners who are written to so often.
func Gather(every time.Duration) time.Duration {
	return max(40*time.Millisecond, min(every/96, 160*time.Millisecond))
}

// Join says how listeners come.
type Join struct {
	Count      int
	Rate       float64 // per second, by the clock, whatever becomes of those before; or
	Taper      float64 // with Rate: it falls evenly with those who came, to nothing at this count, which is more than Count; 0: it stays
	Connectors int     // so many at once, each when one before is seated
}

// by is how many are due at a time after the beginning.
func (j Join) by(t time.Duration) int {
	if j.Taper == 0 {
		return int(t.Seconds() * j.Rate)
	}
	return int(-j.Taper * math.Expm1(-t.Seconds()*j.Rate/j.Taper))
}

// due is when so many have come.
func (j Join) due(n int) time.Duration {
	s := float64(n) / j.Rate
	if j.Taper > 0 {
		s = -j.Taper / j.Rate * math.Log1p(-float64(n)/j.Taper)
	}
	return time.Duration(s * float64(time.Second))
}

// Report is the crowd at a moment.
type Report struct {
	Asked   int            `json:"asked"`
	Started int            `json:"started"`
	Seated  int            `json:"seated"`
	Failed  int            `json:"failed"`
	Errors  map[string]int `json:"errors,omitempty"`
	Lost    int            `json:"lost"` // seated, and then closed by the server
	Late    float64        `json:"generator_late_s"`

	Bytes   int64 `json:"bytes"`
	Reads   int64 `json:"reads"`
	Parsing int64 `json:"parsing"`
	Frames  int64 `json:"frames"`
	Gaps    int64 `json:"gaps"`
	Resumed int64 `json:"resumed"`

	CPU machine.CPU `json:"cpu"`
	RSS int64       `json:"rss"`
}

// Plus adds what several crowds say.
func (r Report) Plus(o Report) Report {
	sum := Report{
		Asked: r.Asked + o.Asked, Started: r.Started + o.Started, Seated: r.Seated + o.Seated, Failed: r.Failed + o.Failed,
		Lost: r.Lost + o.Lost, Late: max(r.Late, o.Late), Bytes: r.Bytes + o.Bytes, Reads: r.Reads + o.Reads,
		Parsing: r.Parsing + o.Parsing, Frames: r.Frames + o.Frames, Gaps: r.Gaps + o.Gaps, Resumed: r.Resumed + o.Resumed,
		CPU: r.CPU.Plus(o.CPU), RSS: r.RSS + o.RSS, Errors: map[string]int{},
	}
	for _, m := range []map[string]int{r.Errors, o.Errors} {
		for k, n := range m {
			sum.Errors[k] += n
		}
	}
	return sum
}

// Settled reports whether every listener knows what became of him.
func (r Report) Settled() bool { return r.Seated+r.Failed >= r.Asked }

type state uint8

const (
	connecting state = iota
	asking           // the request is out
	seated
)

// listener is one that throws away.
type listener struct {
	due   time.Duration // when it was to come, since the crowd began
	fd    int32         // negative: gone
	i     int32
	state state
	had   uint8   // of tail
	tail  [3]byte // of the answer, in which the mark may begin
}

type crowd struct {
	config  Config
	targets []*net.TCPAddr
	book    *frames.Book
	epoll   int
	begin   time.Time
	tickets []tickets // of each target

	inflight                                      atomic.Int64 // started and not settled
	bytes, reads, parsing, frames, gaps, resumed_ atomic.Int64

	mu     sync.Mutex
	report Report  // guarded by mu
	firsts []int32 // guarded by mu; microseconds from due to sound
	join   Join    // guarded by mu; what is asked for
	joinAt time.Duration
	taken  []listener // guarded by mu; seated by visit, for run to go on with

	// owned by run
	listeners []listener // by the number that epoll knows
	buffer    []byte
	swept     time.Duration
}

// New makes a crowd. Its orders are join, report and firsts.
func New(c Config) (map[string]child.Order, error) {
	debug.SetGCPercent(400) // the listeners live on the machine that they judge
	if c.Sizes == (frames.Sizes{}) {
		c.Sizes = frames.Usual
	}
	if c.Nap == 0 {
		c.Nap = 5 * time.Millisecond
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	p := &crowd{config: c, book: frames.NewBook(c.Sizes), epoll: epoll, begin: time.Now(), buffer: make([]byte, 64<<10)}
	p.report.Errors = map[string]int{}
	p.tickets = make([]tickets, len(c.Targets))
	for _, t := range c.Targets {
		at, err := net.ResolveTCPAddr("tcp4", t)
		if err != nil {
			return nil, err
		}
		p.targets = append(p.targets, at)
	}
	go p.run() // ends with the process
	return map[string]child.Order{
		"join":   child.Do(p.ask),
		"report": child.Do(func(struct{}) (Report, error) { return p.tell(), nil }),
		"firsts": child.Do(func(struct{}) ([]int32, error) { return p.takeFirsts(), nil }),
	}, nil
}

// ask lets more come. The last ones must be settled.
func (p *crowd) ask(j Join) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.report.Settled() {
		return false, fmt.Errorf("%d of %d are still on their way", p.report.Asked-p.report.Seated-p.report.Failed, p.report.Asked)
	}
	p.report.Asked += j.Count
	p.join, p.joinAt = j, time.Since(p.begin)
	return true, nil
}

func (p *crowd) tell() Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.report
	r.Errors = map[string]int{}
	for k, n := range p.report.Errors {
		r.Errors[k] = n
	}
	r.Bytes, r.Reads, r.Parsing, r.Frames = p.bytes.Load(), p.reads.Load(), p.parsing.Load(), p.frames.Load()
	r.Gaps, r.Resumed = p.gaps.Load(), p.resumed_.Load()
	r.CPU, r.RSS = machine.Self(), machine.RSS(0)
	return r
}

// takeFirsts returns the times to first sound since the last call.
func (p *crowd) takeFirsts() []int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.firsts
	p.firsts = nil
	return f
}

// run is the event loop.
func (p *crowd) run() {
	events := make([]unix.EpollEvent, 1024)
	for {
		busy := p.arrive()
		wait := 100
		if busy {
			wait = 0
		}
		n, err := unix.EpollWait(p.epoll, events, wait)
		if err != nil && err != unix.EINTR {
			panic(err) // only a wrong descriptor can be the reason
		}
		for _, ev := range events[:max(n, 0)] {
			p.attend(&p.listeners[ev.Fd], ev.Events)
		}
		if busy {
			p.giveUp()
		}
		if n < len(events) {
			time.Sleep(p.nap(busy))
		}
	}
}

// nap is how long the loop lets events gather: those who throw away are in no hurry, and one turn serves many. Who comes is looked after
// sooner, but not for each event on its own, which would cost more than all that the listeners do.
func (p *crowd) nap(busy bool) time.Duration {
	if busy {
		return p.config.Nap / 4
	}
	return p.config.Nap
}

// giveUp drops those who have waited too long for their first sound, so that every join settles.
func (p *crowd) giveUp() {
	now := time.Since(p.begin)
	if now-p.swept < time.Second {
		return
	}
	p.swept = now
	for i := range p.listeners {
		l := &p.listeners[i]
		if l.fd >= 0 && l.state != seated && now-l.due > joinTimeout {
			p.drop(l, "no sound within "+joinTimeout.String())
		}
	}
}

// arrive starts those who are due, and reports whether any are on their way.
func (p *crowd) arrive() bool {
	p.mu.Lock()
	j, at, started, asked := p.join, p.joinAt, p.report.Started, p.report.Asked
	taken := p.taken
	p.taken = nil
	p.mu.Unlock()
	for _, l := range taken {
		p.watch(l)
	}
	left := asked - started
	now := time.Since(p.begin)
	room := left
	if j.Rate > 0 {
		room = min(left, j.by(now-at)-(j.Count-left))
	} else if j.Connectors > 0 {
		room = min(left, j.Connectors-int(p.inflight.Load()))
	}
	for range min(room, 256) { // then those who are on their way have their turn
		due := now
		if j.Rate > 0 {
			due = at + j.due(j.Count-left)
		}
		p.start(started, due)
		started, left = started+1, left-1
		p.mu.Lock()
		p.report.Started = started
		p.report.Late = max(p.report.Late, (time.Since(p.begin) - due).Seconds())
		p.mu.Unlock()
	}
	return left > 0 || p.inflight.Load() > 0
}

func (p *crowd) start(i int, due time.Duration) {
	p.inflight.Add(1)
	parses := p.config.ParseEvery > 0 && i%p.config.ParseEvery == 0
	if parses || p.config.TLS != "" {
		go p.visit(i, due, parses) // ends with the connection, or hands it to run
		return
	}
	fd, err := p.connect(i)
	if err != nil {
		p.fail(err.Error())
		return
	}
	p.watch(listener{due: due, fd: int32(fd), i: int32(i)})
}

// watch puts a listener into the epoll.
func (p *crowd) watch(l listener) {
	p.listeners = append(p.listeners, l)
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff, Fd: int32(len(p.listeners) - 1)}
	err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, int(l.fd), &ev)
	if err != nil {
		panic(err) // the kernel is out of memory
	}
}

// connect begins a connection.
func (p *crowd) connect(i int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	to := p.targets[i%len(p.targets)]
	err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: source(p.config.Index, i, false)})
	}
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())})
	}
	if err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return 0, err
	}
	return fd, nil
}

// source spreads listeners over 127.0.0.0/8, sixteen to an address. Those who parse come from 127.32.0.0/16, so that the server knows them.
func source(process, i int, parses bool) [4]byte {
	n := i / 16
	if parses {
		return [4]byte{127, 32, byte(process), byte(1 + n%254)}
	}
	return [4]byte{127, byte(64 + process), byte(n / 254), byte(1 + n%254)}
}

func (p *crowd) request(i int) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\n\r\n", p.config.Paths[i%len(p.config.Paths)])
}

// attend does what the epoll asks for.
func (p *crowd) attend(l *listener, events uint32) {
	if l.fd < 0 {
		return
	}
	if l.state == connecting && events&unix.EPOLLOUT != 0 && events&unix.EPOLLERR == 0 {
		l.state = asking
		_, err := unix.Write(int(l.fd), p.request(int(l.i))) // a fresh socket takes a request whole
		if err != nil {
			p.drop(l, err.Error())
			return
		}
	}
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLERR|unix.EPOLLHUP) == 0 {
		return
	}
	if l.state != seated && !p.hearken(l) {
		return
	}
	if l.state == seated {
		p.discard(l, events&^(unix.EPOLLIN|unix.EPOLLOUT) != 0)
	}
}

// hearken reads an answer's beginning until sound came.
func (p *crowd) hearken(l *listener) bool {
	for l.state != seated {
		n, err := unix.Read(int(l.fd), p.buffer[3:])
		switch {
		case err == unix.EAGAIN:
			return false
		case err != nil:
			p.drop(l, err.Error())
			return false
		case n == 0:
			p.drop(l, "closed before any sound")
			return false
		}
		p.reads.Add(1)
		p.bytes.Add(int64(n))
		got := p.buffer[3 : 3+n]
		if l.had == 0 && !answersOK(got) {
			p.drop(l, status(got))
			return false
		}
		copy(p.buffer[3-l.had:3], l.tail[:l.had])
		if bytes.Contains(p.buffer[3-l.had:3+n], []byte(p.config.Mark)) {
			l.state = seated
			p.seat(time.Since(p.begin) - l.due)
		}
		l.had = uint8(copy(l.tail[:], got[max(0, n-3):]))
	}
	return true
}

func answersOK(got []byte) bool { return len(got) >= 12 && string(got[9:12]) == "200" }

func status(got []byte) string {
	if len(got) < 12 {
		return "no answer"
	}
	return "status " + string(got[9:12])
}

// discard throws away what a socket has, without copying it. What comes later is told again, but for an end that came with it.
func (p *crowd) discard(l *listener, ends bool) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(l.fd), 0, 1<<20, unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			return
		case errno != 0 || n == 0:
			p.mu.Lock()
			p.report.Lost++
			p.mu.Unlock()
			unix.Close(int(l.fd))
			l.fd = -1
			return
		}
		p.reads.Add(1)
		p.bytes.Add(int64(n))
		if n < 1<<20 && !ends {
			return
		}
	}
}

func (p *crowd) seat(after time.Duration) {
	p.inflight.Add(-1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Seated++
	p.firsts = append(p.firsts, int32(min(after.Microseconds(), 1<<31-1)))
}

func (p *crowd) drop(l *listener, why string) {
	unix.Close(int(l.fd))
	l.fd = -1
	p.fail(why)
}

func (p *crowd) fail(why string) {
	p.inflight.Add(-1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Failed++
	p.report.Errors[why]++
}
