package whip

import "testing"

func TestParseTarget(t *testing.T) {
	tests := []struct {
		name, link, token string
		want              Target
		ok                bool
	}{
		{"a desk's link", "http://localhost:8081/desk/harbour-k3f9#e1.abc", "", Target{"http://localhost:8081/r/harbour-k3f9/whip", "e1.abc"}, true},
		{"copied with spaces", " https://stage.test/desk/harbour-k3f9#e1.abc\n", "", Target{"https://stage.test/r/harbour-k3f9/whip", "e1.abc"}, true},
		{"a WHIP address and a token", "https://stage.test/r/x/whip?a=b", "e1.abc", Target{"https://stage.test/r/x/whip?a=b", "e1.abc"}, true},
		{"a WHIP address with its token", "https://stage.test/r/x/whip#e1.abc", "", Target{"https://stage.test/r/x/whip", "e1.abc"}, true},
		{"a stranger's WHIP address", "https://other.test/publish", "", Target{"https://other.test/publish", ""}, true},
		{"the token given apart wins", "http://h/desk/x#old", "new", Target{"http://h/r/x/whip", "new"}, true},
		{"a desk's link without its token", "http://h/desk/harbour-k3f9", "", Target{}, false},
		{"a desk's link without its room", "http://h/desk/#e1.abc", "", Target{}, false},
		{"a token with a line break", "http://h/r/x/whip", "a\r\nb", Target{}, false},
		{"another scheme", "file:///etc/passwd", "", Target{}, false},
		{"no host", "http:///r/x/whip", "", Target{}, false},
		{"no link", "%zz", "", Target{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseTarget(tt.link, tt.token)
			if got != tt.want || (err == nil) != tt.ok {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func FuzzParseTarget(f *testing.F) {
	f.Add("http://localhost:8081/desk/harbour-k3f9#e1.abc", "")
	f.Add("https://stage.test/r/x/whip?a=b", "e1.abc")
	f.Fuzz(func(t *testing.T, link, token string) {
		got, err := ParseTarget(link, token)
		if err != nil {
			return
		}
		again, err := ParseTarget(got.URL, got.Token)
		if err != nil || again != got {
			t.Errorf("%+v becomes %+v, %v", got, again, err)
		}
	})
}
