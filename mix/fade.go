package mix

// fade multiplies x by a gain that moves from gain to target by at most 1 in length samples, and returns the gain reached.
func fade(x []float32, gain, target float32, length int) float32 {
	if gain == target {
		switch gain {
		case 0:
			clear(x)
		case 1:
		default:
			scale(x, gain, gain)
		}
		return gain
	}
	step := 1 / float32(length)
	for i := range x {
		if gain < target {
			gain = min(gain+step, target)
		} else {
			gain = max(gain-step, target)
		}
		x[i] *= gain
	}
	return gain
}

// scale multiplies x by a gain that moves in a straight line from one value to another.
func scale(x []float32, from, to float32) {
	step := (to - from) / float32(len(x))
	for i := range x {
		from += step
		x[i] *= from
	}
}
