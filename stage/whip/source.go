package whip

// Source is a voice.
type Source interface {
	// Next returns the next 20 ms as one Opus packet, which stays unchanged until the call after. An empty packet is 20 ms
	// in which nothing is sent. io.EOF ends the voice. It is called by one goroutine and should not block: a packet that
	// comes late is sent late.
	Next() ([]byte, error)
}

// SourceFunc is a function that is a Source.
type SourceFunc func() ([]byte, error)

// Next calls the function.
func (f SourceFunc) Next() ([]byte, error) { return f() }
