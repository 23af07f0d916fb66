package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The listener's page needs nothing from node_modules, so whoever has Go can tell whether it is fresh.
func TestListenIsFresh(t *testing.T) {
	for file, make := range map[string]func() ([]byte, error){
		"listen.html":  func() ([]byte, error) { return bundle("../listen") },
		"before.js":    func() ([]byte, error) { return script("../before") },
		"gate.js":      func() ([]byte, error) { return script("../gate") },
		"foyer.html":   func() ([]byte, error) { return bundle("../foyer") },
		"more.js":      func() ([]byte, error) { return script("../more") },
		"moved.js":     func() ([]byte, error) { return script("../moved") },
		"whep.js":      func() ([]byte, error) { return script("../whep") },
		"embed.js":     func() ([]byte, error) { return script("../embed") },
		"elsewhere.js": func() ([]byte, error) { return script("../elsewhere") },
		"plain.js":     func() ([]byte, error) { return script("../plain") },
		"pull.js":      func() ([]byte, error) { return script("../pull") },
	} {
		made, err := make()
		if err != nil {
			t.Fatal(err)
		}
		committed, err := os.ReadFile(filepath.Join("../dist", file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(made, committed) {
			t.Errorf("web/dist/%s is not what its sources give: run `go generate ./web`", file)
		}
	}
}

func TestBundle(t *testing.T) {
	const page = "<!doctype html>\n<head>\n  <!-- style -->\n</head>\n<body>a\n  <!-- script -->\n</body>"
	tests := []struct {
		name  string
		files map[string]string
		want  string
		err   string
	}{
		{
			"joins page, style and script",
			map[string]string{"page.html": page, "style.css": "a { color: red }", "main.ts": "document.title = \"</script>\" as string", "note": ""},
			"<!doctype html><head><style>a{color:red}</style></head><body>a<script>\"use strict\";(()=>{document.title=\"<\\/script>\";})();</script></body>\n", "",
		},
		{
			"takes main.tsx",
			map[string]string{"page.html": page, "style.css": "", "main.tsx": "alert(1)"},
			"<!doctype html><head><style></style></head><body>a<script>\"use strict\";(()=>{alert(1);})();</script></body>\n", "",
		},
		{"says what is wrong in a script", map[string]string{"page.html": page, "style.css": "", "main.ts": "let ="}, "", "main.ts:1:"},
		{"misses the place of the style", map[string]string{"page.html": "<!-- script -->", "style.css": "", "main.ts": ""}, "", "page.html needs"},
		{"misses the page", map[string]string{"style.css": "", "main.ts": ""}, "", "read the page"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
				if err != nil {
					t.Fatal(err)
				}
			}
			html, err := bundle(dir)
			switch {
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want one with %q", err, tt.err)
			case tt.err == "" && err != nil:
				t.Error(err)
			case tt.err == "" && string(html) != tt.want:
				t.Errorf("got  %s\nwant %s", html, tt.want)
			}
		})
	}
}
