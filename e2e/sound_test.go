package e2e

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/cmplx"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/internal/wav"
)

const sampleRate = 48000

// tone is at -20 dBFS, of whole periods, and longer than a test: Chromium leaves a seam where it begins a file again.
func tone(hertz int) []float32 {
	second := make([]float32, sampleRate)
	for i := range second {
		second[i] = float32(0.1 * math.Sin(2*math.Pi*float64(hertz*i%sampleRate)/sampleRate))
	}
	return slices.Repeat(second, 180)
}

func writeWAV(t testing.TB, pcm []float32) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "sound.wav")
	err := wav.WriteFile(name, pcm)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// keepTracks lets a test reach what a page receives and what its microphone gives.
const keepTracks = `
	window.heard = new MediaStream();
	window.spoken = null;
	const Peer = RTCPeerConnection;
	window.RTCPeerConnection = class extends Peer {
		constructor(...a) { super(...a); this.addEventListener("track", e => window.heard.addTrack(e.track)); }
	};
	if (window.MediaDevices) { // not on a page without a secure context
		const get = MediaDevices.prototype.getUserMedia;
		MediaDevices.prototype.getUserMedia = async function(...a) { return window.spoken = await get.apply(this, a); };
	}
`

// record returns seconds of a stream (a JavaScript expression) as 48 kHz mono: the sum of its audio tracks.
func record(p *browsertest.Tab, stream string, seconds int) []float32 {
	p.Helper()
	text := browsertest.Eval[string](p, `(async () => {
		const ctx = new AudioContext({ sampleRate: 48000 });
		await ctx.resume();
		const worklet = "registerProcessor('tape', class extends AudioWorkletProcessor { process([input]) { if (input[0]) this.port.postMessage(input[0].slice()); return true } })";
		await ctx.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], { type: "text/javascript" })));
		const tape = new AudioWorkletNode(ctx, "tape", { channelCount: 1, channelCountMode: "explicit" });
		for (const track of (`+stream+`).getAudioTracks()) ctx.createMediaStreamSource(new MediaStream([track])).connect(tape);
		const quiet = ctx.createGain(); quiet.gain.value = 0;
		tape.connect(quiet).connect(ctx.destination);
		const all = new Float32Array(48000 * `+itoa(seconds)+`);
		let n = 0;
		await new Promise(done => tape.port.onmessage = e => {
			all.set(e.data.subarray(0, all.length - n), n);
			n = Math.min(n + e.data.length, all.length);
			if (n === all.length) done();
		});
		await ctx.close();
		const bytes = new Uint8Array(all.buffer);
		let text = "";
		for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
		return btoa(text);
	})()`)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		p.Fatal(err)
	}
	pcm := make([]float32, len(raw)/4)
	for i := range pcm {
		pcm[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return pcm
}

// captured is what a listener's page sounds, as a JavaScript expression.
const captured = "document.getElementById('audio').captureStream()"

// hearsCleanly waits until so many seconds of a stream are as they should be. A busy machine starves one of several Chromium processes now
// and then, which is heard, and what is behind a join or a gap is caught up with: such seconds are not judged. Where figures have to meet
// their bars, seconds in a row have to be so.
func hearsCleanly(p *browsertest.Tab, stream string, seconds, inARow int, clean func(hertz []float64) (ok bool, said string)) {
	p.Helper()
	if exactly {
		const settling = 5
		pcm := record(p, stream, settling+inARow)
		for second := settling; second < settling+inARow; second++ {
			if ok, said := clean(spectrum(pcm[second*sampleRate:][:sampleRate])); !ok {
				p.Errorf("second %d: %s", second, said)
			}
		}
		return
	}
	last := ""
	for deadline := time.Now().Add(2 * patience); seconds > 0; {
		if time.Now().After(deadline) {
			p.Fatalf("%d clean seconds have not come in %v; the last one had %s", seconds, 2*patience, last)
		}
		const settling = 1
		pcm := record(p, stream, settling+seconds)
		for n := settling; n*sampleRate < len(pcm); n++ {
			ok, said := clean(spectrum(pcm[n*sampleRate:][:sampleRate]))
			p.Log(said)
			if last = said; ok {
				seconds--
			}
		}
	}
}

// holds is clean where a tone is heard, whatever else is.
func holds(hertz int) func([]float64) (bool, string) {
	return func(spectrum []float64) (bool, string) {
		level := peak(spectrum, hertz)
		return level > -40, fmt.Sprintf("%d Hz at %.1f dB", hertz, level)
	}
}

// spectrum is the amplitude of each whole hertz in one second of sound, by a Blackman-Harris window (side lobes below -92 dB).
func spectrum(second []float32) []float64 {
	const size = 1 << 16 // above a second: bins of 48000/65536 Hz
	x := make([]complex128, size)
	n := float64(len(second) - 1)
	var sum float64
	for i, v := range second {
		a := 2 * math.Pi * float64(i) / n
		w := 0.35875 - 0.48829*math.Cos(a) + 0.14128*math.Cos(2*a) - 0.01168*math.Cos(3*a)
		sum += w
		x[i] = complex(float64(v)*w, 0)
	}
	fft(x)
	hertz := make([]float64, sampleRate/2)
	for i := range size / 2 {
		f := int(math.Round(float64(i) * sampleRate / size))
		if f < len(hertz) {
			hertz[f] = max(hertz[f], 2*cmplx.Abs(x[i])/sum)
		}
	}
	return hertz
}

// fft is the radix-2 transform in place.
func fft(x []complex128) {
	n := len(x)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j |= bit
		if i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= n; size <<= 1 {
		step := cmplx.Rect(1, -2*math.Pi/float64(size))
		for i := 0; i < n; i += size {
			w := complex(1, 0)
			for k := range size / 2 {
				a, b := x[i+k], x[i+k+size/2]*w
				x[i+k], x[i+k+size/2] = a+b, a-b
				w *= step
			}
		}
	}
}

// peak is the strongest line within 12 Hz of a frequency, in dB.
func peak(hertz []float64, at int) float64 {
	var top float64
	for f := at - 12; f <= at+12; f++ {
		top = max(top, hertz[f])
	}
	return decibel(top)
}

// rest is the strongest line elsewhere, in dB, and where it is.
func rest(hertz []float64, but ...int) (level float64, at int) {
	var top float64
next:
	for f, a := range hertz {
		for _, b := range but {
			if f >= b-12 && f <= b+12 {
				continue next
			}
		}
		if a > top {
			top, at = a, f
		}
	}
	return decibel(top), at
}

func decibel(a float64) float64 { return 20 * math.Log10(max(a, 1e-9)) }
