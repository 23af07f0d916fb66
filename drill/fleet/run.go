//go:build linux

package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

// RunConfig says which drill is run, and by how many.
type RunConfig struct {
	URL    string         // of NATS; required
	Plan   plan.Plan      // valid; required
	Agents int            // how many; at least 1
	Show   func(Progress) // called every second; default: nobody
}

// run is one call of Run.
type run struct {
	config  RunConfig
	conn    *nats.Conn
	id      string
	reports *nats.Subscription
	agents  []hello

	progress []Progress
	parts    [][][]byte
	results  []*result.Result
	lost     []string // of each agent: why there is no result
	heard    []time.Time
}

// Run finds agents, lets them play, and returns what they found together. When ctx is done they stop, and what they found so far is
// returned.
func Run(ctx context.Context, cfg RunConfig) (result.Result, error) {
	if cfg.Show == nil {
		cfg.Show = func(Progress) {}
	}
	conn, err := connect(cfg.URL, "run")
	if err != nil {
		return result.Result{}, err
	}
	defer conn.Close()
	n := cfg.Agents
	r := &run{
		config: cfg, conn: conn, id: newID(), progress: make([]Progress, n), parts: make([][][]byte, n),
		results: make([]*result.Result, n), lost: make([]string, n), heard: make([]time.Time, n),
	}
	r.reports, err = conn.SubscribeSync(subjectRun + r.id + ".report")
	if err != nil {
		return result.Result{}, fmt.Errorf("hear agents: %w", err)
	}
	err = r.gather(ctx)
	if err == nil {
		err = r.prepare(ctx)
	}
	if err != nil {
		return result.Result{}, errors.Join(err, r.say("stop"))
	}
	err = r.say("go")
	if err != nil {
		return result.Result{}, err
	}
	err = r.follow(ctx)
	if err != nil {
		return result.Result{}, err
	}
	return r.merge()
}

// say tells all agents of this drill what to do.
func (r *run) say(what string) error {
	err := r.conn.Publish(subjectRun+r.id+".do", []byte(what))
	if err == nil {
		err = r.conn.FlushTimeout(patience)
	}
	if err != nil {
		return fmt.Errorf("tell the agents to %s: %w", what, err)
	}
	return nil
}

// gather waits until there are enough agents.
func (r *run) gather(ctx context.Context) error {
	idle, err := r.conn.SubscribeSync(subjectIdle)
	if err != nil {
		return fmt.Errorf("look for agents: %w", err)
	}
	defer func() { _ = idle.Unsubscribe() }() // the connection may be gone
	known := map[string]bool{}
	for deadline := time.Now().Add(patience); len(r.agents) < r.config.Agents; {
		msg, err := next(ctx, idle, time.Until(deadline))
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if msg == nil {
			return fmt.Errorf("only %d of %d agents came within %s: start others with epidaurus drill agent --nats URL",
				len(r.agents), r.config.Agents, patience)
		}
		var h hello
		if json.Unmarshal(msg.Data, &h) == nil && h.ID != "" && !known[h.ID] {
			known[h.ID] = true
			r.agents = append(r.agents, h)
		}
	}
	return nil
}

// prepare gives each agent its share, and waits until all are ready.
func (r *run) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ready := make(chan error, len(r.agents))
	for i, a := range r.agents {
		todo := share{Run: r.id, Plan: r.config.Plan, Share: i, Of: len(r.agents), Name: fmt.Sprintf("agent-%d (%s)", i+1, a.Name)}
		text, err := json.Marshal(todo)
		if err != nil {
			return err
		}
		go func() { ready <- r.ask(ctx, a, text) }()
	}
	var err error
	for range r.agents {
		err = errors.Join(err, <-ready)
	}
	return err
}

// ask gives one agent its share.
func (r *run) ask(ctx context.Context, a hello, text []byte) error {
	msg, err := r.conn.RequestWithContext(ctx, subjectAgent+a.ID, text)
	if err != nil {
		return fmt.Errorf("agent %s does not answer: %w", a.Name, err)
	}
	var said reply
	err = json.Unmarshal(msg.Data, &said)
	if err != nil {
		return fmt.Errorf("agent %s: %w", a.Name, err)
	}
	if said.Error != "" {
		return fmt.Errorf("agent %s: %s", a.Name, said.Error)
	}
	return nil
}

// follow hears the agents until each has delivered, or is lost.
func (r *run) follow(ctx context.Context) error {
	for i := range r.heard {
		r.heard[i] = time.Now()
	}
	shown, stopped := time.Now(), false
	for r.playing() {
		if ctx.Err() != nil && !stopped {
			stopped = true
			err := r.say("stop")
			if err != nil {
				return err
			}
		}
		msg, err := next(context.WithoutCancel(ctx), r.reports, reportEvery/4)
		if err != nil {
			return err
		}
		if msg != nil {
			r.take(msg.Data)
		}
		if time.Since(shown) >= reportEvery {
			shown = time.Now()
			r.config.Show(r.together())
		}
		for i, at := range r.heard {
			if r.results[i] == nil && r.lost[i] == "" && time.Since(at) > patience {
				r.lost[i] = "it said nothing for " + patience.String()
			}
		}
	}
	return nil
}

func (r *run) playing() bool {
	for i := range r.results {
		if r.results[i] == nil && r.lost[i] == "" {
			return true
		}
	}
	return false
}

// take reads one report. What cannot be read is no report.
func (r *run) take(text []byte) {
	var said report
	err := json.Unmarshal(text, &said)
	if err != nil || said.Share < 0 || said.Share >= len(r.heard) || r.results[said.Share] != nil {
		return
	}
	i := said.Share
	r.heard[i] = time.Now()
	switch {
	case said.Error != "":
		r.lost[i] = said.Error
	case said.Progress != nil:
		r.progress[i] = *said.Progress
	case said.Part == len(r.parts[i]) && len(r.parts[i]) < maxResult/partSize:
		r.parts[i] = append(r.parts[i], said.Data)
		if len(r.parts[i]) < said.Parts {
			return
		}
		got, err := unpack(r.parts[i])
		r.parts[i] = nil
		if err != nil {
			r.lost[i] = err.Error()
			return
		}
		r.results[i] = &got
		r.progress[i] = NewProgress(got)
	}
}

func (r *run) together() Progress {
	all := r.progress[0]
	for _, p := range r.progress[1:] {
		all = all.add(p)
	}
	return all
}

// merge makes one result of all.
func (r *run) merge() (result.Result, error) {
	var got []result.Result
	var lost []string
	for i, one := range r.results {
		if one != nil {
			got = append(got, *one)
			continue
		}
		lost = append(lost, fmt.Sprintf("agent-%d (%s) was lost: %s", i+1, r.agents[i].Name, r.lost[i]))
	}
	if len(got) == 0 {
		return result.Result{}, fmt.Errorf("no agent delivered a result; %s", lost[0])
	}
	all, err := result.MergeAll(got...)
	if err != nil {
		return result.Result{}, fmt.Errorf("the agents' results do not fit together: %w", err)
	}
	all.Invalid = append(all.Invalid, lost...)
	all.Settle()
	return all, nil
}
