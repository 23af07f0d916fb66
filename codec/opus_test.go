package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"sync"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/tape"
)

const words = "At Epidaurus a whisper on the stage is heard in the last row. This program carries one live conversation, a host, " +
	"a guest, a handful of speakers, to an audience of any size. It starts on time when everybody comes at once, keeps the people " +
	"who are in when somebody attacks the door, and lets everybody listen again afterwards."

// speech is 18 s of a synthetic voice, whole frames of it.
var speech = sync.OnceValues(func() ([]float32, error) {
	file, err := exec.Command("espeak-ng", "-v", "en-gb", "--stdout", words).Output()
	if err != nil {
		return nil, fmt.Errorf("espeak-ng: %w", err)
	}
	pcm, err := wav.Read(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return pcm[:len(pcm)/codec.FrameSamples*codec.FrameSamples], nil
})

func speechOf(t testing.TB) []float32 {
	t.Helper()
	pcm, err := speech()
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

// tones is the sum of sines, each at -12 dBFS.
func tones(seconds int, hz ...float64) []float32 {
	pcm := make([]float32, seconds*codec.SampleRate)
	for i := range pcm {
		for _, f := range hz {
			pcm[i] += float32(0.25 * math.Sin(2*math.Pi*f*float64(i)/codec.SampleRate))
		}
	}
	return pcm
}

func encoder(t testing.TB, c codec.OpusConfig) *codec.OpusEncoder {
	t.Helper()
	e, err := codec.NewOpusEncoder(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func decoder(t testing.TB) *codec.OpusDecoder {
	t.Helper()
	d, err := codec.NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func encodeAll(t testing.TB, e *codec.OpusEncoder, pcm []float32) [][]byte {
	t.Helper()
	var packets [][]byte
	buf := make([]byte, codec.MaxPacketBytes)
	for ; len(pcm) >= codec.FrameSamples; pcm = pcm[codec.FrameSamples:] {
		n, err := e.Encode(pcm[:codec.FrameSamples], buf)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, bytes.Clone(buf[:n]))
	}
	return packets
}

// speechPackets is speech by a variant's encoder. Tests do not change it.
func speechPackets(t testing.TB, v tape.Variant) [][]byte {
	t.Helper()
	encoded.Lock()
	defer encoded.Unlock()
	if encoded.packets[v] == nil {
		encoded.packets[v] = encodeAll(t, encoder(t, codec.ForVariant(v)), speechOf(t))
	}
	return encoded.packets[v]
}

// encoded keeps what several tests need: under the race detector an encode takes its time.
var encoded = struct {
	sync.Mutex
	packets map[tape.Variant][][]byte
}{packets: make(map[tape.Variant][][]byte)}

func decodeAll(t testing.TB, d *codec.OpusDecoder, packets [][]byte) []float32 {
	t.Helper()
	var pcm []float32
	buf := make([]float32, codec.MaxFrameSamples)
	for i, p := range packets {
		n, err := d.Decode(p, buf)
		if err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		pcm = append(pcm, buf[:n]...)
	}
	return pcm
}

// kbits is the rate of packets of 20 ms in kbit/s.
func kbits(packets [][]byte) float64 {
	n := 0
	for _, p := range packets {
		n += len(p)
	}
	return float64(n) * 8 * 50 / 1000 / float64(len(packets))
}

// configurations counts the packets of each configuration of RFC 6716, table 2: below 12 the speech coder, below 16 both, above the
// transform coder.
func configurations(packets [][]byte) map[byte]int {
	m := make(map[byte]int)
	for _, p := range packets {
		m[p[0]>>3]++
	}
	return m
}

// level is the energy of sound in dBFS; silence is -200.
func level(pcm []float32) float64 {
	sum := 1e-20 * float64(len(pcm))
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(pcm)))
}

// difference is the level of a-b.
func difference(a, b []float32) float64 {
	d := make([]float32, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return level(d)
}

func TestVariantRate(t *testing.T) {
	cases := []struct {
		variant  tape.Variant
		min, max float64 // kbit/s
	}{
		{tape.Opus48, 44, 50}, {tape.Opus24, 22, 26.5}, {tape.Opus12, 10, 13},
	}
	for _, c := range cases {
		fast := codec.ForVariant(c.variant)
		fast.Complexity = 5
		for name, packets := range map[string][][]byte{
			"10": speechPackets(t, c.variant),
			"5":  encodeAll(t, encoder(t, fast), speechOf(t)[:6*codec.SampleRate]),
		} {
			rate := kbits(packets)
			t.Logf("%s at complexity %s: %.1f kbit/s, configurations %v", c.variant, name, rate, configurations(packets))
			if rate < c.min || rate > c.max {
				t.Errorf("%s at complexity %s: %.1f kbit/s, want %v to %v", c.variant, name, rate, c.min, c.max)
			}
		}
	}
}

func TestVariantPurity(t *testing.T) {
	cases := []struct {
		variant    tape.Variant
		rest, line float64 // dB against the weaker tone, at most
	}{
		{tape.Opus48, -40, -45}, {tape.Opus24, -30, -40}, {tape.Opus12, -12, -18},
	}
	for _, c := range cases {
		e, d := encoder(t, codec.ForVariant(c.variant)), decoder(t)
		// Speech before it: the encoder must notice that it is over.
		decodeAll(t, d, encodeAll(t, e, speechOf(t)[:4*codec.SampleRate]))
		out := decodeAll(t, d, encodeAll(t, e, tones(5, 440, 660)))
		rest, line := math.Inf(-1), math.Inf(-1)
		for at := 2 * codec.SampleRate; at+codec.SampleRate <= len(out); at += codec.SampleRate / 2 {
			window := out[at : at+codec.SampleRate]
			rest = max(rest, restBeside(window, 440, 660))
			line = max(line, strongestLine(window, 440, 660))
		}
		t.Logf("%s: rest %.1f dB, line %.1f dB", c.variant, rest, line)
		if rest > c.rest || line > c.line {
			t.Errorf("%s: rest %.1f dB and line %.1f dB beside the tones, want %v and %v", c.variant, rest, line, c.rest, c.line)
		}
	}
}

func TestUnknownVariantIsTheBest(t *testing.T) {
	if codec.ForVariant("aac-64") != codec.ForVariant(tape.Opus48) {
		t.Error("an unknown variant differs from opus-48")
	}
}

func TestLookahead(t *testing.T) {
	for _, v := range tape.Variants {
		in := speechOf(t)[:3*codec.SampleRate]
		out := decodeAll(t, decoder(t), speechPackets(t, v)[:150])
		best, at := math.Inf(-1), 0
		for lag := range 700 {
			sum := 0.0
			for i := 0; i+lag < len(out); i += 3 {
				sum += float64(in[i]) * float64(out[i+lag])
			}
			if sum > best {
				best, at = sum, lag
			}
		}
		// The high-pass filters and SILK's resampler shift the maximum by a few samples.
		if at < codec.OpusPreSkip-12 || at > codec.OpusPreSkip+12 {
			t.Errorf("%s is late by %d samples, want %d", v, at, codec.OpusPreSkip)
		}
	}
}

// A listener joins at any frame: 80 ms later he must hear nearly what others hear.
func TestJoinAnywhere(t *testing.T) {
	for _, v := range tape.Variants {
		packets := speechPackets(t, v)
		whole := decodeAll(t, decoder(t), packets)
		worst, loudest := math.Inf(-1), math.Inf(-1)
		for at := 50; at < len(packets)-20; at += 37 {
			joined := decodeAll(t, decoder(t), packets[at:at+20])
			same := whole[at*960 : (at+20)*960]
			const settled = 4 * codec.FrameSamples
			worst = max(worst, difference(joined[settled:], same[settled:])-level(same[settled:]))
			loudest = max(loudest, level(joined[:settled])-level(same[:settled]))
		}
		t.Logf("%s: 80 ms after a join %.1f dB of difference; before it %.1f dB louder at most", v, worst, loudest)
		if worst > -10 || loudest > 6 {
			t.Errorf("%s: 80 ms after a join %.1f dB of difference, before it %.1f dB louder", v, worst, loudest)
		}
	}
}

func TestSilencePacket(t *testing.T) {
	buf := make([]float32, codec.MaxFrameSamples)
	n, err := decoder(t).Decode(tape.SilencePacket, buf)
	if err != nil || n != codec.FrameSamples || level(buf[:n]) > -199 {
		t.Errorf("alone: %d samples at %.0f dBFS, %v", n, level(buf[:n]), err)
	}
	for _, v := range tape.Variants {
		d := decoder(t)
		decodeAll(t, d, speechPackets(t, v)[:100])
		for i := range 3 {
			n, err := d.Decode(tape.SilencePacket, buf)
			if err != nil || n != codec.FrameSamples {
				t.Fatalf("%s: %d samples, %v", v, n, err)
			}
			if l := level(buf[480:n]); l > -60 {
				t.Errorf("%s: silence %d after speech ends at %.0f dBFS", v, i, l)
			}
		}
	}
}

func TestEncodeSilenceIsSmall(t *testing.T) {
	for _, v := range tape.Variants {
		packets := encodeAll(t, encoder(t, codec.ForVariant(v)), make([]float32, 50*codec.FrameSamples))
		if rate := kbits(packets[25:]); rate > 12 {
			t.Errorf("%s: silence takes %.1f kbit/s", v, rate)
		}
		if l := level(decodeAll(t, decoder(t), packets)); l > -100 {
			t.Errorf("%s: silence comes out at %.0f dBFS", v, l)
		}
	}
}

func TestConceal(t *testing.T) {
	d := decoder(t)
	decodeAll(t, d, encodeAll(t, encoder(t, codec.ForVariant(tape.Opus48)), tones(1, 440)))
	pcm := make([]float32, codec.FrameSamples)
	if err := d.Conceal(pcm); err != nil {
		t.Fatal(err)
	}
	if l := level(pcm); l < -20 || l > -10 {
		t.Errorf("the first concealed frame of a tone at -15 dBFS has %.1f", l)
	}
	decodeAll(t, d, speechPackets(t, tape.Opus48)[:100])
	long := make([]float32, codec.MaxFrameSamples)
	for range 10 {
		if err := d.Conceal(long); err != nil {
			t.Fatal(err)
		}
	}
	if l := level(long); l > -50 {
		t.Errorf("after 1.2 s of lost speech there are %.1f dBFS", l)
	}
	if err := decoder(t).Conceal(pcm); err != nil || level(pcm) > -199 {
		t.Errorf("before any packet: %.0f dBFS, %v", level(pcm), err)
	}
	for _, n := range []int{0, 100, codec.MaxFrameSamples + 120} {
		if err := d.Conceal(make([]float32, n)); !errors.Is(err, codec.ErrFrameSize) {
			t.Errorf("%d samples: %v", n, err)
		}
	}
}

// fecPackets is speech with in-band FEC, as browsers send it: made by another encoder, because ours makes none.
func fecPackets(t testing.TB) [][]byte {
	t.Helper()
	return packetsOf(t, libopusFile(t, "-b:a", "24k", "-application", "voip", "-fec", "1", "-packet_loss", "20"))
}

func TestRecover(t *testing.T) {
	packets := fecPackets(t)
	clean := decodeAll(t, decoder(t), packets)
	lossy := func(recover bool) (worse float64) {
		d := decoder(t)
		buf := make([]float32, codec.MaxFrameSamples)
		var lost, whole []float32
		for i, p := range packets {
			if i%7 == 3 && i+1 < len(packets) {
				pcm := buf[:codec.FrameSamples]
				fill := d.Conceal
				if recover {
					fill = func(pcm []float32) error { return d.Recover(packets[i+1], pcm) }
				}
				if err := fill(pcm); err != nil {
					t.Fatal(err)
				}
				lost = append(lost, pcm...)
				whole = append(whole, clean[i*960:(i+1)*960]...)
				continue
			}
			if _, err := d.Decode(p, buf); err != nil {
				t.Fatal(err)
			}
		}
		return difference(lost, whole) - level(whole)
	}
	fec, plc := lossy(true), lossy(false)
	t.Logf("lost frames differ by %.1f dB when recovered, %.1f dB when concealed", fec, plc)
	if fec > plc-6 {
		t.Errorf("lost frames differ by %.1f dB when recovered, %.1f dB when concealed", fec, plc)
	}
	d := decoder(t)
	pcm := make([]float32, codec.FrameSamples)
	for _, next := range [][]byte{nil, {0xff}, {3}, {0x7b, 0xff}} {
		if err := d.Recover(next, pcm); !errors.Is(err, codec.ErrPacket) {
			t.Errorf("% x: %v", next, err)
		}
	}
	if err := d.Recover(packets[0], pcm[:7]); !errors.Is(err, codec.ErrFrameSize) {
		t.Errorf("7 samples: %v", err)
	}
}

func TestReset(t *testing.T) {
	pcm := speechOf(t)[:100*codec.FrameSamples]
	e, d := encoder(t, codec.ForVariant(tape.Opus24)), decoder(t)
	first := encodeAll(t, e, pcm)
	heard := decodeAll(t, d, first)
	if err := errors.Join(e.Reset(), d.Reset()); err != nil {
		t.Fatal(err)
	}
	again := encodeAll(t, e, pcm)
	for i := range first {
		if !bytes.Equal(first[i], again[i]) {
			t.Fatalf("packet %d differs after Reset", i)
		}
	}
	if l := difference(heard, decodeAll(t, d, again)); l > -199 {
		t.Errorf("sound differs by %.0f dBFS after Reset", l)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []codec.OpusConfig{
		{Bitrate: 5999}, {Bitrate: 510_001}, {Bitrate: 12_000, Complexity: 11}, {Bitrate: 12_000, Complexity: -1},
		{Bitrate: 12_000, Application: 2},
	} {
		if _, err := codec.NewOpusEncoder(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	e, d := encoder(t, codec.ForVariant(tape.Opus48)), decoder(t)
	packet := make([]byte, codec.MaxPacketBytes)
	if _, err := e.Encode(make([]float32, 959), packet); !errors.Is(err, codec.ErrFrameSize) {
		t.Errorf("959 samples: %v", err)
	}
	if _, err := e.Encode(make([]float32, 960), packet[1:]); !errors.Is(err, codec.ErrShortPacketBuffer) {
		t.Errorf("short buffer: %v", err)
	}
	if _, err := d.Decode(tape.SilencePacket, make([]float32, 960)); !errors.Is(err, codec.ErrFrameSize) {
		t.Errorf("room for 960: %v", err)
	}
	for _, p := range [][]byte{nil, {}, {0xff}, {0xff, 0}, {0xfb, 7}, {3<<3 | 3, 3}, make([]byte, 1277)} {
		if _, err := d.Decode(p, make([]float32, codec.MaxFrameSamples)); !errors.Is(err, codec.ErrPacket) {
			t.Errorf("%d bytes % x: %v", len(p), p[:min(len(p), 4)], err)
		}
	}
}

// What a broken mix gives the encoder may sound bad, but must not stop it.
func TestEncodeWildSound(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, v := range tape.Variants {
		e, d := encoder(t, codec.ForVariant(v)), decoder(t)
		pcm, buf := make([]float32, codec.FrameSamples), make([]byte, codec.MaxPacketBytes)
		out := make([]float32, codec.MaxFrameSamples)
		for i, wild := range []float32{1, 100, 1e30, -inf, inf, nan, 1e-42, 0} {
			for k := range pcm {
				pcm[k] = wild * (rnd.Float32() - 0.5)
			}
			n, err := e.Encode(pcm, buf)
			if err != nil {
				continue
			}
			if _, err := d.Decode(buf[:n], out); err != nil {
				t.Errorf("%s: packet of wild sound %d: %v", v, i, err)
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	for _, v := range tape.Variants {
		e, d := encoder(t, codec.ForVariant(v)), decoder(t)
		sound := append(tones(2, 440, 660), speechOf(t)[:2*codec.SampleRate]...)
		packet, out := make([]byte, codec.MaxPacketBytes), make([]float32, codec.MaxFrameSamples)
		at := 0
		step := func() {
			n, err := e.Encode(sound[at:at+960], packet)
			if err == nil {
				_, err = d.Decode(packet[:n], out)
			}
			if err != nil {
				t.Fatal(err)
			}
			at = (at + 960) % len(sound)
		}
		for range len(sound) / 960 {
			step() // buffers grow when a mode is met for the first time
		}
		if n := testing.AllocsPerRun(100, step); n != 0 {
			t.Errorf("%s: %v allocations", v, n)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, v := range tape.Variants {
		packets := speechPackets(f, v)
		f.Add(packets[10], packets[30])
	}
	packets := fecPackets(f)
	f.Add(packets[20], packets[21])
	f.Add(tape.SilencePacket, []byte{0x7c})
	f.Add([]byte{0x0f, 0x82, 5, 1, 2, 3, 4, 5, 6}, []byte{0xfc, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		d := decoder(t)
		pcm := make([]float32, codec.MaxFrameSamples)
		check := func(pcm []float32, err error) {
			if err != nil {
				return
			}
			for _, v := range pcm {
				if !(v >= -4 && v <= 4) {
					t.Fatalf("a sample of %v", v)
				}
			}
		}
		for range 2 {
			n, err := d.Decode(a, pcm)
			check(pcm[:n], err)
			err = d.Recover(b, pcm[:960])
			check(pcm[:960], err)
			n, err = d.Decode(b, pcm)
			check(pcm[:n], err)
			err = d.Conceal(pcm[:960])
			check(pcm[:960], err)
		}
	})
}
