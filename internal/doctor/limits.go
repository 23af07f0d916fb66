package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/internal/memory"
)

const (
	pageBytes = 4096
	cpuShare  = 0.6 // of the cores, at most, for seats: joins need the rest
	lineShare = 0.8
	// cadence of a large audience, for which cores and line are judged.
	cadence = 3840 * time.Millisecond
)

func (e examination) files() (Finding, bool) {
	const name = "open files"
	soft, hard, err := e.Files()
	if err != nil {
		return unseen(name, err), true
	}
	open := int64(math.MaxInt64)
	most, err := e.numbers("proc/sys/fs/nr_open", 1)
	if err == nil {
		open = most[0]
	}
	total, err := e.numbers("proc/sys/fs/file-max", 1)
	limit := int64(min(hard, math.MaxInt64/2))
	f := Finding{Name: name, Found: fmt.Sprintf("soft %s, hard %s", limitText(soft), limitText(hard))}
	if open < math.MaxInt64 {
		f.Found += ", fs.nr_open " + count(open)
		limit = min(limit, open)
	}
	if err == nil && total[0] < limit {
		limit = total[0]
		f.Found += ", fs.file-max " + count(total[0])
	}
	f.Seats = max(int64(edge.SeatsFor(int(min(limit, math.MaxInt32)))), 1)
	f.Means = fmt.Sprintf("%s seats in one process: a seat is a file, and some are for the rest (the server raises the soft limit itself)",
		count(f.Seats))
	need := int64(edge.FilesFor(int(e.want(f.Seats))))
	if f.Seats < 10_000 && e.Listeners == 0 {
		f.Severity = Better
	}
	if need > open {
		f.Fix = append(f.Fix, fmt.Sprintf("sysctl -w fs.nr_open=%d", need))
	}
	f.Fix = append(f.Fix, fmt.Sprintf("systemctl edit epidaurus   # [Service] LimitNOFILE=%d; in a shell: ulimit -Hn %d", need, need))
	return f, true
}

func limitText(n uint64) string {
	if n > math.MaxInt64/2 {
		return "unlimited"
	}
	return count(int64(n))
}

// tcpMemory counts a page of socket buffers for each seat: what a write takes until it is acknowledged, in whole pages.
func (e examination) tcpMemory() (Finding, bool) {
	const name = "tcp_mem"
	pages, err := e.numbers("proc/sys/net/ipv4/tcp_mem", 3)
	if err != nil {
		return unseen(name, err), true
	}
	want := e.want(pages[2])
	return Finding{
		Name: name, Seats: max(pages[2], 1),
		Found: fmt.Sprintf("%d %d %d pages, at most %s of buffers for all sockets", pages[0], pages[1], pages[2],
			size(float64(pages[2])*pageBytes)),
		Means: fmt.Sprintf("%s seats, with a page of sound on the way to each; above it the kernel drops", count(pages[2])),
		Fix:   []string{fmt.Sprintf(`sysctl -w net.ipv4.tcp_mem="%d %d %d"`, want/2, want*3/4, want)},
	}, true
}

// memory goes by what the edge goes by: the machine, and every control group around this process, each with what the edge leaves free of it.
func (e examination) memory() (Finding, bool) {
	const name = "memory"
	rooms := memory.Left(e.FS)
	if len(rooms) == 0 {
		return unseen(name, errors.New("proc/meminfo names no MemTotal and MemAvailable")), true
	}
	usable := func(r memory.Room) int64 { return r.Left - edge.MemoryMargin(r.Of) }
	tightest, machine := rooms[0], true
	for _, r := range rooms[1:] {
		if usable(r) < usable(tightest) {
			tightest, machine = r, false
		}
	}
	f := Finding{Name: name, Found: fmt.Sprintf("%s, %s of it available", size(float64(rooms[0].Of)), size(float64(max(rooms[0].Left, 0))))}
	if !machine {
		f.Found += fmt.Sprintf("; the control group allows %s, %s of it left", size(float64(tightest.Of)), size(float64(max(tightest.Left, 0))))
	}
	seat := e.model(cadence).memory
	f.Seats = max(int64(float64(usable(tightest))/seat), 1)
	f.Means = fmt.Sprintf("%s seats of %s each, the kernel's part included%s; with less than %s left the server gives no more",
		count(f.Seats), size(seat), e.tlsText(), size(float64(edge.MemoryMargin(tightest.Of))))
	need := int64(float64(e.want(f.Seats))*seat) + tightest.Of - tightest.Left // and what others have of it
	need += edge.MemoryMargin(need)
	f.Fix = []string{fmt.Sprintf("a machine with %s, or several: epidaurus plan --listeners %d", size(float64(need)), e.want(f.Seats))}
	if !machine {
		f.Fix = append(f.Fix, fmt.Sprintf("systemctl edit epidaurus   # [Service] MemoryMax=%dM, or what else bounds the group", need>>20+1))
	}
	return f, true
}

func (e examination) tlsText() string {
	if e.tls() {
		return ", with TLS"
	}
	return ", without TLS"
}

func (e examination) cores() (Finding, bool) {
	seat := e.model(cadence).cpu
	slow := e.model(15360 * time.Millisecond).cpu
	f := Finding{Name: "cores", Found: fmt.Sprintf("%d that this process may use", e.Cores)}
	f.Seats = max(int64(float64(e.Cores)*cpuShare/seat), 1)
	f.Means = fmt.Sprintf("%s seats at a cadence of %v, %s at 15.36 s, with %.0f %% of the cores%s (modelled from bare loops)",
		count(f.Seats), cadence, count(int64(float64(e.Cores)*cpuShare/slow)), 100*cpuShare, e.tlsText())
	f.Fix = []string{fmt.Sprintf("more cores, or more machines: epidaurus plan --listeners %d", e.want(f.Seats))}
	return f, true
}

func (e examination) line() (Finding, bool) {
	f := Finding{Name: "line"}
	bits := e.Line
	if bits > 0 {
		f.Found = fmt.Sprintf("%s, as told", rate(bits))
	} else {
		name, speed := e.interfaces()
		if speed == 0 {
			f.Found, f.Severity = "no interface tells its speed", Better
			f.Means = "not known: say it, here and to the server"
			f.Fix = []string{"epidaurus doctor --line 10Gbit"}
			return f, true
		}
		bits = speed
		f.Found = fmt.Sprintf("%s: %s; what lies behind it may be slower", name, rate(bits))
	}
	f.Seats = max(int64(bits*lineShare/e.model(cadence).bits), 1)
	f.Means = fmt.Sprintf("%s seats of 24 kbit/s with %.0f %% of it", count(f.Seats), 100*lineShare)
	f.Fix = []string{fmt.Sprintf("a faster line, or more machines: epidaurus plan --listeners %d", e.want(f.Seats))}
	return f, true
}

// interfaces returns the fastest interface that says how fast it is.
func (e examination) interfaces() (name string, bits float64) {
	all, err := fs.ReadDir(e.FS, "sys/class/net")
	if err != nil {
		return "", 0
	}
	for _, i := range all {
		if i.Name() == "lo" {
			continue
		}
		speed, err := e.numbers("sys/class/net/"+i.Name()+"/speed", 1)
		if err == nil && float64(speed[0])*1e6 > bits {
			name, bits = i.Name(), float64(speed[0])*1e6
		}
	}
	return name, bits
}

func rate(bits float64) string {
	return strings.TrimSuffix(size(bits), "B") + "bit/s"
}
