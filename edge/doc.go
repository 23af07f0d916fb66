//go:build linux

// Package edge repeats channels to listeners: the hot path. A listener's request becomes a seat, and a seat is a socket, not a
// goroutine.
//
//	Feed ──▶ hub ──▶ reel (one variant: ring of frames) ──▶ press (bytes, made once) ──▶ row ──▶ seat
//	         one per room and channel                        one per container            one per section
//
// On a plain port Front accepts, and seats a request of the usual form itself; all else net/http parses, and where it is for a seat the
// handler takes the connection over. Either hands it to a section. A section is one goroutine
// with an epoll of its own, which alone writes to its seats, never waiting for any of them. The seats of a row share variant,
// container, cadence and phase, and so the very same bytes. When a frame completes a stretch of the row's cadence, the section
// writes that stretch to each seat; what a socket does not take is remembered as a reference and an offset, and goes out when the
// socket is writable again. A seat that stays too far behind is given silence for what it missed; one that takes nothing for
// long is closed. Under TLS what a socket does not take is kept encrypted, and nothing more is encrypted for that seat until it is gone.
//
// A room by invitation gives a seat to who has a token that is good, which is looked at once, before the seat. An order to go to another room, as
// every event, comes with the frames. Segments (segments.go) are the same frames for those who pull.
//
// An edge knows rooms, frames and bytes, not people. What it writes is a function of the frames alone, so a listener who loses one
// edge goes on at another from the frame where he stopped.
//
// The package needs Linux: epoll, eventfd and TCP_USER_TIMEOUT have no equal elsewhere, so its files are built there only.
package edge
