package mix

import "slices"

const (
	floorTicks  = 25   // in a part of the window
	floorParts  = 8    // the window: 4 s of sound
	floorOnset  = 5    // ticks of sound before it counts: a sound that sets in is not yet as loud as it will be
	floorSilent = 1e-7 // energy, near -70 LUFS, the absolute gate of BS.1770-4: a sender who sends no noise says nothing about it
)

// noiseFloor follows the loudness of what is always there while a voice is heard: the least energy of a tick in the last 4 s of sound.
type noiseFloor struct {
	parts [floorParts]float64 // the least of each part, a ring
	n     int                 // ticks counted
	run   int                 // ticks since silence
}

// observe takes the energy of a tick.
func (f *noiseFloor) observe(energy float64) {
	if energy < floorSilent {
		f.run = 0
		return
	}
	f.run++
	if f.run <= floorOnset {
		return
	}
	part := f.n / floorTicks % floorParts
	if f.n%floorTicks == 0 {
		f.parts[part] = energy
	}
	f.parts[part] = min(f.parts[part], energy)
	f.n++
}

// interrupt says that the sound was interrupted by the network.
func (f *noiseFloor) interrupt() { f.run = 0 }

// lufs returns the floor. Before anything is known it is above everything.
func (f *noiseFloor) lufs() float64 {
	if f.n == 0 {
		return 0
	}
	return loudness(f.energy())
}

// energy returns the floor as a mean square. Before anything is known it is above everything.
func (f *noiseFloor) energy() float64 {
	if f.n == 0 {
		return 1
	}
	return slices.Min(f.parts[:min((f.n-1)/floorTicks+1, floorParts)])
}
