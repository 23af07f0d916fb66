//go:build linux

package edge

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

// A client that is not ours changes its keys, and has the server change them, in the middle of what its socket did not take.
func TestOpenSSLChangesKeys(t *testing.T) {
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed: its changes of keys are not tried")
	}
	h := openTLS(t, func(c *Config) { c.MaxBehind, c.MaxStuck = time.Hour, time.Hour })
	h.record(300)
	gate := newGate(t, h)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "s_client", "-quiet", "-no_ign_eof", "-tls1_3", "-servername", "edge.test",
		"-nbio", // else it waits for the rest of a record, and does not hear the test
		"-connect", gate.addr)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said keyLog
	cmd.Stderr = &said
	err = cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	command := func(line string) {
		t.Helper()
		_, err := io.WriteString(stdin, line)
		if err != nil {
			t.Fatalf("%v: %s", err, said.text())
		}
	}
	command(joinMP4 + "\r\nHost: test\r\n\r\n")
	h.until("the seat", func(s Stats) bool { return s.Seats == 1 && s.BytesOut > 0 })
	answer := bufio.NewReader(stdout)
	resp, err := http.ReadResponse(answer, nil)
	if err != nil {
		t.Fatalf("%v: %s", err, said.text())
	}
	l := &listener{t: t, resp: resp, mp4: fmp4.NewReader(resp.Body)}
	first := l.frame()
	for i, change := range []string{"K\n", "k\n", "K\n"} {
		full := h.edge.Stats().Full
		gate.shut()
		for h.edge.Stats().Full == full {
			h.play(12)
		}
		heard := h.edge.Stats().BytesIn
		command(change)
		h.until("openssl's change", func(Stats) bool { return strings.Count(said.text(), "KEYUPDATE") > i })
		command("x\n") // in the middle of a record it says what it has changed with its next word
		h.until("the change of keys", func(s Stats) bool { return s.BytesIn > heard })
		h.play(48)
		gate.open()
		packets := l.hear(first, h.head-tape.PageFrames)
		checkSound(t, tape.Opus48, first, packets)
		first += tape.Number(len(packets))
	}
	h.endRoom()
	checkSound(t, tape.Opus48, first, l.hear(first, h.head))
	l.end()
	err = cmd.Wait()
	if err != nil || strings.Count(said.text(), "KEYUPDATE") != 3 {
		t.Errorf("openssl: %v\n%s", err, said.text())
	}
}

// gate is between one client and a house. Shut, it lets nothing through to the client.
type gate struct {
	addr string
	held sync.Mutex // by who shut it, or by a read on its way
}

func newGate(t *testing.T, h *house) *gate {
	t.Helper()
	l := listen(t)
	g := &gate{addr: l.Addr().String()}
	var carrying sync.WaitGroup
	carrying.Go(func() {
		near, err := l.Accept()
		if err != nil {
			return
		}
		client := h.client
		h.client = nil // what is dialled passes TLS on, and does not speak it
		far := h.dialNarrow()
		h.client = client
		carrying.Go(func() {
			_, _ = io.Copy(far, near)
			far.Close()
		})
		g.carry(near, far)
		near.Close()
	})
	t.Cleanup(func() {
		l.Close()
		g.held.TryLock() // a test that failed left it shut
		g.held.Unlock()
		carrying.Wait()
	})
	return g
}

func (g *gate) carry(near, far net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := far.Read(buf)
		g.held.Lock()
		g.held.Unlock() //nolint:staticcheck // passing is all
		_, failed := near.Write(buf[:n])
		if err != nil || failed != nil {
			return
		}
	}
}

func (g *gate) shut() { g.held.Lock() }
func (g *gate) open() { g.held.Unlock() }
