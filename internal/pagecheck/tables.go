package pagecheck

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// table is the file of a page's words, by the shape that all of them have: two constants, of which TypeScript says that they have the same keys.
type table struct {
	file string // below web
	text string
}

var (
	english = regexp.MustCompile(`(?m)^const en = \{$`)
	french  = regexp.MustCompile(`(?m)^const fr: \w+ = \{$`)
)

// tables finds the tables of words of all pages.
func tables() (all []table, _ error) {
	files, err := filepath.Glob(filepath.Join(web(), "*", "*.ts"))
	if err != nil {
		return nil, fmt.Errorf("list the sources of the pages: %w", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the sources of the pages: %w", err)
		}
		if !english.Match(text) && !french.Match(text) {
			continue
		}
		rel, err := filepath.Rel(web(), file)
		if err != nil {
			return nil, fmt.Errorf("name a table of words: %w", err)
		}
		all = append(all, table{filepath.ToSlash(rel), string(text)})
	}
	return all, nil
}

// Words are a table as a page sees it: by the path of its keys, such as "state.live", what it says. Of a function it is the source, behind "=>".
type Words struct {
	File   string // below web
	EN, FR map[string]string
	// Sources is all else that the page is made from.
	Sources string
}

// Tables reads the tables of words of all pages, in an empty page.
func Tables(p *browsertest.Tab) (read []Words) {
	p.Helper()
	all, err := tables()
	if err != nil {
		p.Fatal(err)
	}
	for _, t := range all {
		w := Words{File: t.file}
		text := t.text + "\nexport const pagecheckTables = { en, fr };\n"
		built := api.Build(api.BuildOptions{
			Stdin:  &api.StdinOptions{Contents: text, Loader: api.LoaderTS, ResolveDir: filepath.Join(web(), filepath.Dir(t.file))},
			Bundle: true, Format: api.FormatIIFE, GlobalName: "pagecheckModule", Target: api.ES2022, Charset: api.CharsetUTF8, LogLevel: api.LogLevelSilent,
		})
		if len(built.Errors) > 0 {
			p.Fatalf("web/%s: %s", t.file, built.Errors[0].Text)
		}
		flat := browsertest.Eval[map[string]map[string]string](p, string(built.OutputFiles[0].Contents)+flatten)
		w.EN, w.FR = flat["en"], flat["fr"]
		w.Sources, err = t.sources()
		if err != nil {
			p.Fatal(err)
		}
		read = append(read, w)
	}
	return read
}

// flatten is the JavaScript that makes a table flat. An object without members is a member itself.
const flatten = `;
(() => {
	const flat = (v, at, all) => {
		if (typeof v === "function") all[at] = "=> " + v;
		else if (v && typeof v === "object" && Object.getPrototypeOf(v) === Object.prototype) {
			if (Object.keys(v).length === 0) all[at] = "{}";
			for (const [k, e] of Object.entries(v)) flat(e, at ? at + "." + k : k, all);
		} else all[at] = String(v);
		return all;
	};
	return { en: flat(pagecheckModule.pagecheckTables.en, "", {}), fr: flat(pagecheckModule.pagecheckTables.fr, "", {}) };
})()`

// body is what stands in a table.
var body = regexp.MustCompile(`(?ms)^const (?:en|fr: \w+) = \{$.*?^\};$`)

// sources are the texts of all files of the page, without its tables.
func (t table) sources() (string, error) {
	files, err := filepath.Glob(filepath.Join(web(), filepath.Dir(t.file), "*.ts*"))
	if err != nil {
		return "", fmt.Errorf("list the sources of a page: %w", err)
	}
	var all strings.Builder
	for _, file := range files {
		if strings.Contains(file, ".test.") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read the sources of a page: %w", err)
		}
		all.Write(body.ReplaceAll(text, nil))
	}
	return all.String(), nil
}
