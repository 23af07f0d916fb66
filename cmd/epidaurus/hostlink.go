package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/node"
)

type hostLinkCommand struct {
	Data     string `help:"Folder of the server. Default: ${default}." default:"data" placeholder:"DIR"`
	StageURL string `name:"stage-url" help:"How the host reaches the stage. Default: ${default}." default:"http://localhost:8081" placeholder:"URL"`
	New      bool   `help:"For another host, who sees only the rooms of her own; without it, for the first host again."`
}

// Help is shown by host-link --help.
func (hostLinkCommand) Help() string {
	return `Prints a link that makes one browser the host's, once, within a day: for the host who lost hers, or for another device. The server may be running.

Examples:
  epidaurus host-link
  epidaurus host-link --data /var/lib/epidaurus --stage-url https://stage.example.org:8081`
}

// Run prints the link.
func (c hostLinkCommand) Run(p *program) error {
	link, err := node.HostLink(p.ctx, c.Data, strings.TrimSuffix(c.StageURL, "/"), c.New, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, link)
	return err
}
