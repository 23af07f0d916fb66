package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// firstFlight is what a server may send before it hears from the other side: ten segments of 1460 bytes (RFC 6928).
const firstFlight = 14_600

// testFacts knows one room, with words as long as they are usual.
func testFacts(id room.ID) (room.Facts, bool) {
	return room.Facts{
		ID: testRoom, Title: "Harbour talk: what the sea remembers", Language: "en", State: room.Doors,
		Life: room.Life{Plan: room.Plan{
			Start: time.Date(2027, 3, 28, 18, 0, 0, 0, time.UTC), Zone: "Europe/Paris", LeadS: 900, ByClock: true,
			Description: "Ada Lovelace and Grace Hopper on the machines that remember, the seas that forget, and what is left to say when both are gone. With music.",
		}},
	}, id == testRoom
}

func testImage(f room.Facts) string {
	return "https://live.example.org/r/" + string(f.ID) + "/card/0123456789ab.png"
}

func listenServer(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(ListenPage(testFacts, testImage))
	t.Cleanup(s.Close)
	return s
}

// The page, its style, its script and the headers come in the first ten segments.
func TestPageFitsTheFirstFlight(t *testing.T) {
	s := listenServer(t)
	for _, id := range []string{testRoom, "nowhere-abc"} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /r/%s HTTP/1.1\r\nHost: example.org\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: close\r\n\r\n", id)
		wire, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes on the wire", id, len(wire))
		if len(wire) > firstFlight {
			t.Errorf("%d bytes on the wire, at most %d are allowed", len(wire), firstFlight)
		}
		answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(wire)), nil)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		html, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		for _, outside := range []string{`src="http`, `href="http`, "@import", "url(http", "<link rel=\"stylesheet"} {
			if bytes.Contains(html, []byte(outside)) {
				t.Errorf("the page asks for something outside: %s", outside)
			}
		}
	}
}

func TestListenPage(t *testing.T) {
	s := listenServer(t)
	tests := []struct {
		name, method, path, accept, tag string
		status                          int
		encoding                        string
	}{
		{"compressed", "GET", "/r/" + testRoom, "gzip", "", 200, "gzip"},
		{"plain", "GET", "/r/" + testRoom, "identity", "", 200, ""},
		{"gzip refused", "GET", "/r/" + testRoom, "br, gzip;q=0", "", 200, ""},
		{"anything accepted", "GET", "/r/" + testRoom, "br;q=1.0, *;q=0.1", "", 200, "gzip"},
		{"head", "HEAD", "/r/" + testRoom, "gzip", "", 200, "gzip"},
		{"unchanged", "GET", "/r/" + testRoom, "gzip", "present", 304, ""},
		{"changed", "GET", "/r/" + testRoom, "gzip", `"another"`, 200, "gzip"},
		{"unknown room", "GET", "/r/nowhere-abc", "gzip", "present", 404, "gzip"},
		{"no name of a room", "GET", "/r/UPPER", "gzip", "", 404, "gzip"},
		{"other method", "POST", "/r/" + testRoom, "gzip", "", 405, ""},
		{"other path", "GET", "/r/" + testRoom + "/x", "gzip", "", 404, ""},
	}
	present := get(t, s, "GET", "/r/"+testRoom, "gzip", "").Header.Get("ETag")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := get(t, s, tt.method, tt.path, tt.accept, strings.ReplaceAll(tt.tag, "present", present))
			if answer.StatusCode != tt.status || answer.Header.Get("Content-Encoding") != tt.encoding {
				t.Fatalf("status %d, encoding %q", answer.StatusCode, answer.Header.Get("Content-Encoding"))
			}
			if answer.Header.Get("Set-Cookie") != "" {
				t.Error("a cookie")
			}
		})
	}
}

// A known room's page differs from that of an unknown one by what its head says of it, and by nothing else.
func TestPageIsTheSameForEverybody(t *testing.T) {
	s := listenServer(t)
	read := func(id string) string {
		t.Helper()
		page, err := io.ReadAll(get(t, s, "GET", "/r/"+id, "", "").Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(page)
	}
	f, _ := testFacts(testRoom)
	head := headOf(f, testImage(f))
	known, unknown := read(testRoom), read("nowhere-abc")
	if head == "" || strings.Count(known, head) != 1 || strings.Replace(known, head, "", 1) != unknown {
		t.Error("a known and an unknown room have different pages")
	}
}

func TestHead(t *testing.T) {
	f, _ := testFacts(testRoom)
	f.Title = `"Quotes" & <tags>`
	const title = `<meta property="og:title" content="&#34;Quotes&#34; &amp; &lt;tags&gt;">`
	const text = `<meta property="og:description" content="Ada Lovelace and Grace Hopper on the machines that remember, the seas that forget, and what is left to say when both are…">`
	const picture = `<meta property="og:image" content="/x.png">`
	const embed = `<link rel="alternate" type="application/json+oembed" href="/oembed?url=/r/harbour-talk-k3f9x2">`
	const script = `<script src="/r/harbour-talk-k3f9x2/before.js" defer></script>`
	for state, want := range map[room.State]string{
		room.Announced: title + text + picture + embed + script, room.Doors: title + text + picture + embed + script, room.Live: title + text + picture + embed, room.Ended: title + text + picture + embed,
	} {
		f.State = state
		if got := headOf(f, "/x.png"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", state, got, want)
		}
	}
	f.State, f.Life = room.Doors, room.Life{}
	if got := headOf(f, "/x.png"); got != title+picture+embed {
		t.Errorf("without a plan: %s", got)
	}
}

func TestPagePolicy(t *testing.T) {
	s := listenServer(t)
	h := get(t, s, "GET", "/r/"+testRoom, "", "").Header
	for _, want := range []string{"default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(h.Get("Content-Security-Policy"), want) {
			t.Errorf("the policy lacks %s: %s", want, h.Get("Content-Security-Policy"))
		}
	}
	if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
		t.Errorf("the policy allows too much: %s", h.Get("Content-Security-Policy"))
	}
	if h.Get("Cache-Control") != "public, max-age=60, stale-while-revalidate=86400" {
		t.Errorf("cached as %q", h.Get("Cache-Control"))
	}
	if got := get(t, s, "GET", "/r/nowhere-abc", "", "").Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("an unknown room is cached as %q", got)
	}
}

// get asks without the client's own handling of compression.
func get(t *testing.T, s *httptest.Server, method, path, accept, tag string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", accept)
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	answer, err := (&http.Transport{DisableCompression: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}
