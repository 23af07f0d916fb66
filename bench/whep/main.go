//go:build linux

// Command whep compares what listeners by WHEP cost with what as many seats do: CPU, memory, and bytes on the wire. It prints one JSON line.
//
//	go run ./bench/whep                  300 of each
//	go run ./bench/whep -listeners 100 -for 10s
//
// It builds the program and runs a stage and two edges as processes of one cluster on loopback; one edge gets all of the seats, the other one all
// listeners by WHEP, in turns. The listeners are in this process, which is not counted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/cluster"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
	"github.com/epidaurus-live/epidaurus/stage/whep"
)

type plan struct {
	listeners int
	long      time.Duration
	port      int
}

func main() {
	p := plan{}
	flag.IntVar(&p.listeners, "listeners", 300, "how many of each")
	flag.DurationVar(&p.long, "for", 20*time.Second, "how long each is measured")
	flag.IntVar(&p.port, "port", 19300, "the first of the ports that may be used")
	flag.Parse()
	r, err := run(p)
	figure.Fail(err)
	figure.Fail(figure.Print(r))
}

// cost is what one kind of listener costs.
type cost struct {
	Listeners int     `json:"listeners"`
	Join      float64 `json:"join_cpu_ms"`                  // each, of the edge
	CPU       float64 `json:"cpu_us_per_listener_s"`        // of the edge, without what it needs when nobody listens
	RSS       float64 `json:"rss_kib_per_listener"`         // of the edge
	Wire      float64 `json:"wire_bytes_per_listener_s"`    // with the heads of IPv4, without those below
	Payload   float64 `json:"payload_bytes_per_listener_s"` // Opus; 0: not counted
	Writes    float64 `json:"writes_per_listener_s"`
}

type result struct {
	Variant  string        `json:"variant"`
	Idle     float64       `json:"idle_edge_cpu_ms_per_s"`
	WHEP     cost          `json:"whep"`
	Overhead float64       `json:"whep_overhead_bytes_per_packet"` // RTP, SRTP, UDP, IPv4
	Seats    cost          `json:"seats"`
	Ratio    float64       `json:"whep_to_seat_cpu"`
	Machine  machine.Facts `json:"machine"`
}

func run(p plan) (r result, err error) {
	r.Variant, r.Machine = "opus-48", machine.About()
	dir, err := os.MkdirTemp("", "epidaurus-whep")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	program := filepath.Join(dir, "epidaurus")
	build := exec.Command("go", "build", "-o", program, "./cmd/epidaurus")
	build.Stderr = os.Stderr
	err = build.Run()
	if err != nil {
		return r, fmt.Errorf("build the program: %w", err)
	}
	c, err := cluster.Start(program, dir, p.port, 2, []string{"--whep-max", strconv.Itoa(p.listeners)})
	defer c.Stop()
	if err != nil {
		return r, err
	}
	host, err := cluster.Claim(c.HostLink)
	if err != nil {
		return r, err
	}
	room, err := host.OpenRoom("Bench")
	if err == nil {
		// Each of the two edges gives half of it.
		err = host.Ask(http.MethodPatch, "/api/rooms/"+room+"/access", map[string]any{"whep": 2 * p.listeners}, nil)
	}
	if err != nil {
		return r, err
	}
	for _, e := range c.Edges {
		err = cluster.Wait(time.Minute, e.Name+" hears the room", func() (bool, error) {
			resp, err := http.Get(e.Origin + "/r/" + room + "/status.json")
			if err != nil {
				return false, nil //nolint:nilerr // it is not there yet
			}
			return resp.StatusCode == http.StatusOK, resp.Body.Close()
		})
		if err != nil {
			return r, err
		}
	}
	return r, r.compare(p, c, room)
}

func (r *result) compare(p plan, c cluster.Cluster, room string) (err error) {
	seats, calls := &edge{node: c.Edges[0]}, &edge{node: c.Edges[1]}
	idle, err := calls.during(p.long / 2)
	if err != nil {
		return err
	}
	r.Idle = figure.Round(1000 * idle.cpu / idle.seconds)
	figure.Say("%d listeners by WHEP", p.listeners)
	whepURL := calls.node.Origin + "/r/" + room + "/whep"
	var crowd callers
	before, err := calls.now()
	if err != nil {
		return err
	}
	err = crowd.join(whepURL, p.listeners)
	defer crowd.leave()
	if err != nil {
		return err
	}
	joined, err := calls.now()
	if err != nil {
		return err
	}
	packets, payload := crowd.received()
	w, err := calls.during(p.long)
	if err != nil {
		return err
	}
	after, heard := crowd.received()
	n := float64(p.listeners)
	got := float64(after - packets)
	r.WHEP = cost{
		Listeners: p.listeners, Join: figure.Round(1000 * (joined.cpu - before.cpu - idle.cpu/idle.seconds*(joined.at-before.at)) / n),
		CPU: figure.Round(1e6 * (w.cpu - idle.cpu/idle.seconds*w.seconds) / w.seconds / n), RSS: figure.Round((w.rss - before.rss) / 1024 / n),
		Payload: figure.Round(float64(heard-payload) / got * w.packets / w.seconds / n),
		Writes:  figure.Round(w.packets / w.seconds / n),
	}
	const udp = 28
	r.Overhead = figure.Round(w.rtp/w.packets + udp - float64(heard-payload)/got)
	r.WHEP.Wire = figure.Round((w.rtp + udp*w.packets) / w.seconds / n)
	crowd.leave()
	return r.seated(p, seats, room, idle)
}

// seated measures as many seats.
func (r *result) seated(p plan, e *edge, room string, idle window) error {
	figure.Say("%d seats", p.listeners)
	before, err := e.now()
	if err != nil {
		return err
	}
	var crowd readers
	err = crowd.join(e.node.Origin+"/r/"+room+"/live.mp4", p.listeners)
	defer crowd.leave()
	if err != nil {
		return err
	}
	joined, err := e.now()
	if err != nil {
		return err
	}
	time.Sleep(p.long / 4) // behind the bursts
	w, err := e.during(p.long)
	if err != nil {
		return err
	}
	n := float64(p.listeners)
	const segment, tcp = 1448, 52 // bytes of a segment, and of the heads of IPv4 and TCP with timestamps before it
	r.Seats = cost{
		Listeners: p.listeners, Join: figure.Round(1000 * (joined.cpu - before.cpu - idle.cpu/idle.seconds*(joined.at-before.at)) / n),
		CPU: figure.Round(1e6 * (w.cpu - idle.cpu/idle.seconds*w.seconds) / w.seconds / n), RSS: figure.Round((w.rss - before.rss) / 1024 / n),
		Wire:   figure.Round((w.bytes + tcp*(w.writes+w.bytes/segment)) / w.seconds / n),
		Writes: figure.Round(w.writes / w.seconds / n),
	}
	if r.Seats.CPU > 0 {
		r.Ratio = figure.Round(r.WHEP.CPU / r.Seats.CPU)
	}
	return nil
}

// edge is one edge, as its process and its metrics show it.
type edge struct{ node *cluster.Node }

// moment is what an edge had used at a time.
type moment struct {
	at, cpu, rss                float64 // s, s, bytes
	packets, rtp, writes, bytes float64
}

// window is what it used between two.
type window struct {
	seconds, cpu, rss           float64 // rss at its end
	packets, rtp, writes, bytes float64
}

var began = time.Now()

func (e *edge) now() (m moment, err error) {
	cpu, err := machine.Of(e.node.PID())
	if err != nil {
		return m, err
	}
	m.at, m.cpu, m.rss = time.Since(began).Seconds(), cpu.Total(), float64(machine.RSS(e.node.PID()))
	resp, err := http.Get("http://" + e.node.Private + "/metrics")
	if err != nil {
		return m, err
	}
	text, err := io.ReadAll(resp.Body)
	err = errors.Join(err, resp.Body.Close())
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		into := map[string]*float64{
			"epidaurus_whep_packets_total": &m.packets, "epidaurus_whep_bytes_out_total": &m.rtp,
			"epidaurus_edge_writes_total": &m.writes, "epidaurus_edge_bytes_out_total": &m.bytes,
		}[name]
		if into != nil {
			*into, err = strconv.ParseFloat(value, 64)
			if err != nil {
				return m, fmt.Errorf("read the metrics: %w", err)
			}
		}
	}
	return m, nil
}

func (e *edge) during(d time.Duration) (w window, err error) {
	a, err := e.now()
	if err != nil {
		return w, err
	}
	time.Sleep(d)
	b, err := e.now()
	return window{b.at - a.at, b.cpu - a.cpu, b.rss, b.packets - a.packets, b.rtp - a.rtp, b.writes - a.writes, b.bytes - a.bytes}, err
}

// atOnce is how many join at the same time.
const atOnce = 4

// together does something n times, atOnce at a time.
func together(n int, do func() error) error {
	errs := make([]error, atOnce)
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for i := range atOnce {
		wg.Go(func() {
			for errs[i] == nil && left.Add(-1) >= 0 {
				errs[i] = do()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// callers listen by WHEP.
type callers struct {
	mu  sync.Mutex
	all []*whep.Listener
}

func (c *callers) join(url string, n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return together(n, func() error {
		l, err := whep.Listen(ctx, url, whep.Config{OnEvent: func([]byte) {}})
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.all = append(c.all, l)
		c.mu.Unlock()
		select {
		case <-l.Connected():
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

func (c *callers) received() (packets, payload uint64) {
	for _, l := range c.all {
		p, b := l.Received()
		packets += p
		payload += b
	}
	return packets, payload
}

func (c *callers) leave() {
	for _, l := range c.all {
		_ = l.Close() // the process ends soon
	}
	c.all = nil
}

// readers have seats.
type readers struct {
	mu  sync.Mutex
	all []io.Closer
	wg  sync.WaitGroup
}

func (c *readers) join(url string, n int) error {
	transport := &http.Transport{DisableKeepAlives: true}
	return together(n, func() error {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return errors.Join(errors.New(resp.Status), resp.Body.Close())
		}
		c.mu.Lock()
		c.all = append(c.all, resp.Body)
		c.mu.Unlock()
		c.wg.Go(func() { _, _ = io.Copy(io.Discard, resp.Body) }) // until it is closed
		return nil
	})
}

func (c *readers) leave() {
	for _, b := range c.all {
		_ = b.Close()
	}
	c.wg.Wait()
	c.all = nil
}
