package cast

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// notary is a transcoder whose units say of what they were made: the first and the last packet before the segment, and each of it so far.
type notary struct {
	packets atomic.Int64 // that all of them took
	begun   atomic.Int64
	fail    error
}

type notaryUnits struct {
	of   *notary
	seen []byte
	n    int
}

func (n *notary) transcoder() (Transcoder, error) { return &notaryUnits{of: n}, nil }

func (u *notaryUnits) Begin(before [][]byte) error {
	u.of.begun.Add(1)
	u.n, u.seen = 0, slices.Concat(before[0], before[len(before)-1])
	return u.of.fail
}

func (u *notaryUnits) Append(units, packets [][]byte) ([][]byte, error) {
	for _, p := range packets {
		u.of.packets.Add(1)
		u.seen = append(u.seen, p...)
		before := u.n * 15 / 16
		u.n++
		if u.n*15/16 > before {
			units = append(units, u.unit())
		}
	}
	return units, nil
}

func (u *notaryUnits) End(units [][]byte) ([][]byte, error) {
	for range (u.n*15+15)/16 - u.n*15/16 + 2 {
		units = append(units, u.unit())
	}
	return units, nil
}

func (u *notaryUnits) unit() []byte { return fmt.Appendf([]byte{0}, "%d %x", u.n, u.seen) }

// unitsOfSegment are those of a segment of aRoom, made at once.
func unitsOfSegment(t testing.TB, k tape.Number, frames int) (units [][]byte) {
	t.Helper()
	u, _ := (&notary{}).transcoder()
	from := k * 96
	err := u.Begin(packets(tape.Opus48, from-48, from))
	if err == nil {
		units, err = u.Append(nil, packets(tape.Opus48, from, from+tape.Number(frames)))
	}
	if err == nil && frames < 96 {
		units, err = u.End(units)
	}
	if err != nil {
		t.Fatal(err)
	}
	return units
}

func (m *memory) withAAC(t *testing.T, n *notary) *Handler {
	t.Helper()
	cfg := m.config(0)
	cfg.NewTranscoder = n.transcoder
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const aac = "/r/harbour/hls/floor/aac-64/"

// AAC is offered where it can be made; a segment of it is the same from memory and from the tape, made once, and immutable where all that it is
// made of is proven.
func TestAAC(t *testing.T) {
	t.Parallel()
	m, n := aRoom(), &notary{}
	if w := m.get(t, aac+"live.m3u8"); w.Code != http.StatusNotFound {
		t.Errorf("where it cannot be made it answers %d", w.Code)
	}
	h := m.withAAC(t, n)
	if text := ask(h, "/r/harbour/hls/master.m3u8").Body.String(); !strings.HasSuffix(text, "CODECS=\"mp4a.40.2\"\nfloor/aac-64/live.m3u8\n") {
		t.Errorf("the master playlist is\n%s", text)
	}
	text := ask(h, aac+"live.m3u8").Body.String()
	if got := listed(text); len(got) != 8 || got[7] != 119 || !strings.Contains(text, "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:03:34.997Z") {
		t.Errorf("it lists\n%s", text)
	}
	if n.begun.Load() != 0 {
		t.Error("it is made before anybody asks for a segment")
	}
	rendition, _ := hls.Of(tape.AAC64)
	want := rendition.Append(nil, 117, 0, unitsOfSegment(t, 117, 96))
	for range 2 {
		w := ask(h, aac+"seg-117.m4s")
		if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), want) || w.Header().Get("Cache-Control") != cacheForEver {
			t.Fatalf("it answers %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
		}
	}
	if n.begun.Load() != 1 {
		t.Errorf("it was made %d times", n.begun.Load())
	}
	m.unknown = 116 // what was before is not proven
	if w := ask(h, aac+"seg-117.m4s"); w.Header().Get("Cache-Control") != cacheShort {
		t.Errorf("behind what is not proven: %v", w.Header())
	}
	m.unknown = -1
	if w := ask(h, aac+"seg-100.m4s"); w.Code != http.StatusNotFound { // nobody here knows what was before
		t.Errorf("the first segment in memory answers %d", w.Code)
	}
	m.heard, m.taped = false, []tape.Stretch{{From: 110 * 96, To: 120 * 96}}
	for k, cache := range map[tape.Number]string{117: cacheForEver, 110: cacheShort} { // before 110 nothing is on tape
		w := ask(m.withAAC(t, n), aac+hls.SegmentName(k))
		if w.Code != http.StatusOK || k == 117 && !bytes.Equal(w.Body.Bytes(), want) || w.Header().Get("Cache-Control") != cache {
			t.Errorf("from the tape segment %d answers %d, %d bytes, %v", k, w.Code, w.Body.Len(), w.Header())
		}
	}
	text = ask(h, aac+"dvr.m3u8").Body.String()
	if got := listed(text); len(got) != 10 || got[0] != 110 {
		t.Errorf("of the tape it lists\n%s", text)
	}
	if w := ask(h, aac+"init.mp4"); w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), rendition.Init(312)) {
		t.Errorf("the head of the stream answers %d", w.Code)
	}
}

// Parts are made one behind the other, none twice, and are the segment together; so is its end.
func TestPartsOfAAC(t *testing.T) {
	t.Parallel()
	m, n := aRoom(), &notary{}
	h := m.withAAC(t, n)
	rendition, _ := hls.Of(tape.AAC64)
	want := unitsOfSegment(t, 120, 96)
	check := func(part int, units [][]byte) {
		t.Helper()
		w := ask(h, aac+hls.PartName(120, part))
		if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), rendition.Append(nil, 120, 15*part, units)) {
			t.Errorf("part %d answers %d, %d bytes", part, w.Code, w.Body.Len())
		}
	}
	for part := range 6 {
		m.make(tape.Number(16*part + 20))
		check(part, want[15*part:15*part+15])
		check(0, want[:15])
	}
	if made := n.packets.Load(); made != 96 || n.begun.Load() != 1 {
		t.Errorf("for 96 frames %d were decoded, in %d tries", made, n.begun.Load())
	}
	// A maker took over, and another one is in memory now.
	m.to(121, true)
	want = unitsOfSegment(t, 120, 46)
	text := ask(h, aac+"low.m3u8").Body.String()
	if !strings.Contains(text, "#EXT-X-PART:DURATION=0.32,URI=\"seg-120.2.m4s\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.021333,URI=\"seg-120.3.m4s\",INDEPENDENT=YES\n#EXTINF:0.981333,\nseg-120.m4s\n") {
		t.Errorf("at its end:\n%s", text)
	}
	for part := range 4 {
		check(part, want[15*part:min(15*part+15, len(want))])
	}
	if w := ask(h, aac+"seg-120.m4s"); !bytes.Equal(w.Body.Bytes(), rendition.Append(nil, 120, 0, want)) {
		t.Errorf("the last segment answers %d, %d bytes", w.Code, w.Body.Len())
	}
}

// Many who ask for one segment have it made once; who leaves does not keep it from the others; and no more than some may wait for theirs.
func TestUnitsAreMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &notary{}
		u := newUnitsMade(n.transcoder)
		get := func(ctx context.Context, k tape.Number) error {
			units, err := u.get(ctx, unitsOf{"harbour", tape.Floor, k}, packets(tape.Opus48, k*96-48, k*96), packets(tape.Opus48, k*96, k*96+96), false)
			if err == nil && len(units) != 90 {
				err = fmt.Errorf("%d units", len(units))
			}
			return err
		}
		for range cap(u.working) {
			u.working <- struct{}{} // others work
		}
		gone, leave := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			err := get(gone, 7)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("who left gets %v", err)
			}
		})
		synctest.Wait()
		for range 20 {
			group.Go(func() {
				err := get(t.Context(), 7)
				if err != nil {
					t.Error(err)
				}
			})
		}
		for k := range tape.Number(maxUnmade - 1) {
			group.Go(func() {
				err := get(t.Context(), 100+k)
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := get(t.Context(), 9); err == nil || !strings.Contains(err.Error(), "Too many") {
			t.Errorf("one too many gets %v", err)
		}
		leave()
		synctest.Wait()
		for range cap(u.working) {
			<-u.working
		}
		group.Wait()
		if n.begun.Load() != maxUnmade {
			t.Errorf("%d segments were made, want %d", n.begun.Load(), maxUnmade)
		}
		n.fail = errors.New("no")
		if err := get(t.Context(), 1000); !errors.Is(err, n.fail) {
			t.Errorf("what cannot be made gives %v", err)
		}
		n.fail = nil
		for k := tape.Number(1000); k < 1000+2*maxMade; k++ {
			if err := get(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
		if u.known.Len() != maxMade || len(u.idle) > cap(u.working) || len(u.open) != 0 {
			t.Errorf("%d segments and %d transcoders are kept", u.known.Len(), len(u.idle))
		}
		for k := range tape.Number(3 * maxOpen) {
			_, err := u.get(t.Context(), unitsOf{"garden", tape.Floor, k}, packets(tape.Opus48, 0, 48), packets(tape.Opus48, 48, 64), false)
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(u.open) != maxOpen {
			t.Errorf("%d segments are in the making", len(u.open))
		}
		if u.forget("garden"); u.known.Len() != maxMade-3*maxOpen {
			t.Errorf("without a room that is gone, %d segments are kept", u.known.Len())
		}
	})
}

// What is published has AAC too.
func TestPublishAAC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		m.tape, m.taped = room.TapeOn, []tape.Stretch{{From: 100 * 96, To: 119 * 96}}
		cfg := m.config(0)
		cfg.NewTranscoder = (&notary{}).transcoder
		p, err := NewPublisher(cfg, Publication{Store: s, Page: []byte("page"), Index: func(room.ID) ([]byte, error) { return []byte("{}"), nil }})
		if err != nil {
			t.Fatal(err)
		}
		facts, _ := cfg.Facts("harbour")
		p.Follow(facts)
		pass(time.Second)
		rendition, _ := hls.Of(tape.AAC64)
		if got := s.text("hls/floor/aac-64/seg-117.m4s"); got != string(rendition.Append(nil, 117, 0, unitsOfSegment(t, 117, 96))) {
			t.Errorf("a segment has %d bytes", len(got))
		}
		if got := s.text("hls/master.m3u8"); !strings.Contains(got, "floor/aac-64/live.m3u8\n") {
			t.Errorf("the master playlist is\n%s", got)
		}
		for _, name := range s.files() {
			if strings.Contains(name, "low") {
				t.Errorf("%s is published, which no file host can serve", name)
			}
		}
		err = p.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
	})
}
