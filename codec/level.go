package codec

// maxLevel bounds sound on both sides of the libraries: 12 dB over full scale, far more than lossy coding overshoots.
const maxLevel = 4

// bound takes NaN, infinities and absurd levels out of pcm. Hostile packets may ask for them, and one such sample in the mix would
// silence everybody.
func bound(pcm []float32) {
	for i, v := range pcm {
		switch {
		case v >= -maxLevel && v <= maxLevel:
		case v > maxLevel:
			pcm[i] = maxLevel
		case v < -maxLevel:
			pcm[i] = -maxLevel
		default:
			pcm[i] = 0
		}
	}
}
