package listener

import (
	"fmt"

	"github.com/epidaurus-live/epidaurus/tape"
)

// End says how a listening came to its end.
type End string

// The ends of a listening; none while it goes on.
const (
	EndRoom    End = "room"    // the room ended: the answer closed properly
	EndStopped End = "stopped" // the listener had enough
	EndFailed  End = "failed"  // it could not go on
)

// Bounds of what a report lists; everything is counted.
const (
	maxListedGaps   = 1000
	maxListedFaults = 100
)

// Report is what a listener found. All of it is what this listener saw, and nothing that a server said about itself.
type Report struct {
	URL       string       `json:"url"`
	Variant   tape.Variant `json:"variant,omitempty"` // as asked; empty is the server's choice
	Container Container    `json:"container"`
	End       End          `json:"end,omitempty"`

	// The timeline.
	First       tape.Number `json:"first"` // the first frame that was heard
	Next        tape.Number `json:"next"`  // the frame behind the last one
	Frames      int64       `json:"frames"`
	Silent      int64       `json:"silent"` // frames that are tape.SilencePacket: declared gaps, and what an edge never got
	Gaps        []Gap       `json:"gaps"`   // the first 1000
	GapCount    int64       `json:"gap_count"`
	GapFrames   int64       `json:"gap_frames"`
	Repeated    int64       `json:"repeated"`    // frames that came again, or came late, within one answer
	Undecodable int64       `json:"undecodable"` // packets that are no Opus, or not of 960 samples

	// What else was wrong. Gaps, repeated frames and undecodable packets are among the faults.
	Faults     []string `json:"faults"` // sentences; the first 100
	FaultCount int64    `json:"fault_count"`

	// The connection.
	Answers   int64   `json:"answers"`  // those that began; the first and every resume
	Refusals  int64   `json:"refusals"` // tries that got no answer
	Overlap   int64   `json:"overlap"`  // frames at the beginning of a resumed answer that had been heard already
	Bytes     int64   `json:"bytes"`    // of bodies, without HTTP's own
	Bitrate   float64 `json:"bitrate"`  // bit/s: bytes over the sound that was received
	Bitrate5s float64 `json:"bitrate_5s"`
	Events    int64   `json:"events"`

	// Rooms that this one was taken to while it listened.
	Moves     int64 `json:"moves,omitempty"`
	MoveGapMS int64 `json:"move_gap_ms,omitempty"` // the longest time without sound at an ideal player's ear for that

	// Time.
	ListenedMS   int64 `json:"listened_ms"`
	JoinMS       int64 `json:"join_ms"` // from the first request to the first sound; -1 before it
	Fragments    int64 `json:"fragments"`
	SpacingMS    int64 `json:"spacing_ms"`     // between the last two fragments of an answer
	SpacingMaxMS int64 `json:"spacing_max_ms"` // the longest such time
	HeldMS       int64 `json:"held_ms"`        // sound held by an ideal player, see the package
	HeldMinMS    int64 `json:"held_min_ms"`    // the least it held just before a fragment arrived, bursts left out; 0 with a stall, -1 before it is known
	Stalls       int64 `json:"stalls"`
	StalledMS    int64 `json:"stalled_ms"`
}

// Gap is a hole in the timeline: the frames From (inclusive) to To (exclusive) never came.
type Gap struct {
	From tape.Number `json:"from"`
	To   tape.Number `json:"to"`
}

// Gapless reports whether there was sound, every frame of it came exactly once, and every packet could be decoded.
func (r *Report) Gapless() bool {
	return r.Frames > 0 && r.GapCount == 0 && r.Repeated == 0 && r.Undecodable == 0
}

// Faultless reports whether it was gapless and everything else was as the protocol says.
func (r *Report) Faultless() bool { return r.Gapless() && r.FaultCount == 0 }

// fault counts something that is not as the protocol says, and lists it.
func (r *Report) fault(format string, args ...any) {
	r.FaultCount++
	if len(r.Faults) < maxListedFaults {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

func (r *Report) gap(from, to tape.Number) {
	r.GapCount++
	r.GapFrames += int64(to - from)
	if len(r.Gaps) < maxListedGaps {
		r.Gaps = append(r.Gaps, Gap{from, to})
	}
	r.fault("frames %d to %d never came", from, to-1)
}
