package adts_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/epidaurus-live/epidaurus/pack/adts"
	"github.com/epidaurus-live/epidaurus/tape"
)

// packets are those of frames from, from+1, …, with units of all lengths.
func packets(from tape.Number, count int) (all [][]byte) {
	for i := range count {
		n := from + tape.Number(i)
		if u, ok := n.Unit(); ok {
			all = append(all, bytes.Repeat([]byte{byte(u) & 0x1f}, 4+int(u*37%765)))
		} else {
			all = append(all, tape.NoUnit)
		}
	}
	return all
}

func read(stream []byte) (units [][]byte, err error) {
	r := adts.NewReader(bytes.NewReader(stream))
	for {
		u, err := r.Next()
		if errors.Is(err, io.EOF) {
			return units, nil
		}
		if err != nil {
			return units, err
		}
		units = append(units, bytes.Clone(u))
	}
}

// Another implementation reads what is written, and so does ours.
func TestWrittenUnitsComeBack(t *testing.T) {
	const from = 7 * tape.SegmentFrames
	all := packets(from, 3*tape.SegmentFrames)
	stream := adts.AppendFrames(nil, from, all)
	want := tape.AppendUnits(nil, from, all)
	if len(want) != 3*tape.SegmentUnits {
		t.Fatalf("%d units", len(want))
	}
	got, err := read(stream)
	if err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d units of %d came back, %v", len(got), len(want), err)
	}
	var oracle mpeg4audio.ADTSPackets
	if err := oracle.Unmarshal(stream); err != nil || len(oracle) != len(want) {
		t.Fatalf("mediacommon reads %d units of %d, %v", len(oracle), len(want), err)
	}
	for i, p := range oracle {
		if p.Type != mpeg4audio.ObjectTypeAACLC || p.SampleRate != 48000 || p.ChannelConfig != 1 || !bytes.Equal(p.AU, want[i]) {
			t.Fatalf("unit %d: mediacommon reads type %d, %d Hz, channels %d", i, p.Type, p.SampleRate, p.ChannelConfig)
		}
	}
}

// Wherever a stretch is cut, the bytes are the same: seats of any cadence and phase get one stream.
func TestCutsChangeNoByte(t *testing.T) {
	const from, count = 1234, 200
	all := packets(from, count)
	whole := adts.AppendFrames(nil, from, all)
	for _, cadence := range []int{1, 7, 12, 24, 48, 96} {
		var parts []byte
		for i := 0; i < count; i += cadence {
			parts = adts.AppendFrames(parts, from+tape.Number(i), all[i:min(i+cadence, count)])
		}
		if !bytes.Equal(parts, whole) {
			t.Errorf("cut every %d frames the bytes differ", cadence)
		}
	}
	buf := make([]byte, 0, len(whole))
	if n := testing.AllocsPerRun(10, func() { adts.AppendFrames(buf, from, all) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestReaderIsStrict(t *testing.T) {
	good := adts.AppendUnit(nil, tape.SilentUnit)
	change := func(at int, with byte) []byte {
		bad := bytes.Clone(good)
		bad[at] ^= with
		return bad
	}
	for name, stream := range map[string][]byte{
		"NoSync": change(0, 1), "MPEG2": change(1, 8), "Layer": change(1, 2), "Checksum": change(1, 1), "Profile": change(2, 0x80),
		"Rate": change(2, 4), "Private": change(2, 2), "Stereo": change(3, 0xc0), "Fullness": change(5, 1), "TwoUnits": change(6, 1),
		"NoUnit": good[:7:7], "Cut": good[:9], "CutHead": good[:3], "Between": append(bytes.Clone(good), 0, 0, 0, 0, 0, 0, 0),
	} {
		if name == "NoUnit" {
			stream = adts.AppendUnit(nil, nil)
		}
		if units, err := read(stream); err == nil {
			t.Errorf("%s: %d units were taken", name, len(units))
		}
	}
}

// What the reader takes is what the writer writes.
func FuzzReader(f *testing.F) {
	f.Add(adts.AppendFrames(nil, 10, packets(10, 20)))
	f.Add(adts.AppendUnit(nil, tape.SilentUnit))
	f.Add(adts.AppendUnit(nil, make([]byte, 8184))[:50])
	f.Add([]byte{0xff, 0xf1, 0x4c, 0x40, 0, 0xff, 0xfc})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, stream []byte) {
		units, err := read(stream)
		var again []byte
		for _, u := range units {
			again = adts.AppendUnit(again, u)
		}
		if !bytes.HasPrefix(stream, again) || err == nil && len(again) != len(stream) {
			t.Errorf("%d units do not come back as they were (%v)", len(units), err)
		}
	})
}
