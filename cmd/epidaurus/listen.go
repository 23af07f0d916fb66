package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/listener"
	"github.com/epidaurus-live/epidaurus/internal/liveline"
	"github.com/epidaurus-live/epidaurus/tape"
)

type listenCommand struct {
	Link    string        `arg:"" help:"The room's link, or that of its live.mp4 or live.ogg."`
	For     time.Duration `help:"Stop after so long; without it, at the end of the room or Ctrl-C." placeholder:"30s"`
	Out     string        `help:"Write what was heard: .ogg (packets as they came) or .wav." placeholder:"FILE"`
	From    int64         `help:"Resume at this frame, at most 60 s back." placeholder:"FRAME"`
	Variant string        `help:"opus-48, opus-24 or opus-12." placeholder:"NAME"`
	JSON    bool          `name:"json" help:"Print the report as JSON."`
	trust   `embed:""`
}

// Help is shown by listen --help.
func (listenCommand) Help() string {
	return `Takes a seat as a stranger would and checks what arrives: a timeline without a hole, packets that can be decoded, events that are well formed. Resumes
after a cut, and goes along when the room is moved. Exits 0 when nothing was missing, 1 otherwise.

"held" is the sound that an ideal player holds which began with the first fragment: how far it is behind the newest frame.

Examples:
  epidaurus listen http://localhost:8080/r/harbour-k3f9x2
  epidaurus listen http://localhost:8080/r/harbour-k3f9x2 --for 30s --out heard.ogg`
}

// Run listens.
func (c listenCommand) Run(p *program) (err error) {
	ctx := p.ctx
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	cfg := listener.Config{URL: c.Link, From: tape.Number(c.From), Variant: tape.Variant(c.Variant), Client: client}
	if c.Out != "" {
		recording, err := listener.Create(c.Out)
		if err != nil {
			return err
		}
		cfg.Record = recording
		defer func() { err = errors.Join(err, recording.Close()) }()
	}
	line := liveline.New(os.Stderr)
	report, err := listener.Listen(ctx, cfg, func(e listener.Event) { show(line, e) })
	line.Close()
	err = errors.Join(err, c.print(p, &report))
	if err == nil && !report.Faultless() {
		return exitError(exitFailure)
	}
	return err
}

func show(line *liveline.Line, e listener.Event) {
	if e.Kind == listener.Cut {
		_, _ = fmt.Fprintf(line, "cut: %v; again in %v\n", e.Err, e.Retry.Round(time.Millisecond))
		return
	}
	r := &e.Report
	line.Show(fmt.Sprintf("frame %d  held %.2f s  %.1f kbit/s  %d gaps  %d undecodable  %d resumed",
		r.Next, float64(r.HeldMS)/1000, r.Bitrate5s/1000, r.GapCount, r.Undecodable, max(r.Answers-1, 0)))
}

func (c listenCommand) print(p *program, r *listener.Report) error {
	if c.JSON {
		return json.NewEncoder(p.stdout).Encode(r)
	}
	_, err := fmt.Fprintf(p.stdout, "%d frames (%.1f s), %d gaps (%d frames), %d silent, %d undecodable, %d faults, %.1f kbit/s, joined in %d ms, %d stalls\n",
		r.Frames, tape.Number(r.Frames).Duration().Seconds(), r.GapCount, r.GapFrames, r.Silent, r.Undecodable, r.FaultCount,
		r.Bitrate/1000, r.JoinMS, r.Stalls)
	if r.Moves > 0 {
		_, err = fmt.Fprintf(p.stdout, "taken to another room %d times, %d ms without sound at most: now at %s\n", r.Moves, r.MoveGapMS, r.URL)
	}
	for _, fault := range r.Faults {
		_, err = fmt.Fprintln(p.stdout, " ", fault)
	}
	return err
}
