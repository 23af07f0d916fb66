package tape

// Reach is which segments of a variant a node can give, of those that it keeps in memory. From one to the next it only grows at its end, and
// shrinks at its beginning.
type Reach struct {
	First, End Number          // segments First (inclusive) to End (exclusive)
	Head       Number          // what there is of the segments behind them ends before this frame; it may yet turn out to be different
	Over       bool            // the channel's sound ends with them
	Moved      <-chan struct{} // closed when this has changed
}
