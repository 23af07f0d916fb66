package disk

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// voice is a speaker who is heard in some frames.
type voice struct {
	id   string
	says func(tape.Number) bool
}

// packet is what the speaker's track has at frame n.
func (v voice) packet(n tape.Number) []byte {
	if !v.says(n) {
		return tape.SilencePacket
	}
	return packetOf(int(v.id[0]), n)
}

func between(from, to tape.Number) func(tape.Number) bool {
	return func(n tape.Number) bool { return n >= from && n < to }
}

// two are heard one after the other, with ten frames together.
var two = []voice{{"ada", between(0, 250)}, {"bob", between(240, 2000)}}

// newTrackHouse is a house whose session tapes the speakers apart.
func newTrackHouse(t testing.TB) *house {
	h := newHouse(t)
	h.tapeSpeakers()
	return h
}

func (h *house) tapeSpeakers() {
	h.s.tapeSpeakers()
	h.s.speakers.reel.Takeover(tape.Takeover{Term: 1})
}

// speak brings the frames of speakers, but those that are lost, and seals.
func (h *house) speak(from, to tape.Number, all []voice, lost func(tape.Number) bool) {
	for n := from; n < to; n++ {
		for _, v := range all {
			name, _ := tape.TrackOf(v.id)
			if v.says(n) && (lost == nil || !lost(n)) {
				h.s.speakers.reel.Frame(name, tape.Frame{N: n, Term: 1, Packet: v.packet(n)})
			}
		}
		if (n+1)%tape.SegmentFrames == 0 {
			h.s.speakers.reel.Seal(sealOf(n+1-tape.SegmentFrames, all))
		}
	}
}

func sealOf(from tape.Number, all []voice) tape.Seal {
	s := tape.Seal{Stretch: tape.Stretch{From: from, To: from + tape.SegmentFrames}, Term: 1}
	for _, v := range all {
		sum, there := tape.NewSummer(from), false
		for n := s.From; n < s.To; n++ {
			sum.Add(v.packet(n))
			there = there || v.says(n)
		}
		if name, _ := tape.TrackOf(v.id); there {
			s.Sums = append(s.Sums, tape.VariantSum{Variant: name, Sum: sum.Sum()})
		}
	}
	return s
}

// end lets the room end, and looks until all is done.
func (h *house) end(n tape.Number) {
	h.t.Helper()
	h.state(n, room.Ended)
	h.hear(n, n+30)
	for range 2 * lastLooks {
		if h.look() {
			return
		}
	}
	h.t.Fatal("the tape is not closed")
}

// track checks that a speaker's track is closed, and holds what was said, and silence elsewhere.
func (h *house) track(v voice, to tape.Number, spans ...tape.Stretch) *Tape {
	h.t.Helper()
	got, err := load(filepath.Join(h.cfg.Dir, string(testRoom), "tracks", v.id))
	if err != nil {
		h.t.Fatal(err)
	}
	if !slices.Equal(got.Spans(), spans) || !got.Closed() || got.Meta().Person != room.PersonID(v.id) {
		h.t.Errorf("of %s there are %v, not %v (%+v)", v.id, got.Spans(), spans, got.Meta())
	}
	packets, err := got.Read(tape.Voice, 0, to)
	if err != nil {
		h.t.Fatal(err)
	}
	for n, p := range packets {
		if !bytes.Equal(p, v.packet(tape.Number(n))) {
			h.t.Fatalf("%s has another packet at frame %d", v.id, n)
		}
	}
	return got
}

// Each speaker is on an own track, in the segments in which anything was heard of that speaker, at the frames of the channel's tape.
func TestSpeakersAreTapedApart(t *testing.T) {
	t.Parallel()
	h := newTrackHouse(t)
	h.state(0, room.Live)
	h.hear(0, 500)
	h.speak(0, 500, two, nil)
	h.look()
	h.speak(500, 530, two, nil)
	h.hear(500, 500)
	h.end(500)
	h.track(voice{"ada", between(0, 250)}, 500, tape.Stretch{From: 0, To: 288})
	h.track(voice{"bob", between(240, 500)}, 500, tape.Stretch{From: 192, To: 500})
	h.played(tape.Stretch{From: 0, To: 500})
	for _, name := range []string{"ada", "bob"} {
		plays(t, filepath.Join(h.cfg.Dir, string(testRoom), "tracks", name, "opus-64.opus"), 200)
	}
}

// Nothing that was said before the room went live is on a track.
func TestTracksBeginWithTheTape(t *testing.T) {
	t.Parallel()
	h := newTrackHouse(t)
	h.state(0, room.Doors)
	h.hear(0, 500)
	h.speak(0, 500, two, nil)
	if h.look() || exists(h.s.speakers.dir) {
		t.Fatal("speakers are taped before the room is live")
	}
	h.state(500, room.Live)
	h.hear(500, 700)
	h.speak(500, 700, two, nil)
	h.look()
	people, err := speakersIn(h.s.speakers.dir)
	if err != nil || !slices.Equal(people, []room.PersonID{"bob"}) {
		t.Fatalf("on tape are %v (%v), not only who spoke since", people, err)
	}
	h.end(700)
	got, err := load(filepath.Join(h.s.speakers.dir, "bob"))
	if want := []tape.Stretch{{From: 384, To: 700}}; err != nil || !slices.Equal(got.Spans(), want) {
		t.Fatalf("of bob there are %v, not %v (%v)", got.Spans(), want, err)
	}
}

// A node that missed frames, a speaker's all or a seal, has the same files as one that heard all.
func TestTwoNodesHaveTheSameTracks(t *testing.T) {
	t.Parallel()
	whole, torn := newTrackHouse(t), newTrackHouse(t)
	torn.bus.source = whole.s.speakers.reel
	for _, h := range []*house{whole, torn} {
		h.state(0, room.Live)
		h.hear(0, 768)
	}
	whole.speak(0, 768, two, nil)
	torn.speak(0, 240, two, func(n tape.Number) bool { return n%7 == 0 })
	torn.speak(240, 768, two[:1], nil) // nothing of the other, and seals that say nothing of him
	clear(torn.s.speakers.reel.seals)
	for _, s := range whole.s.speakers.reel.seals {
		if s.From != 96 {
			torn.s.speakers.reel.Seal(s)
		}
	}
	for _, h := range []*house{whole, torn} {
		h.look()
		h.end(768)
	}
	for _, name := range []string{"ada/opus-64.opus", "ada/opus-64.index", "bob/opus-64.opus", "bob/opus-64.index"} {
		a, err := os.ReadFile(filepath.Join(whole.s.speakers.dir, name))
		b, err2 := os.ReadFile(filepath.Join(torn.s.speakers.dir, name))
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs between two nodes (%v, %v)", name, err, err2)
		}
	}
}

// A disk that takes no tracks is told loudly, ends nothing else, and is gone on with; nothing is written twice.
func TestDiskFullOfTracks(t *testing.T) {
	t.Parallel()
	h := newTrackHouse(t)
	full := &fault{after: 9}
	h.cfg.open = func(name string) (file, error) {
		if strings.Contains(name, "tracks") {
			return full.open(name)
		}
		return openFile(name)
	}
	h.state(0, room.Live)
	h.hear(0, 500)
	h.speak(0, 500, two, nil)
	if h.look() {
		t.Fatal("a disk that is full ended the room")
	}
	if !strings.Contains(h.log.String(), "NOT TAPED APART") || h.r.failing.Load() != 1 || !slices.Contains(h.say, Failed) {
		t.Fatalf("no loud notice: %q\n%s", h.say, &h.log)
	}
	full.off = true
	for range retryAfter / lookEvery {
		h.look()
	}
	if h.r.failing.Load() != 0 || h.say[len(h.say)-1] != On {
		t.Fatalf("the disk has room again, and that is not told: %q", h.say)
	}
	h.end(500)
	h.track(voice{"ada", between(0, 250)}, 500, tape.Stretch{From: 0, To: 288})
	h.track(voice{"bob", between(240, 500)}, 500, tape.Stretch{From: 192, To: 500})
	h.played(tape.Stretch{From: 0, To: 500})
}

// The next process goes on with the tracks of the one before, and never over what is there.
func TestTracksGoOn(t *testing.T) {
	t.Parallel()
	h := newTrackHouse(t)
	h.state(0, room.Live)
	h.hear(0, 300)
	h.speak(0, 300, two, nil)
	h.look()
	h.s.stop()
	h.start()
	h.tapeSpeakers()
	h.state(0, room.Live)
	h.hear(100, 600)
	h.speak(100, 600, two, nil)
	h.look()
	h.end(600)
	h.track(voice{"ada", between(0, 250)}, 600, tape.Stretch{From: 0, To: 288})
	h.track(voice{"bob", between(240, 600)}, 600, tape.Stretch{From: 192, To: 600})
}

// taped is a recorder over a closed tape with the tracks of two.
func tapedApart(t *testing.T) (*Recorder, *house) {
	t.Helper()
	h := newTrackHouse(t)
	h.state(0, room.Live)
	h.hear(0, 800)
	h.speak(0, 800, two, nil)
	h.look()
	h.end(800)
	r, err := Open(Config{Dir: h.cfg.Dir, Bus: h.bus, NewDecoder: h.cfg.NewDecoder, Log: h.cfg.Log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	return r, h
}

// As files all tracks are as long as the channel's, and the packet at each place is that of the same frame, whatever the host has cut.
func TestTracksLieBesideTheMix(t *testing.T) {
	t.Parallel()
	r, _ := tapedApart(t)
	floor, err := r.Tape(testRoom, tape.Floor)
	if err != nil {
		t.Fatal(err)
	}
	tracks, err := r.Tracks(testRoom)
	if err != nil || len(tracks) != 2 {
		t.Fatal(tracks, err)
	}
	for _, cut := range []tape.Stretch{{}, {From: 100, To: 700}, {From: 96, To: 0}, {From: 0, To: 205}} {
		view := floor.Cut(cut.From, cut.To)
		mixed, err := view.Ogg(tape.Opus48)
		if err != nil {
			t.Fatal(err)
		}
		_, packets, played := packetsOf(t, mixed)
		for i, track := range tracks {
			f, err := view.TrackOgg(track)
			if err != nil {
				t.Fatal(err)
			}
			_, own, ownPlayed := packetsOf(t, f)
			if len(own) != len(packets) || ownPlayed != played {
				t.Fatalf("cut to %v, a track has %d packets and plays %d samples; the mix has %d and plays %d", cut, len(own), ownPlayed, len(packets), played)
			}
			for n := range view.Spans()[0].Len() {
				if want := two[i].packet(view.Spans()[0].From + tape.Number(n)); !bytes.Equal(own[n], want) {
					t.Fatalf("cut to %v, packet %d of %s is another", cut, n, track.Person)
				}
			}
			_, _ = f.Seek(0, io.SeekStart)
			all, err := io.ReadAll(f)
			if err != nil || int64(len(all)) != f.Size() {
				t.Fatalf("%d bytes of %d, %v", len(all), f.Size(), err)
			}
			seq := uint32(0)
			for len(all) > 0 { // page after page
				var p ogg.Page
				err := ogg.ParsePage(all, &p)
				if err != nil || binary.LittleEndian.Uint32(all[18:]) != seq {
					t.Fatalf("page %d has another number: %v", seq, err)
				}
				all, seq = all[p.Size:], seq+1
			}
		}
	}
}

// With the tape its tracks are deleted, and they count for its size.
func TestTracksAreDeleted(t *testing.T) {
	t.Parallel()
	r, h := tapedApart(t)
	all, err := r.list()
	floor := Tape{dir: h.dir()}
	if err != nil || len(all) != 1 || all[0].size <= floor.Size() {
		t.Errorf("the tracks do not count: %+v, and the channel's tape has %d bytes (%v)", all, floor.Size(), err)
	}
	err = r.Delete(testRoom)
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(h.cfg.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("after the deletion there is %v, %v", left, err)
	}
	if _, err := r.Tracks(testRoom); err == nil {
		t.Error("deleted tracks are found")
	}
}

// Tracks of a room that ended while this node was off are closed with its tape.
func TestTracksLeftOpenAreClosed(t *testing.T) {
	t.Parallel()
	h := newTrackHouse(t)
	h.state(0, room.Live)
	h.hear(0, 300)
	h.speak(0, 300, two, nil)
	h.look()
	h.s.stop()
	r, err := Open(Config{Dir: h.cfg.Dir, Bus: h.bus, NewDecoder: h.cfg.NewDecoder, Log: h.cfg.Log})
	if err != nil {
		t.Fatal(err)
	}
	r.Follow(room.Facts{ID: testRoom, State: room.Ended, Tape: room.TapeOn, Tracks: true})
	err = r.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.track(voice{"ada", between(0, 250)}, 288, tape.Stretch{From: 0, To: 288})
}
