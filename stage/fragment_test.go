package stage

import (
	"errors"
	"testing"
)

func TestParseFragment(t *testing.T) {
	const pwd = "abcdefghijklmnopqrstuv"
	tests := []struct {
		name string
		body string
		want fragment
		ok   bool
	}{
		{
			"as RFC 9725 shows it", "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:" + pwd +
				"\r\na=candidate:1 1 udp 2 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n", fragment{"EsAw", pwd, 1}, true,
		},
		{"lines that end in LF", "a=ice-ufrag:EsAw\na=ice-pwd:" + pwd, fragment{"EsAw", pwd, 0}, true},
		{"credentials repeated", "a=ice-ufrag:EsAw\na=ice-pwd:" + pwd + "\na=ice-ufrag:EsAw\n", fragment{"EsAw", pwd, 0}, true},
		{"only the end of candidates", "a=end-of-candidates\r\n", fragment{}, true},
		{"credentials that differ", "a=ice-ufrag:EsAw\na=ice-ufrag:Other\na=ice-pwd:" + pwd, fragment{}, false},
		{"only lines of other kinds", "a=mid:0\r\n", fragment{}, false},
		{"no lines", "\r\n\r\n", fragment{}, false},
		{"no SDP", "{}", fragment{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseFragment(tt.body)
			if got != tt.want || (err == nil) != tt.ok {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:EsAw\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n")
	f.Add("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=candidate:1 1 udp 2 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n")
	f.Add("a=\n=\n\r")
	f.Fuzz(func(t *testing.T, body string) {
		got, err := parseFragment(body)
		switch {
		case err != nil && !errors.As(err, new(clientError)):
			t.Errorf("error for nobody: %v", err)
		case err == nil && got.ufrag != "" && !validCredentials(got.ufrag, got.pwd):
			t.Errorf("%q and %q passed", got.ufrag, got.pwd)
		}
	})
}
