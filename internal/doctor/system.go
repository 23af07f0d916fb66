package doctor

import (
	"errors"
	"fmt"
	"io/fs"
)

const (
	goodBacklog = 4096
	certDays    = 21
	leastDisk   = 1 << 30
	goodDisk    = 10 << 30
)

// conntrack is a table of the firewall; a connection that finds no place in it is dropped without a word.
func (e examination) conntrack() (Finding, bool) {
	const name, file = "conntrack", "proc/sys/net/netfilter/nf_conntrack_max"
	most, err := e.numbers(file, 1)
	if errors.Is(err, fs.ErrNotExist) {
		return Finding{Name: name, Found: "not loaded", Means: "no limit"}, true
	}
	if err != nil {
		return unseen(name, err), true
	}
	used := int64(0)
	n, err := e.numbers("proc/sys/net/netfilter/nf_conntrack_count", 1)
	if err == nil {
		used = n[0]
	}
	f := Finding{Name: name, Found: fmt.Sprintf("%s places, %s taken", count(most[0]), count(used)), Seats: max(most[0]-used, 1)}
	f.Means = fmt.Sprintf("%s seats, if the firewall tracks the listeners' port; more are dropped without a word", count(f.Seats))
	f.Fix = []string{fmt.Sprintf("sysctl -w net.netfilter.nf_conntrack_max=%d", 2*e.want(f.Seats)),
		"or do not track the listeners' port: nft … tcp dport 8080 notrack"}
	return f, true
}

// ports are for connections that begin here. Seats need none.
func (e examination) ports() (Finding, bool) {
	const name = "port range"
	r, err := e.numbers("proc/sys/net/ipv4/ip_local_port_range", 2)
	if err != nil {
		return unseen(name, err), true
	}
	n := r[1] - r[0] + 1
	f := Finding{Name: name, Found: fmt.Sprintf("%d to %d", r[0], r[1])}
	f.Means = fmt.Sprintf("seats need none; a proxy or a drill on this machine opens %s connections from each address", count(max(n, 0)))
	if n < 28_000 {
		f.Severity = Better
		f.Fix = []string{`sysctl -w net.ipv4.ip_local_port_range="1024 65535"`}
	}
	return f, true
}

func (e examination) backlog() (Finding, bool) {
	const name = "accept queue"
	accept, err := e.numbers("proc/sys/net/core/somaxconn", 1)
	if err != nil {
		return unseen(name, err), true
	}
	syn, err := e.numbers("proc/sys/net/ipv4/tcp_max_syn_backlog", 1)
	if err != nil {
		return unseen(name, err), true
	}
	f := Finding{Name: name, Found: fmt.Sprintf("somaxconn %s, tcp_max_syn_backlog %s", count(accept[0]), count(syn[0]))}
	least := min(accept[0], syn[0])
	f.Means = fmt.Sprintf("when everybody comes at once, %s may wait for the server; who finds no place tries again a second later",
		count(least))
	good := int64(goodBacklog)
	if e.Listeners > 100_000 {
		good = 4 * goodBacklog
	}
	f.Fix = []string{fmt.Sprintf("sysctl -w net.core.somaxconn=%d net.ipv4.tcp_max_syn_backlog=%d", max(good, accept[0]), max(good, syn[0]))}
	switch {
	case least < 1024 && e.Listeners > 10_000:
		f.Severity = Change
	case least < good:
		f.Severity = Better
	}
	return f, true
}

func (e examination) congestion() (Finding, bool) {
	const name = "congestion"
	now, err := e.text("proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		return unseen(name, err), true
	}
	f := Finding{Name: name, Found: now}
	switch now {
	case "bbr":
		f.Means = "holds on lossy lines; a write costs about 10 % more CPU than with cubic (11.4 µs and 10.4 µs on the development machine)"
	case "cubic":
		f.Means = "the cheapest that behaves well; where listeners are on lossy lines, bbr may hold better for about 10 % more CPU"
	default:
		f.Means, f.Severity = "unusual", Better
		f.Fix = []string{"sysctl -w net.ipv4.tcp_congestion_control=cubic"}
	}
	return f, true
}

func (e examination) clock() (Finding, bool) {
	const name = "clock"
	ok, err := e.Clock()
	if err != nil {
		return unseen(name, err), true
	}
	f := Finding{Name: name, Found: "synchronised", Means: "certificates and signed lists are believed when they should be"}
	if !ok {
		f.Found, f.Severity = "not synchronised", Change
		f.Means = "certificates, signed lists of edges and drills over several machines go by the time of day"
		f.Fix = []string{"timedatectl set-ntp true"}
	}
	return f, true
}

func (e examination) disk() (Finding, bool) {
	const name = "disk"
	if e.Data == "" {
		return Finding{}, false
	}
	free, err := e.Disk(e.Data)
	if err != nil {
		return unseen(name, err), true
	}
	f := Finding{Name: name, Found: fmt.Sprintf("%s free in %s", size(float64(free)), e.Data), Means: "room for database, bus and drills"}
	switch {
	case free < leastDisk:
		f.Severity, f.Means = Change, "the database may not find room during the show"
	case free < goodDisk:
		f.Severity, f.Means = Better, "little, should anything be recorded"
	}
	f.Fix = []string{"df -h " + e.Data}
	return f, true
}
