package main

import (
	"context"
	"fmt"
	"time"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/node"
)

// showDemo keeps the live line until ctx is done.
func showDemo(ctx context.Context, p *program, n *node.Node, r client.Room) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s := n.RoomStats(r.ID)
			fmt.Fprintf(p.stdout, "\r%d listeners  %d speakers  %d frames  %d gaps   ", s.Seats, s.Speakers, s.Frames, s.Gaps)
		case <-ctx.Done():
			fmt.Fprintln(p.stdout)
			return nil
		}
	}
}
