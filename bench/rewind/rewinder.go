//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
	"github.com/epidaurus-live/epidaurus/tape"
)

// rewinderConfig says who rewinds what.
type rewinderConfig struct {
	Target     string      // host:port
	First, End tape.Number // segments
	Count      int
	Seed       uint64
}

// rewound is what rewinders came to since they were asked last. Times are in microseconds.
type rewound struct {
	Objects, Failed, Late, Reconnected, TurnedAway int64
	Times, Seeks                                   []int32
}

const (
	pace      = tape.SegmentFrames * tape.FrameDuration
	seekEvery = 30 // objects, on average

	// Who is turned away asks again, as the page does (web/replay/reader.ts).
	again  = time.Second
	sooner = 5 // times, and then it is a failure
)

var errTurnedAway = errors.New("turned away")

// rewinders pull objects as pages do that play a tape: one after the other at the pace of the sound, and at once after a seek.
type rewinders struct {
	config rewinderConfig

	mu   sync.Mutex
	sum  rewound // guarded by mu
	last error   // guarded by mu
}

func openRewinders(c rewinderConfig) (map[string]child.Order, error) {
	debug.SetGCPercent(400) // they live on the machine that they judge
	r := &rewinders{config: c}
	for i := range c.Count {
		go r.play(rand.New(rand.NewPCG(c.Seed, uint64(i)))) // ends with the process
	}
	return map[string]child.Order{"take": child.Do(r.take)}, nil
}

func (r *rewinders) take(struct{}) (rewound, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := r.sum
	r.sum = rewound{}
	if sum.Failed > 0 {
		fmt.Fprintf(os.Stderr, "%d objects did not come, such as: %v\n", sum.Failed, r.last)
	}
	return sum, nil
}

// play is one of them.
func (r *rewinders) play(rnd *rand.Rand) {
	p := puller{target: r.config.Target, answer: bufio.NewReaderSize(nil, 4<<10)}
	anywhere := func() tape.Number {
		return r.config.First + tape.Number(rnd.Int64N(int64(r.config.End-r.config.First)))
	}
	k := anywhere()
	due := time.Now().Add(time.Duration(rnd.Int64N(int64(pace))))
	for {
		time.Sleep(time.Until(due))
		sought := rnd.IntN(seekEvery) == 0
		if sought {
			k = anywhere()
			due = time.Now() // whoever seeks wants to hear it now
		}
		r.note(p.pull(k), due, sought, &p)
		due = due.Add(pace)
		if k++; k == r.config.End {
			k = r.config.First
		}
	}
}

func (r *rewinders) note(err error, due time.Time, sought bool, p *puller) {
	took := time.Since(due)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Reconnected, r.sum.TurnedAway = r.sum.Reconnected+p.reconnected, r.sum.TurnedAway+p.turnedAway
	p.reconnected, p.turnedAway = 0, 0
	if err != nil {
		r.sum.Failed, r.last = r.sum.Failed+1, err
		return
	}
	r.sum.Objects++
	if took > pace {
		r.sum.Late++
	}
	r.sum.Times = append(r.sum.Times, int32(took.Microseconds()))
	if sought {
		r.sum.Seeks = append(r.sum.Seeks, int32(took.Microseconds()))
	}
}

// puller has one connection, which lasts as long as the server wants.
type puller struct {
	target                  string
	conn                    net.Conn
	answer                  *bufio.Reader
	reconnected, turnedAway int64
}

// pull gets an object, if need be a second later.
func (p *puller) pull(k tape.Number) error {
	for range sooner {
		err := p.once(k)
		if !errors.Is(err, errTurnedAway) {
			return err
		}
		p.turnedAway++
		time.Sleep(again)
	}
	return errTurnedAway
}

// once asks for an object. On a connection that the server has closed meanwhile it is asked for again, as browsers do.
func (p *puller) once(k tape.Number) error {
	if p.conn != nil {
		err := p.ask(k)
		if err == nil {
			return nil
		}
		_ = p.conn.Close()
		p.conn = nil
		p.reconnected++
	}
	var err error
	p.conn, err = net.DialTimeout("tcp", p.target, 10*time.Second)
	if err != nil {
		p.conn = nil
		return err
	}
	p.answer.Reset(p.conn)
	err = p.ask(k)
	if err != nil {
		_ = p.conn.Close()
		p.conn = nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		err = errTurnedAway // without a word: for another newcomer
	}
	return err
}

var length = []byte("Content-Length: ")

func (p *puller) ask(k tape.Number) error {
	err := p.conn.SetDeadline(time.Now().Add(10 * time.Second))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.conn, "GET /r/%s/tape/floor/opus-48/%d.m4s HTTP/1.1\r\nHost: %s\r\n\r\n", name, k, p.target)
	if err != nil {
		return err
	}
	status, err := p.answer.ReadSlice('\n')
	if err != nil {
		return err
	}
	if bytes.HasPrefix(status, []byte("HTTP/1.1 503")) {
		return errTurnedAway
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("segment %d: %s", k, bytes.TrimSpace(status))
	}
	size := -1
	for {
		line, err := p.answer.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		if bytes.HasPrefix(line, length) {
			size, err = strconv.Atoi(string(line[len(length):]))
			if err != nil {
				return err
			}
		}
	}
	if size < 1000 {
		return fmt.Errorf("segment %d has %d bytes", k, size)
	}
	n, err := p.answer.Discard(size)
	if n < size && err == nil {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// self is what this process has spent, in s.
func self() float64 { return machine.Self().Total() }
