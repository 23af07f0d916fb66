package bus

import (
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	maxPeers    = 8                // remembered of one channel
	peersExpire = 30 * time.Second // after this they are looked for again, so that new ones get their share
)

type channelKey struct {
	room    room.ID
	channel tape.Channel
}

// peerBook remembers where a channel's past can be asked for. Its zero value is empty; its methods may be called from any goroutine.
type peerBook struct {
	mu    sync.Mutex
	known map[channelKey]*channelPeers // guarded by mu
}

type channelPeers struct {
	peers []string // the next one to ask is the first
	since time.Time
}

// next is a peer to ask, each in turn; empty when none is known.
func (b *peerBook) next(key channelKey) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.known[key]
	if c == nil || len(c.peers) == 0 || time.Since(c.since) > peersExpire {
		delete(b.known, key)
		return ""
	}
	peer := c.peers[0]
	c.peers = append(slices.Delete(c.peers, 0, 1), peer)
	return peer
}

// learn remembers who answered instead of those known before.
func (b *peerBook) learn(key channelKey, peers []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil {
		b.known = map[channelKey]*channelPeers{}
	}
	b.known[key] = &channelPeers{peers: slices.Clone(peers), since: time.Now()}
}

// drop forgets a peer that did not answer.
func (b *peerBook) drop(key channelKey, peer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.known[key]; c != nil {
		c.peers = slices.DeleteFunc(c.peers, func(o string) bool { return o == peer })
	}
}

// forget drops what is known of a channel.
func (b *peerBook) forget(key channelKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.known, key)
}
