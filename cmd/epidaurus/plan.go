package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/capacity"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

type planCommand struct {
	Listeners string        `help:"How many listen at once: 1e6, 300k." required:"" placeholder:"N"`
	Bitrate   string        `help:"Of the sound. Default: ${default}." default:"24k" placeholder:"RATE"`
	Hours     float64       `help:"How long. Default: ${default}." default:"2" placeholder:"H"`
	Cadence   time.Duration `help:"Time between two writes to a seat: 240ms, doubled up to 15.36s. Default: ${default}." default:"3.84s"`
	TLS       bool          `name:"tls" help:"The servers speak TLS themselves."`

	Cores    int    `help:"Of one machine. Default: ${default}." default:"16" placeholder:"N"`
	Memory   string `help:"Of one machine. Default: ${default}." default:"32GB" placeholder:"SIZE"`
	Line     string `help:"Of one machine. Default: ${default}." default:"10Gbit" placeholder:"RATE"`
	Headroom string `help:"Share of everything that stays free. Default: ${default}." default:"40%" placeholder:"SHARE"`

	Drill string `help:"A result. Default: the newest in drills/ of the data folder or here that is of this build and configuration; else the development machine." placeholder:"FILE"`
	Data  string `help:"The server's data folder. Default: ${default}." default:"data" placeholder:"DIR"`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// Help is shown by plan --help.
func (planCommand) Help() string {
	return `What an audience needs: machines, cores, lines, traffic, memory, computed line by line from the last drill.
Each figure says whether it was measured, modelled (computed from what was) or extrapolated (for more listeners than were measured).

Examples:
  epidaurus plan --listeners 1e6 --bitrate 24k --hours 2
  epidaurus plan --listeners 300k --drill drills/storm.json --tls --cores 8 --line 25Gbit`
}

func (c *planCommand) ask() (capacity.Ask, error) {
	a := capacity.Ask{Hours: c.Hours, Cadence: c.Cadence, TLS: c.TLS, Cores: c.Cores}
	var errs [5]error
	a.Listeners, errs[0] = capacity.ParseCount(c.Listeners)
	a.Bitrate, errs[1] = capacity.ParseBits(c.Bitrate)
	a.Memory, errs[2] = capacity.ParseBytes(c.Memory)
	a.Line, errs[3] = capacity.ParseBits(c.Line)
	a.Headroom, errs[4] = capacity.ParseShare(c.Headroom)
	for i, name := range []string{"listeners", "bitrate", "memory", "line", "headroom"} {
		if errs[i] != nil {
			return a, fmt.Errorf("%s: %w", name, errs[i])
		}
	}
	return a, a.Check()
}

// Validate is called by the parser.
func (c *planCommand) Validate() error {
	_, err := c.ask()
	return err
}

// Run prints the arithmetic.
func (c *planCommand) Run(p *program) error {
	ask, err := c.ask()
	if err != nil {
		return err
	}
	costs, skipped, err := c.costs()
	if err != nil {
		return err
	}
	need, err := capacity.Compute(ask, costs)
	if err != nil {
		return err
	}
	for _, why := range skipped {
		need.Notes = append(need.Notes, "Not used: "+why+".")
	}
	if !c.JSON {
		return need.Text(p.stdout, ask)
	}
	out := json.NewEncoder(p.stdout)
	out.SetIndent("", " ")
	return out.Encode(need)
}

// costs are those of the result that is named, or of the newest that still holds. Skipped says which do not, and why.
func (c *planCommand) costs() (costs capacity.Costs, skipped []string, err error) {
	if c.Drill == "" {
		return newestCosts(presentBuild(c.Data), filepath.Join(c.Data, "drills"), "drills")
	}
	r, err := readResult(c.Drill)
	if err == nil {
		costs, err = capacity.FromDrill(r, c.Drill)
	}
	return costs, nil, err
}

func readResult(file string) (result.Result, error) {
	f, err := os.Open(file)
	if err != nil {
		return result.Result{}, fmt.Errorf("drill: %w", err)
	}
	r, err := result.Read(f)
	err = errors.Join(err, f.Close())
	if err != nil {
		return result.Result{}, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}
