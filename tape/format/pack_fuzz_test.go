package format

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// An event that is written comes back; one whose data is no JSON is not written.
func FuzzAppendEvent(f *testing.F) {
	f.Add(int64(5), uint32(1), "room", []byte(`{"t":"room", "title":"<a>\u2028"}`))
	f.Add(int64(0), uint32(0), "x", []byte("{"))
	f.Fuzz(func(t *testing.T, at int64, term uint32, kind string, data []byte) {
		if at < 0 || kind == "" || !utf8.ValidString(kind) {
			return
		}
		line := AppendEvent(nil, tape.Event{At: tape.Number(at), Term: tape.Term(term), Kind: kind, Data: data})
		if !json.Valid(data) && len(data) > 0 {
			if len(line) > 0 {
				t.Fatalf("%q was written as %q", data, line)
			}
			return
		}
		if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
			return // no event of ours
		}
		got, good := ParseEvents(line)
		want, err := json.Marshal(json.RawMessage(data))
		if err != nil || good != len(line) || len(got) != 1 || got[0].At != tape.Number(at) || got[0].Term != tape.Term(term) || got[0].Kind != kind || !bytes.Equal(got[0].Data, want) {
			t.Fatalf("%q came back as %+v, not %q (%v)", line, got, want, err)
		}
	})
}

// Records that are written come back, and so do the pages that they are about.
func FuzzRecords(f *testing.F) {
	f.Add(int64(0), []byte{96, 12, 1}, []byte{0, 200}, int64(100))
	f.Add(int64(1<<40), []byte{}, []byte{}, int64(0))
	f.Fuzz(func(t *testing.T, at int64, lengths, sound []byte, offset int64) {
		from, next := tape.Number(at&(1<<40-1)), offset&(1<<40-1)
		first := next
		index, file := []byte(IndexHead), []byte(nil)
		var want []Record
		for i, n := range lengths[:min(len(lengths), 40)] {
			r := Record{From: from, Frames: min(max(int(n)%97, 1), int(tape.SegmentFrames-from%tape.SegmentFrames)), Offset: next, Missing: 0, Levels: Levels{n, byte(i)}}
			p := packets(from, r.Frames)
			for k := range p {
				p[k] = append([]byte{31 << 3}, sound[min(k, len(sound)):min(k+1000, len(sound))]...)
				r.Sound += len(p[k])
			}
			pages := ogg.AppendPages(nil, 9, from, p)
			r.Length = len(pages)
			index, file = AppendRecord(index, r), append(file, pages...)
			want, from, next = append(want, r), r.To(), next+int64(r.Length)
		}
		got, err := ParseIndex(index)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d records came back as %d (%v)", len(want), len(got), err)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%+v came back as %+v", want[i], got[i])
			}
		}
		recovered, good := Recover(file, first)
		frames := 0
		for _, r := range recovered {
			frames += r.Frames
		}
		if good != len(file) || len(want) > 0 && tape.Number(frames) != from-want[0].From {
			t.Fatalf("%d of %d bytes are good, and %d frames of %d", good, len(file), frames, from)
		}
	})
}
