package channel

// TracksWaiting is how many frames of tracks the tick has handed over that nobody has taken. It is for the goroutine of the tick.
func (m *Maker) TracksWaiting() int { return len(m.tracks.jobs) }
