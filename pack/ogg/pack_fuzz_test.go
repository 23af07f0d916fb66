package ogg

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

// cutUp makes packets of such lengths of some sound.
func cutUp(lengths, sound []byte) (packets [][]byte) {
	for i, n := range lengths {
		p := bytes.Repeat([]byte{byte(i)}, 1+7*int(n))
		copy(p, sound[min(i, len(sound)):])
		packets = append(packets, p)
	}
	return packets
}

// What a channel's pages carry comes back, wherever they begin and whatever the packets of 20 ms are.
func FuzzPages(f *testing.F) {
	f.Add(int64(0), uint32(7), uint16(312), []byte{0, 36, 37, 255}, []byte("any sound"), "Epidaurus", "TITLE=Harbour talk")
	f.Add(int64(50*86_400*3650+11), uint32(0), uint16(3840), bytes.Repeat([]byte{218}, 40), []byte{}, "", "")
	f.Fuzz(func(t *testing.T, at int64, serial uint32, preSkip uint16, lengths, sound []byte, vendor, comment string) {
		from := tape.Number(at & (1<<40 - 1))
		preSkip %= 960
		packets := cutUp(lengths, sound)
		for i := range packets {
			packets[i][0] = 31<<3 | packets[i][0]&4 // CELT, 20 ms, one frame
		}
		b := AppendHeaders(nil, serial, Head{PreSkip: preSkip, Vendor: vendor, Comments: []string{comment}})
		b = AppendPages(b, serial, from, packets)
		b = AppendEnd(b, serial, from+tape.Number(len(packets)), preSkip)
		r := NewReader(bytes.NewReader(b))
		got := readAll(t, r)
		if len(got) != len(packets)+1 || r.Skipped() != 0 || !r.Ended() || r.Head().PreSkip != preSkip {
			t.Fatalf("%d of %d packets, %d bytes skipped, ended %v", len(got), len(packets), r.Skipped(), r.Ended())
		}
		for i, p := range packets {
			if len(p) > maxFrameBytes {
				p = tape.SilencePacket
			}
			if !bytes.Equal(got[i].Data, p) || got[i].End != (from+tape.Number(i)+1).Samples() {
				t.Fatalf("packet %d differs, or ends at %d", i, got[i].End)
			}
		}
		if last := got[len(packets)]; len(packets) > 0 && last.Samples-last.Skip-last.Trim > int(preSkip) {
			t.Errorf("behind the end %d samples are heard", last.Samples-last.Skip-last.Trim)
		}
	})
}

// What a Writer takes comes back; what it refuses is not in the file.
func FuzzWriter(f *testing.F) {
	f.Add(uint32(1), uint16(3840), []byte{0, 36, 37, 255}, []byte("any sound"), int16(100))
	f.Add(uint32(1<<31), uint16(0), []byte{}, []byte{}, int16(-1))
	f.Add(uint32(9), uint16(1), []byte{1, 1, 1}, []byte{3, 48, 3, 63, 31}, int16(30000))
	f.Fuzz(func(t *testing.T, serial uint32, preSkip uint16, lengths, sound []byte, trim int16) {
		var file bytes.Buffer
		w, err := NewWriter(&file, serial, Head{PreSkip: preSkip})
		if err != nil {
			t.Fatal(err)
		}
		var taken [][]byte
		end := int64(0)
		for _, p := range cutUp(lengths, sound) {
			err = w.WritePacket(p)
			if (err == nil) != valid(p) {
				t.Fatalf("% x: %v", p[:min(len(p), 3)], err)
			}
			if err == nil {
				samples, _ := PacketSamples(p)
				taken, end = append(taken, p), end+int64(samples)
			}
		}
		w.EndTrim(int(trim))
		err = w.Close()
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(&file)
		for i, p := range taken {
			got, err := r.Next()
			if err != nil || !bytes.Equal(got.Data, p) {
				t.Fatalf("packet %d of %d: %v", i, len(taken), err)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) || !r.Ended() || r.Skipped() > 0 {
			t.Fatalf("at the end: %v, ended %v, skipped %d", err, r.Ended(), r.Skipped())
		}
	})
}

// valid reports whether a Writer takes a packet.
func valid(p []byte) bool {
	_, err := PacketSamples(p)
	return err == nil && segments(len(p)) <= maxSegments
}
