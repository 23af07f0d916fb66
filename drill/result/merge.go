package result

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Reasons why a merged result may be invalid although none of its parts is.
const (
	twoBuilds  = "the agents saw servers of different builds"
	twoConfigs = "the agents saw servers of different configurations"
)

// Merge returns what two agents, or two groups of agents, of one drill found together. Order and grouping do not matter. Both keep what
// they have and share nothing with what is returned. It fails when name, plan or target differ: those were different drills.
func Merge(a, b Result) (Result, error) {
	r := Result{Format: Format, Commands: union(a.Commands, b.Commands), Events: mergeEvents(a.Events, b.Events)}
	err := mergeHead(&r, a, b)
	if err != nil {
		return Result{}, err
	}
	r.Started, r.Took = span(a, b)
	r.Cadence = max(a.Cadence, b.Cadence)
	r.Machines = mergeBy(a.Machines, b.Machines, func(m Machine) string { return m.Host }, mergeMachines)
	r.Seconds = mergeBy(a.Seconds, b.Seconds, func(s Second) int64 { return s.At }, Second.add)
	for i := range r.Seconds { // those that only one part has are still its own
		s := &r.Seconds[i]
		s.Refused, s.Failed = maps.Clone(s.Refused), maps.Clone(s.Failed)
	}
	for _, part := range []Result{a, b} {
		r.FirstByte.Add(part.FirstByte)
		r.FirstSound.Add(part.FirstSound)
		r.Away.Add(part.Away)
		r.Crossed.Add(part.Crossed)
		if part.Depth > 0 && (r.Depth == 0 || part.Depth < r.Depth) {
			r.Depth = part.Depth
		}
		r.Handshakes.Took.Add(part.Handshakes.Took)
	}
	r.Handshakes.Full = a.Handshakes.Full + b.Handshakes.Full
	r.Handshakes.Resumed = a.Handshakes.Resumed + b.Handshakes.Resumed
	r.Listeners = Listeners{Parsed: a.Listeners.Parsed + b.Listeners.Parsed, Counted: a.Listeners.Counted + b.Listeners.Counted}
	r.Wire = a.Wire.add(b.Wire)
	r.Servers = mergeBy(a.Servers, b.Servers, Server.key, mergeServers)
	r.Edges = mergeBy(a.Edges, b.Edges, func(e Edge) string { return e.URL }, mergeEdges)
	r.Slow, r.Stuck = a.Slow, a.Stuck
	r.Slow.Add(b.Slow)
	r.Stuck.Add(b.Stuck)
	r.Agents = mergeAgents(a.Agents, b.Agents)
	r.Stopped = union(a.Stopped, b.Stopped)
	r.Notes = union(a.Notes, b.Notes)
	r.Invalid = union(r.Invalid, union(a.Invalid, b.Invalid))
	r.Settle()
	return r, nil
}

// MergeAll merges any number of parts.
func MergeAll(parts ...Result) (Result, error) {
	var all Result
	for _, part := range parts {
		var err error
		all, err = Merge(all, part)
		if err != nil {
			return Result{}, err
		}
	}
	all.Settle()
	return all, nil
}

// Settle sets Valid from Invalid, and adds to Invalid what saturated agents say. Call it when a result has been filled.
func (r *Result) Settle() {
	r.Format = Format
	for _, a := range r.Agents {
		if !a.Saturated {
			continue
		}
		if len(a.Reasons) == 0 {
			r.Invalid = union(r.Invalid, []string{"agent " + a.Name + " was saturated"})
		}
		for _, reason := range a.Reasons {
			r.Invalid = union(r.Invalid, []string{"agent " + a.Name + ": " + reason})
		}
	}
	r.Valid = len(r.Invalid) == 0
}

func mergeHead(r *Result, a, b Result) error {
	for _, f := range []struct {
		what       string
		out        *string
		a, b, twos string
	}{
		{"names", &r.Name, a.Name, b.Name, ""},
		{"target kinds", &r.Target.Kind, a.Target.Kind, b.Target.Kind, ""},
		{"target URLs", &r.Target.URL, a.Target.URL, b.Target.URL, ""},
		{"networks", &r.Target.Network, a.Target.Network, b.Target.Network, ""},
		{"kinds of TLS", &r.Target.TLS, a.Target.TLS, b.Target.TLS, ""},
		{"programs", &r.Server.Program, a.Server.Program, b.Server.Program, twoBuilds},
		{"versions", &r.Server.Version, a.Server.Version, b.Server.Version, twoBuilds},
		{"revisions", &r.Server.Revision, a.Server.Revision, b.Server.Revision, twoBuilds},
		{"configurations", &r.Config, a.Config, b.Config, twoConfigs},
	} {
		*f.out = max(f.a, f.b)
		if f.a == f.b || f.a == "" || f.b == "" {
			continue
		}
		if f.twos == "" {
			return fmt.Errorf("not parts of one drill: %s %q and %q differ", f.what, f.a, f.b)
		}
		r.Invalid = union(r.Invalid, []string{f.twos})
	}
	planA, planB := compact(a.Plan), compact(b.Plan)
	if planA != nil && planB != nil && !bytes.Equal(planA, planB) {
		return fmt.Errorf("not parts of one drill: two plans of the name %q", r.Name)
	}
	r.Plan = planA
	if planA == nil {
		r.Plan = planB
	}
	return nil
}

func compact(plan json.RawMessage) json.RawMessage {
	if len(plan) == 0 {
		return nil
	}
	var out bytes.Buffer
	err := json.Compact(&out, plan)
	if err != nil {
		return slices.Clone(plan)
	}
	return out.Bytes()
}

func span(a, b Result) (time.Time, Duration) {
	if a.Started.IsZero() {
		return b.Started, b.Took
	}
	if b.Started.IsZero() {
		return a.Started, a.Took
	}
	start, end := a.Started, a.Ended()
	if b.Started.Before(start) {
		start = b.Started
	}
	if b.Ended().After(end) {
		end = b.Ended()
	}
	return start, Duration(end.Sub(start))
}

func (s Second) add(o Second) Second {
	return Second{
		At: s.At, Due: s.Due + o.Due, Begun: s.Begun + o.Begun, Seated: s.Seated + o.Seated,
		Refused: sum(s.Refused, o.Refused), Failed: sum(s.Failed, o.Failed), Left: s.Left + o.Left, Seats: s.Seats + o.Seats,
		Bytes: s.Bytes + o.Bytes, Frames: s.Frames + o.Frames, Gaps: s.Gaps + o.Gaps, Silent: s.Silent + o.Silent,
		Stalls: s.Stalls + o.Stalls, Wrong: s.Wrong + o.Wrong, Cuts: s.Cuts + o.Cuts, Resumed: s.Resumed + o.Resumed,
		Away: max(s.Away, o.Away),
	}
}

func (w Wire) add(o Wire) Wire {
	return Wire{
		SeatMillis: w.SeatMillis + o.SeatMillis, Bytes: w.Bytes + o.Bytes, Heads: w.Heads + o.Heads,
		Events: w.Events + o.Events, Bursts: w.Bursts + o.Bursts,
	}
}

func sum(a, b map[string]int64) map[string]int64 {
	if len(a)+len(b) == 0 {
		return nil
	}
	out := make(map[string]int64, max(len(a), len(b)))
	maps.Copy(out, a)
	for k, n := range b {
		out[k] += n
	}
	return out
}

// key tells processes apart: two machines may have the same number.
func (s Server) key() string { return fmt.Sprintf("%s/%d", s.Host, s.PID) }

// mergeServers joins what two agents of one machine saw of the same process: not its use twice.
func mergeServers(a, b Server) Server {
	a.Name, a.Build, a.Config = max(a.Name, b.Name), cmp.Or(a.Build, b.Build), max(a.Config, b.Config)
	a.Seconds = mergeBy(a.Seconds, b.Seconds, func(u Usage) int64 { return u.At }, func(x, y Usage) Usage {
		return Usage{At: x.At, CPU: max(x.CPU, y.CPU), RSS: max(x.RSS, y.RSS)}
	})
	return a
}

func mergeMachines(a, b Machine) Machine {
	return Machine{
		Host: a.Host, Roles: union(a.Roles, b.Roles), Cores: max(a.Cores, b.Cores), Memory: max(a.Memory, b.Memory),
		Kernel: max(a.Kernel, b.Kernel), CPU: max(a.CPU, b.CPU),
	}
}

// mergeAgents lists all agents. None is in two parts.
func mergeAgents(a, b []Agent) []Agent {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y Agent) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.PID, y.PID)) })
	return all
}

func mergeEvents(a, b []Event) []Event {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y Event) int { return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.What, y.What)) })
	return slices.Compact(all)
}

// mergeBy joins two lists by key, and sorts by it.
func mergeBy[T any, K cmp.Ordered](a, b []T, key func(T) K, join func(T, T) T) []T {
	found := make(map[K]T, len(a)+len(b))
	for _, x := range slices.Concat(a, b) {
		k := key(x)
		old, ok := found[k]
		if ok {
			x = join(old, x)
		}
		found[k] = x
	}
	if len(found) == 0 {
		return nil
	}
	out := make([]T, 0, len(found))
	for _, k := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[k])
	}
	return out
}

// union is the texts of both, sorted, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
