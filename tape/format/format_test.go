package format

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

func packets(from tape.Number, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = bytes.Repeat([]byte{0xf8, byte(int(from) + i)}, 1+(int(from)+i)%50)
	}
	return all
}

func pages(from tape.Number, n int) []byte { return ogg.AppendPages(nil, 9, from, packets(from, n)) }

func someRecords() []Record {
	return []Record{
		{From: 96, Frames: 96, Offset: 100, Length: 5000, Sound: 4800, Levels: Levels{1, 2, 3, 255}},
		{From: 192, Frames: 24, Offset: 5100, Length: 900, Sound: 800, Missing: 24},
		{From: 960, Frames: 96, Offset: 6000, Length: 1, Sound: 1},
	}
}

func someIndex() []byte {
	b := []byte(IndexHead)
	for _, r := range someRecords() {
		b = AppendRecord(b, r)
	}
	return b
}

func TestIndexIsReadUpToWhatIsNotWhole(t *testing.T) {
	t.Parallel()
	want, b := someRecords(), someIndex()
	got, err := ParseIndex(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("read %+v, %v", got, err)
	}
	for cut := len(IndexHead); cut < len(b); cut++ {
		got, err = ParseIndex(b[:cut])
		if whole := (cut - len(IndexHead)) / RecordSize; err != nil || len(got) != whole {
			t.Fatalf("cut at %d: %d records, not %d; %v", cut, len(got), whole, err)
		}
	}
	b[len(IndexHead)+RecordSize+3] ^= 1
	got, err = ParseIndex(b)
	if err != nil || len(got) != 1 {
		t.Fatalf("of a damaged second record: %d, %v", len(got), err)
	}
	if _, err = ParseIndex([]byte("something else altogether")); !errors.Is(err, ErrIndex) {
		t.Fatalf("of something else: %v", err)
	}
}

func TestPagesAreRecovered(t *testing.T) {
	t.Parallel()
	b := append(pages(96, 96), pages(192, 30)...)
	records, good := Recover(b, 1000)
	if good != len(b) || len(records) != 2 || records[0].From != 96 || records[0].Frames != 96 || records[1].From != 192 || records[1].Frames != 30 ||
		records[1].Offset != int64(1000+records[0].Length) {
		t.Fatalf("recovered %+v, %d of %d bytes", records, good, len(b))
	}
	got := make([][]byte, 40)
	Collect(got, 180, b)
	if !reflect.DeepEqual(got, packets(180, 40)) {
		t.Fatal("other packets came back")
	}
	records, good = Recover(b[:len(b)-1], 0)
	if len(records) != 2 || records[1].Frames != 24 || good >= len(b) {
		t.Fatalf("of a torn page: %+v, %d", records, good)
	}
}

func TestEventsOfAStretch(t *testing.T) {
	t.Parallel()
	var b []byte
	for _, e := range []tape.Event{
		{At: 5, Kind: "room", Data: []byte(`{"t":"room","v":1}`)}, {At: 9, Kind: "stage", Data: []byte(`{"t":"stage"}`)},
		{At: 7, Kind: "room", Data: []byte(`{"t":"room","v":2}`)}, {At: 100, Term: 3, Kind: "room", Data: []byte(`{"t":"room","v":3}`)},
	} {
		b = AppendEvent(b, e)
	}
	whole := len(b)
	b = append(b, `{"at":200,"t":"ro`...)
	events, good := ParseEvents(b)
	if len(events) != 4 || good != whole || events[1].At != 7 || events[3].Term != 3 {
		t.Fatalf("read %+v, %d", events, good)
	}
	for _, test := range []struct {
		from, to tape.Number
		want     []tape.Number
	}{
		{0, 8, []tape.Number{5, 7}}, {8, 20, []tape.Number{7, 9}}, {96, 192, []tape.Number{7, 9, 100}}, {100, 192, []tape.Number{9, 100}},
		{101, 102, []tape.Number{9, 100}},
	} {
		var got []tape.Number
		for _, e := range Between(events, test.from, test.to) {
			got = append(got, e.At)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("of %d to %d: %v, not %v", test.from, test.to, got, test.want)
		}
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add(someIndex())
	f.Add(someIndex()[:60])
	f.Add([]byte(IndexHead))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := ParseIndex(b)
		if err != nil {
			return
		}
		again := []byte(IndexHead)
		for _, r := range records {
			again = AppendRecord(again, r)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatal("records that were read are not those that are written")
		}
	})
}

func FuzzParseEvents(f *testing.F) {
	f.Add(AppendEvent(nil, tape.Event{At: 5, Kind: "room", Data: []byte(`{"t":"room"}`)}))
	f.Add([]byte("{\"at\":1,\"t\":\"x\",\"data\":{}}\n\n{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		events, good := ParseEvents(b)
		if good > len(b) {
			t.Fatal("more is good than there is")
		}
		var again []byte
		for _, e := range events {
			again = AppendEvent(again, e)
		}
		if twice, _ := ParseEvents(again); len(twice) != len(events) {
			t.Fatalf("%d events were read, and %d of them written", len(events), len(twice))
		}
	})
}

func FuzzRecover(f *testing.F) {
	f.Add(pages(96, 96))
	f.Add(append(pages(90, 6), pages(0, 20)...))
	f.Add(append(pages(0, 12), ogg.AppendEnd(nil, 9, 12, 312)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, good := Recover(b, 0)
		at := int64(0)
		for i, r := range records {
			if r.Offset != at || i > 0 && r.From < records[i-1].To() {
				t.Fatalf("records do not follow each other: %+v", records)
			}
			at += int64(r.Length)
		}
		if int(at) != good {
			t.Fatalf("records take %d bytes, and %d are good", at, good)
		}
	})
}
