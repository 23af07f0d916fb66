//go:build linux

package house

import (
	"github.com/epidaurus-live/epidaurus/bench/internal/child"
)

// Houses is several edge processes, as the bench's own process sees them.
type Houses struct {
	child.Group
	Places []Place
}

// Start starts n edge processes of the same kind.
func Start(n int, c Config) (h Houses, err error) {
	h.Group, err = child.StartAll(Role, n, func(int) any { return c })
	if err != nil {
		return h, err
	}
	h.Places, err = child.Tell[Place](h.Group, "where", nil)
	return h, err
}

// Addresses lists where they are, by TLS or plain.
func (h Houses) Addresses(secure bool) (all []string) {
	for _, p := range h.Places {
		if secure {
			all = append(all, p.TLS)
		} else {
			all = append(all, p.Plain)
		}
	}
	return all
}

// Stats sums up.
func (h Houses) Stats() (Stats, error) {
	all, err := child.Tell[Stats](h.Group, "stats", nil)
	return Sum(all), err
}
