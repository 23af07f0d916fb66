package room

import "errors"

// What the keepers of rooms answer, whatever they keep them in.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("exists already")
	ErrEnded       = errors.New("the room has ended")
	ErrManyInvites = errors.New("the room has invited as many people as it may")
	ErrUnwritable  = errors.New("the database cannot be written to now")
	ErrManyCoHosts = errors.New("the room has as many co-hosts as it may")
	ErrLinkUnknown = errors.New("the link is not known")
	ErrLinkUsed    = errors.New("the link was used already")
	ErrRemoved     = errors.New("this person was removed from the room")
	ErrLinkExpired = errors.New("the link has expired")
	ErrLeadTaken   = errors.New("the room has a host again")

	ErrManyChapters = errors.New("the room has as many chapters as it may")
	ErrFrame        = errors.New("not a place in this conversation")
)
