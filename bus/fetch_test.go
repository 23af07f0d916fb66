package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// shelf is a Source: it has the frames of every variant, save those that are lost.
type shelf struct {
	from, to tape.Number
	lost     func(tape.Number) bool
	asked    *atomic.Int64
}

func (s shelf) Past(v tape.Variant, from, to tape.Number) tape.Past {
	s.asked.Add(1)
	p := tape.Past{
		Takeovers: []tape.Takeover{{Term: 1}, {Term: 2, First: 150}},
		Events:    []tape.Event{{At: 110, Term: 1, Kind: "stage", Data: []byte(`{"t":"stage"}`)}},
		Seals: []tape.Seal{{
			Stretch: tape.Stretch{From: 96, To: 192}, Term: 2, Sums: []tape.VariantSum{{Variant: v, Sum: tape.Sum{1, 2, 3}}},
		}},
	}
	for n := max(from, s.from); n < min(to, s.to); n++ {
		term := tape.Term(1)
		if n >= 150 {
			term = 2
		}
		if s.lost == nil || !s.lost(n) {
			p.Frames = append(p.Frames, tape.Frame{N: n, Term: term, Packet: fmt.Appendf(nil, "%s %d", v, n)})
		}
	}
	return p
}

// serve lets a node answer, and returns how often it was asked.
func (s shelf) serve(t *testing.T, b *Bus) *atomic.Int64 {
	t.Helper()
	s.asked = new(atomic.Int64)
	stop, err := b.Serve("harbour", tape.Floor, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	err = b.conn.Flush()
	if err != nil {
		t.Fatal(err)
	}
	return s.asked
}

func (b *Bus) fetch(t *testing.T, from, to tape.Number) (tape.Past, error) {
	t.Helper()
	return b.Fetch(t.Context(), "harbour", tape.Floor, tape.Opus24, from, to)
}

func TestFetch(t *testing.T) {
	one := open(t, t.TempDir())
	two := peer(t, one, "two")
	ownAsked := shelf{from: 0, to: 1000}.serve(t, two)
	_, err := two.fetch(t, 96, 192)
	if !errors.Is(err, ErrNoPeer) || ownAsked.Load() != 0 {
		t.Errorf("who is alone was answered: %v; its own source was asked %d times", err, ownAsked.Load())
	}
	asked := shelf{from: 0, to: 1000}.serve(t, one)
	for range 2 {
		got, err := two.fetch(t, 96, 192)
		if err != nil {
			t.Fatal(err)
		}
		want := shelf{from: 0, to: 1000, asked: new(atomic.Int64)}.Past(tape.Opus24, 96, 192)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	}
	if ownAsked.Load() != 0 || asked.Load() != 3 {
		t.Errorf("the other was asked %d times, want 3; the asker itself %d times, want 0", asked.Load(), ownAsked.Load())
	}
	for _, wrong := range []tape.Stretch{{From: 5, To: 5}, {From: 5, To: 4}, {From: -1, To: 5}, {From: 0, To: 97}} {
		_, err = two.fetch(t, wrong.From, wrong.To)
		if !errors.Is(err, errMessage) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}

// Each peer gives what it has, and together they have all.
func TestFetchFromSeveral(t *testing.T) {
	one := open(t, t.TempDir())
	two, three := peer(t, one, "two"), peer(t, one, "three")
	odd := func(n tape.Number) bool { return n%2 == 1 }
	shelf{from: 0, to: 1000, lost: odd}.serve(t, one)
	shelf{from: 0, to: 1000, lost: func(n tape.Number) bool { return !odd(n) }}.serve(t, two)
	key := channelKey{"harbour", tape.Floor}
	three.find(t.Context(), key, request{Stretch: tape.Stretch{From: 100, To: 102}, variant: tape.Opus24, asker: "three"})
	got, err := three.fetch(t, 100, 190)
	if err != nil || len(got.Frames) != 90 || !slices.IsSortedFunc(got.Frames, func(a, b tape.Frame) int { return int(a.N - b.N) }) {
		t.Errorf("%d frames, %v", len(got.Frames), err)
	}
}

// A peer that has gone is asked no more, and one that has nothing does not hide another that has.
func TestFetchFindsWhoHasIt(t *testing.T) {
	one := open(t, t.TempDir())
	two, three := peer(t, one, "two"), peer(t, one, "three")
	shelf{from: 900, to: 1000}.serve(t, one)
	_, err := three.fetch(t, 900, 990)
	if err != nil {
		t.Fatal(err)
	}
	shelf{from: 0, to: 500}.serve(t, two)
	got, err := three.fetch(t, 100, 190)
	if err != nil || len(got.Frames) != 90 {
		t.Errorf("%d frames, %v", len(got.Frames), err)
	}
	three.peers.learn(channelKey{"harbour", tape.Floor}, []string{"_INBOX.gone"})
	got, err = three.fetch(t, 100, 190)
	if err != nil || len(got.Frames) != 90 {
		t.Errorf("after a peer went: %d frames, %v", len(got.Frames), err)
	}
	got, err = three.fetch(t, 480, 510)
	if !errors.Is(err, ErrNoPeer) || len(got.Frames) != 20 {
		t.Errorf("of what is there in part: %d frames, %v", len(got.Frames), err)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	one := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := one.Fetch(ctx, "harbour", tape.Floor, tape.Opus24, 0, 96)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPeersTakeTurns(t *testing.T) {
	var b peerBook
	key := channelKey{"harbour", tape.Floor}
	if b.next(key) != "" {
		t.Error("a peer of nobody")
	}
	b.learn(key, []string{"a", "b", "c"})
	b.drop(key, "b")
	if got := b.next(key) + b.next(key) + b.next(key); got != "aca" {
		t.Errorf("asked in the order %q, want aca", got)
	}
	b.known[key].since = time.Now().Add(-peersExpire - time.Second)
	if b.next(key) != "" {
		t.Error("who is known is never looked for again")
	}
}

// An answer never exceeds what the bus carries: events give way to frames.
func TestAnswerIsBounded(t *testing.T) {
	p := shelf{from: 0, to: 1000, asked: new(atomic.Int64)}.Past(tape.Opus24, 96, 192)
	for range 30 {
		data := append(append([]byte(`"`), bytes.Repeat([]byte("x"), 60_000)...), '"')
		p.Events = append(p.Events, tape.Event{At: 100, Term: 1, Kind: "stage", Data: data})
	}
	msg := appendAnswer(nil, tape.Opus24, p)
	got, err := parseAnswer(msg, request{Stretch: tape.Stretch{From: 96, To: 192}, variant: tape.Opus24})
	if len(msg) > maxAnswer || err != nil || len(got.Frames) != 96 || len(got.Seals) != 1 {
		t.Errorf("%d bytes, %d frames, %d seals, %v", len(msg), len(got.Frames), len(got.Seals), err)
	}
}

// sealed hears seals, too.
type sealed struct{ heard }

func (s sealed) Seal(k tape.Seal) {
	s.lines <- fmt.Sprintf("seal %d-%d/%d %d sums", k.From, k.To, k.Term, len(k.Sums))
}

func TestSealsOnTheBus(t *testing.T) {
	b := open(t, t.TempDir())
	edge := peer(t, b, "edge")
	young, old := sealed{heard{make(chan string, 100)}}, heard{make(chan string, 100)}
	for _, to := range []tape.Receiver{young, old} {
		stop, err := edge.Subscribe("harbour", tape.Floor, to)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	err := edge.conn.Flush()
	if err != nil {
		t.Fatal(err)
	}
	seal := tape.Seal{Stretch: tape.Stretch{From: 100, To: 192}, Term: 7, Sums: []tape.VariantSum{{Variant: tape.Opus48}}}
	for _, err := range []error{
		b.PublishFrame("harbour", tape.Floor, tape.Opus48, 120, tape.Frame{N: 191, Term: 7, Packet: []byte("a")}),
		b.PublishSeal("harbour", tape.Floor, 120, seal),
		b.conn.Publish("room.harbour.floor.seal", append(appendHead(nil, tape.Takeover{Term: 7, First: 120}, 192), "junk"...)),
		b.PublishFrame("harbour", tape.Floor, tape.Opus48, 120, tape.Frame{N: 192, Term: 7, Packet: []byte("b")}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"takeover 7@120", "opus-48 191/7 a", "seal 100-192/7 1 sums", "opus-48 192/7 b"} {
		if got := young.next(t); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
		if strings.HasPrefix(want, "seal") {
			continue
		}
		if got := old.next(t); got != want {
			t.Errorf("who knows no seals heard %q, want %q", got, want)
		}
	}
}

// A node of the version before takes the token for a variant that it does not serve, and what the head says stays true.
func TestUnknownTokenIsAVariantNobodyServes(t *testing.T) {
	h := heard{make(chan string, 4)}
	d := deliverer{to: h, bad: func(_ string, err error) { t.Error(err) }}
	d.deliver("room.harbour.floor.news", appendHead(nil, tape.Takeover{Term: 7, First: 120}, 191))
	for _, want := range []string{"takeover 7@120", "news 191/7 "} {
		if got := h.next(t); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte{})
	f.Add(request{Stretch: tape.Stretch{From: 96, To: 192}, variant: tape.Opus24, asker: "node-1"}.append(nil))
	f.Fuzz(func(t *testing.T, p []byte) {
		r, err := parseRequest(p)
		if err == nil && !bytes.Equal(r.append(nil), p) {
			t.Error("a request does not come back as it was")
		}
	})
}

func FuzzAnswer(f *testing.F) {
	r := request{Stretch: tape.Stretch{From: 96, To: 192}, variant: tape.Opus24}
	f.Add([]byte{})
	f.Add(appendAnswer(nil, r.variant, shelf{from: 0, to: 1000, asked: new(atomic.Int64)}.Past(r.variant, 150, 155)))
	f.Fuzz(func(t *testing.T, p []byte) {
		past, err := parseAnswer(p, r)
		if err != nil {
			return
		}
		for _, fr := range past.Frames {
			if fr.N < r.From || fr.N >= r.To {
				t.Errorf("frame %d was not asked for", fr.N)
			}
		}
	})
}

// What somebody has of a stretch is what the asker gets.
func FuzzAppendAnswer(f *testing.F) {
	f.Add(int64(150), []byte{3, 0, 255}, []byte("sound"), uint32(7))
	f.Add(int64(0), []byte{}, []byte{}, uint32(0))
	f.Fuzz(func(t *testing.T, at int64, lengths, sound []byte, term uint32) {
		from := tape.Number(at & (1<<40 - 1))
		r := request{Stretch: tape.Stretch{From: from, To: from + tape.SegmentFrames}, variant: tape.Opus24}
		want := tape.Past{Takeovers: []tape.Takeover{{Term: tape.Term(term), First: from}}}
		for i, n := range lengths[:min(len(lengths), tape.SegmentFrames)] {
			p := bytes.Repeat([]byte{byte(i)}, 1+int(n))
			copy(p, sound[min(i, len(sound)):])
			want.Frames = append(want.Frames, tape.Frame{N: from + tape.Number(i), Term: tape.Term(term), Packet: p})
		}
		got, err := parseAnswer(appendAnswer(nil, r.variant, want), r)
		if err != nil || len(got.Frames) != len(want.Frames) {
			t.Fatalf("%d frames came back as %d (%v)", len(want.Frames), len(got.Frames), err)
		}
		for i, fr := range got.Frames {
			if w := want.Frames[i]; fr.N != w.N || fr.Term != w.Term || !bytes.Equal(fr.Packet, w.Packet) {
				t.Fatalf("%+v came back as %+v", w, fr)
			}
		}
	})
}
