package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/cast"
	"github.com/epidaurus-live/epidaurus/replay"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/web"
)

// unpublishTimeout is how long a host who deletes a tape waits for its published copy to be gone. It is tried again after that.
const unpublishTimeout = 5 * time.Second

// publishTo is the folder of Publish; empty: none.
func (c *Config) publishTo() (folder string, err error) {
	if c.Publish == "" {
		return "", nil
	}
	folder, ok := strings.CutPrefix(c.Publish, "dir:")
	if !ok || folder == "" {
		return "", fmt.Errorf("%q is no place: write dir: and the path of a folder, such as dir:/srv/epidaurus", c.Publish)
	}
	return folder, nil
}

// openPublisher makes what writes rooms to where others serve them from.
func (n *Node) openPublisher() error {
	folder, err := n.cfg.publishTo()
	if err != nil || folder == "" {
		return err
	}
	store, err := cast.NewFolder(folder)
	if err != nil {
		return err
	}
	n.publisher, err = cast.NewPublisher(n.castConfig(), cast.Publication{Store: store, Page: web.ReplayFile(), Index: n.publishedIndex})
	if n.rooms != nil {
		n.rooms.publisher = n.publisher
	}
	return err
}

// publishedIndex is what the published page of a room reads.
func (n *Node) publishedIndex(id room.ID) ([]byte, error) {
	f, ok := n.bus.Facts(id)
	if !ok {
		return nil, room.ErrNotFound
	}
	t, err := n.tapeOf(id, tape.Floor)
	if err != nil {
		return nil, err
	}
	return replay.Published(f, taped{t})
}

// unpublish removes what was published of a room whose tape is gone. It does not wait.
func (n *Node) unpublish(id room.ID) {
	if n.publisher == nil {
		return
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	err := n.publisher.Delete(gone, id)
	if err != nil && !errors.Is(err, context.Canceled) {
		n.log.Error("what was published cannot be removed", "room", id, "error", err)
	}
}
