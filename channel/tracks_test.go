package channel_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/channel"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// choir is a stage whose voices are apart: what a frame of somebody is made of is the number of the tick.
type choir struct {
	*stage
	maker *channel.Maker // nil: the encoders are not waited for
	tick  float32
	apart bool
	heard func(tick int) []room.PersonID
}

func (c *choir) Tick(out []float32, now time.Duration) {
	for c.maker != nil && c.maker.TracksWaiting() > 10 { // the given clock is faster than they are
		runtime.Gosched()
	}
	c.tick++
	c.stage.Tick(out, now)
}

func (c *choir) Apart(on bool) { c.apart = on }

func (c *choir) Tracks(dst []channel.Track) []channel.Track {
	dst = dst[:0]
	if !c.apart {
		return dst
	}
	for _, id := range c.heard(int(c.tick)) {
		pcm := make([]float32, tape.FrameSamples)
		pcm[0] = c.tick
		dst = append(dst, channel.Track{ID: id, PCM: pcm})
	}
	return dst
}

// copyist encodes the number of the tick, and marks what comes first after a reset.
type copyist struct{ fresh bool }

func (c *copyist) Encode(pcm []float32, packet []byte) (int, error) {
	packet[0] = 'g'
	if c.fresh {
		packet[0] = 'n'
	}
	c.fresh = false
	binary.BigEndian.PutUint32(packet[1:], uint32(pcm[0]))
	return 5, nil
}

func (c *copyist) Reset() error { c.fresh = true; return nil }

// trackWire keeps what is published of tracks.
type trackWire struct {
	*wire
	mu     sync.Mutex
	frames map[string]map[tape.Number][]byte
	sealed []tape.Seal
	wanted func(tape.Variant)
}

func (w *trackWire) PublishFrame(id room.ID, ch tape.Channel, v tape.Variant, first tape.Number, f tape.Frame) error {
	if ch != tape.Tracks {
		return w.wire.PublishFrame(id, ch, v, first, f)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	who, _ := v.Speaker()
	if w.frames[who] == nil {
		w.frames[who] = map[tape.Number][]byte{}
	}
	w.frames[who][f.N] = append([]byte(nil), f.Packet...)
	return nil
}

func (w *trackWire) PublishSeal(id room.ID, ch tape.Channel, first tape.Number, s tape.Seal) error {
	if ch != tape.Tracks {
		return w.wire.PublishSeal(id, ch, first, s)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sealed = append(w.sealed, s)
	return nil
}

// fit fails when a seal does not say what was published.
func (w *trackWire) fit(t *testing.T) {
	t.Helper()
	for _, s := range w.sealed {
		for who, frames := range w.frames {
			v, _ := tape.TrackOf(who)
			var packets [][]byte
			there := false
			for n := s.From; n < s.To; n++ {
				p, ok := frames[n]
				if !ok {
					p = tape.SilencePacket
				}
				there = there || ok
				packets = append(packets, p)
			}
			sum, ok := s.SumOf(v)
			if ok != there || ok && sum != tape.SumOf(s.From, packets) {
				t.Errorf("the seal of frames %d to %d does not say what %s was (sealed: %v, heard: %v)", s.From, s.To, who, ok, there)
			}
		}
	}
}

func newTrackRig() (*rig, *trackWire, *choir, channel.Config) {
	r := newRig()
	w := &trackWire{wire: r.wire, frames: map[string]map[tape.Number][]byte{}}
	c := &choir{stage: r.stage, heard: func(int) []room.PersonID { return []room.PersonID{"ada"} }}
	cfg := r.config(nil, nil)
	cfg.Bus, cfg.Mix = w, c
	cfg.Wants = func(to func(tape.Variant)) (func(), error) { w.wanted = to; return func() {}, nil }
	cfg.NewTrackEncoder = func() (channel.TrackEncoder, error) { return &copyist{fresh: true}, nil }
	return r, w, c, cfg
}

func tracked(agreed ...room.PersonID) room.Facts {
	f := room.Facts{ID: "harbour", State: room.Live, Tape: room.TapeOn, Tracks: true, Consents: map[room.PersonID]room.Consent{}}
	for _, p := range agreed {
		f.Consents[p] = room.Consent{Agreed: true, Text: room.TracksText}
	}
	return f
}

// The frame of a track is the frame of the mix; who pauses has no frames, but for one that ends the sound, and begins anew; and seals say so.
func TestTracksAreOnTheTimeline(t *testing.T) {
	r, w, c, cfg := newTrackRig()
	c.heard = func(tick int) []room.PersonID {
		if tick > 200 && tick < 300 {
			return []room.PersonID{"bob"}
		}
		return []room.PersonID{"ada", "bob"}
	}
	c.maker = channel.NewMaker(cfg, tracked("ada", "bob"))
	r.runMaker(t, c.maker, 8*time.Second)
	first := tape.Number(-1)
	for n, p := range w.frames["bob"] {
		if first < 0 || n < first {
			first = n
		}
		if got := tape.Number(binary.BigEndian.Uint32(p[1:])); got != n+1 { // the first tick makes frame 0
			t.Fatalf("frame %d has the sound of tick %d", n, got)
		}
	}
	if n := len(w.frames["bob"]); first < 0 || first > 1 || n < 390 {
		t.Errorf("bob's track has %d frames, the first is %d", n, first)
	}
	ada := w.frames["ada"]
	if p := ada[200]; len(p) == 0 || binary.BigEndian.Uint32(p[1:]) != 0 {
		t.Errorf("behind the last sound there is %q, want a frame of silence", p)
	}
	for n := tape.Number(201); n < 299; n++ {
		if ada[n] != nil {
			t.Fatalf("frame %d of who pauses was published", n)
		}
	}
	if p := ada[299]; len(p) == 0 || p[0] != 'n' {
		t.Errorf("after the pause there is %q, want a packet that needs nothing before it", p)
	}
	if len(w.sealed) < 4 {
		t.Errorf("%d seals", len(w.sealed))
	}
	w.fit(t)
}

// Nobody is on a track who did not agree to that, and nobody where the host does not want it.
func TestTracksNeedConsent(t *testing.T) {
	plain := tracked("ada")
	plain.Consents["bob"] = room.Consent{Agreed: true, Text: room.ConsentText}
	plain.Consents["cyd"] = room.Consent{Agreed: false, Text: room.TracksText}
	off, untaped := tracked("ada"), tracked("ada")
	off.Tracks = false
	untaped.Tape = room.TapeDeleted
	for _, tt := range []struct {
		name  string
		facts room.Facts
		want  string
	}{
		{"asked", plain, "[ada host]"},
		{"host's choice", off, "[]"},
		{"not taped", untaped, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, w, c, cfg := newTrackRig()
			c.heard = func(int) []room.PersonID { return []room.PersonID{"ada", "bob", "cyd", "dan", "host"} }
			m := channel.NewMaker(cfg, tt.facts)
			m.SetPeople([]room.Person{{ID: "ada", Role: room.Speaker}, {ID: "bob", Role: room.Speaker}, {ID: "cyd", Role: room.CoHost}, {ID: "dan", Role: room.Speaker}, {ID: "host", Role: room.Host}})
			c.maker = m
			r.runMaker(t, m, 3*time.Second)
			got := []string{}
			for _, who := range []string{"ada", "bob", "cyd", "dan", "host"} {
				if len(w.frames[who]) > 0 {
					got = append(got, who)
				}
			}
			if fmt.Sprint(got) != tt.want {
				t.Errorf("taped apart: %v, want %s", got, tt.want)
			}
		})
	}
}

// Who takes the consent back is on no track from that frame on, whatever of it is still in the delay.
func TestConsentTakenBackEndsTheTrack(t *testing.T) {
	r, w, c, cfg := newTrackRig()
	m := channel.NewMaker(cfg, tracked("ada"))
	c.maker = m
	r.machine.at[2*time.Second] = func(*machine) {
		f := tracked("ada")
		f.Consents["ada"] = room.Consent{Text: room.TracksText}
		m.SetFacts(f)
	}
	r.runMaker(t, m, 5*time.Second)
	if n := len(w.frames["ada"]); n < 95 || n > 102 {
		t.Errorf("%d frames are on the track, want those of two seconds", n)
	}
}

// Tracks are made for as long as somebody says that he needs them.
func TestTracksAreMadeWhileSomebodyNeedsThem(t *testing.T) {
	r, w, c, cfg := newTrackRig()
	r.machine.at[5*time.Second] = func(*machine) { w.wanted(tape.WantTracks) }
	c.maker = channel.NewMaker(cfg, tracked("ada"))
	r.runMaker(t, c.maker, 100*time.Second)
	last := tape.Number(0)
	for n := range w.frames["ada"] {
		last = max(last, n)
	}
	if want := 65 * tape.Number(tape.FramesPerSec); last < want-10 || last > want+10 {
		t.Errorf("the last frame is %d, want that of a minute after the last word, %d", last, want)
	}
	w.fit(t)
}

// Encoders that are too slow cost frames of tracks; the channel loses none.
func TestSlowTracksHoldUpNothing(t *testing.T) {
	r, w, _, cfg := newTrackRig()
	release := make(chan struct{})
	cfg.NewTrackEncoder = func() (channel.TrackEncoder, error) { <-release; return &copyist{fresh: true}, nil }
	r.machine.at[4*time.Second] = func(*machine) { close(release) }
	m := channel.NewMaker(cfg, tracked("ada"))
	r.runMaker(t, m, 8*time.Second)
	r.whole(t, 0, 390)
	if m.LostTracks() == 0 {
		t.Error("no frame of a track was lost, though its encoder stood still for four seconds")
	}
	w.fit(t)
}
