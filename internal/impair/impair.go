// Package impair stands in for a bad network in tests: a proxy on loopback that delays, loses and cuts what passes it, over UDP and
// TCP on the same port number. It listens and sends on loopback only.
package impair

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what happens to what passes. Loss applies to UDP only: TCP sends again by itself.
type Config struct {
	Delay  time.Duration        // in each direction
	Jitter func() time.Duration // added to the delay of each packet; nil is none
	Loss   float64              // 0 to 1
	Seed   uint64               // of the losses
}

// Proxy is one bad network between clients and a server. Its methods may be called from any goroutine.
type Proxy struct {
	// immutable
	cfg     Config
	target  string // host:port of the server, TCP and UDP
	tcp     net.Listener
	udp     *net.UDPConn
	ctx     context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup

	cut  atomic.Bool
	lost atomic.Int64

	mu      sync.Mutex
	random  *rand.Rand              // guarded by mu
	clients map[string]*net.UDPConn // guarded by mu; towards the server, by client address
	conns   map[net.Conn]struct{}   // guarded by mu; of TCP
}

// New opens a proxy for a server at a TCP and UDP port of 127.0.0.1.
func New(target string, cfg Config) (*Proxy, error) {
	ctx, stop := context.WithCancel(context.Background())
	p := &Proxy{
		cfg: cfg, target: target, ctx: ctx, stop: stop,
		random: rand.New(rand.NewPCG(cfg.Seed, 0)), clients: map[string]*net.UDPConn{}, conns: map[net.Conn]struct{}{},
	}
	err := p.listen()
	if err != nil {
		stop()
		return nil, err
	}
	p.workers.Go(p.acceptTCP)
	p.workers.Go(p.readUDP)
	return p, nil
}

// listen finds a port that is free for both.
func (p *Proxy) listen() (err error) {
	for range 50 {
		p.tcp, err = net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("open the proxy: %w", err)
		}
		p.udp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p.Port()})
		if err == nil {
			return nil
		}
		_ = p.tcp.Close()
	}
	return fmt.Errorf("find a port for the proxy: %w", err)
}

// Port is the proxy's own, for TCP and UDP.
func (p *Proxy) Port() int { return p.tcp.Addr().(*net.TCPAddr).Port }

// Cut drops the network, or brings it back. TCP connections that are open do not see it: as with a cable, their bytes just stay away.
func (p *Proxy) Cut(on bool) { p.cut.Store(on) }

// Move gives every client a new address, as a phone that leaves the house: UDP goes on from new ports, TCP connections break.
func (p *Proxy) Move() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		_ = c.Close()
	}
	clear(p.clients)
	for c := range p.conns {
		_ = c.Close()
	}
}

// Lost is how many UDP packets were lost by chance or cut.
func (p *Proxy) Lost() int64 { return p.lost.Load() }

// Close ends the proxy and waits for all of it.
func (p *Proxy) Close() {
	p.stop()
	_ = p.tcp.Close()
	_ = p.udp.Close()
	p.Move()
	p.workers.Wait()
}

// delay is how long something stays under way; ok is false when it is lost.
func (p *Proxy) delay(loses bool) (d time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut.Load() || loses && p.random.Float64() < p.cfg.Loss {
		return 0, false
	}
	d = p.cfg.Delay
	if p.cfg.Jitter != nil {
		d += p.cfg.Jitter()
	}
	return d, true
}

// later does something after a delay, unless the proxy is closed before.
func (p *Proxy) later(d time.Duration, do func()) {
	p.workers.Go(func() {
		select {
		case <-time.After(d):
			do()
		case <-p.ctx.Done():
		}
	})
}

func (p *Proxy) readUDP() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := p.udp.ReadFromUDP(buf)
		if err != nil {
			return
		}
		d, ok := p.delay(true)
		if !ok {
			p.lost.Add(1)
			continue
		}
		to, err := p.client(from)
		if err != nil {
			return
		}
		packet := append([]byte(nil), buf[:n]...)
		p.later(d, func() { _, _ = to.Write(packet) })
	}
}

// client is the socket that stands for a client towards the server.
func (p *Proxy) client(from *net.UDPAddr) (*net.UDPConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.clients[from.String()]; c != nil {
		return c, nil
	}
	addr, err := net.ResolveUDPAddr("udp4", p.target)
	if err != nil {
		return nil, err
	}
	c, err := net.DialUDP("udp4", nil, addr)
	if err != nil {
		return nil, err
	}
	if p.ctx.Err() != nil {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	p.clients[from.String()] = c
	p.workers.Go(func() { p.answerUDP(c, from) })
	return c, nil
}

func (p *Proxy) answerUDP(c *net.UDPConn, to *net.UDPAddr) {
	buf := make([]byte, 1<<16)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		d, ok := p.delay(true)
		if !ok {
			p.lost.Add(1)
			continue
		}
		packet := append([]byte(nil), buf[:n]...)
		p.later(d, func() { _, _ = p.udp.WriteToUDP(packet, to) })
	}
}

func (p *Proxy) acceptTCP() {
	for {
		c, err := p.tcp.Accept()
		if err != nil {
			return
		}
		s, err := net.Dial("tcp4", p.target)
		if err != nil {
			_ = c.Close()
			continue
		}
		p.keep(c, s)
		p.workers.Go(func() { p.pump(c, s) })
		p.workers.Go(func() { p.pump(s, c) })
	}
}

// keep notes connections for Move and Close; where the proxy is closed already it closes them.
func (p *Proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = struct{}{}
		if p.ctx.Err() != nil {
			_ = c.Close()
		}
	}
}

// forget is the end of a connection.
func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// pump carries bytes in order, each piece late by the delay; while the network is cut they wait.
func (p *Proxy) pump(from, to net.Conn) {
	type piece struct {
		at   time.Time
		data []byte
	}
	queue := make(chan piece, 1024)
	p.workers.Go(func() {
		defer from.Close() //nolint:errcheck // the other end is gone
		defer to.Close()   //nolint:errcheck // nothing is left to send
		for q := range queue {
			if !p.waitUntil(q.at) {
				continue
			}
			_, err := to.Write(q.data)
			if err != nil {
				_ = from.Close()
			}
		}
	})
	defer close(queue)
	defer p.forget(from)
	buf := make([]byte, 1<<15)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			queue <- piece{time.Now().Add(p.cfg.Delay), append([]byte(nil), buf[:n]...)}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) waitUntil(at time.Time) bool {
	const look = 20 * time.Millisecond // how soon the end of a cut is noticed
	for {
		d := time.Until(at)
		if d <= 0 {
			if !p.cut.Load() {
				return true
			}
			d = look
		}
		select {
		case <-time.After(d):
		case <-p.ctx.Done():
			return false
		}
	}
}
