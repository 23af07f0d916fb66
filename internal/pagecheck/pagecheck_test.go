package pagecheck

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

var chromium = browsertest.Share(browsertest.Still)

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	os.Exit(code)
}

// recorder keeps what is reported of a page.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

// show opens a page of this body, which is well but for what the body does.
func show(t *testing.T, body string) (*browsertest.Tab, *recorder) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="fr"><head><title>%sPage%s</title><style>:focus-visible { outline: 2px solid red }</style></head>
			<body><main><h1>%[1]sPage%[2]s</h1>%[3]s</main></body></html>`, opening, closing, body)
	}))
	t.Cleanup(s.Close)
	r := &recorder{TB: t}
	return browsertest.Open(r, chromium.New(t), s.URL, Watch, Speaks("fr")), r
}

// What is wrong with a page is found, and nothing with one that is well.
func TestFaultsAreFound(t *testing.T) {
	const well = `<button aria-label="⟦Un bouton⟧">⟦Un bouton⟧</button> <details><summary>⟦Plus⟧</summary><a href="/ailleurs">⟦Ailleurs⟧</a></details>`
	for name, tt := range map[string]struct{ body, want string }{
		"all is well":      {well, ""},
		"violation":        {`<button></button>`, "button-name"},
		"only a mouse":     {`<div id=div>⟦Ici⟧</div><button>⟦Un bouton⟧</button><script>document.getElementById("div").addEventListener("click", () => {})</script>`, "only a mouse"},
		"not reached":      {`<button>⟦Un⟧</button><button id=two>⟦Deux⟧</button><script>document.addEventListener("focusin", (e) => e.target.id === "two" && e.target.blur())</script>`, "Tab does not lead to"},
		"focus not seen":   {`<button style="outline: none">⟦Un bouton⟧</button>`, "the focus is not to be seen"},
		"a key swallowed":  {`<button>⟦Un bouton⟧</button><script>addEventListener("keydown", (e) => e.key === " " && e.preventDefault(), true); addEventListener("keyup", (e) => e.key === " " && e.preventDefault(), true)</script>`, "keys that should press"},
		"trap":             {`<button>⟦Un⟧</button><button id=two>⟦Deux⟧</button><button id=three>⟦Trois⟧</button><script>document.getElementById("three").addEventListener("keydown", (e) => e.key === "Tab" && (e.preventDefault(), document.getElementById("two").focus()))</script>`, "trapped"},
		"a foreign word":   {`<p>⟦Bonjour⟧ and welcome</p><button>⟦Un⟧</button>`, "and welcome"},
		"a foreign label":  {`<button title="Press me">⟦Un⟧</button>`, "title of"},
		"a known name":     {`<p>⟦Bonjour⟧ Ada</p><button>⟦Un⟧</button>`, ""},
		"another language": {`<p lang="en">Welcome</p><button>⟦Un⟧</button>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, r := show(t, tt.body)
			Translated(p, "page", "Ada")
			Walk(p, "page")
			Open(p)
			Audit(p, "page", Looks[0])
			said := strings.Join(r.said, "\n")
			if tt.want == "" && said != "" || !strings.Contains(said, tt.want) {
				t.Errorf("reported %q, want %q", said, tt.want)
			}
		})
	}
}

// All tables of the pages have the form that marks need.
func TestTablesCanBeMarked(t *testing.T) {
	all, err := tables()
	if err != nil || len(all) == 0 {
		t.Fatalf("%d tables (%v)", len(all), err)
	}
	for _, one := range all {
		text, err := one.marked()
		if err != nil || !strings.Contains(text, "pagecheckMark({") {
			t.Errorf("%s: %v", one.file, err)
		}
	}
}
