//go:build linux

// Command bytes counts what one listener is sent beside the sound. It prints one JSON line.
//
//	go run ./bench/bytes                                   opus-24 at a cadence of 0.96 s from an edge of the bench
//	go run ./bench/bytes -url http://localhost:8080/r/harbour/live.mp4?variant=opus-24
//
// It counts from the first whole chunk behind the answer's opening on: chunk framing, boxes, packets; events apart.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/bench/internal/house"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

func main() {
	child.Main(map[string]child.Role{house.Role: house.Made})
	address := flag.String("url", "", "of a live.mp4, plain HTTP; default: an edge of the bench")
	cadence := flag.Duration("cadence", 960*time.Millisecond, "of the bench's edge")
	variant := flag.String("variant", string(tape.Opus24), "of the bench's edge")
	long := flag.Duration("for", 20*time.Second, "how long to listen")
	flag.Parse()
	r, err := run(*address, *cadence, *variant, *long)
	figure.Fail(err)
	figure.Fail(figure.Print(r))
}

type result struct {
	URL      string  `json:"url"`
	Opening  int     `json:"opening_bytes"` // head of the answer and burst
	Seconds  float64 `json:"seconds"`       // of sound behind it
	Chunks   int     `json:"chunks"`
	HTTP     float64 `json:"http_bytes_per_s"` // without events
	Events   float64 `json:"event_bytes_per_s"`
	Payload  float64 `json:"payload_bytes_per_s"`
	Overhead float64 `json:"ratio"` // HTTP to Payload
}

func run(address string, cadence time.Duration, variant string, long time.Duration) (result, error) {
	if address == "" {
		servers, err := house.Start(1, house.Config{Cadence: cadence})
		defer func() { servers.Stop() }()
		if err != nil {
			return result{}, err
		}
		address = fmt.Sprintf("http://%s/r/%s/live.mp4?variant=%s", servers.Places[0].Plain, frames.Room(0), variant)
	}
	at, err := url.Parse(address)
	if err != nil {
		return result{}, err
	}
	conn, err := net.Dial("tcp", at.Host)
	if err != nil {
		return result{}, err
	}
	defer conn.Close()
	err = conn.SetDeadline(time.Now().Add(long + 20*time.Second))
	if err != nil {
		return result{}, err
	}
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", at.RequestURI(), at.Host)
	if err != nil {
		return result{}, err
	}
	r := result{URL: address}
	return r, r.listen(bufio.NewReader(conn), time.Now().Add(long))
}

// listen counts chunk by chunk.
func (r *result) listen(src *bufio.Reader, until time.Time) error {
	head, err := readHead(src)
	if err != nil {
		return err
	}
	first, size, err := readChunk(src)
	if err != nil {
		return err
	}
	r.Opening = head + size
	burst, burstSize, err := packets(first)
	if err != nil {
		return err
	}
	total, events, payload, sound := 0, 0, 0, 0
	for time.Now().Before(until) {
		chunk, size, err := readChunk(src)
		if err != nil {
			return err
		}
		told, err := eventBytes(chunk)
		if err != nil {
			return err
		}
		if told == len(chunk) {
			events += size // a chunk of events alone is theirs altogether
			continue
		}
		r.Chunks++
		total, events = total+size-told, events+told
		n, bytes, err := packets(first, chunk)
		if err != nil {
			return err
		}
		sound, payload = sound+n-burst, payload+bytes-burstSize
	}
	r.Seconds = (time.Duration(sound) * tape.FrameDuration).Seconds()
	per := func(n int) float64 { return figure.Round(float64(n) / r.Seconds) }
	r.HTTP, r.Events, r.Payload = per(total), per(events), per(payload)
	r.Overhead = figure.Round(float64(total) / float64(payload))
	return nil
}

// readHead reads status and fields and returns their length.
func readHead(src *bufio.Reader) (n int, err error) {
	for {
		line, err := src.ReadString('\n')
		n += len(line)
		switch {
		case err != nil:
			return n, err
		case n == len(line) && !strings.Contains(line, strconv.Itoa(http.StatusOK)):
			return n, errors.New("the answer is " + strings.TrimSpace(line))
		case line == "\r\n":
			return n, nil
		}
	}
}

// readChunk returns what is in a chunk, and how long it is with its framing.
func readChunk(src *bufio.Reader) (body []byte, size int, err error) {
	line, err := src.ReadString('\n')
	if err != nil {
		return nil, 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(line), 16, 24)
	if err != nil || n == 0 {
		return nil, 0, fmt.Errorf("the stream ended, or is not chunked: %q", line)
	}
	body = make([]byte, n+2)
	_, err = io.ReadFull(src, body)
	return body[:n], len(line) + len(body), err
}

// eventBytes is the length of the event boxes among the boxes of b.
func eventBytes(b []byte) (n int, err error) {
	for len(b) >= 8 {
		size := int(binary.BigEndian.Uint32(b))
		if size < 8 || size > len(b) {
			return 0, errors.New("a chunk does not end with a box")
		}
		if string(b[4:8]) == "emsg" {
			n += size
		}
		b = b[size:]
	}
	return n, nil
}

// packets counts the packets of the boxes in all parts and their bytes. The stream's head stands in its first chunk.
func packets(parts ...[]byte) (count, size int, err error) {
	r := fmp4.NewReader(bytes.NewReader(bytes.Join(parts, nil)))
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return count, size, nil
		}
		if err != nil {
			return 0, 0, err
		}
		count += len(f.Packets)
		for _, p := range f.Packets {
			size += len(p)
		}
	}
}
