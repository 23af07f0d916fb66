package tape

// Past is a stretch of a channel as a node kept it, for another that missed it. What it holds is never changed.
type Past struct {
	Takeovers []Takeover // those that the frames and events belong to, as far as known
	Frames    []Frame    // of one variant, in order; those that were not kept are left out
	Events    []Event    // of the stretch, and the last of each kind before it
	Seals     []Seal     // of the segments that it touches
}

// Source answers for what it kept of a channel. It may be called from any goroutine, and must not block.
type Source interface {
	Past(v Variant, from, to Number) Past
}
