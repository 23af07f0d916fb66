package fmp4_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

// What is packed comes back, whatever the packets and events are, and the fragment has the size that was foretold.
func FuzzFragments(f *testing.F) {
	f.Add(int64(0), uint16(312), []byte{3, 60, 255}, []byte("any sound"), []byte(`{"t":"room"}`), uint8(1))
	f.Add(int64(1<<40), uint16(0), []byte{}, []byte{0}, []byte(`{"t":7}`), uint8(3))
	f.Add(int64(50*86_400*365), uint16(3840), bytes.Repeat([]byte{0}, 96), []byte{}, []byte{}, uint8(0))
	f.Fuzz(func(t *testing.T, from int64, preSkip uint16, lengths, sound, data []byte, events uint8) {
		want := fmp4.Fragment{From: tape.Number(from & (1<<42 - 1))}
		data = data[:min(len(data), 4096)]
		size := 0
		for i, n := range lengths[:min(len(lengths), 800)] {
			p := bytes.Repeat([]byte{byte(i)}, 5*int(n))
			copy(p, sound[min(i, len(sound)):])
			want.Packets, size = append(want.Packets, p), size+len(p)
		}
		var kind struct {
			T string `json:"t"`
		}
		if json.Unmarshal(data, &kind) != nil {
			kind.T = ""
		}
		if strings.Contains(kind.T, "\x00") {
			return // a kind is a word of ours
		}
		for i := range events {
			want.Events = append(want.Events, tape.Event{At: want.From + tape.Number(i), Kind: kind.T, Data: data})
		}
		stream := fmp4.AppendFragment(fmp4.Init(preSkip), want.From, want.Packets, want.Events)
		if sound := fmp4.AppendFragment(nil, want.From, want.Packets, nil); len(sound) > 0 && len(sound) != fmp4.FragmentSize(len(want.Packets), size) {
			t.Fatalf("a fragment of %d bytes, not %d", len(sound), fmp4.FragmentSize(len(want.Packets), size))
		}
		r := fmp4.NewReader(bytes.NewReader(stream))
		got, err := r.Next()
		if len(want.Packets)+len(want.Events) == 0 {
			if !errors.Is(err, io.EOF) {
				t.Fatalf("of nothing comes %+v, %v", got, err)
			}
			return
		}
		if len(want.Packets) == 0 {
			want.From = want.Events[len(want.Events)-1].At
		}
		if err != nil || !sameFragment(got, want) || r.Head().PreSkip != preSkip {
			t.Fatalf("%+v came back as %+v (%v)", want, got, err)
		}
		if _, err = r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("behind the end: %v", err)
		}
	})
}
