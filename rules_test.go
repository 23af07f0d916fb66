package epidaurus_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

const module = "github.com/epidaurus-live/epidaurus/"

// components do not know each other: who uses a thing declares the interface he needs, and node connects.
var components = []string{"stage", "mix", "codec", "edge", "bus", "channel", "store", "api", "web", "drill", "tape/disk", "replay", "cast", "poster"}

// rule forbids packages (a name, or a name/... tree) to import others.
type rule struct {
	packages  string // "*" is every package but those in except
	except    []string
	forbidden []string // an import path or a path/... tree; a leading "./" is our own module
	reason    string
}

func rules() []rule {
	pure := []string{"net/...", "os/...", "log/..."}
	table := []rule{
		{"room", nil, append(pure, "./..."), "room is pure, and below everything"},
		{"tape", nil, append(pure, "./..."), "tape is pure, and below everything"},
		{"mix", nil, pure, "mix is pure"},
		{"drill/plan", nil, []string{"net", "net/http/...", "os/...", "log/...", "./..."}, "plans are pure"},
		{"pack/fmp4", nil, pure, "packers are pure"},
		{"pack/ogg", nil, pure, "packers are pure"},
		{"pack/adts", nil, pure, "packers are pure"},
		{"pack/hls", nil, pure, "packers are pure"},
		{"pack/vtt", nil, pure, "packers are pure"},
		{"tape/format", nil, pure, "what a tape consists of is pure"},
		{"poster", nil, pure, "a picture is a function of what is said on it"},
		{"*", []string{"poster"}, []string{"golang.org/x/image/..."}, "pictures are the poster's"},
		{"drill/result", nil, pure, "a drill's result is pure"},
		{"drill/goal", nil, pure, "goals are pure"},
		{"drill/capacity", nil, pure, "capacity is arithmetic"},
		{"*", []string{"stage/..."}, []string{"github.com/pion/..."}, "the stage is the only user of WebRTC"},
		{"*", []string{"codec"}, []string{"github.com/thesyncim/gopus/...", "github.com/hraban/opus/...", "github.com/tphakala/...", "github.com/hajimehoshi/..."}, "codec is the only user of codec libraries"},
		{"*", []string{"bus", "drill/fleet"}, []string{"github.com/nats-io/..."}, "the bus is the only user of NATS, besides the agents of a drill"},
		{"*", []string{"node"}, []string{"github.com/caddyserver/...", "go.uber.org/zap/..."}, "the node is the only one to ask for certificates"},
		{"*", []string{"store"}, []string{"database/sql/...", "modernc.org/...", "github.com/pressly/..."}, "the store is the only user of SQL"},
		{"*", []string{"cast"}, []string{"github.com/minio/..."}, "what is published is written by cast"},
		{"*", []string{"web"}, []string{"rsc.io/qr/..."}, "codes to be photographed are the pages'"},
		{"*", []string{"cmd/epidaurus"}, []string{"github.com/alecthomas/kong"}, "the command line stays in the command"},
		{"*", []string{"node", "internal/...", "cmd/..."}, []string{"./node/..."}, "arrows go down: only commands know nodes"},
		{
			"drill/...", nil,
			[]string{"./stage/...", "./edge/...", "./bus/...", "./node/...", "./channel/...", "./store/...", "./api/..."},
			"the drill speaks the public protocol, as a stranger would",
		},
		{
			"bench/...", nil,
			[]string{"./stage", "./stage/whip", "./bus/...", "./node/...", "./channel/...", "./store/...", "./api/...", "./web/...", "./drill/..."},
			"benches measure the edge, and speak to anything else from outside",
		},
		{
			"stage/whep", nil,
			[]string{"./..."},
			"the WHEP client speaks the public protocol, as a stranger would",
		},
		{
			"stage/whip", nil,
			[]string{"./stage", "./edge/...", "./bus/...", "./node/...", "./channel/...", "./store/...", "./api/..."},
			"the WHIP client speaks the public protocol, as a stranger would",
		},
	}
	for _, c := range components {
		var others []string
		for _, o := range components {
			if o != c {
				others = append(others, "./"+o)
			}
		}
		table = append(table, rule{c, nil, others, "components do not import each other"})
	}
	return table
}

func TestImports(t *testing.T) {
	loaded, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedImports}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded) < 15 {
		t.Fatalf("only %d packages were found", len(loaded))
	}
	for _, p := range loaded {
		name := strings.TrimPrefix(p.PkgPath, module)
		for _, r := range rules() {
			if !r.binds(name) {
				continue
			}
			for imported := range p.Imports {
				if matchesAny(r.forbidden, imported) {
					t.Errorf("%s imports %s: %s", name, imported, r.reason)
				}
			}
		}
	}
}

func (r rule) binds(name string) bool {
	if r.packages == "*" {
		return !slices.ContainsFunc(r.except, func(e string) bool { return matches(e, name) })
	}
	return matches(r.packages, name)
}

func matchesAny(patterns []string, imported string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		own, isOwn := strings.CutPrefix(p, "./")
		if !isOwn {
			return matches(p, imported)
		}
		rest, inModule := strings.CutPrefix(imported, module)
		return inModule && matches(own, rest)
	})
}

// matches reports whether name is the pattern, or in its tree where it ends in "/...". The pattern "..." is everything.
func matches(pattern, name string) bool {
	tree, isTree := strings.CutSuffix(pattern, "...")
	if !isTree {
		return pattern == name
	}
	return name == strings.TrimSuffix(tree, "/") || strings.HasPrefix(name, tree)
}

// Every package has exactly one package comment, so that a newcomer knows where to look for it.
func TestPackageComments(t *testing.T) {
	loaded, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedFiles}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range loaded {
		comments := 0
		for _, file := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil && !strings.HasPrefix(f.Doc.Text(), "Code generated") {
				comments++
			}
		}
		if comments != 1 {
			t.Errorf("%s has %d package comments, not one", p.PkgPath, comments)
		}
	}
}

// docs/GUARANTEES.md names a test for each guarantee, and each of them is there.
func TestGuaranteesAreTested(t *testing.T) {
	text, err := os.ReadFile("docs/GUARANTEES.md")
	if err != nil {
		t.Fatal(err)
	}
	mark := regexp.MustCompile("`[a-z0-9/]+`|\\b(?:Test|Fuzz)[A-Z]\\w+")
	place, named := "", 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		for _, word := range mark.FindAllString(line, -1) {
			if folder, ok := strings.CutPrefix(word, "`"); ok {
				place = strings.TrimSuffix(folder, "`")
				continue
			}
			named++
			if !hasTest(t, place, word) {
				t.Errorf("%s: there is no %s", place, word)
			}
		}
	}
	if named < 30 {
		t.Errorf("only %d tests are named", named)
	}
}

// A guarantee stands in docs/GUARANTEES.md once, and each fuzz target of the tree stands in one of them.
func TestGuaranteesAreSaidOnce(t *testing.T) {
	text, err := os.ReadFile("docs/GUARANTEES.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		words, _, row := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if row && words != "guarantee" && said[words] {
			t.Errorf("it is said twice: %s", words)
		}
		said[words] = true
	}
	target := regexp.MustCompile(`(?m)^func (Fuzz[A-Z]\w*)\(`)
	err = filepath.WalkDir(".", func(name string, d os.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir() && !strings.HasSuffix(name, "_test.go"):
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		code, err := os.ReadFile(name)
		for _, m := range target.FindAllStringSubmatch(string(code), -1) {
			folder := regexp.QuoteMeta("`" + filepath.ToSlash(filepath.Dir(name)) + "`")
			if !regexp.MustCompile(folder + `[^` + "`" + `|]*\b` + m[1] + `\b`).Match(text) {
				t.Errorf("docs/GUARANTEES.md has no %s of %s", m[1], filepath.Dir(name))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// NOTICE names every module that the program links.
func TestNoticeIsWhole(t *testing.T) {
	text, err := os.ReadFile("NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	notice := strings.ToLower(string(text))
	loaded, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedImports | packages.NeedDeps | packages.NeedModule}, "./cmd/epidaurus")
	if err != nil {
		t.Fatal(err)
	}
	families := map[string]string{"github.com/pion/": "pion", "golang.org/x/": "golang.org/x", "github.com/nats-io/nats": "nats server and client", "github.com/prometheus/": "prometheus client", "go.uber.org/zap": "zap"}
	version, seen := regexp.MustCompile(`/v[0-9]+$|\.v[0-9]+$|-go$|\.org$`), map[string]bool{}
	packages.Visit(loaded, nil, func(p *packages.Package) {
		if p.Module == nil || p.Module.Main || seen[p.Module.Path] {
			return
		}
		seen[p.Module.Path] = true
		name := version.ReplaceAllString(version.ReplaceAllString(p.Module.Path, ""), "")
		name = name[strings.LastIndexByte(name, '/')+1:]
		for family, called := range families {
			if strings.HasPrefix(p.Module.Path, family) {
				name = called
			}
		}
		if !strings.Contains(notice, strings.ToLower(name)) {
			t.Errorf("NOTICE has nothing of %s, which is linked (%q was looked for)", p.Module.Path, name)
		}
	})
	if len(seen) < 30 {
		t.Errorf("only %d modules were found", len(seen))
	}
}

func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+name+"(") {
			return true
		}
	}
	return false
}
