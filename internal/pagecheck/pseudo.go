package pagecheck

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// The marks around each word of a page's table.
const (
	opening = "\u27e6"
	closing = "\u27e7"
)

// marked is a table whose French words carry marks. What is no word for people, as the tag of the language, carries none.
func (t table) marked() (string, error) {
	at := french.FindStringIndex(t.text)
	if at == nil {
		return "", fmt.Errorf("web/%s has no French table of the form `const fr: T = {`", t.file)
	}
	end := strings.Index(t.text[at[1]:], "\n};")
	if end < 0 {
		return "", fmt.Errorf("web/%s: its French table does not end in `};` at the beginning of a line", t.file)
	}
	end += at[1]
	return t.text[:at[1]-1] + "pagecheckMark({" + t.text[at[1]:end] + "\n});" + t.text[end+len("\n};"):] + mark, nil
}

// mark marks all words of a table, and what its functions make of them.
const mark = `
function pagecheckMark(v: any, key = ""): any {
	if (typeof v === "string") return key === "lang" || !/\p{L}/u.test(v) ? v : "` + opening + `" + v + "` + closing + `";
	if (typeof v === "function") return (...a: unknown[]) => pagecheckMark(v(...a));
	if (v instanceof Intl.DateTimeFormat) return { format: (d: any) => pagecheckMark(v.format(d)) };
	if (Array.isArray(v)) return v.map((e) => pagecheckMark(e));
	if (v && typeof v === "object") return Object.fromEntries(Object.entries(v).map(([k, e]) => [k, pagecheckMark(e, k)]));
	return v;
}
`

// bundles are the scripts of all pages with marked tables, by the folder in web.
var bundles = sync.OnceValues(func() (map[string][]byte, error) {
	all, err := tables()
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, t := range all {
		text, err := t.marked()
		if err != nil {
			return nil, err
		}
		texts[filepath.Join(web(), filepath.FromSlash(t.file))] = text
	}
	marks := api.Plugin{Name: "marks", Setup: func(b api.PluginBuild) {
		b.OnLoad(api.OnLoadOptions{Filter: `\.ts$`}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			text, ok := texts[a.Path]
			if !ok {
				return api.OnLoadResult{}, nil
			}
			return api.OnLoadResult{Contents: &text, Loader: api.LoaderTS}, nil
		})
	}}
	made := map[string][]byte{}
	formats := map[string]api.Format{"main.ts": api.FormatIIFE, "main.tsx": api.FormatIIFE, "script.ts": api.FormatIIFE, "module.ts": api.FormatESModule}
	for entry, format := range formats {
		found, err := filepath.Glob(filepath.Join(web(), "*", entry))
		if err != nil {
			return nil, fmt.Errorf("list the pages: %w", err)
		}
		for _, file := range found {
			built := api.Build(api.BuildOptions{
				EntryPoints: []string{file}, Bundle: true, Format: format, Target: api.ES2022, Charset: api.CharsetUTF8, Plugins: []api.Plugin{marks},
				JSX: api.JSXAutomatic, JSXImportSource: "preact", Loader: map[string]api.Loader{".css": api.LoaderText}, LogLevel: api.LogLevelSilent,
			})
			if len(built.Errors) > 0 {
				return nil, fmt.Errorf("bundle %s: %s", file, built.Errors[0].Text)
			}
			made[filepath.Base(filepath.Dir(file))] = built.OutputFiles[0].Contents
		}
	}
	return made, nil
})

// Pseudo stands before a server, and gives its pages tables of words with marks, by which what comes from elsewhere is found. All else goes
// through. It returns its address, in the place of the server's.
func Pseudo(t testing.TB, server string) string {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	made, err := bundles()
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := shippedScripts(made)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		FlushInterval: -1,
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: -1},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: target.Scheme, Host: target.Host})
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Accept-Encoding")
			r.Out.Header.Del("If-None-Match")
		},
		ModifyResponse: func(r *http.Response) error { return mend(r, shipped, made) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			panic(http.ErrAbortHandler) // as the server behind it would: a line that breaks
		},
	})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// shippedScripts are the scripts of web/dist by their folder.
func shippedScripts(made map[string][]byte) (map[string][]byte, error) {
	shipped := map[string][]byte{}
	for name := range made {
		page, err := os.ReadFile(filepath.Join(web(), "dist", name+".html"))
		if err != nil {
			continue // a script alone has its own address
		}
		_, rest, _ := bytes.Cut(page, []byte("<script>"))
		text, _, ok := bytes.Cut(rest, []byte("</script>"))
		if !ok {
			return nil, fmt.Errorf("web/dist/%s.html has no script", name)
		}
		shipped[name] = text
	}
	return shipped, nil
}

// mend replaces the script of an answer that is a page, or that is a page's later script.
func mend(r *http.Response, shipped, made map[string][]byte) error {
	kind := r.Header.Get("Content-Type")
	name, isScript := strings.CutSuffix(r.Request.URL.Path[strings.LastIndex(r.Request.URL.Path, "/")+1:], ".js")
	if !strings.HasPrefix(kind, "text/html") && !isScript || r.StatusCode == http.StatusNotModified {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	_ = r.Body.Close()
	if isScript {
		if text, ok := made[name]; ok {
			body = text
		}
	}
	for name, text := range shipped {
		body = bytes.Replace(body, append([]byte("<script>"), text...), append([]byte("<script>"), escape(made[name])...), 1)
	}
	r.Header.Del("Content-Security-Policy") // it names the shipped script
	r.Header.Del("Etag")
	r.Header.Set("Cache-Control", "no-store")
	r.Header.Set("Content-Length", fmt.Sprint(len(body)))
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// escape lets a script stand inside a page.
func escape(script []byte) []byte {
	return bytes.ReplaceAll(script, []byte("</script"), []byte(`<\/script`))
}
