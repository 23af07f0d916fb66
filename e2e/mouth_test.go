package e2e

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/internal/impair"
)

// clicks is a short burst of 2 kHz every 1.3 s: no multiple of the cadence, so that they fall on all of its phases.
func clicks() []float32 {
	pcm := make([]float32, 180*sampleRate)
	const every, length = sampleRate * 13 / 10, sampleRate / 100
	for start := every; start+length < len(pcm); start += every {
		for i := range length {
			pcm[start+i] = float32(0.5 * math.Sin(2*math.Pi*2000*float64(i)/sampleRate))
		}
	}
	return pcm
}

// watchClicks collects in window.clicks when clicks pass a stream (a JavaScript expression): milliseconds of the machine's clock. An audio
// block has no time of day of its own; the context maps its frame to one, so the jitter of the page's main thread does not count.
func watchClicks(p *browsertest.Tab, stream string) {
	p.Helper()
	browsertest.Eval[bool](p, `(async () => {
		window.clicks = [];
		const ctx = new AudioContext({ sampleRate: 48000, latencyHint: "interactive" });
		await ctx.resume();
		const worklet = `+"`"+`registerProcessor('ear', class extends AudioWorkletProcessor {
			constructor() { super(); this.until = 0 }
			process([input]) {
				if (input[0]) for (let i = 0; i < input[0].length; i++)
					if (Math.abs(input[0][i]) > 0.05 && currentFrame + i > this.until) {
						this.until = currentFrame + i + 24000;
						this.port.postMessage((currentFrame + i) / 48000);
					}
				return true;
			}
		})`+"`"+`;
		await ctx.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], { type: "text/javascript" })));
		const ear = new AudioWorkletNode(ctx, "ear", { channelCount: 1, channelCountMode: "explicit" });
		for (const track of (`+stream+`).getAudioTracks()) ctx.createMediaStreamSource(new MediaStream([track])).connect(ear);
		const quiet = ctx.createGain(); quiet.gain.value = 0;
		ear.connect(quiet).connect(ctx.destination);
		window.ear = ctx; // else it is collected
		ear.port.onmessage = e => {
			const now = performance.timeOrigin + performance.now();
			window.clicks.push(now - (ctx.currentTime - e.data) * 1000);
		};
		return true;
	})()`)
}

// mouthToEar is the median time from clicks at the mouth to clicks at the ear, and how many there were.
func mouthToEar(mouth, ear []float64) (median time.Duration, n int) {
	var all []float64
	for _, m := range mouth {
		for _, e := range ear {
			if e > m && e-m < 1290 {
				all = append(all, e-m)
				break
			}
		}
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return time.Duration(all[len(all)/2] * float64(time.Millisecond)), len(all)
}

// From a mouth to the ears of another speaker and of a listener in a room of low delay, on loopback and through a bad network on the
// speaker's side. The bars are the design's; the figures are in docs/BENCHMARKS.md.
func TestMouthToEar(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		network   impair.Config
		toSpeaker time.Duration
	}{
		{"Loopback", impair.Config{}, 150 * time.Millisecond},
		{"DelayAndLoss", impair.Config{Delay: 40 * time.Millisecond, Loss: 0.02, Seed: 1}, 250 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "--advertise", "127.0.0.1").open("Click", true)
			mouth, _ := behindProxy(t, s, clicking, s.hostDesk(), row.network)
			ear := goOnStage(t, silent, s.invite("Grace").DeskURL)
			listener := sitDown(t, s.room.ListenURL)
			watchClicks(mouth, "window.spoken")
			watchClicks(ear, "window.heard")
			watchClicks(listener, captured)
			wanted := 6
			if exactly {
				wanted = 15
			}
			listener.Until("clicks.length >= "+itoa(wanted), "clicks")
			said := browsertest.Eval[[]float64](mouth, "clicks")
			speaker, n := mouthToEar(said, browsertest.Eval[[]float64](ear, "clicks"))
			web, m := mouthToEar(said, browsertest.Eval[[]float64](listener, "clicks"))
			t.Logf("speaker to speaker: median %v of %d clicks; to the web listener: median %v of %d", speaker, n, web, m)
			if n < wanted/2 || m < wanted/2 {
				t.Fatalf("too few clicks arrived: %d and %d", n, m)
			}
			if limit := bar(row.toSpeaker); speaker > limit {
				t.Errorf("speaker to speaker takes %v, more than %v", speaker, limit)
			}
			if limit := bar(time.Second); web > limit {
				t.Errorf("to the web listener it takes %v, more than %v", web, limit)
			}
		})
	}
}
