package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/channel"
	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/drill/listener"
	"github.com/epidaurus-live/epidaurus/internal/clock"
	"github.com/epidaurus-live/epidaurus/mix"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// show is a room by a given clock, with the real mix, encoders and maker, and a bus that keeps all that is said on it.
type show struct {
	mono   time.Duration
	tick   func(now time.Duration) // called every 20 ms, before the mix is ticked
	until  time.Duration
	rings  map[tape.Variant]*tape.Ring
	events []tape.Event
	mixer  *mix.Mixer
	maker  *channel.Maker
}

func (e *show) Mono() time.Duration { return e.mono }
func (e *show) Wall() time.Time     { return time.Unix(1_800_000_000, 0).Add(e.mono) }
func (e *show) Sleep(_ context.Context, d time.Duration) error {
	e.mono += d
	if e.mono >= e.until {
		return context.Canceled
	}
	e.tick(e.mono)
	return nil
}

func (e *show) PublishFrame(_ room.ID, _ tape.Channel, v tape.Variant, first tape.Number, f tape.Frame) error {
	f.Packet = append([]byte(nil), f.Packet...)
	e.rings[v].Takeover(tape.Takeover{Term: f.Term, First: first})
	e.rings[v].Put(f)
	return nil
}

func (e *show) PublishEvent(_ room.ID, _ tape.Channel, _ tape.Number, ev tape.Event) error {
	e.events = append(e.events, ev)
	return nil
}
func (e *show) PublishSeal(room.ID, tape.Channel, tape.Number, tape.Seal) error { return nil }
func (e *show) Subscribe(room.ID, tape.Channel, tape.Receiver) (func(), error)  { return func() {}, nil }

type onlyLease struct{}

func (onlyLease) Before() (time.Time, tape.Number)                      { return time.Time{}, 0 }
func (onlyLease) Takeover() tape.Takeover                               { return tape.Takeover{Term: 1} }
func (onlyLease) Declare(context.Context, time.Time, tape.Number) error { return nil }
func (onlyLease) Renew(context.Context, tape.Number) error              { return nil }
func (onlyLease) Release(context.Context, tape.Number) error            { return nil }

func newShow(t *testing.T, delay, until time.Duration) *show {
	t.Helper()
	e := &show{until: until, rings: map[tape.Variant]*tape.Ring{}}
	e.mixer = mix.New(mix.Config{NewDecoder: func() (mix.Decoder, error) { return codec.NewOpusDecoder() }})
	e.mixer.SetDelay(delay)
	encoders := map[tape.Variant]channel.Encoder{}
	for _, v := range tape.Variants {
		cfg := codec.ForVariant(v)
		cfg.Complexity = 0
		encoder, err := codec.NewOpusEncoder(cfg)
		if err != nil {
			t.Fatal(err)
		}
		encoders[v], e.rings[v] = encoder, tape.NewRing(int(until/tape.FrameDuration)+100)
	}
	e.maker = channel.NewMaker(channel.Config{
		Room: "harbour", Channel: tape.Floor, Bus: e, Mix: &mixLevels{Mixer: e.mixer}, Encoders: encoders, Time: e,
		Acquire:   func(context.Context) (channel.Lease, error) { return onlyLease{}, nil },
		HoldAfter: 30 * time.Second, Log: slog.New(slog.DiscardHandler),
	}, room.Facts{ID: "harbour", State: room.Live})
	return e
}

// Bar e of the evening: ten seconds of delay, and what was said in the last ten is dumped. It is on no tape, in no variant, in no burst of
// whoever joins whenever, and no event tells of it.
func TestDumpedWordsAreHeardNowhere(t *testing.T) {
	t.Parallel()
	fills := []string{notDumped, room.FillNone, room.FillHold, string(room.CartTone)}
	if testing.Short() { // one goroutine does it all, so that the race detector has nothing to find in the others
		fills = fills[1:2]
	}
	for _, fill := range fills {
		t.Run(fill, func(t *testing.T) {
			t.Parallel()
			e := newShow(t, 10*time.Second, 45*time.Second)
			people := []room.Person{{ID: "ada", Role: room.Host}, {ID: "mallory", Role: room.Speaker}}
			e.maker.SetPeople(people[:1])
			voices, said := map[room.PersonID]*mix.Voice{}, newSpeech(t)
			for _, p := range people {
				v, err := e.mixer.Open(string(p.ID))
				if err != nil {
					t.Fatal(err)
				}
				voices[p.ID] = v
			}
			n := 0
			e.tick = func(now time.Duration) {
				who, word := room.PersonID("ada"), 0.0
				switch second := now.Seconds(); {
				case second >= 1 && second < 5:
					word = wordA
				case second >= 6 && second < 14:
					who, word = "mallory", wordB
				case second >= 15 && second < 19:
					word = wordC
				}
				voices[who].Push(uint16(n), uint32(n*tape.FrameSamples), said.packet(t, word), now)
				n++
				e.writeCaptions(t, now, fill != notDumped)
				switch now {
				case 6 * time.Second:
					e.maker.SetPeople(people)
				case 14500 * time.Millisecond:
					e.maker.SetPeople(people[:1])
					if fill == notDumped {
						return
					}
					removed := e.mixer.Dump(fillOf(t, fill))
					if removed != 10*time.Second {
						t.Errorf("%v were removed, want 10 s", removed)
					}
				}
			}
			e.maker.Run(t.Context())
			if fill == notDumped {
				ring := e.rings[tape.Opus12]
				whole := decodePackets(t, ring.AppendPackets(nil, 0, ring.Newest()+1))
				hears(t, "the tape", whole, map[float64]float64{wordA: 4, wordB: 8, wordC: 4})
				e.wantCaption(t, "mallory", true)
				return
			}
			e.check(t)
			e.wantCaption(t, "first", true)
		})
	}
}

// writeCaptions writes what ada says, and what mallory says: a moment after it, when it is over, and once more when it was dumped.
func (e *show) writeCaptions(t *testing.T, now time.Duration, dumped bool) {
	t.Helper()
	text := map[time.Duration]string{
		2 * time.Second: "the first word", 7 * time.Second: "what mallory says", 14 * time.Second: "what mallory said", 16 * time.Second: "what mallory has said",
	}[now]
	if text == "" {
		return
	}
	_, err := e.maker.Caption(room.Caption{ID: now.String(), Language: "en", Text: text, Final: true}, nil, nil)
	if late := dumped && now == 16*time.Second; late != errors.Is(err, room.ErrDumped) || !late && err != nil {
		t.Errorf("%q: %v", text, err)
	}
}

// wantCaption checks whether listeners got a line with this word.
func (e *show) wantCaption(t *testing.T, word string, want bool) {
	t.Helper()
	got := slices.ContainsFunc(e.events, func(ev tape.Event) bool {
		return ev.Kind == room.KindCaption && strings.Contains(string(ev.Data), word)
	})
	if got != want {
		t.Errorf("a line with %q: %t, want %t", word, got, want)
	}
}

// notDumped is the other case: without it, nobody would know that a dumped word can be found.
const notDumped = "not dumped"

func fillOf(t *testing.T, name string) mix.Fill {
	t.Helper()
	switch name {
	case room.FillNone:
		return mix.Fill{}
	case room.FillHold:
		return mix.Fill{Hold: true}
	}
	carts, err := builtInCarts()
	if err != nil {
		t.Fatal(err)
	}
	return mix.Fill{Cart: carts[room.Cart(name)]}
}

// check looks for the words on the tape, in all bursts, and in the events. At 14.5 s the first 4.5 s had gone out.
func (e *show) check(t *testing.T) {
	t.Helper()
	for v, ring := range e.rings {
		whole := decodePackets(t, ring.AppendPackets(nil, 0, ring.Newest()+1))
		hears(t, "the tape of "+string(v), whole, map[float64]float64{wordA: 3.5, wordB: 0, wordC: 4})
	}
	ring := e.rings[tape.Opus48]
	for from := tape.Number(0); from+200 < ring.Newest(); from += 50 { // a burst of 4 s, for a join in each second
		burst := decodePackets(t, ring.AppendPackets(nil, from, from+200))
		if heard := wordTime(burst, wordB); heard > 0 {
			t.Errorf("who joins at frame %d hears %.2f s of what was dumped", from+200, heard)
		}
	}
	for _, ev := range e.events {
		if strings.Contains(string(ev.Data), "mallory") {
			t.Errorf("frame %d tells of who was dumped: %s", ev.At, ev.Data)
		}
		if !json.Valid(ev.Data) {
			t.Errorf("an event is no JSON: %s", ev.Data)
		}
	}
}

// ear is the loudspeaker of one who listens.
type ear struct {
	stop context.CancelFunc
	done sync.WaitGroup

	mu  sync.Mutex
	pcm []float32    // guarded by mu
	end listener.End // guarded by mu; why it is over
}

// leave ends it.
func (e *ear) leave() {
	e.stop()
	e.done.Wait()
}

func (e *ear) Frame(_ []byte, pcm []float32) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pcm = append(e.pcm, pcm...)
	return nil
}

func (e *ear) heard() []float32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.pcm)
}

// sit takes a seat until it is left.
func (h *house) sit(r client.Room) *ear {
	ctx, stop := context.WithCancel(h.t.Context())
	e := &ear{stop: stop}
	h.t.Cleanup(e.leave)
	e.done.Go(func() {
		report, err := listener.Listen(ctx, listener.Config{URL: r.ListenURL, Record: e}, nil)
		if err != nil {
			h.t.Error(err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.end = report.End
	})
	return e
}

// speaker talks on a room's stage in real time, until stopped. Where the machine was late it says at once what was to be said meanwhile, as
// a network brings it.
type speaker struct {
	word atomic.Pointer[word] // nil: nothing was to be said yet
	said atomic.Int64         // packets
	stop context.CancelFunc
	done sync.WaitGroup
}

// word is a tone up to a packet; 0 Hz is a pause.
type word struct {
	hz float64
	to int64
}

func (h *house) speaker(id room.ID, p room.PersonID) *speaker {
	h.t.Helper()
	voice, err := h.rooms.Open(id, p)
	if err != nil {
		h.t.Fatal(err)
	}
	s, said := &speaker{}, newSpeech(h.t)
	ctx, stop := context.WithCancel(h.t.Context())
	s.stop = stop
	s.done.Go(func() {
		defer voice.Close()
		ticker := time.NewTicker(tape.FrameDuration)
		defer ticker.Stop()
		begun := time.Now()
		for n := 0; ; {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			for ; time.Since(begun) > time.Duration(n)*tape.FrameDuration; n++ {
				hz := 0.0
				if w := s.word.Load(); w != nil && s.said.Load() < w.to {
					hz = w.hz
				}
				voice.Push(uint16(n), uint32(n*tape.FrameSamples), said.packet(h.t, hz), clock.Mono())
				s.said.Add(1)
			}
		}
	})
	h.t.Cleanup(func() { stop(); s.done.Wait() })
	return s
}

// say says a word, or a pause of 0 Hz, for so long.
func (s *speaker) say(t *testing.T, hz float64, d time.Duration) {
	t.Helper()
	w := &word{hz, s.said.Load() + int64(d/tape.FrameDuration)}
	s.word.Store(w)
	until(t, "it is said", func() bool { return s.said.Load() >= w.to })
}

// The same by real sockets and requests: who sat there, who came while the dumped words were in the delay, and who comes after the dump,
// hear the word before and the word after, and nothing of what was between.
func TestDumpReachesEverySeat(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	h := openHouse(t, cfg)
	r := h.room()
	token, err := h.host.Token(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	lever := func(method, path, body string, want int) string {
		t.Helper()
		status, answer := h.pull(t, method, "/api/rooms/"+string(r.ID)+path, token, body)
		if status != want {
			t.Fatalf("%s %s: %d %s, want %d", method, path, status, answer, want)
		}
		return answer
	}
	lever("POST", "/dump", "", http.StatusConflict) // there is no delay yet
	lever("PATCH", "/delay", `{"delay_ms":3000}`, http.StatusOK)
	running := h.rooms.running(r.ID)
	until(t, "the delay is there", func() bool { return running.mixer.Air().Delay == 3*time.Second })

	seated, bytes := h.sit(r), h.taps(r)
	captioner, err := h.host.Invite(t.Context(), r.ID, "Grace", room.Captioner)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string, want int) {
		t.Helper()
		status, answer := h.pull(t, "POST", "/api/rooms/"+string(r.ID)+"/captions", captioner.Token, `{"text":"`+text+`"}`)
		if status != want {
			t.Fatalf("%q: %d %s, want %d", text, status, answer, want)
		}
	}
	s := h.speaker(r.ID, "ada")
	s.say(t, wordA, time.Second)
	until(t, "the room is live", func() bool { f, _ := h.bus.Facts(r.ID); return f.State == room.Live })
	write("a line before the dump", http.StatusCreated)
	s.say(t, 0, 2500*time.Millisecond) // so that the first word has gone out when the next one is dumped
	midway := h.sit(r)
	s.say(t, wordB, time.Second)
	s.say(t, 0, 300*time.Millisecond) // so that all of it has come in: what the network kept for longer than 200 ms is no part of the dump
	write("a line that was dumped", http.StatusCreated)
	answer := lever("POST", "/dump", `{"fill":"none"}`, http.StatusOK)
	write("a line of what was dumped", http.StatusConflict)
	var dumped struct {
		Removed int `json:"removed_ms"`
	}
	err = json.Unmarshal([]byte(answer), &dumped)
	if err != nil || dumped.Removed < 2000 || dumped.Removed > 3500 {
		t.Errorf("the dump answers %s (%v)", answer, err)
	}
	late := h.sit(r)
	s.say(t, 0, 300*time.Millisecond) // what is said within 200 ms of a dump goes with it
	s.say(t, wordC, time.Second)
	s.say(t, 0, time.Second)
	until(t, "the word after the dump is heard by all", func() bool {
		return wordTime(seated.heard(), wordC) > 0.5 && wordTime(late.heard(), wordC) > 0.5
	})
	for who, e := range map[string]*ear{"who sat there": seated, "who came midway": midway, "who came after": late} {
		hearsSome(t, who, e.heard(), map[float64]float64{wordB: 0, wordC: 1})
	}
	hearsSome(t, "who sat there", seated.heard(), map[float64]float64{wordA: 1})
	until(t, "the line before the dump is there", func() bool { return strings.Contains(bytes(), "a line before the dump") })
	if strings.Contains(bytes(), "was dumped") {
		t.Error("a line that was dumped got to a seat")
	}
}

// taps takes a seat as well, and keeps all bytes that come.
func (h *house) taps(r client.Room) (text func() string) {
	h.t.Helper()
	var (
		mu   sync.Mutex
		kept []byte // guarded by mu
		done sync.WaitGroup
	)
	ctx, stop := context.WithCancel(h.t.Context())
	h.t.Cleanup(func() { stop(); done.Wait() })
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.ListenURL+"/live.mp4", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("to take a seat: %v", err)
	}
	done.Go(func() {
		defer resp.Body.Close()
		part := make([]byte, 4096)
		for {
			n, err := resp.Body.Read(part)
			mu.Lock()
			kept = append(kept, part[:n]...)
			mu.Unlock()
			if err != nil {
				return // the test is over
			}
		}
	})
	return func() string { mu.Lock(); defer mu.Unlock(); return string(kept) }
}

// A room that is ended right after its last word says it before its seats are closed.
func TestLastWordsPassTheDelay(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	h := openHouse(t, cfg)
	r := h.room()
	err := h.rooms.SetDelay(t.Context(), r.ID, 3000)
	if err != nil {
		t.Fatal(err)
	}
	running := h.rooms.running(r.ID)
	until(t, "the delay is there", func() bool { return running.mixer.Air().Delay == 3*time.Second })
	seat := h.sit(r)
	until(t, "there is a seat", func() bool { return h.RoomStats(r.ID).Seats == 1 })
	s := h.speaker(r.ID, "ada")
	s.say(t, wordA, time.Second)
	err = h.host.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	seat.done.Wait()
	hearsSome(t, "who sat there", seat.heard(), map[float64]float64{wordA: 1})
	if seat.end != listener.EndRoom {
		t.Errorf("the seat ended with %v", seat.end)
	}
}

// pull makes a request to the stage's port with a stage token.
func (n *Node) pull(t testing.TB, method, path, token, body string, mediaType ...string) (status int, answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, n.StageURL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", append(mediaType, "application/json")[0])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
