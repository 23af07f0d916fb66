package mix

// part is what one voice is of a sum.
type part struct {
	id  string
	pcm *[frameSamples]float32
}

// parts are the voices of a sum, each of them once. A voice that is silent is left out.
type parts []part

// of returns the part of a voice, or silence.
func (p parts) of(id string) *[frameSamples]float32 {
	for i := range p {
		if p[i].id == id {
			return p[i].pcm
		}
	}
	return &noPart
}

// noPart is never written to.
var noPart [frameSamples]float32

// shelf keeps what parts are made of, so that a tick need not make any once the line is full.
type shelf []*[frameSamples]float32

// take takes back what parts are made of, and leaves none.
func (s *shelf) take(p *parts) {
	for i := range *p {
		*s = append(*s, (*p)[i].pcm)
		(*p)[i] = part{}
	}
	*p = (*p)[:0]
}

// give returns a part whose sound is undefined.
func (s *shelf) give(id string) part {
	n := len(*s)
	if n == 0 {
		return part{id, new([frameSamples]float32)}
	}
	pcm := (*s)[n-1]
	*s = (*s)[:n-1]
	return part{id, pcm}
}

// crossApart is cross, for each voice that is in a or in b.
func (d *delayLine) crossApart(a, b parts) {
	for _, p := range a {
		d.nextOf(p.id)
		made := d.next[len(d.next)-1].pcm
		cross(made[:], p.pcm[:], b.of(p.id)[:])
	}
	for _, p := range b {
		if a.of(p.id) == &noPart {
			d.nextOf(p.id)
			cross(d.next[len(d.next)-1].pcm[:], noPart[:], p.pcm[:])
		}
	}
}

// fallApart is fall, for each voice that went out last.
func (d *delayLine) fallApart() {
	for _, p := range d.apart {
		if p.pcm[frameSamples-1] == 0 {
			continue
		}
		i := len(d.next)
		for j := range d.next {
			if d.next[j].id == p.id {
				i = j
			}
		}
		if i == len(d.next) {
			d.nextOf(p.id)
			clear(d.next[i].pcm[:])
		}
		fall(d.next[i].pcm[:], p.pcm[:])
	}
}

// nextOf adds a voice to what goes out next.
func (d *delayLine) nextOf(id string) { d.next = append(d.next, d.spare.give(id)) }

// Track is what one voice is of what the last tick let out: as it came, before levelling, and with all that the delay and the curtain did
// to it.
type Track struct {
	ID  string
	PCM []float32 // a frame
}

// Apart says whether the voices are also kept apart, for Tracks. Those that are on their way through the delay when it is switched on are not.
func (m *Mixer) Apart(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.apart = on
}

// Tracks appends the voices of the frame that Tick made last to dst[:0], in no order; who is silent in it is left out. They are valid until the next
// Tick, whose goroutine alone may call this.
func (m *Mixer) Tracks(dst []Track) []Track {
	dst = dst[:0]
	for _, p := range m.line.apart {
		dst = append(dst, Track{p.id, p.pcm[:]})
	}
	return dst
}

// collect adds what a voice is of this tick to the parts of it. A person who comes back by a new connection is one voice with the old one's end.
func (m *Mixer) collect(id string, pcm []float32) {
	if !sounds(pcm) {
		return
	}
	for _, p := range m.parts {
		if p.id == id {
			for i, x := range pcm {
				p.pcm[i] += x
			}
			return
		}
	}
	p := m.line.give(id)
	copy(p.pcm[:], pcm)
	m.parts = append(m.parts, p)
}

// sounds reports whether anything of x is not zero.
func sounds(x []float32) bool {
	for _, v := range x {
		if v != 0 {
			return true
		}
	}
	return false
}

// give is shelf.give for the tick, before pass.
func (d *delayLine) give(id string) part {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spare.give(id)
}
