package stage

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// sdpType is the header of an offer.
var sdpType = map[string]string{"Content-Type": typeSDP}

func TestRefusals(t *testing.T) {
	f := newFixture(t)
	f.rooms.facts["over-a1b2"] = room.Facts{ID: "over-a1b2", State: room.Ended}
	good := f.token("ada", room.Host)
	var other room.Key
	other[0] = 1
	later := time.Now().Add(time.Hour).Unix()
	sign := func(k *room.Key, id room.ID, expires int64) string {
		return k.Sign(room.Grant{Room: id, Person: "ada", Role: room.Host, Expires: expires})
	}
	big := bytes.Repeat([]byte("a=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n"), 250_000) // 10 MB
	tests := []struct {
		name   string
		method string
		path   string
		token  string
		header map[string]string
		body   []byte
		status int
		code   problem.Code
	}{
		{"no token", "POST", base + "/whip", "", sdpType, nil, 401, problem.TokenMissing},
		{"a damaged token", "POST", base + "/whip", "e1.x", sdpType, nil, 401, problem.TokenMalformed},
		{"a huge token", "POST", base + "/whip", "e1." + strings.Repeat("x", 5000), sdpType, nil, 401, problem.TokenMalformed},
		{"a forged token", "POST", base + "/whip", sign(&other, testRoom, later), sdpType, nil, 401, problem.TokenForged},
		{"an expired token", "POST", base + "/whip", sign(&f.key, testRoom, 1), sdpType, nil, 401, problem.TokenExpired},
		{"another room's token", "POST", "/r/over-a1b2/whip", good, sdpType, nil, 403, problem.TokenWrongRoom},
		{"a room that is not", "POST", "/r/no-such-room/whip", sign(&f.key, "no-such-room", later), sdpType, nil, 404, problem.RoomUnknown},
		{"a room that has ended", "POST", "/r/over-a1b2/desk", sign(&f.key, "over-a1b2", later), sdpType, nil, 410, problem.RoomEnded},
		{"a method that is not", "PUT", base + "/whip", good, sdpType, nil, 405, problem.MethodNotAllowed},
		{"not an offer's type", "POST", base + "/whip", good, map[string]string{"Content-Type": "text/plain"}, []byte("v=0"), 415, problem.WrongType},
		{"no type", "POST", base + "/desk", good, nil, []byte("v=0"), 415, problem.WrongType},
		{"an empty offer", "POST", base + "/whip", good, sdpType, nil, 400, problem.BadOffer},
		{"no offer", "POST", base + "/whip", good, sdpType, []byte("hello"), 400, problem.BadOffer},
		{"10 MB", "POST", base + "/whip", good, sdpType, big, 413, problem.TooLarge},
		{"10 MB for a desk", "POST", base + "/desk", good, sdpType, big, 413, problem.TooLarge},
		{"a session that is not", "DELETE", base + "/whip/x", good, nil, nil, 404, problem.SessionUnknown},
		{"a patch of none", "PATCH", base + "/whip/x", good, nil, nil, 404, problem.SessionUnknown},
		{"a name that is none", "PUT", base + "/stage/people/me/name", good, map[string]string{"Content-Type": "application/json"}, []byte(`" "`), 400, problem.BadRequest},
		{"10 MB of name", "PUT", base + "/stage/people/me/name", good, map[string]string{"Content-Type": "application/json"}, big, 413, problem.TooLarge},
		{"a mute as text", "PUT", base + "/stage/people/me/muted", good, map[string]string{"Content-Type": "text/plain"}, []byte("true"), 415, problem.WrongType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fixture{Stage: f.Stage, t: t, url: f.url, http: f.http}
			resp, body := f.do(tt.method, tt.path, tt.token, tt.header, tt.body)
			if resp.StatusCode != tt.status || problemOf(t, body) != tt.code {
				t.Errorf("%d %s, want %d %s", resp.StatusCode, body, tt.status, tt.code)
			}
			if resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Content-Type") != problem.ContentType {
				t.Errorf("headers %v", resp.Header)
			}
		})
	}
}

func TestOptionsAndPing(t *testing.T) {
	f := newFixture(t)
	tests := []struct{ path, allow, header, value string }{
		{"/whip", "POST, OPTIONS", "Accept-Post", typeSDP},
		{"/desk", "POST, OPTIONS", "Accept-Post", typeSDP},
		{"/whip/x", "DELETE, PATCH, OPTIONS", "Accept-Patch", typeFragment},
		{"/stage/events", "GET, OPTIONS", "Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, Recording-Consent"},
	}
	for _, tt := range tests {
		resp, _ := f.do(http.MethodOptions, base+tt.path, "", nil, nil)
		if resp.StatusCode != http.StatusNoContent || resp.Header.Get("Access-Control-Allow-Methods") != tt.allow ||
			resp.Header.Get(tt.header) != tt.value || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("OPTIONS %s: %d %v", tt.path, resp.StatusCode, resp.Header)
		}
	}
	resp, _ := f.do(http.MethodGet, base+"/stage/ping", "", nil, nil)
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("ping: %d", resp.StatusCode)
	}
}

// Junk on the media port, over UDP and TCP, disturbs nobody, and leaves nothing behind.
func TestJunkOnTheMediaPort(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := f.desk("ada"), f.desk("bob")
	eventually(t, "both are heard", func() bool { return a.hears()["bob"] > 0 && b.hears()["ada"] > 0 })

	stranger, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername("nobody:here"), stun.NewShortTermIntegrity("wrong"), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", f.network.media.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	junk := make([]byte, 1400)
	for n := range 2000 {
		_, err = rand.Read(junk)
		if err != nil {
			t.Fatal(err)
		}
		packet := junk[:1+n%len(junk)]
		switch n % 4 {
		case 0:
			packet = stranger.Raw
		case 1:
			copy(packet, stranger.Raw[:8]) // begins as a check does
		}
		_, err = conn.Write(packet)
		if err != nil {
			t.Fatal(err)
		}
	}
	firsts := [][]byte{
		append([]byte{0, byte(len(stranger.Raw))}, stranger.Raw...), // a check of no session
		{0, 20, 0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42},                 // a check that never ends
		{0, 3, 1, 2, 3, 4, 5, 6, 7, 8},                              // no check
		{},                                                          // nothing
	}
	var conns []net.Conn
	for _, first := range firsts {
		conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = conn.Write(first)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	for i, conn := range conns {
		err = conn.SetReadDeadline(time.Now().Add(patience))
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.Read(junk)
		if err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%x: %v, want the connection closed", firsts[i], err)
		}
	}
	a.forget()
	eventually(t, "nobody noticed", func() bool { return a.hears()["bob"] >= 20 })
}

// Half an offer, and offers that come while the room fills and ends, leave nothing behind; goleak looks at the end.
func TestTornRequests(t *testing.T) {
	f := newFixture(t)
	offer := f.offline("ada", clientOptions{kind: desk, slots: slotCount}).offer()
	for _, part := range []int{10, len(offer) / 2, len(offer) - 1} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn, "POST "+base+"/desk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+f.token("ada", room.Host)+
			"\r\nContent-Type: application/sdp\r\nContent-Length: 20000\r\n\r\n"+offer[:part])
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	for n := range 20 { // the same person, again and again, and nobody ever connects
		resp, body := f.do(http.MethodPost, base+"/desk", f.token("ada", room.Host), sdpType, []byte(offer))
		if resp.StatusCode != http.StatusCreated {
			t.Fatalf("offer %d: %d %s", n, resp.StatusCode, body)
		}
	}
	f.mix.mu.Lock()
	defer f.mix.mu.Unlock()
	if f.mix.open != 1 {
		t.Errorf("%d voices are open, want 1", f.mix.open)
	}
}
