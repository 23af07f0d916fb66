package plan

import (
	"encoding/binary"
	"net/netip"
)

// defaultSources is how many addresses of a prefix are used where the plan does not say. With 28,000 ports each they are enough for any
// plan, and so many that limits for one address are not what is measured.
const defaultSources = 4096

// Sources spreads listeners over the addresses that their connections come from.
type Sources struct {
	prefixes []netip.Prefix
	count    int
}

// Spread returns where connections come from: what the plan says, or else the fallback. The plan must be valid.
func (p *Plan) Spread(fallback ...string) Sources {
	s := Sources{count: p.SourceCount}
	if s.count == 0 {
		s.count = defaultSources
	}
	names := p.Sources
	if len(names) == 0 {
		names = fallback
	}
	for _, name := range names {
		prefix, err := parseSource(name)
		if err == nil {
			s.prefixes = append(s.prefixes, prefix)
		}
	}
	return s
}

// Of returns the sources of the families that a target has addresses of.
func (s Sources) Of(v4, v6 bool) Sources {
	kept := Sources{count: s.count}
	for _, p := range s.prefixes {
		if p.Addr().Is4() && v4 || p.Addr().Is6() && v6 {
			kept.prefixes = append(kept.prefixes, p)
		}
	}
	return kept
}

// Len is how many prefixes there are.
func (s Sources) Len() int { return len(s.prefixes) }

// At is the address that the n-th listener comes from; the zero Addr where the kernel chooses. The first and the last address of a
// prefix are a network's own, and are not used.
func (s Sources) At(n int) netip.Addr {
	if len(s.prefixes) == 0 {
		return netip.Addr{}
	}
	prefix := s.prefixes[n%len(s.prefixes)]
	n /= len(s.prefixes)
	free := min(prefix.Addr().BitLen()-prefix.Bits(), 31)
	if free < 2 {
		return prefix.Addr()
	}
	host := uint32(n%min(s.count, 1<<free-2)) + 1
	if prefix.Addr().Is4() {
		b := prefix.Addr().As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+host)
		return netip.AddrFrom4(b)
	}
	b := prefix.Addr().As16()
	binary.BigEndian.PutUint32(b[12:], binary.BigEndian.Uint32(b[12:])+host)
	return netip.AddrFrom16(b)
}
