package stage

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/epidaurus-live/epidaurus/internal/problem"
)

func (c *client) patch(ifMatch, body string) (*http.Response, []byte) {
	header := map[string]string{"Content-Type": typeFragment}
	if ifMatch != "" {
		header["If-Match"] = ifMatch
	}
	return c.f.do(http.MethodPatch, c.location, c.token, header, []byte(body))
}

func TestTrickle(t *testing.T) {
	f := newFixture(t)
	c := f.encoder("ada")
	const candidate = "a=candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host\r\n"
	own := "a=ice-ufrag:" + credential(t, c.pc.LocalDescription().SDP, "ice-ufrag") + "\r\na=ice-pwd:" +
		credential(t, c.pc.LocalDescription().SDP, "ice-pwd") + "\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
	tests := []struct {
		name    string
		ifMatch string
		body    string
		status  int
		code    problem.Code
	}{
		{"a candidate", c.etag, own + candidate, 204, ""},
		{"the end of candidates", c.etag, own + "a=end-of-candidates\r\n", 204, ""},
		{"no If-Match", "", own + candidate, 428, problem.VersionMissing},
		{"another If-Match", `"x"`, own + candidate, 412, problem.VersionStale},
		{"nothing", c.etag, "", 400, problem.BadFragment},
		{"junk", c.etag, "\x00\xff\nhello", 400, problem.BadFragment},
		{"half a restart", "*", "a=ice-ufrag:abcd\r\n", 400, problem.BadFragment},
		{"a weak restart", "*", "a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n", 400, problem.BadFragment},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := c.patch(tt.ifMatch, tt.body)
			if resp.StatusCode != tt.status {
				t.Fatalf("%d %s, want %d", resp.StatusCode, body, tt.status)
			}
			if tt.code != "" && problemOf(t, body) != tt.code {
				t.Errorf("%s, want %s", body, tt.code)
			}
		})
	}
	resp, body := f.do(http.MethodDelete, c.location, f.token("bob", "speaker"), nil, nil)
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("somebody else ends the session: %d %s", resp.StatusCode, body)
	}
}

// An ICE restart by PATCH keeps the session: voice, keys and place stay, and sound goes on.
func TestICERestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, c := f.desk("ada"), f.encoder("bob")
	eventually(t, "bob is heard", func() bool { return a.hears()["bob"] >= 10 })
	offer, err := c.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	err = c.pc.SetLocalDescription(offer)
	if err != nil {
		t.Fatal(err)
	}
	<-gathered
	ufrag, pwd := credential(t, offer.SDP, "ice-ufrag"), credential(t, offer.SDP, "ice-pwd")
	resp, body := c.patch("*", "a=ice-ufrag:"+ufrag+"\r\na=ice-pwd:"+pwd+"\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates\r\n")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != typeFragment {
		t.Fatalf("restart: %d %s", resp.StatusCode, body)
	}
	if etag := resp.Header.Get("ETag"); etag == c.etag || etag == "" {
		t.Errorf("the tag stayed %s", etag)
	}
	answer := restartedAnswer(t, c.pc.RemoteDescription().SDP, string(body))
	err = c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
	if err != nil {
		t.Fatal(err)
	}
	a.forget()
	eventually(t, "bob is heard on", func() bool { return a.hears()["bob"] >= 100 })
	resp, _ = c.patch(c.etag, "a=ice-ufrag:"+ufrag+"\r\na=ice-pwd:"+pwd+"\r\na=end-of-candidates\r\n")
	if resp.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("the old tag: %d", resp.StatusCode)
	}
	if f.mix.opened != 2 {
		t.Errorf("%d voices were opened, want 2", f.mix.opened)
	}
}

func credential(t *testing.T, text, key string) string {
	t.Helper()
	var s sdp.SessionDescription
	err := s.UnmarshalString(text)
	if err != nil {
		t.Fatal(err)
	}
	return iceAttribute(&s, s.MediaDescriptions[0], key)
}

// restartedAnswer is what a WHIP client makes of its old answer and the fragment.
func restartedAnswer(t *testing.T, old, fragment string) string {
	t.Helper()
	var s sdp.SessionDescription
	err := s.UnmarshalString(old)
	if err != nil {
		t.Fatal(err)
	}
	m := s.MediaDescriptions[0]
	kept := m.Attributes[:0]
	for _, a := range m.Attributes {
		if !strings.HasPrefix(a.Key, "ice-") && !strings.Contains(a.Key, "candidate") {
			kept = append(kept, a)
		}
	}
	m.Attributes = kept
	for line := range strings.SplitSeq(strings.TrimSpace(fragment), "\r\n") {
		key, value, _ := strings.Cut(strings.TrimPrefix(line, "a="), ":")
		if strings.HasPrefix(key, "ice-ufrag") || key == "ice-pwd" || key == "candidate" || key == "end-of-candidates" {
			m.Attributes = append(m.Attributes, sdp.Attribute{Key: key, Value: value})
		}
	}
	b, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
