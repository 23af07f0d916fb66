// Package report shows what a drill found: as one HTML page that asks nobody for anything, and as text for a terminal.
package report

import (
	_ "embed"
	"html/template"
	"io"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText string

// The page's own style is the only thing that is not escaped. A result is from outside, down to the names of processes.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(styleText) },
}).Parse(pageText))

// Write writes the page: complete, with its style and plots, without scripts and without anything to fetch.
func Write(w io.Writer, r result.Result) error { return pageTemplate.Execute(w, newPage(r)) }
