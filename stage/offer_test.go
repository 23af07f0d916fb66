package stage

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"
)

const (
	sdpHead = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
		"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" +
		"a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=setup:actpass\r\n"
	sdpAudio = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n" +
		"a=rtpmap:63 red/48000/2\r\n"
	sdpVideo = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=sendonly\r\n"
)

// audio is one audio section.
func audio(mid, direction string) string {
	return sdpAudio + "a=mid:" + mid + "\r\na=" + direction + "\r\n"
}

func TestParseOffer(t *testing.T) {
	receiving := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Replace(audio("r"+string(rune('a'+i)), "recvonly"), "m=audio 9", "m=audio 0", 1) + "a=bundle-only\r\n")
		}
		return b.String()
	}
	tests := []struct {
		name  string
		kind  kind
		offer string
		used  int    // sections
		err   string // part of the sentence
	}{
		{"one voice", whip, sdpHead + audio("0", "sendonly"), 1, ""},
		{"an old encoder says sendrecv", whip, sdpHead + audio("0", "sendrecv"), 1, ""},
		{"video beside it", whip, sdpHead + audio("0", "sendonly") + sdpVideo + "a=mid:1\r\n", 1, ""},
		{"video before it", whip, sdpHead + sdpVideo + "a=mid:1\r\n" + audio("0", "sendonly"), 1, ""},
		{"a desk", desk, sdpHead + audio("0", "sendonly") + receiving(12), 13, ""},
		{"a desk that hears nobody", desk, sdpHead + audio("0", "sendonly"), 1, ""},
		{"a desk's offer by whip", whip, sdpHead + audio("0", "sendonly") + receiving(12), 1, ""},
		{"no voice", whip, sdpHead + audio("0", "recvonly"), 0, "0 sending"},
		{"a voice that is off", whip, sdpHead + audio("0", "inactive"), 0, "0 sending"},
		{"two voices", whip, sdpHead + audio("0", "sendonly") + audio("1", "sendonly"), 0, "2 sending"},
		{"a desk with an ear", desk, sdpHead + audio("0", "sendonly") + receiving(13), 14, ""},
		{"fourteen to hear", desk, sdpHead + audio("0", "sendonly") + receiving(14), 0, "at most 13"},
		{"backstage", backstage, sdpHead + audio("0", "sendonly") + receiving(25), 26, ""},
		{"too many backstage", backstage, sdpHead + audio("0", "sendonly") + receiving(26), 0, "too many"},
		{"no Opus", whip, sdpHead + strings.ReplaceAll(audio("0", "sendonly"), "opus", "PCMU"), 0, "Opus"},
		{"Opus that is not listed", whip, sdpHead + strings.Replace(audio("0", "sendonly"), " 111 63", " 0", 1), 0, "Opus"},
		{"no mid", whip, sdpHead + strings.Replace(audio("0", "sendonly"), "a=mid:0\r\n", "", 1), 0, "a=mid"},
		{"a mid twice", whip, sdpHead + audio("0", "sendonly") + sdpVideo + "a=mid:0\r\n", 0, "a=mid"},
		{"no credentials", whip, strings.Replace(sdpHead, "a=ice-pwd:abcdefghijklmnopqrstuv", "a=x:y", 1) + audio("0", "sendonly"), 0, "ice-pwd"},
		{"credentials with signs", whip, strings.Replace(sdpHead, "abcd\r\n", "ab:d\r\n", 1) + audio("0", "sendonly"), 0, "ice-ufrag"},
		{"no fingerprint", whip, strings.Replace(sdpHead, "a=fingerprint", "a=f", 1) + audio("0", "sendonly"), 0, "fingerprint"},
		{"too many sections", desk, sdpHead + strings.Repeat(sdpVideo, 30), 0, "too many"},
		{"text", whip, "hello", 0, "not an SDP"},
		{"a line within a line", whip, sdpHead + audio("0", "sendonly") + "a=x\ra=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n", 0, "not an SDP"},
		{"lines that end in LF", whip, strings.ReplaceAll(sdpHead+audio("0", "sendonly"), "\r", ""), 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := parseOffer([]byte(tt.offer), tt.kind)
			if tt.err != "" {
				if !errors.As(err, new(clientError)) || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := len(o.session.MediaDescriptions); got != tt.used {
				t.Errorf("%d sections are used, want %d", got, tt.used)
			}
		})
	}
}

// The answer has the offer's sections in the offer's order, the unused ones refused, and what we wish of the voice.
func TestAnswer(t *testing.T) {
	n := testNetwork(t)
	text := sdpHead + sdpVideo + "a=mid:v\r\n" + audio("0", "sendrecv") + audio("1", "recvonly") + "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n"
	o, err := parseOffer([]byte(text), desk)
	if err != nil {
		t.Fatal(err)
	}
	s, answer, err := newSession(t.Context(), n, desk, "ada", o, testConfig(), func(*session, connState) {})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if strings.Contains(s.pc.RemoteDescription().SDP, "192.0.2.1") {
		t.Error("a client's candidate reached pion")
	}
	var parsed sdp.SessionDescription
	err = parsed.UnmarshalString(answer)
	if err != nil {
		t.Fatal(err)
	}
	if group, _ := parsed.Attribute("group"); group != "BUNDLE 0 1" {
		t.Errorf("group %q", group)
	}
	if _, lite := parsed.Attribute("ice-lite"); !lite {
		t.Error("not lite")
	}
	want := []struct {
		mid, direction string
		port           int
	}{{"v", "inactive", 0}, {"0", "recvonly", 9}, {"1", "sendonly", 9}}
	if len(parsed.MediaDescriptions) != len(want) {
		t.Fatalf("%d sections", len(parsed.MediaDescriptions))
	}
	for i, w := range want {
		m := parsed.MediaDescriptions[i]
		mid, _ := m.Attribute("mid")
		if mid != w.mid || direction(&parsed, m) != w.direction || m.MediaName.Port.Value != w.port {
			t.Errorf("section %d: %v %v", i, m.MediaName, m.Attributes)
		}
		if w.port == 0 {
			continue
		}
		if fmtp, _ := m.Attribute("fmtp"); fmtp != "111 "+opusWishes {
			t.Errorf("section %d: fmtp %q", i, fmtp)
		}
		if setup, _ := m.Attribute("setup"); setup != "passive" {
			t.Errorf("section %d: setup %q", i, setup)
		}
	}
	port := n.media.LocalAddr().(*net.UDPAddr).Port
	candidate, _ := parsed.MediaDescriptions[1].Attribute("candidate")
	if candidate != candidateLines(loopback, uint16(port), 0)[0] {
		t.Errorf("candidate %q", candidate)
	}
	if strings.Count(answer, "a=candidate") != 1 || strings.Count(answer, "a=end-of-candidates") != 1 {
		t.Errorf("candidates in %s", answer)
	}
}

var offerSeeds = []string{
	sdpHead + audio("0", "sendonly"),
	sdpHead + sdpVideo + "a=mid:v\r\n" + audio("0", "sendrecv") + audio("1", "recvonly"),
	sdpHead + strings.ReplaceAll(audio("0", "sendonly"), "a=rtcp-mux", "a=ssrc:1 cname:x\r\na=ssrc:2 cname:y\r\na=rid:a send\r\n"+
		"a=simulcast:send a\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"),
	sdpHead + audio("0", "sendonly") + "a=x\ra=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n",
	"v=0\r\n",
}

// Whatever is offered is refused with a sentence, or cleaned so that it holds no candidates and cleaning it again changes nothing.
func FuzzOffer(f *testing.F) {
	for _, s := range offerSeeds {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, isDesk bool) {
		o, err := parseOffer([]byte(text), kindOf(isDesk))
		if err != nil {
			if !errors.As(err, new(clientError)) {
				t.Fatalf("error for nobody: %v", err)
			}
			return
		}
		clean, err := o.text()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(clean, "a=candidate") {
			t.Errorf("candidates in %q", clean)
		}
		again, err := parseOffer([]byte(clean), kindOf(isDesk))
		if err != nil {
			t.Fatalf("%v in %q", err, clean)
		}
		twice, err := again.text()
		if err != nil || twice != clean {
			t.Errorf("cleaned again: %v\n%q\n%q", err, clean, twice)
		}
	})
}

// Whatever passes for an offer gets an answer or a sentence from pion behind us, and leaves no panic and no session.
func FuzzAnswer(f *testing.F) {
	for _, s := range offerSeeds {
		f.Add(s, true)
		f.Add(s, false)
	}
	n := testNetwork(f)
	cfg := testConfig()
	f.Fuzz(func(t *testing.T, text string, isDesk bool) {
		o, err := parseOffer([]byte(text), kindOf(isDesk))
		if err != nil {
			return
		}
		s, _, err := newSession(t.Context(), n, kindOf(isDesk), "ada", o, cfg, func(*session, connState) {})
		if err == nil {
			s.close()
		} else if !errors.As(err, new(clientError)) && !errors.Is(err, context.Canceled) {
			t.Fatalf("an offer made the server fail: %v", err)
		}
	})
}

func kindOf(isDesk bool) kind {
	if isDesk {
		return desk
	}
	return whip
}

func testConfig() *Config {
	start := time.Now()
	return &Config{Log: slog.New(slog.DiscardHandler), Clock: func() time.Duration { return time.Since(start) }}
}

func testNetwork(t testing.TB) *network {
	t.Helper()
	media, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNetwork(media, nil, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := n.close()
		if err != nil {
			t.Error(err)
		}
	})
	return n
}
