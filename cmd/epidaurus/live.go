package main

import (
	"context"
	"fmt"
	"time"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/liveline"
	"github.com/epidaurus-live/epidaurus/node"
)

// showDemo keeps the live line until ctx is done.
func showDemo(ctx context.Context, line *liveline.Line, n *node.Node, r client.Room) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s := n.RoomStats(r.ID)
			line.Show(fmt.Sprintf("%d listening  %d on stage  %d frames  %d gaps", s.Seats, s.Speakers, s.Frames, s.Gaps))
		case <-ctx.Done():
			return
		}
	}
}
