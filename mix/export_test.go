package mix

// ReadPacket tells what the head of an Opus packet says: its duration in samples, and whether it carries redundancy.
func ReadPacket(payload []byte) (samples int, redundant, ok bool) {
	p := packet{payload: payload}
	ok = p.read()
	return p.dur, p.fec, ok
}
