//go:build linux

package edge

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/problem"
)

// description is what the tests need of docs/openapi.json.
type description struct {
	Paths map[string]struct {
		Get struct {
			Parameters []struct {
				Ref string `json:"$ref"`
			}
			Responses map[string]json.RawMessage
		}
	}
	Components struct {
		Schemas map[string]struct{ Properties map[string]json.RawMessage }
	}
}

func readDescription(t *testing.T) (d description) {
	t.Helper()
	raw, err := os.ReadFile("../docs/openapi.json")
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// asked are the names that parseQuery asks its query for, by its source.
func asked(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "handler.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Name.Name != "parseQuery" {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			selector, _ := call.Fun.(*ast.SelectorExpr)
			name, _ := call.Args[0].(*ast.BasicLit)
			if selector == nil || name == nil || name.Kind != token.STRING {
				return true
			}
			if of, ok := selector.X.(*ast.Ident); ok && of.Name == "query" {
				text, err := strconv.Unquote(name.Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, text)
			}
			return true
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// What can be asked of a live stream, and each status that it is refused with, is described for programs.
func TestLiveStreamsAreDescribed(t *testing.T) {
	d := readDescription(t)
	known := asked(t)
	if len(known) < 4 {
		t.Fatalf("parseQuery asks for %q only", known)
	}
	streams := 0
	for p, of := range d.Paths {
		if !strings.HasPrefix(path.Base(p), "live.") || path.Ext(p) == ".m3u8" {
			continue
		}
		streams++
		var described []string
		for _, parameter := range of.Get.Parameters {
			if name := path.Base(parameter.Ref); name != "room" && name != "channel" && name != "icy" {
				described = append(described, name)
			}
		}
		slices.Sort(described)
		if !slices.Equal(described, known) {
			t.Errorf("%s: %q are described, %q are read", p, described, known)
		}
		for _, code := range refusals {
			status := strconv.Itoa(problem.New(code, "").Status)
			if !strings.Contains(string(of.Get.Responses[status]), string(code)) {
				t.Errorf("%s: %s is not described with %s", p, code, status)
			}
		}
	}
	if streams != 6 {
		t.Errorf("%d live streams are described", streams)
	}
}

func TestSecondsAreDescribed(t *testing.T) {
	var members []string
	for f := range reflect.TypeFor[Second]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		members = append(members, name)
	}
	slices.Sort(members)
	described := slices.Sorted(maps.Keys(readDescription(t).Components.Schemas["EdgeSecond"].Properties))
	if !slices.Equal(members, described) {
		t.Errorf("%q are described, %q are told", described, members)
	}
}
