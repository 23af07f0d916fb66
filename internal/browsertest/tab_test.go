package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var shared = Share()

func TestMain(m *testing.M) {
	code := m.Run()
	shared.Close()
	os.Exit(code)
}

// page answers with a page of this body, and its cookies.
func page(t *testing.T, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<!doctype html><title>page</title><p id=cookies>%s</p>%s", r.Header.Get("Cookie"), body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestTab(t *testing.T) {
	// The button moves and comes alive late, and leads to another page.
	address := page(t, `<input data-testid=name value=before>
		<button data-testid=go disabled style="position:relative" onclick="location.hash || location.replace('?' + document.querySelector('input').value)">go</button>
		<script>
			const button = document.querySelector("button");
			let place = 0;
			const timer = setInterval(() => {
				button.style.left = ++place + "px";
				if (place === 15) button.disabled = false;
				if (place === 30) clearInterval(timer);
			}, 10);
		</script>`)
	p := Open(t, shared.New(t), address, "window.early = 7")
	p.Write("name", "after")
	p.Press("go")
	p.Until(`location.search === "?after" && await Promise.resolve(true)`, Body)
	if got := Eval[int](p, "Promise.resolve(early)"); got != 7 {
		t.Errorf("the script before the page's own left %d", got)
	}
}

// Tests that share a browser share neither cookies nor storage.
func TestSharedProfiles(t *testing.T) {
	address := page(t, "")
	first := Open(t, shared.New(t), address)
	first.Do(chromedp.Evaluate[chromedp.Void](`document.cookie = "who=first"; localStorage.who = "first"`), chromedp.Reload())
	first.Until(`document.getElementById("cookies").textContent === "who=first"`, Body)
	second := Open(t, shared.New(t), address)
	if got := Eval[string](second, `document.getElementById("cookies").textContent + (localStorage.who ?? "")`); got != "" {
		t.Errorf("another test's profile has %q", got)
	}
}

const lastWords = "console: error: the end"

// recorder keeps what a tab reports to its test, up to the last words.
type recorder struct {
	testing.TB
	said  []string
	ended chan struct{}
}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
	if r.said[len(r.said)-1] == lastWords {
		close(r.ended)
	}
}

func TestConsoleFails(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"exception", "<script>throw new Error('thrown')</script>", "thrown"},
		{"rejection", "<script>Promise.reject(new Error('rejected'))</script>", "rejected"},
		{"console.error", "<script>console.error('written')</script>", "written"},
		{"policy", `<meta http-equiv=Content-Security-Policy content="img-src 'none'"><img src=/x>`, "Content Security Policy"},
		{"warning", "<script>console.warn('warned')</script>", ""},
		{"refused load", "<script src=http://127.0.0.1:1/x></script>", ""},
	}
	browser := shared.New(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := recorder{TB: t, ended: make(chan struct{})}
			p := Open(&r, browser, page(t, tt.body))
			p.Until(`document.readyState === "complete"`, Body)
			Eval[bool](p, `console.error("the end"), true`) // the console keeps the order
			select {
			case <-r.ended:
			case <-time.After(Patience):
				t.Fatal("the console has not been read")
			}
			got := strings.Join(r.said, "\n")
			if !strings.Contains(got, tt.want) || tt.want == "" && got != lastWords {
				t.Errorf("reported %q, want %q", got, tt.want)
			}
		})
	}
}
