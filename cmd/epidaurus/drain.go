package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/liveline"
	"github.com/epidaurus-live/epidaurus/node"
)

type drainCommand struct {
	Private string        `help:"Address of the node's private port. Default: ${default}." default:"127.0.0.1:8082" placeholder:"ADDR"`
	Over    time.Duration `help:"Over how long its listeners are sent elsewhere. Default: ${default}." default:"60s" placeholder:"TIME"`
	Force   bool          `help:"Drain although no other edge is known: its listeners are cut off, and find nobody."`
}

// Help is shown by drain --help.
func (drainCommand) Help() string {
	return `Sends the listeners of a running node to the other edges, so that its machine can be taken away: it gives no seats any more, no list names it, and its
seats are cut one by one over the time given; their players go on elsewhere from where they were. Ends when none is left; Ctrl-C ends the
watching only. A second drain changes the time that is left. Start the node again to open it. Where no other edge is known, it is refused
without --force.

Examples:
  epidaurus drain
  epidaurus drain --private 127.0.0.1:8082 --over 5m && systemctl stop epidaurus`
}

// drainLook is how often the node is asked how many seats are left.
const drainLook = 500 * time.Millisecond

// Run drains, and shows how far it is.
func (c drainCommand) Run(p *program) error {
	ask := url.Values{"over": {c.Over.String()}}
	if c.Force {
		ask.Set("force", "1")
	}
	at := url.URL{Scheme: "http", Host: c.Private, Path: "/drain", RawQuery: ask.Encode()}
	status, err := askDrain(p.ctx, http.MethodPost, at.String())
	if err != nil {
		return err
	}
	at.RawQuery = ""
	line := liveline.New(os.Stderr)
	defer line.Close()
	tick := time.NewTicker(drainLook)
	defer tick.Stop()
	for status.Seats > 0 {
		line.Show(fmt.Sprintf("%d seats left", status.Seats))
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			return nil
		}
		status, err = askDrain(p.ctx, http.MethodGet, at.String())
		if err != nil {
			return err
		}
	}
	line.Close()
	_, err = fmt.Fprintln(p.stdout, "No seat is left.")
	return err
}

// askDrain asks a node's private port. An error is a sentence for the user.
func askDrain(ctx context.Context, method, url string) (status node.DrainStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return status, fmt.Errorf("private: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return status, fmt.Errorf("the node's private port does not answer: run this on its machine, and see --private: %w", err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body := io.LimitReader(resp.Body, 64<<10)
	if resp.StatusCode >= http.StatusMultipleChoices {
		var refusal struct{ Detail string }
		_ = json.NewDecoder(body).Decode(&refusal) // what is no problem document has no sentence
		return status, fmt.Errorf("the node does not drain: %d %s", resp.StatusCode, refusal.Detail)
	}
	err = json.NewDecoder(body).Decode(&status)
	if err != nil {
		return status, fmt.Errorf("read the node's answer: %w", err)
	}
	return status, nil
}
