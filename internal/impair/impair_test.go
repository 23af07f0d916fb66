package impair

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything may take on a machine that does other work beside.
const patience = 10 * time.Second

// echo is a server that sends back what it gets, over TCP and UDP on one port. It tells where each datagram came from.
func echo(t *testing.T) (target string, from chan string) {
	t.Helper()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp4", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close(); _ = udp.Close() })
	from = make(chan string, 1000)
	go func() { // ends with the socket
		buf := make([]byte, 1500)
		for {
			n, addr, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			from <- addr.String()
			_, _ = udp.WriteTo(buf[:n], addr)
		}
	}()
	go func() { // ends with the listener; its connections with the proxy's
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	return tcp.Addr().String(), from
}

func through(t *testing.T, target string, cfg Config) *Proxy {
	t.Helper()
	p, err := New(target, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func (p *Proxy) dial(t *testing.T, network string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, "127.0.0.1:"+strconv.Itoa(p.Port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	err = c.SetDeadline(time.Now().Add(patience))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// comesBack sends something and waits for its echo.
func comesBack(t *testing.T, c net.Conn, text string) time.Duration {
	t.Helper()
	begun := time.Now()
	_, err := c.Write([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	_, err = io.ReadFull(c, got)
	if err != nil || string(got) != text {
		t.Fatalf("%q came back as %q (%v)", text, got, err)
	}
	return time.Since(begun)
}

func TestDelayIsInBothDirections(t *testing.T) {
	target, _ := echo(t)
	p := through(t, target, Config{Delay: 30 * time.Millisecond, Jitter: func() time.Duration { return time.Millisecond }})
	for _, network := range []string{"tcp4", "udp4"} {
		if took := comesBack(t, p.dial(t, network), "hello"); took < 60*time.Millisecond {
			t.Errorf("%s: there and back in %v", network, took)
		}
	}
	if n := p.Lost(); n != 0 {
		t.Errorf("%d were lost", n)
	}
}

// TCP keeps its order and every byte, whatever the delay.
func TestTCPKeepsItsOrder(t *testing.T) {
	target, _ := echo(t)
	c := through(t, target, Config{Delay: 2 * time.Millisecond}).dial(t, "tcp4")
	var sent bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintln(&sent, i)
	}
	go func() { _, _ = c.Write(sent.Bytes()) }() // ends with the reading below
	got := make([]byte, sent.Len())
	_, err := io.ReadFull(c, got)
	if err != nil || !bytes.Equal(got, sent.Bytes()) {
		t.Errorf("what came back is something else (%v)", err)
	}
}

// Of many packets about the share is lost that was asked for, and with a seed always the same ones.
func TestLoss(t *testing.T) {
	draws := func(seed uint64) (lost []int) {
		p := through(t, "127.0.0.1:9", Config{Loss: 0.2, Seed: seed})
		for i := range 1000 {
			if _, ok := p.delay(true); !ok {
				lost = append(lost, i)
			}
			if _, ok := p.delay(false); !ok {
				t.Error("TCP loses something")
			}
		}
		return lost
	}
	a, b, c := draws(7), draws(7), draws(8)
	if fmt.Sprint(a) != fmt.Sprint(b) || fmt.Sprint(a) == fmt.Sprint(c) || len(a) < 150 || len(a) > 250 {
		t.Errorf("%d, %d and %d of 1000 are lost", len(a), len(b), len(c))
	}
	target, _ := echo(t)
	p := through(t, target, Config{Loss: 1})
	_, err := p.dial(t, "udp4").Write([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); p.Lost() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not lost")
		}
	}
}

// While the network is cut UDP is lost and TCP waits; afterwards both go on.
func TestCut(t *testing.T) {
	target, from := echo(t)
	p := through(t, target, Config{})
	tcp, udp := p.dial(t, "tcp4"), p.dial(t, "udp4")
	comesBack(t, tcp, "before")
	comesBack(t, udp, "before")
	p.Cut(true)
	for _, c := range []net.Conn{tcp, udp} {
		_, err := c.Write([]byte("meanwhile"))
		if err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(patience); p.Lost() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what was sent meanwhile is not lost")
		}
	}
	p.Cut(false)
	got := make([]byte, len("meanwhile"))
	_, err := io.ReadFull(tcp, got)
	if string(got) != "meanwhile" || err != nil {
		t.Errorf("TCP goes on with %q (%v)", got, err)
	}
	comesBack(t, udp, "after")
	if len(from) != 2 || p.Lost() != 1 {
		t.Errorf("%d datagrams arrived, %d were lost", len(from), p.Lost())
	}
}

// In another network UDP comes from another port, and TCP connections are broken.
func TestMove(t *testing.T) {
	target, from := echo(t)
	p := through(t, target, Config{})
	tcp, udp := p.dial(t, "tcp4"), p.dial(t, "udp4")
	comesBack(t, tcp, "here")
	comesBack(t, udp, "here")
	p.Move()
	_, err := tcp.Read(make([]byte, 1))
	if err == nil {
		t.Error("the TCP connection lives on")
	}
	comesBack(t, udp, "there")
	if a, b := <-from, <-from; a == b {
		t.Errorf("both came from %s", a)
	}
	comesBack(t, p.dial(t, "tcp4"), "there")
}

// Nobody answers behind the proxy: TCP is closed, and UDP is silence.
func TestNobodyBehind(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	p := through(t, ln.Addr().String(), Config{})
	_, err = p.dial(t, "tcp4").Read(make([]byte, 1))
	if err != io.EOF {
		t.Errorf("error %v, want io.EOF", err)
	}
}

// Closing ends everything that is under way; a second time does nothing.
func TestCloseWhileUnderWay(t *testing.T) {
	target, _ := echo(t)
	p := through(t, target, Config{Delay: time.Hour})
	for _, network := range []string{"tcp4", "udp4"} {
		_, err := p.dial(t, network).Write([]byte("x"))
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Close()
	p.Close()
}
