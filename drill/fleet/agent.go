//go:build linux

package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/drill/crowd"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

// AgentConfig says where an agent waits for work.
type AgentConfig struct {
	URL    string       // of NATS; required
	Name   string       // for people; default: host and process
	Abroad bool         // it may load other machines
	Once   bool         // it ends after one drill
	Tell   func(string) // gets a sentence at everything that happens; default: nobody
}

// agent is one call of Serve.
type agent struct {
	config AgentConfig
	conn   *nats.Conn
	id     string
}

// Serve plays shares of drills until ctx is done, or for one drill.
func Serve(ctx context.Context, cfg AgentConfig) error {
	host, _ := os.Hostname() // a machine without a name has an empty one
	cfg.Name = cmp.Or(cfg.Name, fmt.Sprintf("%s/%d", host, os.Getpid()))
	if cfg.Tell == nil {
		cfg.Tell = func(string) {}
	}
	var options []nats.Option
	if cfg.Once { // whoever started the agent is gone when his NATS is
		once, cancel := context.WithCancel(ctx)
		defer cancel()
		ctx = once
		options = []nats.Option{nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { cancel() })}
	}
	conn, err := connect(cfg.URL, cfg.Name, options...)
	if err != nil {
		return err
	}
	defer conn.Close()
	a := &agent{config: cfg, conn: conn, id: newID()}
	work, err := conn.SubscribeSync(subjectAgent + a.id)
	if err != nil {
		return fmt.Errorf("wait for work: %w", err)
	}
	cfg.Tell("waits for work as " + cfg.Name)
	for ctx.Err() == nil {
		err = publish(conn, subjectIdle, hello{a.id, cfg.Name})
		if err != nil {
			return fmt.Errorf("tell that there is an agent: %w", err)
		}
		msg, err := next(ctx, work, idleEvery)
		if err != nil {
			return err
		}
		if msg == nil {
			continue
		}
		err = a.take(ctx, msg)
		if err != nil {
			cfg.Tell(err.Error())
		}
		if cfg.Once {
			return err
		}
	}
	return nil
}

// next returns a message, or nil when none came for so long or ctx is done.
func next(ctx context.Context, sub *nats.Subscription, wait time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	msg, err := sub.NextMsgWithContext(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("hear NATS: %w", err)
	}
	return msg, nil
}

// take plays one share.
func (a *agent) take(ctx context.Context, msg *nats.Msg) error {
	var todo share
	err := json.Unmarshal(msg.Data, &todo)
	if err != nil {
		return a.refuse(msg, fmt.Errorf("the work cannot be read: %w", err))
	}
	commands, err := a.conn.SubscribeSync(subjectRun + todo.Run + ".do")
	if err != nil {
		return a.refuse(msg, err)
	}
	defer func() { _ = commands.Unsubscribe() }() // the connection may be gone
	played, err := crowd.New(ctx, crowd.Config{Plan: todo.Plan, Name: todo.Name, Share: todo.Share, Of: todo.Of, Abroad: a.config.Abroad})
	if err != nil {
		return a.refuse(msg, err)
	}
	err = a.conn.Flush() // the subscription is there before anybody counts on it
	if err == nil {
		err = answer(msg, reply{})
	}
	if err != nil {
		return err
	}
	order, err := next(ctx, commands, patience)
	if err != nil || order == nil || string(order.Data) != "go" {
		return cmp.Or(err, errors.New("the drill was called off"))
	}
	a.config.Tell(fmt.Sprintf("plays share %d of %d of %s", todo.Share+1, todo.Of, todo.Plan.Target))
	return a.play(ctx, played, commands, todo)
}

func (a *agent) refuse(msg *nats.Msg, err error) error {
	return errors.Join(err, answer(msg, reply{Error: err.Error()}))
}

func answer(msg *nats.Msg, what reply) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return msg.Respond(text)
}

// play plays, and reports.
func (a *agent) play(ctx context.Context, played *crowd.Crowd, commands *nats.Subscription, todo share) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	to := subjectRun + todo.Run + ".report"
	type outcome struct {
		result result.Result
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		r, err := played.Run(ctx)
		done <- outcome{r, err}
	}()
	heard := make(chan struct{})
	listening, stop := context.WithCancel(context.Background())
	go func() {
		defer close(heard)
		msg, err := commands.NextMsgWithContext(listening)
		if err == nil && string(msg.Data) == "stop" {
			cancel()
		}
	}()
	defer func() { stop(); <-heard }()
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			progress := NewProgress(played.Snapshot())
			err := publish(a.conn, to, report{Share: todo.Share, Progress: &progress})
			if err != nil {
				a.config.Tell("cannot report: " + err.Error())
			}
		case end := <-done:
			return a.deliver(to, todo.Share, end.result, end.err)
		}
	}
}

// deliver sends the result.
func (a *agent) deliver(to string, number int, r result.Result, err error) error {
	if err != nil {
		return errors.Join(err, publish(a.conn, to, report{Share: number, Parts: 1, Error: err.Error()}))
	}
	parts, err := pack(r)
	if err != nil {
		return errors.Join(err, publish(a.conn, to, report{Share: number, Parts: 1, Error: err.Error()}))
	}
	for i, part := range parts {
		err = publish(a.conn, to, report{Share: number, Part: i, Parts: len(parts), Data: part})
		if err != nil {
			return fmt.Errorf("send the result: %w", err)
		}
	}
	return a.conn.FlushTimeout(patience)
}
