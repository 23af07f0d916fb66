// Command build bundles the pages: every folder of web that holds a page.html becomes one file in web/dist with its style
// and its script inside, so that a page is one response and running needs no Node.
//
//	go generate ./web             bundle
//	go run ./web/build listen     bundle this page only
//	go run ./web/build -check     exit 1 when a committed bundle is not what the sources give
//
// A folder with script.ts and no page.html becomes one script, web/dist/<folder>.js, which a page loads later; with module.ts one that a page imports.
//
// A page's sources are page.html, style.css and main.ts or main.tsx. Types are not checked here: `npm --prefix web run check`
// does that. Imports from node_modules need `npm --prefix web ci` once.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "write nothing; exit 1 when a committed bundle is stale")
	flag.Parse()
	err := run(*check, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

// run bundles the named pages, or all of them.
func run(check bool, names []string) error {
	web, err := webFolder()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		names, err = pages(web)
		if err != nil {
			return err
		}
	}
	var stale []string
	for _, name := range names {
		dir, file, made := filepath.Join(web, name), filepath.Join(web, "dist", name+".html"), bundle
		if _, err := os.Stat(filepath.Join(dir, "page.html")); errors.Is(err, os.ErrNotExist) {
			file, made = filepath.Join(web, "dist", name+".js"), script
		}
		text, err := made(dir)
		if err != nil {
			return fmt.Errorf("bundle %s: %w", name, err)
		}
		if !check {
			err = os.WriteFile(file, text, 0o644)
			if err != nil {
				return fmt.Errorf("write the bundle: %w", err)
			}
			continue
		}
		committed, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("read the bundle: %w", err)
		}
		if !bytes.Equal(committed, text) {
			stale = append(stale, file)
		}
	}
	if len(stale) > 0 {
		return fmt.Errorf("stale: %s; run `go generate ./web` and commit the result", strings.Join(stale, ", "))
	}
	return nil
}

// webFolder finds the web folder of the module, wherever in the module the command is started.
func webFolder() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "web"), nil
}

// pages lists the folders of web that hold a page or a script.
func pages(web string) ([]string, error) {
	var names []string
	for _, mark := range []string{"page.html", "script.ts", "module.ts"} {
		found, err := filepath.Glob(filepath.Join(web, "*", mark))
		if err != nil {
			return nil, fmt.Errorf("list the pages: %w", err)
		}
		for _, f := range found {
			names = append(names, filepath.Base(filepath.Dir(f)))
		}
	}
	return names, nil
}
