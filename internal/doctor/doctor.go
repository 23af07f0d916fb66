// Package doctor looks at a machine, and says how many seats it can hold and what to change. It reads through what it is given, so that
// tests examine machines that do not exist.
package doctor

import (
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/capacity"
)

// Severity says how much a finding matters.
type Severity string

// Severities, in rising order.
const (
	Fine   Severity = "fine"
	Better Severity = "better" // could be better, or could not be seen
	Change Severity = "change" // must be changed
)

// Machine is how a machine is looked at.
type Machine struct {
	FS    fs.FS                                        // the root of the file system; proc and sys are read
	Files func() (soft, hard uint64, err error)        // limit of open files of this process
	Clock func() (synchronised bool, err error)        // whether the kernel's clock is disciplined
	Disk  func(folder string) (free uint64, err error) // bytes in the file system of a folder
	Cores int
	Now   time.Time
}

// Options is what the machine shall do.
type Options struct {
	Listeners int64        // a goal; 0: none
	Data      string       // folder; "": not looked at
	Line      float64      // bits per second; 0: as the interfaces say
	Cert      *Certificate // of the listeners' port; nil: it speaks plain
	StageCert *Certificate // of the stage's port; nil: not looked at
}

func (o Options) tls() bool { return o.Cert != nil }

// Finding is one thing that was looked at.
type Finding struct {
	Name     string   `json:"name"`
	Found    string   `json:"found"`
	Means    string   `json:"means"` // for this machine
	Severity Severity `json:"severity"`
	Seats    int64    `json:"seats,omitempty"` // that it allows; 0: it does not limit them
	Fix      []string `json:"fix,omitempty"`   // commands
}

// Report is the whole examination.
type Report struct {
	Findings  []Finding `json:"findings"`
	Seats     int64     `json:"seats"`
	LimitedBy string    `json:"limited_by"`
	Sentence  string    `json:"sentence"`
}

// MustChange reports whether anything must be changed.
func (r Report) MustChange() bool {
	for _, f := range r.Findings {
		if f.Severity == Change {
			return true
		}
	}
	return false
}

// Examine looks at everything. What cannot be read is a finding too.
func Examine(m Machine, o Options) Report {
	e := examination{Machine: m, Options: o}
	var r Report
	for _, look := range []func() (Finding, bool){
		e.files, e.tcpMemory, e.memory, e.cores, e.line, e.conntrack, e.ports, e.backlog, e.congestion, e.clock,
		e.listenersCertificate, e.stageCertificate, e.disk,
	} {
		f, ok := look()
		if !ok {
			continue
		}
		if f.Severity == "" {
			f.Severity = Fine
		}
		if f.Seats > 0 && o.Listeners > f.Seats {
			f.Severity = Change
		} else if f.Severity == Fine {
			f.Fix = nil
		}
		if f.Seats > 0 && (r.Seats == 0 || f.Seats < r.Seats) {
			r.Seats, r.LimitedBy = f.Seats, f.Name
		}
		r.Findings = append(r.Findings, f)
	}
	r.Sentence = "What this machine can hold could not be seen"
	if r.Seats > 0 {
		r.Sentence = fmt.Sprintf("This machine can hold %s seats (limited by %s)", count(r.Seats), r.LimitedBy)
	}
	if o.Listeners > 0 && r.Seats > 0 {
		verb := "enough"
		if r.Seats < o.Listeners {
			verb = "too few"
		}
		r.Sentence += fmt.Sprintf(": %s for %s listeners", verb, count(o.Listeners))
	}
	return r
}

type examination struct {
	Machine
	Options
}

// want is for how many seats a fix is written: the goal, or twice what there is.
func (e examination) want(now int64) int64 {
	if e.Listeners > 0 {
		return e.Listeners
	}
	return 2 * now
}

// text reads a small file of proc or sys.
func (e examination) text(name string) (string, error) {
	b, err := fs.ReadFile(e.FS, name)
	return strings.TrimSpace(string(b)), err
}

// numbers reads a file of whole numbers, at least n of them.
func (e examination) numbers(name string, n int) ([]int64, error) {
	text, err := e.text(name)
	if err != nil {
		return nil, err
	}
	var out []int64
	for _, word := range strings.Fields(text) {
		v, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is no number", name, word)
		}
		out = append(out, v)
	}
	if len(out) < n {
		return nil, fmt.Errorf("%s: %d numbers, not %d", name, len(out), n)
	}
	return out, nil
}

// unseen is a finding about what could not be read.
func unseen(name string, err error) Finding {
	return Finding{Name: name, Found: "could not be read: " + err.Error(), Means: "not known", Severity: Better}
}

// seatModel is what a seat costs at a cadence, by the baseline of capacity.
type seatModel struct {
	memory, bits float64
	cpu          float64 // of one core
}

func (e examination) model(cadence time.Duration) seatModel {
	const many = 1_000_000
	need, err := capacity.Compute(capacity.Ask{
		Listeners: many, Bitrate: 24_000, Hours: 1, Cadence: cadence, TLS: e.tls(), Cores: 1, Memory: 1e9, Line: 1e9,
	}, capacity.Baseline())
	if err != nil {
		panic("doctor: its own question cannot be computed: " + err.Error())
	}
	var m seatModel
	for _, l := range need.Lines {
		switch l.Name {
		case "memory":
			m.memory = l.Value / many
		case "line":
			m.bits = l.Value / many
		case "cores at work":
			m.cpu = l.Value / many
		}
	}
	return m
}

func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func size(v float64) string {
	for _, step := range []struct {
		size float64
		name string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if v >= step.size {
			return strconv.FormatFloat(math.Round(v/step.size*10)/10, 'f', -1, 64) + " " + step.name
		}
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " B"
}
