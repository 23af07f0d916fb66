package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Where a page.html wants its style and its script.
var (
	stylePlace  = []byte("<!-- style -->")
	scriptPlace = []byte("<!-- script -->")
)

// bundle makes one HTML file of the page in dir.
func bundle(dir string) ([]byte, error) {
	html, err := os.ReadFile(filepath.Join(dir, "page.html"))
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	main := filepath.Join(dir, "main.ts")
	if _, err := os.Stat(main); errors.Is(err, os.ErrNotExist) {
		main += "x"
	}
	style, err := esbuild(filepath.Join(dir, "style.css"))
	if err != nil {
		return nil, err
	}
	script, err := esbuild(main)
	if err != nil {
		return nil, err
	}
	if bytes.Count(html, stylePlace) != 1 || bytes.Count(html, scriptPlace) != 1 {
		return nil, fmt.Errorf("page.html needs %s and %s once each", stylePlace, scriptPlace)
	}
	html = squeeze(html)
	html = bytes.Replace(html, stylePlace, inline("style", style), 1)
	html = bytes.Replace(html, scriptPlace, inline("script", script), 1)
	return append(html, '\n'), nil
}

// script makes one file of a folder that has a script, or a module, and no page. Styles that it imports are texts in it.
func script(dir string) ([]byte, error) {
	entry := filepath.Join(dir, "script.ts")
	if _, err := os.Stat(entry); errors.Is(err, os.ErrNotExist) {
		entry = filepath.Join(dir, "module.ts")
	}
	text, err := esbuild(entry)
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// listenNames are members that only the listener's page itself knows, neither a browser nor a server: they may have any name, and a short one
// leaves room for more in the page's first flight.
const listenNames = "^(seated|begun|changed|places|behind|anew|finished|refused|hourly|flows|wedges|settled|broken|chance|grown|unreached|armed|untitled|retryAt|orchestra|sizes|waits|kept|hear|still|loudness|level|leave|kind|until|radius|store|render|phase|plain|audio|nobody|others|attempt|learn|bark|arrived|due|far|fail|forget|draw|speak|line|show|rows|restore|speaking|nowhere|unmute|elsewhere|minutes|seconds|retry|cancel|resume|again|free)$"

// sharesNames are the modules that listen/main.ts gives objects of its own, whose members have the names that they have there.
var sharesNames = []string{"plain", "moved", "whep"}

// esbuild bundles and minifies one entry point.
func esbuild(entry string) ([]byte, error) {
	options := optionsOf(entry)
	folder := filepath.Base(filepath.Dir(entry))
	if slices.Contains(sharesNames, folder) {
		listen := optionsOf(filepath.Join(filepath.Dir(filepath.Dir(entry)), "listen", "main.ts"))
		names, err := build(listen)
		if err != nil {
			return nil, err
		}
		options.MangleProps, options.MangleCache = listenNames, names.MangleCache
	}
	result, err := build(options)
	if err != nil {
		return nil, err
	}
	return bytes.TrimSpace(result.OutputFiles[0].Contents), nil
}

func optionsOf(entry string) api.BuildOptions {
	options := api.BuildOptions{
		EntryPoints:       []string{entry},
		Bundle:            true,
		Format:            api.FormatIIFE,
		Target:            api.ES2022,
		Charset:           api.CharsetUTF8,
		LegalComments:     api.LegalCommentsNone,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		JSX:               api.JSXAutomatic,
		JSXImportSource:   "preact",
		LogLevel:          api.LogLevelSilent,
		TsconfigRaw:       `{"compilerOptions":{"strict":true,"useDefineForClassFields":false,"jsx":"react-jsx","jsxImportSource":"preact"}}`,
	}
	if filepath.Base(filepath.Dir(entry)) == "listen" {
		options.MangleProps = listenNames
		options.MangleCache = map[string]any{} // to be told them
	}
	switch filepath.Base(entry) {
	case "module.ts":
		options.Format = api.FormatESModule
		fallthrough
	case "script.ts", "main.ts":
		options.Loader = map[string]api.Loader{".css": api.LoaderText}
	}
	return options
}

func build(options api.BuildOptions) (api.BuildResult, error) {
	result := api.Build(options)
	if len(result.Errors) > 0 {
		messages := api.FormatMessages(result.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage})
		return result, errors.New(strings.TrimSpace(strings.Join(messages, "")))
	}
	return result, nil
}

func inline(element string, text []byte) []byte {
	return fmt.Appendf(nil, "<%s>%s</%s>", element, text, element)
}

var indentation = regexp.MustCompile(`\n\s*`)

// squeeze joins the lines of a page. A line break there is layout of the source: where a space is wanted, it stands in the line.
func squeeze(html []byte) []byte {
	return indentation.ReplaceAll(bytes.TrimSpace(html), nil)
}
