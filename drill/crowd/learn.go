//go:build linux

package crowd

import (
	"context"
	"net/netip"
	"net/url"
	"time"
)

// learn makes places of the origins that a listener heard of.
func (l *loop) learn(list *edgeList) {
	for _, origin := range list.origins {
		if _, known := l.places[origin]; known || len(l.places) >= 4*maxEdges {
			continue
		}
		l.places[origin] = nil
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" {
			l.tally.note("origins of edges cannot be read")
			continue
		}
		home, err := url.Parse(l.home.path)
		if err != nil || (u.Scheme == "https") != (l.crowd.tls != nil) {
			l.tally.note("edges of another scheme than the target's are not visited")
			continue
		}
		u = u.ResolveReference(home)
		if _, err := netip.ParseAddr(u.Hostname()); err == nil { // there is nobody to ask
			to, err := findPlace(context.Background(), &l.crowd.config.Plan, u)
			l.learnt(origin, to, err)
			continue
		}
		l.lookups.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			to, err := findPlace(ctx, &l.crowd.config.Plan, u)
			l.post(func() { l.learnt(origin, to, err) })
		})
	}
}

// learnt keeps the place of an origin, unless it is somewhere that this agent may not go.
func (l *loop) learnt(origin string, to *place, err error) {
	switch {
	case err != nil:
		l.tally.note("edges cannot be found: " + err.Error())
	case !l.crowd.config.Abroad && !to.loopback():
		l.tally.note("edges on other machines are not visited without leave")
	default:
		to.origin = origin
		l.places[origin] = to
	}
}
