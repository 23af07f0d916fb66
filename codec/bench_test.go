package codec_test

import (
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/tape"
)

func BenchmarkEncode(b *testing.B) {
	for _, v := range slices.Concat(tape.Variants, []tape.Variant{tape.Voice}) {
		b.Run(string(v), func(b *testing.B) {
			pcm := speechOf(b)
			e, packet := encoder(b, codec.ForVariant(v)), make([]byte, codec.MaxPacketBytes)
			b.ReportAllocs()
			at := 0
			for b.Loop() {
				if _, err := e.Encode(pcm[at:at+960], packet); err != nil {
					b.Fatal(err)
				}
				at = (at + 960) % len(pcm)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, v := range tape.Variants {
		b.Run(string(v), func(b *testing.B) {
			packets := speechPackets(b, v)
			d, pcm := decoder(b), make([]float32, codec.MaxFrameSamples)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := d.Decode(packets[i%len(packets)], pcm); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
