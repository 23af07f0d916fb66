package cast

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
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

// shelf is a store in memory that can fail, and sees whether a playlist ever lists what is not there.
type shelf struct {
	t *testing.T

	mu    sync.Mutex
	there map[string][]byte                           // guarded by mu
	puts  map[string]int                              // guarded by mu
	keep  map[string]string                           // guarded by mu
	fail  func(op, name string) (before, after error) // guarded by mu; an error before it is done, or though it is done
}

func newShelf(t *testing.T) *shelf {
	return &shelf{t: t, there: map[string][]byte{}, puts: map[string]int{}, keep: map[string]string{}}
}

func (s *shelf) let(fail func(op, name string) (before, after error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

// do is an operation that may fail.
func (s *shelf) do(op, name string, do func()) error {
	s.mu.Lock()
	fail := s.fail
	s.mu.Unlock()
	var before, after error
	if fail != nil {
		before, after = fail(op, name) // it may take its time, which others do not wait for
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before == nil {
		do()
	}
	return errors.Join(before, after)
}

func (s *shelf) Put(_ context.Context, name string, body []byte, keep string) error {
	return s.do("put", name, func() {
		gap := false
		for line := range strings.Lines(string(body)) {
			line = strings.TrimSpace(line)
			gap = gap || line == "#EXT-X-GAP"
			if strings.HasPrefix(line, "#") || path.Ext(name) != ".m3u8" {
				continue
			}
			if s.there[path.Join(path.Dir(name), line)] == nil && !gap {
				s.t.Errorf("%s lists %s, which is not there", name, line)
			}
			gap = false
		}
		s.there[name], s.keep[name] = body, keep
		s.puts[name]++
	})
}

func (s *shelf) Get(_ context.Context, name string) (body []byte, err error) {
	err = s.do("get", name, func() { body = s.there[name] })
	return body, err
}

func (s *shelf) List(_ context.Context, dir string) (names []string, err error) {
	err = s.do("list", dir, func() {
		for n := range s.there {
			if strings.HasPrefix(n, dir) {
				names = append(names, n)
			}
		}
	})
	return names, err
}

func (s *shelf) Has(_ context.Context, name string) (there bool, err error) {
	err = s.do("has", name, func() { there = s.there[name] != nil })
	return there, err
}

func (s *shelf) Remove(_ context.Context, name string) error {
	return s.do("remove", name, func() {
		for n := range s.there {
			if n == name || strings.HasPrefix(n, strings.TrimSuffix(name, "/")+"/") {
				delete(s.there, n)
			}
		}
	})
}

// text is a published file.
func (s *shelf) text(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.there["r/harbour/"+name])
}

func (s *shelf) files() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.there))
}

// pass lets a time pass, and all be done that is due by its end.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (m *memory) publisher(t *testing.T, to Store) (p *Publisher, stop func()) {
	t.Helper()
	p, err := NewPublisher(m.config(0), Publication{
		Store: to, Page: []byte("<page>"), Index: func(id room.ID) ([]byte, error) { return []byte(`{"hls":true}`), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, func() {
		err := p.Close(context.Background())
		if err != nil {
			t.Error(err)
		}
	}
}

// A room is published from its doors to its end: the same bytes as an edge gives, what its tape has for good, and else no more than players need.
func TestPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		p, stop := m.publisher(t, s)
		defer stop()
		facts, _ := m.config(0).Facts("harbour")
		p.Follow(facts)
		pass(time.Second)
		const dir = "hls/floor/opus-24/"
		served := m.get(t, variant+"live.m3u8").Body.String()
		if got := s.text(dir + hls.Live); got != served || len(listed(got)) != hls.LiveSegments {
			t.Errorf("the live playlist is\n%s\nwhere an edge gives\n%s", got, served)
		}
		if got := s.text(dir + "seg-117.m4s"); got != m.get(t, variant+"seg-117.m4s").Body.String() || got == "" {
			t.Errorf("a segment has %d bytes", len(got))
		}
		if s.text("index.html") != "<page>" || !strings.Contains(s.text("hls/master.m3u8"), "floor/opus-24/live.m3u8") || s.text("hls/dvr.m3u8") != "" {
			t.Errorf("there is %v", s.files())
		}
		for end := tape.Number(121); end <= 150; end++ { // the tape begins at 118
			m.set(func() { m.taped = []tape.Stretch{{From: 118 * 96, To: end*96 - 20}} })
			m.to(end, false)
			pass(hls.SegmentDuration)
		}
		if got := listed(s.text(dir + hls.DVR)); len(got) != 149-118 || got[0] != 118 || s.text("tape/index.json") == "" {
			t.Errorf("from the beginning there is %v", got)
		}
		if s.text(dir+"seg-117.m4s") != "" || s.text(dir+"seg-118.m4s") == "" {
			t.Error("what was before the tape stays, or what is on it goes")
		}
		m.set(func() {
			m.state, m.closed, m.taped = room.Ended, true, []tape.Stretch{{From: 118 * 96, To: 150*96 + 46}}
		})
		m.to(151, true)
		pass(time.Second)
		for _, name := range []string{hls.Live, hls.DVR} {
			if got := s.text(dir + name); !strings.HasSuffix(got, "#EXTINF:0.92,\nseg-150.m4s\n#EXT-X-ENDLIST\n") {
				t.Errorf("at its end %s is\n%s", name, got)
			}
		}
		if !strings.Contains(s.text("hls/master.m3u8"), "floor/opus-24/dvr.m3u8") || p.Stats().Rooms != 0 {
			t.Errorf("it is not done with: %+v", p.Stats())
		}
		s.mu.Lock()
		for name, n := range s.puts {
			if n > 1 && path.Ext(name) == ".m4s" {
				t.Errorf("%s was written %d times", name, n)
			}
		}
		clear(s.puts)
		s.mu.Unlock()
		facts, _ = m.config(0).Facts("harbour")
		p.Follow(facts) // as after a restart
		pass(time.Second)
		if len(s.puts) != 0 || p.Stats().Rooms != 0 {
			t.Errorf("what is there is written again: %v", s.puts)
		}
		m.set(func() { m.taped = nil })
		err := p.Delete(t.Context(), "harbour")
		if left := s.files(); err != nil || len(left) != 0 {
			t.Errorf("after its deletion there is %v (%v)", left, err)
		}
	})
}

// A folder that fails costs nothing of what is on tape, whatever the write that failed has done; a deletion is tried again until it is done.
func TestPublishToAFolderThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		m.taped = []tape.Stretch{{From: 100 * 96, To: 119 * 96}}
		p, stop := m.publisher(t, s)
		defer stop()
		facts, _ := m.config(0).Facts("harbour")
		p.Follow(facts)
		pass(time.Second)
		full := errors.New("the disk is full")
		s.let(func(_, name string) (before, after error) {
			if strings.HasSuffix(name, "seg-125.m4s") {
				return nil, full
			}
			return full, nil
		})
		for end := tape.Number(121); end <= 170; end++ {
			m.set(func() { m.taped[0].To = end*96 - 96; m.reach.First = end - 30 })
			m.to(end, false)
			pass(hls.SegmentDuration)
		}
		if stats := p.Stats(); stats.Failing != 1 || stats.Failures < 5 {
			t.Errorf("while it fails: %+v", stats)
		}
		s.let(nil)
		pass(lastRetry + time.Second)
		if got := listed(s.text("hls/floor/opus-48/dvr.m3u8")); len(got) != 69 || got[0] != 100 || slices.Min(got) < 0 || p.Stats().Failing != 0 {
			t.Errorf("after it has failed there is %v, %+v", got, p.Stats())
		}
		s.let(func(op, _ string) (before, after error) {
			if op == "remove" {
				return full, nil
			}
			return nil, nil
		})
		m.set(func() { m.state, m.taped, m.heard = room.Ended, nil, false })
		short, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := p.Delete(short, "harbour"); !errors.Is(err, context.DeadlineExceeded) || len(s.files()) == 0 {
			t.Errorf("what cannot be deleted is said to be: %v", err)
		}
		s.let(nil)
		pass(lastRetry + time.Second)
		if left := s.files(); len(left) != 0 || p.Stats().Rooms != 0 {
			t.Errorf("there is still %v, %+v", left, p.Stats())
		}
	})
}

// Who asks is told how far a store is behind: of one that takes its time, and of one that takes nothing. What is served from it says how long it may be
// kept: a segment for ever, unless it may be written anew.
func TestPublishLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		m.unknown = 119
		p, stop := m.publisher(t, s)
		defer stop()
		if _, _, ok := p.Lag("harbour"); ok {
			t.Error("of a room that is not published something is known")
		}
		facts, _ := m.config(0).Facts("harbour")
		p.Follow(facts)
		pass(time.Second)
		if behind, failing, ok := p.Lag("harbour"); behind != 0 || failing || !ok {
			t.Errorf("all is there, and it is %v behind, %v", behind, failing)
		}
		const dir = "r/harbour/hls/floor/opus-24/"
		for name, keep := range map[string]string{"init.mp4": cacheForEver, "seg-117.m4s": cacheForEver, "seg-119.m4s": cacheShort, "live.m3u8": cacheShort} {
			if s.keep[dir+name] != keep {
				t.Errorf("%s may be kept %q", name, s.keep[dir+name])
			}
		}
		slow := 6 * time.Second
		s.let(func(op, _ string) (before, after error) {
			if op == "put" {
				time.Sleep(slow)
			}
			return nil, nil
		})
		m.to(121, false)
		pass(8 * time.Second)
		if behind, failing, _ := p.Lag("harbour"); behind < 7*time.Second || failing {
			t.Errorf("a slow store is %v behind, %v", behind, failing)
		}
		s.let(func(string, string) (before, after error) { return errors.New("nobody answers"), nil })
		m.to(122, false)
		pass(time.Minute)
		if behind, failing, _ := p.Lag("harbour"); behind < 45*time.Second || !failing {
			t.Errorf("a store that takes nothing is %v behind, %v", behind, failing)
		}
		s.let(nil)
		pass(lastRetry + time.Second)
		if behind, failing, _ := p.Lag("harbour"); behind != 0 || failing {
			t.Errorf("well again it is %v behind, %v", behind, failing)
		}
	})
}

// Of a room that nobody tapes nothing stays for longer than a player needs it.
func TestPublishWithoutATape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		p, stop := m.publisher(t, s)
		defer stop()
		facts, _ := m.config(0).Facts("harbour")
		p.Follow(facts)
		for end := tape.Number(121); end <= 160; end++ {
			m.to(end, false)
			pass(hls.SegmentDuration)
		}
		segments := slices.DeleteFunc(s.files(), func(name string) bool { return path.Ext(name) != ".m4s" })
		if most := len(hls.AsTaped()) * (hls.LiveSegments + keptBehind); len(segments) != most {
			t.Errorf("%d segments are there, want %d", len(segments), most)
		}
		m.set(func() { m.state = room.Ended })
		m.to(160, true)
		pass(time.Second)
		if got := s.text("hls/floor/opus-12/live.m3u8"); !strings.HasSuffix(got, "#EXT-X-ENDLIST\n") {
			t.Errorf("at its end the playlist is\n%s", got)
		}
		pass(2 * forgotten)
		if left := s.files(); len(left) != 0 || p.Stats().Rooms != 0 {
			t.Errorf("after its end there is %v", left)
		}
	})
}

// Of a room by invitation nothing is published, and what was published of it when it was open is removed; opened again it is published again.
func TestPublishNothingOfTheInvited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		p, stop := m.publisher(t, s)
		defer stop()
		for i, want := range []struct {
			visibility room.Visibility
			published  bool
		}{{room.ByInvitation, false}, {room.Public, true}, {room.ByInvitation, false}, {room.Unlisted, true}} {
			m.set(func() { m.life.Access.Visibility = want.visibility })
			facts, _ := m.config(0).Facts("harbour")
			p.Follow(facts)
			p.Follow(facts)
			pass(2 * hls.SegmentDuration)
			if left := s.files(); len(left) > 0 != want.published || p.Stats().Rooms > 0 != want.published {
				t.Errorf("%d. %s: there is %v", i, want.visibility.Word(), left)
			}
		}
	})
}

// A run-through is for its team: nothing of it is published.
func TestPublishNoRunThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		facts, _ := m.config(0).Facts("harbour")
		run := facts.RunRoom(time.Now(), []byte("key"))
		run.ID, run.State = facts.ID, room.Live
		cfg := m.config(0)
		cfg.Facts = func(room.ID) (room.Facts, bool) { return run, true }
		p, err := NewPublisher(cfg, Publication{Store: s, Page: []byte("<page>"), Index: func(room.ID) ([]byte, error) { return nil, room.ErrNotFound }})
		if err != nil {
			t.Fatal(err)
		}
		p.Follow(run)
		pass(2 * hls.SegmentDuration)
		if left := s.files(); len(left) > 0 || p.Stats().Rooms != 0 {
			t.Errorf("of a run-through there is %v", left)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// What a run before left of a room is removed when nothing of it may be heard, and left alone when another node has its tape.
func TestPublishAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			tape  room.Taping
			held  bool
			stays bool
		}{{room.TapeOff, false, false}, {room.TapeOn, true, false}, {room.TapeOn, false, true}} {
			m, s := aRoom(), newShelf(t)
			m.tape, m.life.HoldReplay = test.tape, test.held
			p, stop := m.publisher(t, s)
			facts, _ := m.config(0).Facts("harbour")
			p.Follow(facts)
			pass(time.Second)
			stop()
			if len(s.files()) == 0 {
				t.Fatal("nothing was published")
			}
			m.set(func() { m.state, m.heard = room.Ended, false })
			p, stop = m.publisher(t, s)
			facts, _ = m.config(0).Facts("harbour")
			p.Follow(facts)
			pass(time.Second)
			if left := s.files(); len(left) > 0 != test.stays || p.Stats().Rooms != 0 {
				t.Errorf("%+v: there is %v", test, left)
			}
			stop()
		}
	})
}

// A tape that is deleted while people speak is removed once, and what is live stays published to its end.
func TestPublishBehindADeletedTape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		m.tape, m.taped = room.TapeOn, []tape.Stretch{{From: 100 * 96, To: 120 * 96}}
		p, stop := m.publisher(t, s)
		defer stop()
		follow := func() {
			facts, _ := m.config(0).Facts("harbour")
			p.Follow(facts)
			pass(time.Second)
		}
		follow()
		var wiped atomic.Int64
		s.let(func(op, name string) (before, after error) {
			if op == "remove" && name == "r/harbour/" {
				wiped.Add(1)
			}
			return nil, nil
		})
		m.set(func() { m.tape = room.TapeDeleted })
		for range 3 { // facts change for other reasons too
			follow()
		}
		const dir = "hls/floor/opus-24/"
		if wiped.Load() != 1 || s.text("hls/dvr.m3u8") != "" || s.text(dir+"seg-100.m4s") != "" || len(listed(s.text(dir+hls.Live))) != hls.LiveSegments {
			t.Errorf("wiped %d times there is %v", wiped.Load(), s.files())
		}
		m.set(func() { m.state = room.Ended })
		m.to(121, true)
		follow()
		if got := s.text(dir + hls.Live); wiped.Load() != 1 || !strings.HasSuffix(got, "#EXT-X-ENDLIST\n") {
			t.Errorf("at its end, wiped %d times, the playlist is\n%s", wiped.Load(), got)
		}
		pass(2 * forgotten)
		if left := s.files(); len(left) != 0 || p.Stats().Rooms != 0 {
			t.Errorf("after its end there is %v", left)
		}
	})
}

// Of a room that is no more than announced, or not even that, nothing is published, looked for or said to fail.
func TestPublishFromTheDoors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		p, stop := m.publisher(t, s)
		defer stop()
		for _, state := range []room.State{room.Draft, room.Announced, room.Doors} {
			m.set(func() { m.state = state })
			facts, _ := m.config(0).Facts("harbour")
			p.Follow(facts)
			pass(time.Second)
			if stats := p.Stats(); stats.Failures != 0 || stats.Rooms > 0 != (state == room.Doors) || len(s.files()) > 0 != (state == room.Doors) {
				t.Errorf("%s: %+v, there is %v", state, stats, s.files())
			}
		}
		m.set(func() { m.shuts = true }) // in the middle of a step
		pass(time.Second)
		if stats := p.Stats(); stats.Rooms != 0 || stats.Failures != 0 {
			t.Errorf("no longer open: %+v", stats)
		}
	})
}

// A segment that was published with silence for what was missing has the sound in the end, if the tape has it.
func TestPublishWhatCameLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		m.tape, m.unknown = room.TapeOn, 117
		m.taped = []tape.Stretch{{From: 100 * 96, To: 119 * 96}}
		p, stop := m.publisher(t, s)
		defer stop()
		facts, _ := m.config(0).Facts("harbour")
		p.Follow(facts)
		pass(time.Second)
		rendition, _ := hls.Of(tape.Opus24)
		whole := string(rendition.Append(nil, 117, 0, packets(tape.Opus24, 117*96, 118*96)))
		const name = "hls/floor/opus-24/seg-117.m4s"
		if got := s.text(name); got == "" || got == whole {
			t.Fatalf("while it is missing it has %d bytes", len(got))
		}
		m.set(func() { m.state, m.closed, m.taped[0].To = room.Ended, true, 120*96 })
		m.to(120, true)
		s.let(func(op, n string) (before, after error) {
			if op == "put" && strings.HasSuffix(n, "seg-117.m4s") {
				return errors.New("the disk is full"), nil
			}
			return nil, nil
		})
		pass(time.Second)
		if s.text("hls/master.m3u8") != string(hls.AppendMaster(nil, tape.Floor, hls.Live, hls.AsTaped())) {
			t.Error("the replay is said to be there before it is")
		}
		s.let(nil)
		pass(lastRetry)
		if s.text(name) != whole || p.Stats().Rooms != 0 {
			t.Errorf("in the end it is not what the tape has: %+v", p.Stats())
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for name, n := range s.puts {
			if n > 1 && path.Ext(name) == ".m4s" && !strings.HasSuffix(name, "seg-117.m4s") {
				t.Errorf("%s was written %d times", name, n)
			}
		}
	})
}

// No room begins behind the end of a publisher: it shuts while no other may look whether it has.
func TestPublisherShuts(t *testing.T) {
	t.Parallel()
	m := aRoom()
	p, stop := m.publisher(t, newShelf(t))
	shut := p.shut
	p.shut = func() {
		if p.mu.TryLock() {
			p.mu.Unlock()
			t.Error("it shuts while a room may begin")
		}
		shut()
	}
	stop()
	facts, _ := m.config(0).Facts("harbour")
	p.Follow(facts)
	if stats := p.Stats(); stats.Rooms != 0 {
		t.Errorf("closed, it has %d rooms", stats.Rooms)
	}
}

// An evening's index is made from time to time, not with each segment, and not at all while nothing comes; at the end at once.
func TestPublishAnIndexFromTimeToTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		m.tape, m.taped = room.TapeOn, []tape.Stretch{{From: 100 * 96, To: 120 * 96}}
		var made atomic.Int64
		p, err := NewPublisher(m.config(0), Publication{Store: s, Page: []byte("<page>"), Index: func(room.ID) ([]byte, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			made.Add(1)
			return fmt.Appendf(nil, "%d, closed: %v", m.taped[0].To, m.closed), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Close(context.Background()) }()
		facts, _ := m.config(0).Facts("harbour")
		p.Follow(facts)
		pass(time.Second)
		if made.Load() != 1 || s.text("tape/index.json") != "11520, closed: false" {
			t.Errorf("in the beginning it was made %d times: %s", made.Load(), s.text("tape/index.json"))
		}
		pass(2 * indexEvery)
		if made.Load() != 1 {
			t.Errorf("without anything new it was made %d times", made.Load())
		}
		const segments = 313 // ten minutes
		for end := tape.Number(121); end <= 120+segments; end++ {
			m.set(func() { m.taped = []tape.Stretch{{From: 100 * 96, To: end * 96}} })
			m.to(end, false)
			pass(hls.SegmentDuration)
			if got := listed(s.text("hls/floor/opus-48/dvr.m3u8")); len(got) != int(end-100) {
				t.Fatalf("up to %d there are %d segments", end, len(got))
			}
		}
		if n, most := made.Load(), 2+int64(segments*hls.SegmentDuration/indexEvery); n < most/2 || n > most {
			t.Errorf("in ten minutes it was made %d times, at most %d are needed", n, most)
		}
		m.set(func() { m.state, m.closed = room.Ended, true })
		pass(time.Second)
		if got := s.text("tape/index.json"); got != "41568, closed: true" || p.Stats().Rooms != 0 {
			t.Errorf("at the end it is %s", got)
		}
	})
}

// What a host makes of a replay is so where it is published, too: its words at once, a cut without a rest of what was cut, nothing while it is
// taken back; also when it comes within the minute in which an edge remembers all of it.
func TestPublishWhatIsEdited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		m.tape, m.state, m.closed, m.taped = room.TapeOn, room.Ended, true, []tape.Stretch{{From: 100 * 96, To: 120 * 96}}
		m.to(120, true)
		title := "Harbour"
		p, err := NewPublisher(m.config(0), Publication{Store: s, Page: []byte("<page>"), Index: func(room.ID) ([]byte, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.taped == nil {
				return nil, room.ErrNotFound
			}
			return fmt.Appendf(nil, `{"title":%q,"closed":true,"spans":[[%d,%d]]}`, title, m.taped[0].From, m.taped[0].To), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Close(context.Background()) }()
		change := func(what func()) {
			m.set(what)
			facts, _ := m.config(0).Facts("harbour")
			p.Follow(facts)
			pass(2 * time.Second)
			if n := p.Stats().Rooms; n != 0 {
				t.Fatalf("%d rooms are not done with", n)
			}
		}
		const dir = "hls/floor/opus-24/"
		change(func() {})
		if got := listed(s.text(dir + hls.DVR)); len(got) != 20 {
			t.Fatalf("published are %v", got)
		}
		s.mu.Lock()
		clear(s.puts)
		s.mu.Unlock()
		change(func() { title = "Sea talk" })
		if len(s.puts) != 1 || !strings.Contains(s.text("tape/index.json"), "Sea talk") {
			t.Errorf("for its title were written %v", s.puts)
		}
		all := []tape.Stretch{{From: 100 * 96, To: 120 * 96}}
		change(func() {
			m.life.Edit = room.Edit{From: 105*96 + 5, To: 110 * 96}
			m.taped = []tape.Stretch{{From: 105*96 + 5, To: 110 * 96}}
		})
		for _, list := range []string{hls.DVR, hls.Live} {
			if got := listed(s.text(dir + list)); len(got) != 5 || got[0] != 105 || got[4] != 109 {
				t.Errorf("cut, %s lists %v", list, got)
			}
		}
		if s.text(dir+"seg-104.m4s") != "" || s.text(dir+"seg-110.m4s") != "" || s.text(dir+"seg-105.m4s") == "" {
			t.Errorf("what was cut stays: %v", s.files())
		}
		change(func() { m.life.Withdrawn, m.taped = time.Unix(1, 0), nil })
		if left := s.files(); len(left) != 0 {
			t.Errorf("taken back, there is %v", left)
		}
		change(func() { m.life, m.taped = room.Life{}, all })
		if got := listed(s.text(dir + hls.DVR)); len(got) != 20 || s.text("index.html") == "" {
			t.Errorf("posted again, published are %v", got)
		}
	})
}

// A cut that comes while the store fails, or before the tape is closed, leaves nothing of what was published live: neither what is behind it nor
// the segment that it goes through.
func TestPublishWhatIsEditedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		m.tape, m.taped = room.TapeOn, []tape.Stretch{{From: 100 * 96, To: 120 * 96}}
		p, err := NewPublisher(m.config(0), Publication{Store: s, Page: []byte("<page>"), Index: func(room.ID) ([]byte, error) { return []byte("{}"), nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Close(context.Background()) }()
		facts, _ := m.config(0).Facts("harbour")
		p.Follow(facts)
		pass(publishEvery / 2) // between two looks
		const dir = "hls/floor/opus-24/"
		if s.text(dir+"seg-119.m4s") == "" {
			t.Fatalf("published is %v", s.files())
		}
		m.set(func() {
			m.state, m.life.Edit, m.taped = room.Ended, room.Edit{From: 105*96 + 5, To: 110 * 96}, []tape.Stretch{{From: 105*96 + 5, To: 110 * 96}}
		})
		pass(time.Second)
		m.set(func() { m.closed = true })
		pass(lastRetry)
		if s.text(dir+"seg-119.m4s") != "" || s.text(dir+"seg-104.m4s") != "" {
			t.Errorf("what was cut stays: %v", s.files())
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := s.puts["r/harbour/"+dir+"seg-105.m4s"]; n < 2 {
			t.Errorf("the segment with the cut in it was written %d times: it is as it was", n)
		}
	})
}

// missing are the segments that a published playlist lists, and that are not there.
func (s *shelf) missing(dir string) (missing []tape.Number) {
	for _, k := range listed(s.text(dir + hls.DVR)) {
		if s.text(dir+hls.SegmentName(k)) == "" {
			missing = append(missing, k)
		}
	}
	return missing
}

// A node without a tape that publishes to the same folder removes nothing of what another one lists off its tape, unless it is held back.
func TestPublishBesideATape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, taping, hearing := newShelf(t), aRoom(), aRoom()
		taping.tape, hearing.tape = room.TapeOn, room.TapeOn
		with, stop := taping.publisher(t, s)
		without, stopWithout := hearing.publisher(t, s)
		defer stopWithout()
		facts, _ := taping.config(0).Facts("harbour")
		with.Follow(facts)
		without.Follow(facts)
		for end := tape.Number(121); end <= 160; end++ {
			taping.set(func() { taping.taped = []tape.Stretch{{From: 110 * 96, To: end*96 - 96}} })
			taping.to(end, false)
			hearing.to(end, false)
			pass(hls.SegmentDuration)
		}
		const dir = "hls/floor/opus-24/"
		if got := listed(s.text(dir + hls.DVR)); len(got) != 159-110 || len(s.missing(dir)) != 0 {
			t.Fatalf("of %v there is not %v", got, s.missing(dir))
		}
		stop() // before its replay is published
		hearing.set(func() { hearing.state = room.Ended })
		hearing.to(160, true)
		pass(2 * forgotten)
		if len(listed(s.text(dir+hls.DVR))) == 0 || len(s.missing(dir)) != 0 || without.Stats().Rooms != 0 {
			t.Errorf("after the end %v are gone, %+v", s.missing(dir), without.Stats())
		}

		hearing.set(func() { hearing.state, hearing.reach.Over = room.Live, false })
		without.Follow(facts)
		pass(time.Second)
		hearing.set(func() { hearing.state, hearing.life.HoldReplay = room.Ended, true })
		hearing.to(161, true)
		pass(2 * forgotten)
		if left := s.files(); len(left) != 0 || without.Stats().Rooms != 0 {
			t.Errorf("of what is held back there is %v", left)
		}
	})
}

// A file has its name when it is whole, may be read by a web server, and cannot be put elsewhere; what is removed is gone with all below it.
func TestFolder(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "published")
	f, err := NewFolder(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"first", "second"} {
		err := f.Put(t.Context(), "r/a/x.m3u8", []byte(body), "")
		if got, getErr := f.Get(t.Context(), "r/a/x.m3u8"); err != nil || getErr != nil || !bytes.Equal(got, []byte(body)) {
			t.Errorf("%q came back as %q, %v, %v", body, got, err, getErr)
		}
	}
	left, err := os.ReadDir(filepath.Join(root, "r/a"))
	if err != nil || len(left) != 1 {
		t.Fatalf("%v, %v", left, err)
	}
	if info, err := left[0].Info(); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for _, name := range []string{"../x", "/etc/x", ""} {
		if err := f.Put(t.Context(), name, nil, ""); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
	err = f.Remove(t.Context(), "r/a/")
	if there, hasErr := f.Has(t.Context(), "r/a/x.m3u8"); err != nil || hasErr != nil || there {
		t.Errorf("removed, it is there: %v, %v, %v", there, err, hasErr)
	}
	if body, err := f.Get(t.Context(), "r/a/x.m3u8"); err != nil || body != nil {
		t.Errorf("removed, it is %q, %v", body, err)
	}
}
