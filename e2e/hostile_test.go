package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/stage/whip"
)

// What a stranger may send gets a clear status and reason each; nothing panics, and nothing of it stays.
func TestHostile(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Hostile", false)
	speak(t, s.invite("Ada"), hostVoice)
	guest := s.invite("Mallory")
	removed := s.invite("Removed")
	s.do(http.MethodDelete, fmt.Sprintf("/r/%s/stage/people/%s", s.room.ID, removed.Person), s.hostToken(), "", "")
	attack := func(t *testing.T) {
		t.Run("Requests", func(t *testing.T) { s.badRequests(t, guest.Token, removed.Token) })
		t.Run("TruncatedOpus", func(t *testing.T) { truncatedOpus(t, guest.WHIPURL, guest.Token) })
		t.Run("JunkUDP", func(t *testing.T) { s.junkUDP(t) })
		t.Run("NeverReads", func(t *testing.T) { s.neverReads(t) })
	}
	// The first round fills pools and rings; the second must leave everything as it found it.
	attack(t)
	s.settle(t)
	goroutines, heap := s.goroutines(t), s.heap(t)
	attack(t)
	s.settle(t)
	deadline := time.Now().Add(patience)
	for s.goroutines(t) > goroutines && time.Now().Before(deadline) {
		time.Sleep(200 * time.Millisecond)
	}
	if n := s.goroutines(t); n > goroutines {
		t.Errorf("%d goroutines before, %d after", goroutines, n)
	}
	after := s.heap(t)
	for float64(after) > 1.05*float64(heap) && time.Now().Before(deadline) { // what is on its way is no leak
		time.Sleep(200 * time.Millisecond)
		after = s.heap(t)
	}
	t.Logf("heap %d bytes before, %d after (%+.1f %%), %d goroutines", heap, after, 100*(float64(after)/float64(heap)-1), goroutines)
	if float64(after) > 1.05*float64(heap) {
		t.Errorf("heap %d bytes before, %d after: more than 5 %% stayed", heap, after)
	}
	if r, err := listen(t, s.room.ListenURL, 2*time.Second); err != nil || r.GapCount != 0 {
		t.Errorf("afterwards a listener finds %+v (%v)", r, err)
	}
	if strings.Contains(s.log(), "panic") {
		t.Errorf("there was a panic: %s", s.log())
	}
}

func (s *show) hostToken() string {
	u, err := url.Parse(s.hostDesk())
	if err != nil {
		s.t.Fatal(err)
	}
	return u.Fragment
}

// do makes a request on the stage's port.
func (s *show) do(method, path, token, contentType, body string) *http.Response {
	s.t.Helper()
	return s.doAt(s.stage, method, path, token, contentType, strings.NewReader(body))
}

func (s *show) doAt(base, method, path, token, contentType string, body io.Reader) *http.Response {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, base+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp
}

const sdpType = "application/sdp"

func (s *show) badRequests(t *testing.T, token, removed string) {
	room := "/r/" + string(s.room.ID)
	forged := token[:len(token)-4] + "AAAA"
	huge := strings.Repeat("v=0\r\n", 2<<20)
	for _, row := range []struct {
		name, base, method, path, token, contentType, body string
		status                                             int
		code                                               string
	}{
		{"SDPMalformed", s.stage, "POST", room + "/whip", token, sdpType, "v=0\r\nnonsense", 400, "bad_offer"},
		{"SDPEmpty", s.stage, "POST", room + "/desk", token, sdpType, "", 400, "bad_offer"},
		{"SDPOfAnotherType", s.stage, "POST", room + "/whip", token, "text/plain", "v=0", 415, "wrong_type"},
		{"TenMegabytes", s.stage, "POST", room + "/whip", token, sdpType, huge, 413, "too_large"},
		{"TenMegabytesToTheHost", s.stage, "POST", "/api/claim", "", "application/json", huge, 413, "too_large"},
		{"NoToken", s.stage, "POST", room + "/whip", "", sdpType, "v=0", 401, "token_missing"},
		{"ForgedToken", s.stage, "POST", room + "/whip", forged, sdpType, "v=0", 401, "token_forged"},
		{"JunkToken", s.stage, "POST", room + "/whip", "x", sdpType, "v=0", 401, "token_malformed"},
		{"RemovedPerson", s.stage, "POST", room + "/whip", removed, sdpType, "v=0", 403, "removed"},
		{"AnotherRoomsToken", s.stage, "POST", "/r/elsewhere/whip", token, sdpType, "v=0", 403, "token_wrong_room"},
		{"UnknownSession", s.stage, "DELETE", room + "/whip/none", token, "", "", 404, "session_unknown"},
		{"GuestRemovesTheHost", s.stage, "DELETE", room + "/stage/people/someone", token, "", "", 403, "forbidden"},
		{"UnknownRoomHeard", s.listeners, "GET", "/r/elsewhere/live.mp4", "", "", "", 404, "room_unknown"},
		{"UnknownVariant", s.listeners, "GET", room + "/live.mp4?variant=flac", "", "", "", 400, "bad_request"},
		{"FromIsNoNumber", s.listeners, "GET", room + "/live.ogg?from=now", "", "", "", 400, "bad_request"},
		{"PostToListen", s.listeners, "POST", room + "/live.mp4", "", "", "x", 405, "method_not_allowed"},
		{"UnknownClaim", s.stage, "POST", "/api/claim", "", "application/json", `{"secret":"` + strings.Repeat("a", 32) + `"}`, 403, "claim_unknown"},
		{"NoHost", s.stage, "GET", "/api/rooms", "", "", "", 401, "host_only"},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp := s.doAt(row.base, row.method, row.path, row.token, row.contentType, strings.NewReader(row.body))
			var p struct{ Code, Detail string }
			err := json.NewDecoder(resp.Body).Decode(&p)
			if err != nil || resp.StatusCode != row.status || p.Code != row.code || !strings.HasSuffix(p.Detail, ".") {
				t.Errorf("answered %d %+v (%v), want %d %s and a sentence", resp.StatusCode, p, err, row.status, row.code)
			}
		})
	}
}

// truncatedOpus is a voice whose packets are no Opus.
func truncatedOpus(t *testing.T, address, token string) {
	random := rand.New(rand.NewPCG(1, 2))
	packets := 0
	err := whip.Publish(t.Context(), whip.Target{URL: address, Token: token}, whip.SourceFunc(func() ([]byte, error) {
		packets++
		if packets > 100 {
			return nil, io.EOF
		}
		junk := make([]byte, 1+random.IntN(60))
		for i := range junk {
			junk[i] = byte(random.Uint32())
		}
		return junk, nil
	}), whip.Config{})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func (s *show) junkUDP(t *testing.T) {
	u, err := url.Parse(s.stage)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", "127.0.0.1:"+u.Port())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it was a datagram socket
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		junk := make([]byte, random.IntN(1400))
		for i := range junk {
			junk[i] = byte(random.Uint32())
		}
		if len(junk) > 20 && random.IntN(2) == 0 {
			copy(junk, []byte{0, 1, 0, byte(len(junk) - 20), 0x21, 0x12, 0xa4, 0x42}) // looks like STUN
		}
		_, _ = conn.Write(junk) // refused ones are none of ours
	}
}

// neverReads takes seats, reads nothing and goes; and begins requests that it does not end.
func (s *show) neverReads(t *testing.T) {
	u, err := url.Parse(s.listeners)
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for i := range 50 {
		c, err := net.Dial("tcp", "127.0.0.1:"+u.Port())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		request := fmt.Sprintf("GET /r/%s/live.mp4 HTTP/1.1\r\nHost: x\r\n\r\n", s.room.ID)
		if i%2 == 1 {
			request = request[:30]
		}
		_, err = c.Write([]byte(request))
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := listen(t, s.room.ListenURL, 3*time.Second)
	if err != nil || r.GapCount != 0 {
		t.Errorf("beside them a listener finds %+v (%v)", r, err)
	}
	for _, c := range conns {
		_ = c.Close()
	}
}

// settle waits until connections of tests before are gone on both sides.
func (s *show) settle(t *testing.T) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	deadline := time.Now().Add(patience)
	for last := -1; time.Now().Before(deadline); {
		n := s.goroutines(t)
		if n == last {
			return
		}
		last = n
		time.Sleep(time.Second)
	}
}

func (s *show) ask(t *testing.T, path string) string {
	t.Helper()
	resp := s.doAt(s.private, http.MethodGet, path, "", "", nil)
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	goroutinesLine = regexp.MustCompile(`goroutine profile: total (\d+)`)
	heapLine       = regexp.MustCompile(`# HeapAlloc = (\d+)`)
)

func (s *show) goroutines(t *testing.T) int {
	t.Helper()
	return number(t, goroutinesLine, s.ask(t, "/debug/pprof/goroutine?debug=1"))
}

// heap is the size of the heap after two collections.
func (s *show) heap(t *testing.T) int {
	t.Helper()
	s.ask(t, "/debug/pprof/heap?gc=1&debug=1")
	return number(t, heapLine, s.ask(t, "/debug/pprof/heap?gc=1&debug=1"))
}

func number(t *testing.T, in *regexp.Regexp, text string) int {
	t.Helper()
	m := in.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%v is not in %.200s", in, text)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
