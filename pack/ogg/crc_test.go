package ogg

import (
	"math/rand/v2"
	"testing"
)

func TestChecksum(t *testing.T) {
	// The check value of CRC-32 with this polynomial, no reflection, no inversion: catalogue name CRC-32/MPEG-2 with init 0.
	if got := Checksum(0, []byte("123456789")); got != 0x89a1897f {
		t.Errorf("checksum of 123456789 is %#x", got)
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	p := make([]byte, 300)
	for i := range p {
		p[i] = byte(rnd.Uint32())
	}
	for n := range p {
		if got, want := Checksum(0, p[:n]), bitwise(p[:n]); got != want {
			t.Fatalf("%d bytes: %#x, want %#x", n, got, want)
		}
		if got, want := Checksum(Checksum(0, p[:n]), p[n:]), bitwise(p); got != want {
			t.Fatalf("cut at %d: %#x, want %#x", n, got, want)
		}
	}
}

// bitwise is the checksum by its definition.
func bitwise(p []byte) uint32 {
	var crc uint32
	for _, b := range p {
		for bit := 7; bit >= 0; bit-- {
			top := crc>>31 ^ uint32(b>>bit)&1
			crc = crc<<1 ^ top*polynomial
		}
	}
	return crc
}

func BenchmarkChecksum(b *testing.B) {
	p := make([]byte, 1500)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		Checksum(0, p)
	}
}
