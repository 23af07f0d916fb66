//go:build linux

package edge

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// policy is what the keeper decided for all seats. It is replaced, never changed.
type policy struct {
	version uint32 // grows with each change
	step    step   // the cadence of seats that are deep enough
	wish    step   // what seats that can grow should be deep enough for
	variant int    // the best that the line carries
	notices notices
}

// notices are this edge's own events, such as the list of other edges: no part of the channel, and told to each seat once.
type notices struct {
	version uint16 // grows with each change; 0: there is none
	events  []tape.Event
}

// policies hands the present policy to the sections.
type policies struct {
	now atomic.Pointer[policy]
}

// change replaces the policy by what edit makes of a copy. Calls must not overlap.
func (p *policies) change(edit func(*policy)) {
	next := *p.now.Load()
	edit(&next)
	next.version++
	p.now.Store(&next)
}

// Announce says an event of this edge's own: in the head of every MP4 answer from now on, and to those who are seated, with their next
// write. Data is a JSON object whose member "t" is kind; saying the same again changes nothing.
func (e *Edge) Announce(kind string, data []byte) {
	e.governing.Lock()
	defer e.governing.Unlock()
	said := e.policies.now.Load().notices.events
	i := slices.IndexFunc(said, func(o tape.Event) bool { return o.Kind == kind })
	if i >= 0 && string(said[i].Data) == string(data) {
		return
	}
	next := slices.Clone(said)
	event := tape.Event{Kind: kind, Data: slices.Clone(data)}
	if i >= 0 {
		next[i] = event
	} else {
		next = append(next, event)
	}
	e.policies.change(func(p *policy) {
		p.notices.events = next
		p.notices.version++
		if p.notices.version == 0 {
			p.notices.version = 1
		}
	})
}

// sampler turns the edge's counters into loads.
type sampler struct {
	at     time.Duration
	cpu    time.Duration
	all    time.Duration // CPU time of the whole machine; 0: not known
	writes uint64
	offers uint64
	behind uint64
	bytes  uint64
}

// sample reads what happened since the last call.
func (s *sampler) sample(e *Edge) (l load, ok bool) {
	st, now, cpu, all := e.Stats(), e.now(), processCPU(), machineCPU()
	took := now - s.at
	ok = s.at > 0 && took > 0
	if ok {
		l = load{
			cpu:    float64(cpu-s.cpu) / float64(took) / float64(e.config.Cores),
			late:   st.WorstLate,
			offers: st.Offers - s.offers,
		}
		if all > 0 && s.all > 0 {
			l.others = max(0, float64(all-s.all)/float64(took)/float64(runtime.NumCPU())-l.cpu)
		}
		if l.offers > 0 {
			l.behind = float64(st.Behind-s.behind) / float64(l.offers)
		}
		if e.config.Line > 0 {
			l.line = onTheWire(st.Writes-s.writes, st.BytesOut-s.bytes) * 8 / took.Seconds() / float64(e.config.Line)
		}
	}
	*s = sampler{at: now, cpu: cpu, all: all, writes: st.Writes, offers: st.Offers, behind: st.Behind, bytes: st.BytesOut}
	return l, ok
}

// onTheWire is about how many bytes an Ethernet carries for so many writes of so many bytes together: each segment of at most 1448 bytes has
// the headers of Ethernet, IPv4 and TCP with timestamps before it, and preamble, checksum and gap around it.
func onTheWire(writes, sent uint64) float64 {
	const segment, around = 1448, 90
	return float64(sent) + around*float64(writes+sent/segment)
}

// processCPU is the CPU time that this process has used, user and system.
func processCPU() time.Duration {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &u)
	if err != nil {
		return 0 // never for RUSAGE_SELF
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// machineCPU is the CPU time that the whole machine has used, but for what its host took; 0 where it cannot be known.
func machineCPU() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	return parseMachineCPU(string(text))
}

// parseMachineCPU reads the first line of /proc/stat (proc(5)): user, nice, system, idle, iowait, irq, softirq, in hundredths of a second.
func parseMachineCPU(stat string) (used time.Duration) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0
	}
	for _, i := range []int{1, 2, 3, 6, 7} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0
		}
		used += time.Duration(n) * (time.Second / 100)
	}
	return used
}

// govern looks at the last second and changes the policy where that helps. It is called by the keeper only.
func (e *Edge) govern() {
	l, ok := e.sampler.sample(e)
	if !ok {
		return
	}
	e.governing.Lock()
	defer e.governing.Unlock()
	before := e.governor
	e.governor.observe(l, len(tape.Variants))
	g := e.governor
	if g.step == before.step && g.wish == before.wish && g.variant == before.variant {
		return
	}
	if g.step != before.step || g.variant != before.variant {
		e.config.Log.Info("the seats' cadence or variant changes", "cadence", g.step.cadence().Duration(), "variant", tape.Variants[g.variant],
			"cpu", l.cpu, "late", l.late, "line", l.line, "behind", l.behind)
	}
	e.policies.change(func(p *policy) { p.step, p.wish, p.variant = g.step, g.wish, g.variant })
}

// grantDepth is the depth that a newcomer to a room gets: what the room gives, or more where the audience that is expected, or the load
// of the moment, will make the cadence longer.
func (e *Edge) grantDepth(f room.Facts) time.Duration {
	p := e.policies.now.Load()
	k := max(p.step, p.wish)
	if e.config.Expect != nil {
		k = max(k, stepFor(e.config.Expect(f), e.config.Cores, e.governor.shortest, e.governor.longest))
	}
	return depthFor(k, f.Depth())
}
