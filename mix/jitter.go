package mix

// queueSlots bounds the jitter buffer: 5 s of 20 ms packets, 640 ms of the shortest.
const queueSlots = 256

// queue holds the packets that wait, by sequence number. Its memory is bounded and is used again.
type queue struct {
	slots [queueSlots]packet
	held  [queueSlots]bool
	next  int64 // the sequence number to be played next
	last  int64 // the highest held; below next when empty
}

// putResult says what became of a packet.
type putResult int

const (
	stored putResult = iota
	duplicate
	tooLate
	tooFar
)

// put stores p unless its place has passed, is taken, or is beyond the bound. It exchanges payload buffers with p.
func (q *queue) put(p *packet) putResult {
	i := uint64(p.seq) % queueSlots
	switch {
	case p.seq < q.next:
		return tooLate
	case p.seq >= q.next+queueSlots:
		return tooFar
	case q.held[i]:
		return duplicate
	}
	slot := &q.slots[i]
	*slot, p.payload = *p, slot.payload
	q.held[i] = true
	q.last = max(q.last, p.seq)
	return stored
}

// first returns the earliest packet held, or nil.
func (q *queue) first() *packet {
	for seq := q.next; seq <= q.last; seq++ {
		if i := uint64(seq) % queueSlots; q.held[i] {
			return &q.slots[i]
		}
	}
	return nil
}

// done takes out p, which first returned, and moves on to what follows it. p stays readable until the next put.
func (q *queue) done(p *packet) { q.skip(p.seq + 1) }

// skip moves on to the packet seq.
func (q *queue) skip(seq int64) {
	for s := q.next; s < seq && s <= q.last; s++ {
		q.held[uint64(s)%queueSlots] = false
	}
	q.next = max(q.next, seq)
}

// restart empties the queue and waits for the packet seq.
func (q *queue) restart(seq int64) {
	clear(q.held[:])
	q.next, q.last = seq, seq-1
}
