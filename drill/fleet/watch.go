//go:build linux

package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// clockTick is the unit of CPU time in /proc: USER_HZ, which is 100 on Linux.
const clockTick = 10 * time.Millisecond

// Watch notes what processes use, second by second, until ctx is done, and says which could not be read. A process that ends is known until
// then.
func Watch(ctx context.Context, all []Process) (servers []result.Server, notes []string) {
	servers = make([]result.Server, len(all))
	before := make([]reading, len(all))
	missed := make([]int, len(all))
	for i, p := range all {
		servers[i] = p.said
	}
	readAll(ctx, all, before)
	now := make([]reading, len(all))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			for i, n := range missed {
				if n > 0 {
					notes = append(notes,
						fmt.Sprintf("what the process at %s used was not read in %d seconds: it is in those behind them", all[i].private, n))
				}
			}
			return servers, notes
		case at := <-tick.C:
			readAll(ctx, all, now)
			for i := range all {
				switch {
				case now[i].err == nil && before[i].err == nil: // all of one moment: sums of a second are of all of them
					servers[i].Seconds = append(servers[i].Seconds, result.Usage{
						At: at.Unix(), CPU: max(now[i].cpu-before[i].cpu, 0).Microseconds(), RSS: now[i].resident,
					})
				case all[i].pid == 0 && ctx.Err() == nil:
					missed[i]++
				}
				if now[i].err == nil {
					before[i] = now[i]
				}
			}
		}
	}
}

// reading is what a process had used at a moment, and held.
type reading struct {
	cpu      time.Duration
	resident int64
	err      error
}

// readAll reads what all have used, those elsewhere at the same time.
func readAll(ctx context.Context, all []Process, into []reading) {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	var asking sync.WaitGroup
	for i := range all {
		read := func() { into[i].cpu, into[i].resident, into[i].err = all[i].usage(ctx) }
		if all[i].pid > 0 {
			read()
		} else {
			asking.Go(read)
		}
	}
	asking.Wait()
}

// Identify says which build and configuration a process of this machine is, seen from outside: what the Go toolchain wrote into its
// program, and a fingerprint of its command line, of the files that stand in it and are as they were when it began, and of its settings in
// the environment.
func Identify(pid int) (b result.Build, config string) {
	b.Program = processName(pid)
	info, err := buildinfo.ReadFile(fmt.Sprintf("/proc/%d/exe", pid))
	if err == nil {
		b.Version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
	}
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return b, ""
	}
	var settings []string
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err == nil { // it is readable for the process's own user
		for setting := range strings.SplitSeq(string(environment), "\x00") {
			if strings.HasPrefix(setting, "EPIDAURUS_") {
				settings = append(settings, setting)
			}
		}
	}
	slices.Sort(settings)
	sum := sha256.New()
	fmt.Fprintf(sum, "%s%s", command, strings.Join(settings, "\x00"))
	began, err := beginning(pid)
	if err == nil {
		for _, word := range slices.Concat(strings.Split(string(command), "\x00"), settings) {
			hashFile(sum, pid, word, began)
		}
	}
	return b, hex.EncodeToString(sum.Sum(nil)[:8])
}

// hashFile adds the text of a file that a process was told of by a word such as "file", "--config=file" or "EPIDAURUS_CONFIG=file". One
// that was written since the process began, such as a log, is not what it began with.
func hashFile(sum hash.Hash, pid int, word string, began time.Time) {
	const most = 1 << 20 // nobody configures by more
	_, name, named := strings.Cut(word, "=")
	if !named {
		name = word
	}
	if name == "" {
		return
	}
	if !filepath.IsAbs(name) {
		name = fmt.Sprintf("/proc/%d/cwd/%s", pid, name)
	}
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most || info.ModTime().After(began) {
		return
	}
	text, err := os.ReadFile(name)
	if err == nil { // what we may not read does not count
		fmt.Fprintf(sum, "\x00%d\x00%s", len(text), text)
	}
}

// beginning is when a process began, to some hundredths of a second.
func beginning(pid int) (time.Time, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return time.Time{}, err
	}
	up, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return time.Time{}, err
	}
	const state, start = 3, 22
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var seconds float64
	_, err = fmt.Sscan(string(up), &seconds)
	if err != nil || len(fields) <= start-state {
		return time.Time{}, errors.New("/proc does not say when a process began")
	}
	ticks, err := strconv.ParseInt(fields[start-state], 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	age := time.Duration(seconds*float64(time.Second)) - time.Duration(ticks)*clockTick
	return time.Now().Add(-age), nil
}

// Alive says which of these is no process of this machine that can be watched.
func Alive(pids []int) error {
	var err error
	for _, pid := range pids {
		_, _, gone := usage(pid)
		if gone != nil {
			err = errors.Join(err, fmt.Errorf("watch: there is no process %d on this machine", pid))
		}
	}
	return err
}

func processName(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// usage reads what a process has used, and holds.
func usage(pid int) (cpu time.Duration, resident int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	return parseStat(text)
}

// parseStat reads /proc/<pid>/stat (proc_pid_stat(5)). The second field is a name, which may hold anything.
func parseStat(text []byte) (cpu time.Duration, resident int64, err error) {
	end := bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	const state, user, system, rss = 3, 14, 15, 24
	if len(fields) <= rss-state {
		return 0, 0, errors.New("/proc/<pid>/stat cannot be read")
	}
	u, err1 := strconv.ParseInt(fields[user-state], 10, 64)
	s, err2 := strconv.ParseInt(fields[system-state], 10, 64)
	pages, err3 := strconv.ParseInt(fields[rss-state], 10, 64)
	err = errors.Join(err1, err2, err3)
	if err != nil {
		return 0, 0, fmt.Errorf("/proc/<pid>/stat: %w", err)
	}
	return time.Duration(u+s) * clockTick, pages * int64(os.Getpagesize()), nil
}

// Behind returns the process that listens at the port of a URL, such as a server's private one, at one of these addresses of this machine.
func Behind(address string, here []netip.Addr) (pid int, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return 0, fmt.Errorf("private: %w", err)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("private: %q names no port: say one such as http://127.0.0.1:8082", address)
	}
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err == nil { // without IPv6 there is no second one
			listening(text, here, uint16(port), inodes)
		}
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0, err
	}
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(to, "socket:[") || !inodes[strings.Trim(to[len("socket:"):], "[]")] {
			continue
		}
		return strconv.Atoi(strings.Split(link, "/")[2])
	}
	return 0, fmt.Errorf("private: no process that we may see listens at %s of this machine", u.Host)
}

// listening adds the inodes of the sockets in /proc/net/tcp that listen at a port of these addresses, or of all.
func listening(text []byte, here []netip.Addr, port uint16, inodes map[string]bool) {
	const local, state, inode, listen = 1, 3, 9, "0A"
	want := strings.ToUpper(hex.EncodeToString([]byte{byte(port >> 8), byte(port)}))
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) <= inode || fields[state] != listen {
			continue
		}
		host, at, _ := strings.Cut(fields[local], ":")
		addr, ok := kernelAddress(host)
		if ok && at == want && (addr.IsUnspecified() || slices.Contains(here, addr)) {
			inodes[fields[inode]] = true
		}
	}
}

// kernelAddress reads an address as it stands in /proc/net/tcp: words of four bytes, each in the processor's order.
func kernelAddress(text string) (netip.Addr, bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b)%4 != 0 {
		return netip.Addr{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	addr, ok := netip.AddrFromSlice(b)
	return addr.Unmap(), ok
}
