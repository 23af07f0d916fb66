package api

import (
	"crypto/tls"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

func secretBody(s room.Secret) string { return `{"secret":` + strconv.Quote(string(s)) + `}` }

func TestClaim(t *testing.T) {
	h := newHouse(t)
	link, late := h.newLink(h.host), h.newLink(h.host)
	w := h.do("POST", "/api/claim", secretBody(link))
	if w.Code != http.StatusNoContent || w.Body.Len() != 0 {
		t.Fatalf("claim = %d %s", w.Code, w.Body)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies = %v", cookies)
	}
	if w := h.do("GET", "/api/me", "", with(cookies[0])); !strings.HasPrefix(w.Body.String(), `{"host":true,`) {
		t.Errorf("me = %s", w.Body)
	}
	refused(t, h.do("POST", "/api/claim", secretBody(link)), http.StatusGone, problem.ClaimUsed)
	refused(t, h.do("POST", "/api/claim", secretBody(link[:31])), http.StatusForbidden, problem.ClaimUnknown)
	refused(t, h.do("POST", "/api/claim", secretBody(link[:31]+"~")), http.StatusForbidden, problem.ClaimUnknown)
	refused(t, h.do("POST", "/api/claim", secretBody("")), http.StatusForbidden, problem.ClaimUnknown)
	h.now = h.now.Add(time.Hour)
	p := refused(t, h.do("POST", "/api/claim", secretBody(late)), http.StatusGone, problem.ClaimUsed)
	if p.Title != "The link has expired" {
		t.Errorf("title = %q", p.Title)
	}
}

func TestCookies(t *testing.T) {
	byTLS := func(r *http.Request) { r.TLS = &tls.ConnectionState{} }
	byProxy := func(r *http.Request) { r.Host = "stage.example" }
	tests := []struct {
		name   string
		as     edit
		public string
		want   string // of the cookie, after its value
	}{
		{"plain", func(*http.Request) {}, "http://localhost:8081", "Path=/api; Max-Age=34560000; HttpOnly; SameSite=Strict"},
		{"TLS", byTLS, "http://localhost:8081", "Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Strict"},
		{"TLS at a proxy", byProxy, "https://stage.example", "Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Strict"},
		{"plain beside a proxy", func(*http.Request) {}, "https://stage.example", "Path=/api; Max-Age=34560000; HttpOnly; SameSite=Strict"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.cfg.StageURL = func(*http.Request) string { return tt.public }
			h.handler = New(h.cfg)
			w := h.do("POST", "/api/claim", secretBody(h.newLink(h.host)), tt.as)
			if w.Code != http.StatusNoContent {
				t.Fatalf("claim = %d %s", w.Code, w.Body)
			}
			c := w.Result().Cookies()[0]
			name := plainCookie
			if c.Secure {
				name = secureCookie
			}
			if got, want := w.Header().Get("Set-Cookie"), name+"="+c.Value+"; "+tt.want; got != want {
				t.Errorf("Set-Cookie: %s\nwant        %s", got, want)
			}
			if !room.Secret(c.Value).Valid() {
				t.Errorf("value = %q", c.Value)
			}
			if w := h.do("GET", "/api/rooms", "", tt.as, with(c)); w.Code != http.StatusOK {
				t.Errorf("with the cookie: %d %s", w.Code, w.Body)
			}
		})
	}
}

// Two browsers that open one link at the same moment do not both become host.
func TestClaimIsExactlyOnce(t *testing.T) {
	h := newHouse(t)
	body := secretBody(h.newLink(h.host))
	codes := make([]int, claimBurst)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Go(func() { codes[i] = h.do("POST", "/api/claim", body).Code })
	}
	wg.Wait()
	in := 0
	for _, code := range codes {
		switch code {
		case http.StatusNoContent:
			in++
		case http.StatusGone:
		default:
			t.Errorf("status = %d", code)
		}
	}
	if in != 1 {
		t.Errorf("%d became host", in)
	}
}

func TestClaimsAreLimited(t *testing.T) {
	h := newHouse(t)
	guess := secretBody("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	for range claimBurst {
		refused(t, h.do("POST", "/api/claim", guess), http.StatusForbidden, problem.ClaimUnknown)
	}
	w := h.do("POST", "/api/claim", guess)
	p := refused(t, w, http.StatusTooManyRequests, problem.TooMany)
	if p.RetryAfterMS != 1000 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("retry after %d ms, %q s", p.RetryAfterMS, w.Header().Get("Retry-After"))
	}
	h.now = h.now.Add(time.Second)
	if w := h.do("POST", "/api/claim", secretBody(h.newLink(h.host))); w.Code != http.StatusNoContent {
		t.Errorf("who waits as told is refused: %d %s", w.Code, w.Body)
	}
}

func TestLimiter(t *testing.T) {
	l := limiter{every: time.Second, burst: 3}
	for i, step := range []struct {
		at, wait time.Duration
	}{
		{0, 0}, {0, 0}, {0, 0}, // the burst
		{0, time.Second},
		{999 * time.Millisecond, time.Millisecond},
		{time.Second, 0},
		{time.Second, time.Second},
		{time.Hour, 0}, {time.Hour, 0}, {time.Hour, 0}, // a rest gives back the burst, not more
		{time.Hour, time.Second},
		{0, time.Second}, // a clock set back by an hour
		{time.Second, 0},
	} {
		if got := l.take(noon.Add(step.at)); got != step.wait {
			t.Errorf("step %d at %v: wait = %v, want %v", i, step.at, got, step.wait)
		}
	}
}
