//go:build linux

package crowd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"github.com/epidaurus-live/epidaurus/drill/plan"
)

// place is where listeners connect to. It is immutable.
type place struct {
	origin  string // scheme://host:port
	name    string // for the certificate
	host    string // for the request
	path    string // with the query of the target, which may be empty
	v4, v6  netip.AddrPort
	sources plan.Sources
}

// parseTarget reads a target's address. The link of a room's page is that of its sound.
func parseTarget(p *plan.Plan) (*url.URL, error) {
	u, err := url.Parse(p.Target)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	u.Fragment, u.RawFragment = "", ""
	if p.Kind == plan.Epidaurus && !strings.Contains(path.Base(u.Path), ".") {
		if !strings.Contains(u.Path, "/r/") {
			return nil, fmt.Errorf("target: %q is no room: give its link, such as http://localhost:8080/r/my-room, or say another kind", p.Target)
		}
		u = u.JoinPath("live.mp4")
	}
	if p.Variant != "" {
		query := u.Query()
		query.Set("variant", p.Variant)
		u.RawQuery = query.Encode()
	}
	return u, nil
}

// findPlace resolves an address.
func findPlace(ctx context.Context, p *plan.Plan, u *url.URL) (*place, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", u.Host, err)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", u.Host, err)
	}
	to := &place{origin: u.Scheme + "://" + u.Host, name: u.Hostname(), host: u.Host, path: u.RequestURI()}
	for _, a := range addrs {
		a = a.Unmap()
		if a.Is4() && !to.v4.IsValid() {
			to.v4 = netip.AddrPortFrom(a, uint16(number))
		}
		if a.Is6() && !to.v6.IsValid() {
			to.v6 = netip.AddrPortFrom(a, uint16(number))
		}
	}
	var fallback string
	switch {
	case to.v4.IsValid() && to.v4.Addr().IsLoopback():
		fallback = "127.0.0.0/8"
	case to.v6.IsValid() && to.v6.Addr().IsLoopback():
		fallback = "::1"
	}
	to.sources = p.Spread(fallback).Of(to.v4.IsValid(), to.v6.IsValid())
	if len(p.Sources) > 0 && to.sources.Len() == 0 {
		return nil, fmt.Errorf("sources: %s has no address of the family of any of %s", u.Host, strings.Join(p.Sources, ", "))
	}
	return to, nil
}

// route is how the n-th listener gets there. The zero source is the kernel's choice.
func (to *place) route(n int) (source netip.Addr, target netip.AddrPort) {
	source = to.sources.At(n)
	switch {
	case source.IsValid() && source.Is6(), !source.IsValid() && !to.v4.IsValid():
		return source, to.v6
	default:
		return source, to.v4
	}
}

// loopback reports whether nothing leaves the machine.
func (to *place) loopback() bool {
	return (!to.v4.IsValid() || to.v4.Addr().IsLoopback()) && (!to.v6.IsValid() || to.v6.Addr().IsLoopback())
}

// Loopback reports whether a plan's target is on this machine, by name and address. It asks the resolver.
func Loopback(ctx context.Context, p *plan.Plan) (bool, error) {
	u, err := parseTarget(p)
	if err != nil {
		return false, err
	}
	to, err := findPlace(ctx, p, u)
	if err != nil {
		return false, err
	}
	return to.loopback(), nil
}
