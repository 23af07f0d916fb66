//go:build linux

// Package machine reads what processes and the machine use, and says what a large bench needs of the kernel.
package machine

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// CPU is the time that processes spent on cores, in seconds.
type CPU struct {
	User   float64 `json:"user_s"`
	System float64 `json:"system_s"`
}

// Total is both together.
func (c CPU) Total() float64 { return c.User + c.System }

// Less is what was spent since o.
func (c CPU) Less(o CPU) CPU { return CPU{c.User - o.User, c.System - o.System} }

// Plus adds.
func (c CPU) Plus(o CPU) CPU { return CPU{c.User + o.User, c.System + o.System} }

// Self is what this process has spent.
func Self() CPU {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &u)
	if err != nil {
		panic(err) // cannot fail with these arguments
	}
	return CPU{float64(u.Utime.Nano()) / 1e9, float64(u.Stime.Nano()) / 1e9}
}

// clockTick is USER_HZ: a constant of the kernel's interface on all machines that Go runs on.
const clockTick = 100

// Of is what another process has spent, to 10 ms.
func Of(pid int) (CPU, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return CPU{}, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return CPU{}, fmt.Errorf("/proc/%d/stat has only %d fields", pid, len(fields))
	}
	user, err := strconv.ParseFloat(fields[11], 64)
	if err != nil {
		return CPU{}, err
	}
	system, err := strconv.ParseFloat(fields[12], 64)
	return CPU{user / clockTick, system / clockTick}, err
}

// RSS is the memory of a process that is present, in bytes; 0 where it cannot be read. Pid 0 is this process.
func RSS(pid int) int64 {
	name := "self"
	if pid != 0 {
		name = strconv.Itoa(pid)
	}
	return kilobytes(filepath.Join("/proc", name, "status"), "VmRSS:") << 10
}

// Available is the machine's memory that is free or can be freed, in bytes.
func Available() int64 { return kilobytes("/proc/meminfo", "MemAvailable:") << 10 }

func kilobytes(path, field string) int64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) > 1 && words[0] == field {
			n, _ := strconv.ParseInt(words[1], 10, 64) // 0 where it cannot be read
			return n
		}
	}
	return 0
}

// OpenFiles is how many files a process may open here.
func OpenFiles() int {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	if err != nil {
		return 1024
	}
	return int(min(limit.Max, 1<<20))
}

// Facts is what a figure is worth nothing without.
type Facts struct {
	CPUs       int    `json:"cpus"`
	Model      string `json:"model"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
	Commit     string `json:"commit"`
	Congestion string `json:"congestion"`
	TCPMem     string `json:"tcp_mem"`
	Network    string `json:"network"`
}

// About describes this machine and build.
func About() Facts {
	return Facts{
		CPUs: runtime.NumCPU(), Model: model(), Kernel: read("/proc/sys/kernel/osrelease"), Go: runtime.Version(), Commit: commit(),
		Congestion: read(sysctl("net.ipv4.tcp_congestion_control")), TCPMem: read(sysctl("net.ipv4.tcp_mem")), Network: "loopback, no NIC",
	}
}

func model() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // the architecture is told where there is none
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func read(path string) string {
	text, _ := os.ReadFile(path) // empty where there is no such thing
	return strings.Join(strings.Fields(string(text)), " ")
}
