package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/store"
)

// linkLife is how long a host's link may be used.
const linkLife = 24 * time.Hour

// FirstHostLink is the one-time link of the first host, or "" when a host has come in already, or there is no stage.
func (n *Node) FirstHostLink(ctx context.Context) (string, error) {
	if n.store == nil {
		return "", nil
	}
	claimed, err := n.store.Claimed(ctx)
	if err != nil || claimed {
		return "", err
	}
	return hostLink(ctx, n.store, n.stageURL, false, time.Now())
}

// HostLink makes a one-time link in the folder of a server that may be running. It is for the first host, or for another one.
func HostLink(ctx context.Context, dir, stageURL string, another bool, now time.Time) (link string, err error) {
	_, err = os.Stat(filepath.Join(dir, nameFile)) // else a mistyped folder would become a server's, whose links open nothing
	if err != nil {
		return "", fmt.Errorf("there is no server's folder at %s: name it with --data (%w)", dir, err)
	}
	s, err := store.Open(ctx, dir)
	if err != nil {
		return "", fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return hostLink(ctx, s, stageURL, another, now)
}

func hostLink(ctx context.Context, s *store.Store, stageURL string, another bool, now time.Time) (string, error) {
	var host room.HostID
	var err error
	if another {
		host, err = s.AddHost(ctx, now)
	} else {
		host, err = s.FirstHost(ctx, now)
	}
	if err != nil {
		return "", err
	}
	secret, err := s.AddLink(ctx, host, now, linkLife)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s/desk/#claim=%s", stageURL, secret), nil
}
