package room

import "time"

// Invite is a person's place in a room, offered by a link.
type Invite struct {
	Room    ID
	Person  PersonID
	Role    Role
	Name    string
	Created time.Time
	Removed time.Time // zero while the person is welcome
}

// MaxInvites is how many people a room may invite in all.
const MaxInvites = 1000

// MaxCoHosts is how many co-hosts a room has at a time.
const MaxCoHosts = 2

// Record is a room as the host's side keeps it: the facts that every node knows, and whose room it is.
type Record struct {
	Facts      Facts
	Host       HostID
	HostPerson PersonID // who the host is on stage
}
