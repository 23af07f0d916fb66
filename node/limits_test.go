package node

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/internal/problem"
)

// join sends bytes to the listeners' port, in pieces, and returns the status of the answer; 0: there is none.
func join(t *testing.T, h *house, pieces ...string) (status int) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.Replace(strings.TrimPrefix(h.ListenersURL(), "http://"), "localhost", "127.0.0.1", 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	for _, p := range pieces {
		_, err = io.WriteString(conn, p)
		if err != nil {
			return 0
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	return resp.StatusCode
}

// Listeners behind a balancer that speaks the PROXY protocol are told apart, and take ordinary seats.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	cfg.ProxyProtocol, cfg.ProxyFrom, cfg.PerAddress = true, []string{"127.0.0.0/8"}, 1
	cfg.Listen = "127.0.0.1:0"
	h := openHouse(t, cfg)
	live := "GET /r/" + string(h.room().ID) + "/live.mp4 HTTP/1.1\r\nHost: x\r\n\r\n"
	v2 := func(last byte) string {
		return "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + string([]byte{203, 0, 113, last}) + "\xc0\x00\x02\x01\x10\xe1\x01\xbb"
	}
	for _, row := range []struct {
		name   string
		pieces []string
		status int
	}{
		{"V2", []string{v2(7) + live}, 200},
		{"V2SameAddress", []string{v2(7) + live}, 429},
		{"V2Split", []string{v2(8)[:5], v2(8)[5:17], v2(8)[17:], live[:9], live[9:]}, 200},
		{"V1", []string{"PROXY TCP6 2001:db8:1:200::1 2001:db8::2 4321 80\r\n", live}, 200},
		{"V1SameNetwork", []string{"PROXY TCP6 2001:db8:1:2ff::9 2001:db8::2 4321 80\r\n", live}, 429},
		{"V1OtherNetwork", []string{"PROXY TCP6 2001:db8:1:300::1 2001:db8::2 4321 80\r\n", live}, 200},
		{"BalancerItself", []string{"PROXY UNKNOWN\r\n", live}, 200},
		{"NoHeader", []string{live}, 0},
	} {
		if got := join(t, h, row.pieces...); got != row.status {
			t.Errorf("%s: %d, want %d", row.name, got, row.status)
		}
	}
	_, metrics := h.ask(t, "GET", h.PrivateURL()+"/metrics", "")
	for _, line := range []string{"epidaurus_proxy_malformed_total 1\n", `epidaurus_edge_joins_refused_total{reason="too_many"} 2` + "\n"} {
		if !strings.Contains(metrics, line) {
			t.Errorf("there is no %q", line)
		}
	}
	if n := h.edge.Stats().Seats; n != 5 {
		t.Errorf("%d seats", n)
	}
}

// Who is no balancer of ours sends a header in vain.
func TestProxyProtocolOfAStranger(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	cfg.ProxyProtocol, cfg.ProxyFrom, cfg.PerAddress = true, []string{"10.0.0.0/8"}, 1
	h := openHouse(t, cfg)
	live := "GET /r/" + string(h.room().ID) + "/live.mp4 HTTP/1.1\r\nHost: x\r\n\r\n"
	if got := join(t, h, "PROXY TCP4 203.0.113.7 192.0.2.1 4321 80\r\n"+live); got != 400 {
		t.Errorf("answered %d, want 400", got)
	}
	for _, want := range []int{200, 429} {
		if got := join(t, h, live); got != want {
			t.Errorf("without a header: %d, want %d", got, want)
		}
	}
}

// The private port tells what the edge counted, second by second.
func TestSecondsAreServed(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	hear(t, h.Node, h.room().ID, 1)
	if got := join(t, h, "GET /r/none/live.mp4 HTTP/1.1\r\nHost: x\r\n\r\n"); got != 404 {
		t.Fatalf("answered %d", got)
	}
	var sum edge.Second
	until(t, "the seconds of a seat and a refusal", func() bool {
		status, body := h.ask(t, "GET", h.PrivateURL()+"/edge/seconds", "")
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		sum = edge.Second{Refused: map[problem.Code]uint64{}}
		for line := range strings.Lines(body) {
			var s edge.Second
			err := json.Unmarshal([]byte(line), &s)
			if err != nil || s.Span <= 0 || s.End.IsZero() {
				t.Fatalf("%s: %v", line, err)
			}
			sum.Offered += s.Offered
			sum.Seated += s.Seated
			sum.BytesOut += s.BytesOut
			sum.Refused[problem.RoomUnknown] += s.Refused[problem.RoomUnknown]
		}
		return sum.Offered > 1 && sum.Seated > 0
	})
	if sum.Offered != sum.Seated+1 || sum.Refused[problem.RoomUnknown] != 1 || sum.BytesOut == 0 {
		t.Errorf("%+v", sum)
	}
}
