package format

import (
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Head is the two pages before the sound of a variant's file.
func Head(serial uint32, preSkip uint16) []byte {
	return ogg.AppendHeaders(nil, serial, ogg.Head{PreSkip: preSkip, Vendor: "epidaurus"})
}

// Scan reads pages of sound as far as they are whole, and calls visit for each with where it begins in b and its first frame. It
// returns how many bytes those pages take. A page that ends the stream is not sound, and ends the scan before it.
func Scan(b []byte, visit func(offset int, from tape.Number, p *ogg.Page)) (good int) {
	var p ogg.Page
	for good < len(b) {
		err := ogg.ParsePage(b[good:], &p)
		if err != nil || p.Last || p.First || len(p.Packets) > tape.PageFrames || p.Granule%tape.FrameSamples != 0 {
			break
		}
		from := tape.Number(p.Granule/tape.FrameSamples) - tape.Number(len(p.Packets))
		if from < 0 {
			break
		}
		visit(good, from, &p)
		good += p.Size
	}
	return good
}

// Collect writes the packets of pages into packets, of which the first is that of frame from; those of other frames are left out.
func Collect(packets [][]byte, from tape.Number, b []byte) {
	Scan(b, func(_ int, first tape.Number, p *ogg.Page) {
		for i, packet := range p.Packets {
			if at := first + tape.Number(i) - from; at >= 0 && at < tape.Number(len(packets)) {
				packets[at] = packet
			}
		}
	})
}

// Recover makes records of whole pages, of which the first stands at offset in its file. They have no levels.
func Recover(b []byte, offset int64) (records []Record, good int) {
	end := tape.Number(0)
	ok := true
	Scan(b, func(at int, from tape.Number, p *ogg.Page) {
		last := from + tape.Number(len(p.Packets)) - 1
		ok = ok && from >= end && tape.SegmentOf(from) == tape.SegmentOf(last)
		if !ok {
			return
		}
		end, good = last+1, at+p.Size
		sound := 0
		for _, packet := range p.Packets {
			sound += len(packet)
		}
		n := len(records) - 1
		if n < 0 || records[n].To() != from || tape.SegmentOf(records[n].From) != tape.SegmentOf(last) {
			records = append(records, Record{From: from, Offset: offset + int64(at)})
			n++
		}
		r := &records[n]
		r.Frames += len(p.Packets)
		r.Length += p.Size
		r.Sound += sound
	})
	return records, good
}
