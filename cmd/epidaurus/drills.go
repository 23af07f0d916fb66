package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/drill/capacity"
	"github.com/epidaurus-live/epidaurus/drill/fleet"
	"github.com/epidaurus-live/epidaurus/drill/report"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

// drillFolder is where results are kept: beside what they are about, and where there is no data folder, here.
func drillFolder(data string) string {
	info, err := os.Stat(data)
	if err == nil && info.IsDir() {
		return filepath.Join(data, "drills")
	}
	return "drills"
}

// keepResult writes a result and its page into a folder, named by time and plan, and returns the name of the result.
func keepResult(folder string, r result.Result) (string, error) {
	err := os.MkdirAll(folder, 0o700)
	if err != nil {
		return "", err
	}
	name := r.Started.UTC().Format("20060102T150405Z") + "-" + fileName(r.Name)
	for n := 1; ; n++ {
		base := filepath.Join(folder, name)
		if n > 1 {
			base += "-" + strconv.Itoa(n)
		}
		file, err := os.OpenFile(base+".json", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		err = errors.Join(r.Write(file), file.Close())
		if err == nil {
			err = writeFile(base+".html", func(w io.Writer) error { return report.Write(w, r) })
		}
		return base + ".json", err
	}
}

// fileName makes a name of a file of what somebody called his plan.
func fileName(s string) string {
	const most = 60
	s = strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		}
		return '-'
	}, s)
	s = strings.Trim(s[:min(len(s), most)], "-")
	return or(s, "drill")
}

// present is what results have to be of to say something.
type present struct {
	build   string   // as [result.Build.String]; "" is not known
	configs []string // fingerprints of the one configuration, as it says itself and as it looks from outside; none is not known
}

// presentBuild is the server on a data folder where one runs, with its configuration, and else this program.
func presentBuild(data string) present {
	pid, says := servingFrom(data)
	if pid > 0 {
		build, config := fleet.Identify(pid)
		unknown := func(c string) bool { return c == "" }
		return present{buildOf(build), slices.DeleteFunc([]string{says, config}, unknown)}
	}
	build, _ := fleet.Identify(os.Getpid())
	return present{build: buildOf(build)}
}

// buildOf leaves out how the program's file was called.
func buildOf(b result.Build) string {
	b.Program = ""
	return b.String()
}

// servingFrom is the process that serves from a data folder, and its configuration's fingerprint; 0: none.
func servingFrom(data string) (pid int, config string) {
	file, err := os.Open(filepath.Join(data, "lock"))
	if err != nil {
		return 0, ""
	}
	defer file.Close()
	if unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return 0, "" // closing it unlocks it
	}
	text, err := io.ReadAll(io.LimitReader(file, 256))
	if err != nil {
		return 0, ""
	}
	number, config, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	pid, err = strconv.Atoi(number)
	if err != nil {
		return 0, ""
	}
	return pid, config
}

// expired says why a result says nothing any more, or "".
func (p present) expired(r result.Result) string {
	builds, configs := []string{buildOf(r.Server)}, []string{r.Config}
	for _, s := range r.Servers { // a server may be several processes, and this is one of them
		if s.Build != (result.Build{}) {
			builds = append(builds, buildOf(s.Build))
		}
		configs = append(configs, s.Config)
	}
	other := slices.IndexFunc(builds, func(b string) bool { return b != p.build })
	same := func(c string) bool { return c != "" && slices.Contains(p.configs, c) }
	switch {
	case p.build != "" && other >= 0:
		return "of another build, " + or(builds[other], "which it does not name")
	case len(p.configs) > 0 && !slices.ContainsFunc(configs, same):
		return "of another configuration of the server"
	}
	return ""
}

// newestCosts takes the costs from the newest result of some folders that still holds. Without any they are the baseline's, and skipped
// says what was there instead.
func newestCosts(now present, folders ...string) (costs capacity.Costs, skipped []string, err error) {
	files, err := drillFiles(folders)
	if err != nil {
		return costs, nil, err
	}
	for _, file := range files {
		r, err := readResult(file)
		if err != nil {
			skipped = append(skipped, err.Error())
			continue
		}
		why := now.expired(r)
		if why == "" {
			costs, err = capacity.FromDrill(r, file)
			if err == nil {
				return costs, skipped, nil
			}
			skipped = append(skipped, err.Error())
			continue
		}
		skipped = append(skipped, file+" is "+why+": run the drill again, or name it with --drill")
	}
	return capacity.Baseline(), skipped, nil
}

// drillFiles lists results, the newest first.
func drillFiles(folders []string) ([]string, error) {
	type found struct {
		name string
		at   time.Time
	}
	var all []found
	for _, folder := range folders {
		files, err := os.ReadDir(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for drills: %w", err)
		}
		for _, f := range files {
			info, err := f.Info()
			if err == nil && info.Mode().IsRegular() && filepath.Ext(f.Name()) == ".json" {
				all = append(all, found{filepath.Join(folder, f.Name()), info.ModTime()})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return b.at.Compare(a.at) })
	names := make([]string, 0, len(all))
	for _, f := range all {
		names = append(names, f.name)
	}
	return names, nil
}
