package node

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// insecure trusts the stage's own certificate and nothing else.
func (n *Node) insecure(t testing.TB) *http.Client {
	t.Helper()
	cert, err := n.cfg.certificate(n.data, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert.Leaf)
	c := &http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, // a browser asks for HTTP/2
	}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// TLS and plain HTTP come in at the same port.
func TestStagePortSpeaksBoth(t *testing.T) {
	t.Parallel()
	n := open(t, usual(t))
	for _, base := range []string{n.StageURL(), strings.Replace(n.StageURL(), "http://", "https://", 1)} {
		c := n.insecure(t)
		resp, err := c.Get(base + "/api/me")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || err != nil || !strings.Contains(string(body), `"host":false`) {
			t.Errorf("%s answers %d %s (%v)", base, resp.StatusCode, body, err)
		}
		if secure := resp.TLS != nil; secure != strings.HasPrefix(base, "https") || secure && resp.TLS.NegotiatedProtocol != "http/1.1" {
			t.Errorf("%s: TLS %+v", base, resp.TLS)
		}
		c.CloseIdleConnections()
	}
}

func TestStagePortWithoutTLS(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	cfg.StageTLS = "off"
	n := open(t, cfg)
	_, err := tls.Dial("tcp", strings.Replace(strings.TrimPrefix(n.StageURL(), "http://"), "localhost", "127.0.0.1", 1), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // nothing is sent
	if err == nil {
		t.Error("it speaks TLS, which is off")
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/api/me", nil)
	r.RemoteAddr = "192.0.2.9:1000"
	n.stageHandler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("a proxy in front gets %d %s", w.Code, w.Body)
	}
}

func TestOnlyLocalInPlain(t *testing.T) {
	h := onlyLocalInPlain(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, row := range []struct {
		name, method, remote string
		tls                  bool
		status               int
	}{
		{"Local", "POST", "127.0.0.1:1000", false, 204},
		{"LocalIPv6", "POST", "[::1]:1000", false, 204},
		{"LocalIPv4InIPv6", "POST", "[::ffff:127.0.0.1]:1000", false, 204},
		{"OtherOverTLS", "POST", "192.0.2.9:1000", true, 204},
		{"OtherReads", "GET", "192.0.2.9:1000", false, 307},
		{"OtherLooks", "HEAD", "192.0.2.9:1000", false, 307},
		{"OtherWrites", "POST", "192.0.2.9:1000", false, 403},
		{"OtherDeletes", "DELETE", "[2001:db8::9]:1000", false, 403},
		{"Nobody", "POST", "@", false, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(row.method, "http://stage.test:8081/desk/?x=1", nil)
			r.RemoteAddr = row.remote
			if row.tls {
				r.TLS = &tls.ConnectionState{}
			}
			h.ServeHTTP(w, r)
			if w.Code != row.status {
				t.Fatalf("status %d, want %d", w.Code, row.status)
			}
			if to := w.Header().Get("Location"); row.status == 307 && to != "https://stage.test:8081/desk/?x=1" {
				t.Errorf("sent to %q", to)
			}
			var p struct{ Code, Detail string }
			if row.status == 403 && (json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Code != "forbidden" || !strings.Contains(p.Detail, "https://")) {
				t.Errorf("refused by %s", w.Body)
			}
		})
	}
}

// From another address of this machine the stage is reached by TLS only.
func TestStageFromAnotherAddress(t *testing.T) {
	t.Parallel()
	own := outside(t)
	cfg := usual(t)
	cfg.Stage = net.JoinHostPort(own, "0")
	n := open(t, cfg)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(n.StageURL(), "http://"))
	plain := "http://" + net.JoinHostPort(own, port)
	if status, body := n.ask(t, "GET", plain+"/desk/", ""); status != http.StatusTemporaryRedirect {
		t.Errorf("GET answers %d %s", status, body)
	}
	if status, body := n.ask(t, "POST", plain+"/api/claim", ""); status != http.StatusForbidden {
		t.Errorf("POST answers %d %s", status, body)
	}
	resp, err := n.insecure(t).Get(plain + "/desk/") // follows, and trusts the certificate for this address
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.TLS == nil {
		t.Errorf("the redirect leads to %d", resp.StatusCode)
	}
}

// outside is an address of this machine that is not the loopback's.
func outside(t testing.TB) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			return ip.IP.String()
		}
	}
	t.Skip("this machine has no address but the loopback's; TestOnlyLocalInPlain tests the rule")
	return ""
}

func TestSameHost(t *testing.T) {
	for _, row := range []struct{ name, configured, scheme, asked, want string }{
		{"Configured", "https://live.example.org", "http", "192.0.2.7:8081", "https://live.example.org"},
		{"ByAddress", "", "https", "192.0.2.7:8081", "https://192.0.2.7:9000"},
		{"ByName", "", "http", "stage.test:8081", "http://stage.test:9000"},
		{"WithoutPort", "", "https", "stage.test", "https://stage.test:9000"},
		{"IPv6", "", "http", "[2001:db8::7]:8081", "http://[2001:db8::7]:9000"},
		{"IPv6WithoutPort", "", "http", "[2001:db8::7]", "http://[2001:db8::7]:9000"},
		{"NoHost", "", "http", "", "http://localhost:9000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := sameHost(row.configured, "http://localhost:9000", row.scheme, row.asked); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// Links that are configured with a slash at the end have none in the middle.
func TestConfiguredLinks(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	cfg.PublicURL, cfg.StageURL = "https://live.example.org/", "https://stage.example.org/"
	n := open(t, cfg)
	if got := n.RoomURL("x"); got != "https://live.example.org/r/x" {
		t.Errorf("a room is at %s", got)
	}
	link, err := n.FirstHostLink(t.Context())
	if err != nil || !strings.HasPrefix(link, "https://stage.example.org/desk/#claim=") {
		t.Errorf("the host's link is %s (%v)", link, err)
	}
}

// Nothing that a listener can ask for names the stage; what is not there is a problem with a sentence.
func TestListenersPort(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	r := h.room()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(h.StageURL(), "http://"))
	for _, row := range []struct {
		method, path string
		status       int
		has          string
	}{
		{"GET", "/r/" + string(r.ID), 200, "<!doctype html>"},
		{"GET", "/r/none", 404, "<!doctype html>"},
		{"GET", "/r/none/live.mp4", 404, `"code":"room_unknown"`},
		{"GET", "/r/" + string(r.ID) + "/fr/live.mp4", 404, `"code":"channel_unknown"`},
		{"GET", "/", 200, "<!doctype html>"},
		{"GET", "/rooms.json", 200, `"rooms":[]`},
		{"GET", "/nothing", 404, `"code":"not_found"`},
		{"GET", "/desk/", 404, `"code":"not_found"`},
		{"GET", "/api/me", 404, `"code":"not_found"`},
		{"GET", "/metrics", 404, `"code":"not_found"`},
		{"GET", "/debug/pprof/", 404, `"code":"not_found"`},
		{"POST", "/r/" + string(r.ID) + "/whip", 404, `"code":"not_found"`},
	} {
		status, body := h.ask(t, row.method, h.ListenersURL()+row.path, "")
		if status != row.status || !strings.Contains(strings.ToLower(body), row.has) {
			t.Errorf("%s %s: %d %.200s", row.method, row.path, status, body)
		}
		if strings.Contains(body, port) {
			t.Errorf("%s %s names the stage's port", row.method, row.path)
		}
	}
	for path, status := range map[string]int{"/": http.StatusSeeOther, "/nothing": http.StatusNotFound, "/r/none/live.mp4": http.StatusNotFound} {
		if got, body := h.ask(t, "GET", h.StageURL()+path, ""); got != status {
			t.Errorf("the stage's port answers %s by %d %.200s", path, got, body)
		}
	}
}

// The first byte tells TLS from HTTP, and is given back.
func TestFirstByte(t *testing.T) {
	for _, first := range []string{"", "G", "GET / HTTP/1.1", "\x00"} {
		ours, theirs := net.Pipe()
		go func() { // ends with the pipe
			_, _ = io.WriteString(theirs, first)
			_ = theirs.Close()
		}()
		conn, err := tlsOrPlain{oneConn{ours}, nil}.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if !bytes.Equal(got, []byte(first)) || err != nil {
			t.Errorf("%q came out as %q (%v)", first, got, err)
		}
	}
}

type oneConn struct{ net.Conn }

func (l oneConn) Accept() (net.Conn, error) { return l.Conn, nil }
func (l oneConn) Addr() net.Addr            { return l.LocalAddr() }

// Each request that is described for the private port is answered there, with a status that is described.
func TestPrivatePortIsDescribed(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Paths map[string]struct {
			Servers   []struct{ URL string }
			Get, Post *struct{ Responses map[string]json.RawMessage }
		}
	}
	err = json.Unmarshal(raw, &d)
	if err != nil {
		t.Fatal(err)
	}
	n := open(t, usual(t))
	found := 0
	for path, of := range d.Paths {
		if len(of.Servers) != 1 || of.Servers[0].URL != "http://127.0.0.1:8082" {
			continue
		}
		if of.Get != nil {
			found++
			status, body := n.ask(t, "GET", n.PrivateURL()+path, "")
			if _, described := of.Get.Responses[strconv.Itoa(status)]; status != http.StatusOK || !described {
				t.Errorf("GET %s: %d %s", path, status, body)
			}
		}
		if of.Post != nil {
			found++
			status, body := n.ask(t, "POST", n.PrivateURL()+path+"?over=never", "")
			if _, described := of.Post.Responses[strconv.Itoa(status)]; status != http.StatusBadRequest || !described {
				t.Errorf("POST %s: %d %s", path, status, body)
			}
		}
	}
	if found != 7 {
		t.Errorf("%d requests are described", found)
	}
}

// However many half-open requests and handshakes come to the stage's port, they take a bounded number of descriptors, and keep out neither
// those who are on stage nor those who come.
func TestFloodedStagePort(t *testing.T) {
	t.Parallel()
	const most = 8
	cfg := usual(t)
	cfg.stageMost = most
	h := openHouse(t, cfg)
	r := h.room()
	token, err := h.host.Token(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	secure := strings.Replace(h.StageURL(), "http://", "https://", 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, secure+"/r/"+string(r.ID)+"/stage/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	desk := h.insecure(t)
	desk.Timeout = 0
	resp, err := desk.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v (%v)", resp, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it ends with the test
	until(t, "the desk's stream is kept", func() bool { return h.stageDoor.Stats().Kept == 1 })

	address := strings.TrimPrefix(strings.Replace(h.StageURL(), "localhost", "127.0.0.1", 1), "http://")
	for i := range 10 * most {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // nothing was sent that matters
		begin := []byte("GET /desk/ HTTP/1.1\r\nHost:")
		if i%2 == 0 {
			begin = []byte{tlsRecord, 3, 1} // of a handshake
		}
		_, err = conn.Write(begin)
		if err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the first give way", func() bool { s := h.stageDoor.Stats(); return s.Evicted+s.TurnedAway >= 8*most })
	if s := h.stageDoor.Stats(); s.Open > most+most/4 || s.Most != most || s.Kept != 1 {
		t.Errorf("%+v", s)
	}
	for _, base := range []string{h.StageURL(), secure} {
		c := h.insecure(t)
		resp, err := c.Get(base + "/api/me")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d", base, resp.StatusCode)
		}
	}
	_, err = resp.Body.Read(make([]byte, 1))
	if err != nil {
		t.Errorf("the desk's stream ended: %v", err)
	}
}
