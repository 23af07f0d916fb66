package fmp4_test

import (
	"bytes"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
	oracle "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Others read a stream of AAC: what it is, when each unit begins, and the units.
func TestOthersReadAAC(t *testing.T) {
	var init oracle.Init
	err := init.Unmarshal(bytes.NewReader(fmp4.InitAAC()))
	if err != nil || len(init.Tracks) != 1 || init.Tracks[0].TimeScale != tape.SampleRate {
		t.Fatalf("%+v, %v", init, err)
	}
	c, ok := init.Tracks[0].Codec.(*codecs.MPEG4Audio)
	if !ok || c.Config.Type != 2 || c.Config.SampleRate != tape.SampleRate || c.Config.ChannelConfig != 1 {
		t.Errorf("the codec is %+v", init.Tracks[0].Codec)
	}
	const from = 90*70_000 - 2
	units := packets(15)
	stream := fmp4.AppendUnits(fmp4.InitAAC(), from, units)
	stream = fmp4.AppendUnits(stream, from+15, packets(90))
	f, err := mp4.DecodeFile(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	entry := f.Init.Moov.Trak.Mdia.Minf.Stbl.Stsd.Mp4a
	if entry == nil || entry.Esds == nil || entry.ChannelCount != 1 || !bytes.Equal(entry.Esds.DecConfigDescriptor.DecSpecificInfo.DecConfig, []byte{0x11, 0x88}) {
		t.Errorf("the sample entry is %+v", entry)
	}
	at, count := uint64(from*tape.UnitSamples), 0
	for _, s := range f.Segments {
		for _, frag := range s.Fragments {
			samples, err := frag.GetFullSamples(f.Init.Moov.Mvex.Trex)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range samples {
				if s.DecodeTime != at || s.Dur != tape.UnitSamples || !s.IsSync() || count < len(units) && !bytes.Equal(s.Data, units[count]) {
					t.Fatalf("unit %d is at %d for %d, want %d", count, s.DecodeTime, s.Dur, at)
				}
				at, count = at+tape.UnitSamples, count+1
			}
		}
	}
	if count != 105 {
		t.Errorf("%d units came", count)
	}
}

// What is packed comes back, whatever the units are.
func FuzzUnits(f *testing.F) {
	f.Add(int64(90*50-2), []byte{0, 1, 2, 3, 4}, uint8(3))
	f.Add(int64(0), []byte{}, uint8(1))
	f.Add(int64(1<<41), bytes.Repeat([]byte{7}, 768), uint8(200))
	f.Fuzz(func(t *testing.T, from int64, sound []byte, count uint8) {
		from &= 1<<42 - 1
		units := make([][]byte, count)
		for i := range units {
			units[i] = append([]byte{byte(i)}, sound[min(i, len(sound)):]...) // a unit is never empty
		}
		part := fmp4.AppendUnits(nil, tape.Unit(from), units)
		if count == 0 {
			if len(part) > 0 {
				t.Error("no units take bytes")
			}
			return
		}
		var parts oracle.Parts
		err := parts.Unmarshal(part)
		if err != nil || len(parts) != 1 || len(parts[0].Tracks) != 1 || parts[0].Tracks[0].BaseTime != uint64(from)*tape.UnitSamples || len(parts[0].Tracks[0].Samples) != int(count) {
			t.Fatalf("%d units of unit %d on came back as %+v (%v)", count, from, parts, err)
		}
		for i, s := range parts[0].Tracks[0].Samples {
			if !bytes.Equal(s.Payload, units[i]) {
				t.Fatalf("unit %d differs", i)
			}
		}
	})
}
