// Package memory reads how much memory a process may still take: what the machine has, and what the control groups around the process
// allow (Linux, cgroups 1 and 2).
package memory

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Room is what is left of one bound, in bytes. What the kernel can give back at once, such as cached files, counts as left.
type Room struct{ Left, Of int64 }

// noLimit is above every limit that somebody set: cgroup 1 writes "none" as a very large number.
const noLimit = 1 << 60

// Left returns the machine's room first, and then that of each control group that bounds this process. What cannot be read is left
// out. root is the root of the file system. It may be called from any goroutine.
func Left(root fs.FS) []Room {
	var rooms []Room
	machine, ok := ofMachine(text(root, "proc/meminfo"))
	if ok {
		rooms = append(rooms, machine)
	}
	for line := range strings.Lines(text(root, "proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		switch {
		case parts[0] == "0" && parts[1] == "":
			rooms = append(rooms, groups(root, "sys/fs/cgroup", parts[2], second)...)
		case parts[1] == "memory":
			rooms = append(rooms, groups(root, "sys/fs/cgroup/memory", parts[2], first)...)
		}
	}
	return rooms
}

// ofMachine is the machine's room by the text of /proc/meminfo. It is not ok where that does not tell.
func ofMachine(meminfo string) (r Room, ok bool) {
	r.Left = -1
	for line := range strings.Lines(meminfo) {
		key, rest, _ := strings.Cut(line, ":")
		var kb int64
		_, err := fmt.Sscanf(rest, "%d kB", &kb)
		if err != nil {
			continue
		}
		switch key {
		case "MemTotal":
			r.Of = kb << 10
		case "MemAvailable":
			r.Left = kb << 10
		}
	}
	return r, r.Of > 0 && r.Left >= 0
}

// names are the files of a version of control groups.
type names struct{ limit, used, cached string }

var (
	first  = names{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	second = names{"memory.max", "memory.current", "inactive_file"}
)

// groups walks from a group up to the mount's root. A container may see its own group as the root, whatever its path is called.
func groups(root fs.FS, mount, group string, n names) (rooms []Room) {
	for at := path.Clean("/" + group); ; at = path.Dir(at) {
		r, ok := groupRoom(root, path.Join(mount, at), n)
		if ok {
			rooms = append(rooms, r)
		}
		if at == "/" {
			return rooms
		}
	}
}

func groupRoom(root fs.FS, folder string, n names) (r Room, ok bool) {
	limit := number(text(root, folder+"/"+n.limit))
	used := number(text(root, folder+"/"+n.used))
	if limit <= 0 || limit >= noLimit || used < 0 {
		return Room{}, false
	}
	for line := range strings.Lines(text(root, folder+"/memory.stat")) {
		key, value, _ := strings.Cut(line, " ")
		if key == n.cached {
			used -= max(number(value), 0)
		}
	}
	return Room{Left: limit - used, Of: limit}, true
}

// number is -1 for what is none, such as "max".
func number(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func text(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return "" // then that bound is not known
	}
	return string(b)
}
