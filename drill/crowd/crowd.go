//go:build linux

package crowd

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

// Config says what part of which drill a crowd plays.
type Config struct {
	Plan  plan.Plan // required, valid
	Name  string    // of this agent, unique in the drill; required
	Share int       // which share of the listeners, from 0
	Of    int       // how many shares there are; default: 1
	Loops int       // event loops; default: one for each core, and one where there are several shares
	// Abroad allows connections that leave the machine. Without it a target elsewhere is refused, and so are edges elsewhere that a
	// server names.
	Abroad bool
}

// Crowd is a share of the listeners of a drill. Run is called once; Snapshot may be called from any goroutine, and before Run too.
type Crowd struct {
	// immutable
	config Config
	script plan.Script
	home   *place
	tls    *tls.Config

	mu    sync.Mutex
	begun time.Time      // written under mu, before there are loops; loops read it freely
	loops []*loop        // guarded by mu
	usage []result.Usage // guarded by mu
	cpu   []cpuSample    // guarded by mu; of the process
	ended time.Duration  // guarded by mu
}

// New finds the target. With TLS to be resumed it also makes one connection, so that there is a session.
func New(ctx context.Context, cfg Config) (*Crowd, error) {
	if cfg.Of < 1 {
		cfg.Of = 1
	}
	if cfg.Loops < 1 {
		cfg.Loops = 1
		if cfg.Of == 1 {
			cfg.Loops = runtime.GOMAXPROCS(0)
		}
	}
	err := cfg.Plan.Validate()
	if err != nil {
		return nil, err
	}
	c := &Crowd{config: cfg, script: cfg.Plan.Script()}
	u, err := parseTarget(&cfg.Plan)
	if err == nil {
		c.home, err = findPlace(ctx, &cfg.Plan, u)
	}
	if err == nil && !cfg.Abroad && !c.home.loopback() {
		err = fmt.Errorf("target: %s is not on this machine, and this agent does not load others' machines unless it is told to", u.Host)
	}
	if err == nil {
		c.tls, err = newTLS(&cfg.Plan)
	}
	if err == nil && cfg.Plan.TLS.Mode == plan.TLSResumed {
		err = c.prime(ctx)
	}
	if err != nil {
		return nil, err
	}
	raiseDescriptors()
	return c, nil
}

// raiseDescriptors uses what the administrator allows.
func raiseDescriptors() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur < limit.Max {
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) // then fewer sockets, and the result says so
	}
}

// Run plays the plan from now on, to its end or until ctx is done, and returns what was found.
func (c *Crowd) Run(ctx context.Context) (result.Result, error) {
	c.mu.Lock()
	c.begun = time.Now()
	c.mu.Unlock()
	var made []*loop
	for i := range c.config.Loops {
		l, err := newLoop(c, c.config.Share*c.config.Loops+i)
		if err != nil {
			for _, l := range made {
				l.poller.close()
			}
			return result.Result{}, err
		}
		made = append(made, l)
	}
	c.mu.Lock()
	c.loops = made
	c.mu.Unlock()
	var running sync.WaitGroup
	for _, l := range made {
		running.Go(func() { l.run(ctx.Done()) })
	}
	finished := make(chan struct{})
	measured := make(chan struct{})
	go func() { defer close(measured); c.measure(finished) }()
	running.Wait()
	close(finished)
	<-measured
	for _, l := range made {
		l.poller.close()
	}
	c.mu.Lock()
	c.ended = time.Since(c.begun)
	c.mu.Unlock()
	r := c.Snapshot()
	if ctx.Err() != nil {
		r.Stopped = []string{"it was stopped before the plan's end"}
	} else {
		r.Stopped = []string{"the plan was played to its end"}
	}
	return r, nil
}

// measure notes what this process uses, second by second.
func (c *Crowd) measure(finished <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var before time.Duration
	for {
		var u unix.Rusage
		if unix.Getrusage(unix.RUSAGE_SELF, &u) == nil {
			now := used(&u)
			c.mu.Lock()
			c.cpu = append(c.cpu, cpuSample{time.Since(c.begun), now})
			if before > 0 {
				c.usage = append(c.usage, result.Usage{At: time.Now().Unix(), CPU: (now - before).Microseconds(), RSS: residentSelf()})
			}
			c.mu.Unlock()
			before = now
		}
		select {
		case <-tick.C:
		case <-finished:
			return
		}
	}
}

func residentSelf() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var total, resident int64
	_, err = fmt.Sscan(string(text), &total, &resident)
	if err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

// wall is the time of day of a moment of the drill.
func (c *Crowd) wall(at time.Duration) time.Time { return c.begun.Add(at) }

// Snapshot is the result as it stands.
func (c *Crowd) Snapshot() result.Result {
	host, _ := os.Hostname() // a machine without a name has an empty one
	p := &c.config.Plan
	r := result.Result{
		Name:     cmp.Or(p.Name, string(p.Kind)),
		Target:   result.Target{Kind: string(p.Kind), URL: p.Target, Network: result.Loopback, TLS: string(p.TLS.Mode)},
		Machines: []result.Machine{machine(host)},
	}
	if !c.home.loopback() {
		r.Target.Network = "a network between generator and server, of which the generator knows nothing"
	}
	r.Plan, _ = json.Marshal(p) // it came from text
	a := result.Agent{Name: c.config.Name, Host: host, PID: os.Getpid(), Build: build()}
	c.mu.Lock()
	loops, begun := c.loops, c.begun
	r.Started, r.Took = begun, result.Duration(c.ended)
	if c.ended == 0 && !begun.IsZero() {
		r.Took = result.Duration(time.Since(begun))
	}
	a.Seconds = slices.Clone(c.usage)
	a.Share = busiest(c.cpu) / float64(runtime.GOMAXPROCS(0))
	c.mu.Unlock()
	notes := map[string]int64{}
	for _, l := range loops {
		l.report(&r, &a, notes)
	}
	for what, n := range notes {
		r.Notes = append(r.Notes, fmt.Sprintf("%d × %s", n, what))
	}
	r.Notes = append(r.Notes, c.remarks()...)
	slices.Sort(r.Notes)
	for _, span := range c.script.Phases {
		if at := begun.Add(span.From); len(loops) > 0 && span.From <= time.Duration(r.Took) {
			r.Events = append(r.Events, result.Event{At: at.Unix(), What: string(span.Shape)})
		}
	}
	a.Judge()
	r.Agents = []result.Agent{a}
	r.Settle()
	return r
}

// report adds what a loop counted.
func (l *loop) report(r *result.Result, a *result.Agent, notes map[string]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &l.tally
	now := l.elapsed()
	t.tick(now)
	t.integrate(now)
	part := result.Result{Seconds: t.rows}
	all, err := result.Merge(result.Result{Seconds: r.Seconds}, part)
	if err == nil { // nothing in it can differ
		r.Seconds = all.Seconds
	}
	r.FirstByte.Add(t.firstByte)
	r.FirstSound.Add(t.firstSound)
	r.Away.Add(t.away)
	r.Crossed.Add(t.crossed)
	if d := result.Duration(t.depth); d > 0 && (r.Depth == 0 || d < r.Depth) {
		r.Depth = d
	}
	r.Handshakes.Took.Add(t.handshakes.Took)
	r.Handshakes.Full += t.handshakes.Full
	r.Handshakes.Resumed += t.handshakes.Resumed
	r.Listeners.Parsed += t.parsed
	r.Listeners.Counted += t.counted
	r.Wire.SeatMillis += t.millis / 1000
	r.Wire.Bytes += t.wire.Bytes
	r.Wire.Heads += t.wire.Heads
	r.Wire.Events += t.wire.Events
	r.Wire.Bursts += t.wire.Bursts
	r.Slow.Add(t.bad[plan.Slow])
	r.Stuck.Add(t.bad[plan.Stuck])
	r.Server.Program = max(r.Server.Program, t.server)
	a.Late.Add(t.late)
	a.Lag.Add(t.lag)
	a.Share = max(a.Share, busiest(t.samples))
	a.Reasons = append(a.Reasons, t.reasons...)
	for what, n := range t.notes {
		notes[what] += n
	}
	if t.broken > 0 {
		notes["connections were broken by the plan, and are among the cuts"] += t.broken
	}
}

// remarks say how to read the figures.
func (c *Crowd) remarks() []string {
	var notes []string
	p := &c.config.Plan
	if p.Kind == plan.Epidaurus && p.Sample < 1 && p.Rest == plan.Frames {
		notes = append(notes, fmt.Sprintf(
			"%.3g %% of the listeners looked at every packet; the others at chunks, boxes, frame numbers and the sound of whole fragments",
			p.Sample*100))
	}
	if p.Sample < 1 && (p.Rest == plan.Bytes || p.Rest == plan.Chunks) {
		notes = append(notes, fmt.Sprintf(
			"%.3g %% of the listeners parsed all they got; the others counted %s, and say nothing about gaps and stalls", p.Sample*100, p.Rest))
	}
	if p.Slow+p.Stuck > 0 {
		notes = append(notes, fmt.Sprintf(
			"%.3g %% of the listeners were slow on purpose (%d bytes a second) and %.3g %% stuck: they are counted apart, "+
				"but what the server used, and what its edges counted, is of all", p.Slow*100, p.Rate(), p.Stuck*100))
	}
	if p.Rest == plan.Bytes {
		notes = append(notes, "those who count bytes let the kernel throw them away (MSG_TRUNC); a room's end looks like a cut to them")
		if p.TLS.Mode != plan.TLSNone {
			notes = append(notes, "those who count bytes do not decrypt them: what they count is TLS records")
		}
	}
	if p.Kind == plan.HTTP {
		notes = append(notes, "of sound that is not Ogg only bytes and cuts are known, and stalls where the server states a bit rate")
	}
	if p.TLS.Insecure {
		notes = append(notes, "certificates were not verified")
	}
	return notes
}

func build() result.Build {
	b := result.Build{Program: "epidaurus"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

func machine(host string) result.Machine {
	m := result.Machine{Host: host, Roles: []string{"generator"}, Cores: runtime.NumCPU()}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Memory = int64(info.Totalram) * int64(info.Unit)
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		_, rest, _ := strings.Cut(string(text), "model name")
		line, _, _ := strings.Cut(rest, "\n")
		m.CPU = strings.Trim(line, "\t :")
	}
	return m
}
