//go:build linux

package machine

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

type setting struct{ name, value string }

// wanted is what hundreds of thousands of connections need of the kernel on one machine.
func wanted() []setting {
	pages := (kilobytes("/proc/meminfo", "MemTotal:") << 10) / int64(os.Getpagesize())
	return []setting{
		{"net.ipv4.tcp_mem", fmt.Sprintf("%d %d %d", pages/4, pages/2, pages*3/4)},
		{"net.core.somaxconn", "65535"},
		{"net.ipv4.tcp_max_syn_backlog", "65535"},
		{"net.ipv4.ip_local_port_range", "10000 65535"},
	}
}

// Commands are what has to be typed to have it.
func Commands() []string {
	var lines []string
	for _, s := range wanted() {
		if now := read(sysctl(s.name)); now != s.value && now != "" {
			lines = append(lines, fmt.Sprintf("sudo sysctl -w %s=%q", s.name, s.value))
		}
	}
	if OpenFiles() < 20000 {
		lines = append(lines, "ulimit -n 20000")
	}
	return lines
}

// Prepare sets what is wanted and tells what it changed, and how to undo it. It needs root.
func Prepare(w io.Writer) error {
	for _, s := range wanted() {
		before := read(sysctl(s.name))
		if before == s.value || before == "" {
			continue // a namespace does not have what is the machine's
		}
		err := os.WriteFile(sysctl(s.name), []byte(s.value), 0)
		if err != nil {
			return fmt.Errorf("set %s (as root, or type: %s): %w", s.name, strings.Join(Commands(), "; "), err)
		}
		fmt.Fprintf(w, "set %s to %q; to undo: sysctl -w %s=%q\n", s.name, s.value, s.name, before)
	}
	return nil
}

func sysctl(name string) string {
	return filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
}
