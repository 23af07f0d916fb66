package room

import "time"

// Presence is who is in a room at a moment of those on whom it hangs who leads it: on stage with a connection, or with a desk that follows the
// stage.
type Presence struct {
	Host     bool
	CoHost   bool
	Producer bool
	Stage    bool // somebody, of whatever role, is on stage
}

// LeadRules are the times by which a room outlives its host.
type LeadRules struct {
	Grace time.Duration // for so long a room without host and co-host stays the host's; 0: not at all
	End   time.Duration // so long after that a room in which nobody is left ends; 0: never
}

// LeadState is how a room stands to its host.
type LeadState string

// The states that there are.
const (
	LeadHeld  LeadState = ""      // the host is there
	LeadKept  LeadState = "kept"  // a co-host keeps the room for the host, for as long as it takes
	LeadGrace LeadState = "grace" // neither is there: the host's until Until
	LeadOpen  LeadState = "open"  // the grace is over: the first co-host or producer who wants it may take it
	LeadLeft  LeadState = "left"  // so it is, and nobody is there at all: it ends at Until
	LeadOver  LeadState = "over"  // it has to end now
)

// Lead is who leads a live room whose host may be gone. The zero Lead is that of a room with its host. It is a value: See makes the next one.
type Lead struct {
	State LeadState
	Until time.Time // of LeadGrace and LeadLeft

	alone time.Time // since when neither host nor co-host is there
	empty time.Time // since when, after the grace, nobody is
	open  bool      // the grace is over: until the host is back, or another has taken the room
}

// See is the lead after who is there was looked at. What was seen before counts on from there: a room is not open again before its grace has
// passed in whole.
func (l Lead) See(p Presence, r LeadRules, now time.Time) Lead {
	if p.Host {
		return Lead{}
	}
	if !l.open {
		if p.CoHost {
			return Lead{State: LeadKept}
		}
		if l.alone.IsZero() {
			l.alone = now
		}
		until := l.alone.Add(r.Grace)
		if now.Before(until) {
			return Lead{State: LeadGrace, Until: until, alone: l.alone}
		}
	}
	next := Lead{State: LeadOpen, open: true, empty: l.empty}
	switch {
	case p.CoHost || p.Producer || p.Stage:
		next.empty = time.Time{}
		return next
	case next.empty.IsZero():
		next.empty = now
	}
	if r.End == 0 {
		return next
	}
	next.State, next.Until = LeadLeft, next.empty.Add(r.End)
	if !now.Before(next.Until) {
		next.State = LeadOver
	}
	return next
}

// Free reports whether the room may be taken by another.
func (l Lead) Free() bool { return l.open }

// TakeLead makes a co-host or a producer the host of a room whose host is gone, and the host a co-host, as these facts say it; granted is what the
// taker's token says. It says why not, and then nothing has changed: of two who take it at once one does. That the room is free the caller has
// looked at.
func (f *Facts) TakeLead(host, to PersonID, granted Role) error {
	role := f.RoleOf(to, granted)
	err := May(role, ActTakeLead, f.State)
	switch {
	case err != nil:
		return err
	case f.IsRemoved(to):
		return ErrRemoved
	case f.RoleOf(host, Host) != Host:
		return ErrLeadTaken
	}
	f.exchangeHost(host, to)
	return nil
}

func (f *Facts) exchangeHost(from, to PersonID) {
	f.keepHostsConsent(from)
	roles := map[PersonID]Role{} // readers of facts may hold the old ones
	for p, r := range f.Roles {
		roles[p] = r
	}
	roles[from], roles[to] = CoHost, Host
	f.Roles = roles
}

// HostOf is who is the host of a room that was made by maker.
func (f Facts) HostOf(maker PersonID) PersonID {
	for p, r := range f.Roles {
		if r == Host {
			return p
		}
	}
	return maker
}
