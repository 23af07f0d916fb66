//go:build linux

package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/adts"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// icyGroup is a group of an answer with titles, as its player finds it by counting bytes.
type icyGroup struct {
	sound []byte
	title string // without what stands around it; empty: no news
	block bool   // there is one behind it
}

// nextICY reads a group. Its error is io.EOF where the answer ended before it; it has less sound where it ended within.
func nextICY(body io.Reader) (g icyGroup, err error) {
	g.sound = make([]byte, adts.GroupBytes)
	n, err := io.ReadFull(body, g.sound)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		g.sound = g.sound[:n]
		return g, nil
	}
	if err != nil {
		return g, err
	}
	var count [1]byte
	_, err = io.ReadFull(body, count[:])
	if err != nil {
		return g, err
	}
	g.block = true
	text := make([]byte, 16*int(count[0]))
	_, err = io.ReadFull(body, text)
	if len(text) > 0 {
		inner, ok := bytes.CutPrefix(bytes.TrimRight(text, "\x00"), []byte("StreamTitle='"))
		inner, end := bytes.CutSuffix(inner, []byte("';"))
		if !ok || !end {
			return g, fmt.Errorf("metadata is %q", text)
		}
		g.title = string(inner)
	}
	return g, err
}

// hearICY reads groups of the frames from from on, up to to, or to the answer's end where that comes before. Units before sound may
// be silence.
func (l *listener) hearICY(from, to, sound tape.Number) (groups []icyGroup) {
	l.t.Helper()
	if from%adts.GroupFrames != 0 {
		l.t.Fatalf("it begins at frame %d", from)
	}
	for ; from < to; from += adts.GroupFrames {
		g, err := nextICY(l.resp.Body)
		if errors.Is(err, io.EOF) {
			return groups
		}
		if err != nil {
			l.t.Fatalf("at frame %d: %v", from, err)
		}
		checkGroup(l.t, g, from, sound)
		groups = append(groups, g)
	}
	return groups
}

// checkGroup checks that a group is whole units, those of its frames.
func checkGroup(t testing.TB, g icyGroup, from, sound tape.Number) {
	t.Helper()
	r := adts.NewReader(bytes.NewReader(g.sound))
	for n := from; n < from+adts.GroupFrames; n++ {
		if _, ok := n.Unit(); !ok {
			continue
		}
		filled, err := r.Next()
		if errors.Is(err, io.EOF) && !g.block {
			return // the channel ended
		}
		if err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
		got, _ := adts.Unfill(nil, filled)
		if !bytes.Equal(got, unit(n)) && (!bytes.Equal(got, tape.SilentUnit) || n >= sound) {
			t.Fatalf("frame %d is %q", n, got)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("behind the units of frame %d: %v", from, err)
	}
}

func titles(groups []icyGroup) (all []string) {
	for _, g := range groups {
		if g.title != "" {
			all = append(all, g.title)
		}
	}
	return all
}

const asksForTitles = "Icy-MetaData: 1"

// roomTitled says what the room is called.
func (h *house) roomTitled(title string) {
	h.t.Helper()
	h.say(room.RoomEvent{Kind: room.KindRoom, ID: harbour, Title: title, State: room.Live})
}

// Who asks for titles gets them every so many bytes from the first one on; seats that came at different moments get the same bytes for the
// same group, save that each is told the title with its first. The last one has what is left, and no title.
func TestICY(t *testing.T) {
	h, _ := aacHouse(t, nil)
	h.roomTitled("Harbour talk")
	h.play(100)
	h.playUnits(300)
	first := h.get("/r/harbour/live.aac", asksForTitles)
	for name, want := range map[string]string{
		"Content-Type": "audio/aac", "icy-metaint": "8640", "icy-name": "Harbour talk", "icy-br": "72", "icy-pub": "0", "Vary": icyHeader,
	} {
		if got := first.resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	plain := h.get("/r/harbour/live.aac")
	if plain.resp.Header.Get("icy-metaint") != "" || plain.resp.Header.Get("Vary") != icyHeader {
		t.Errorf("who does not ask for titles is told %v", plain.resp.Header)
	}
	plainFrom := plain.frame()
	h.playUnits(17)
	h.say(room.StageEvent{Kind: room.KindStage, People: []room.Person{{Name: "Ada"}, {Name: "Ben's"}}})
	h.playUnits(300)
	second := h.get("/r/harbour/floor/live.aac", asksForTitles)
	bare := ask(t, h.dial(), "GET /r/harbour/live.aac HTTP/1.0", asksForTitles)
	h.playUnits(31)
	h.say(room.ChapterEvent{Kind: room.KindChapter, ID: 1, Title: "Tides"})
	h.say(room.SpeakingEvent{Kind: room.KindSpeaking, IDs: []room.PersonID{"ada"}}) // of which no title is made
	h.playUnits(400)
	h.endRoom()
	end := h.head
	h.playUnits(unitLag + 1)

	from := first.frame()
	all := first.hearICY(from, end, 100-unitLag)
	first.end()
	if got, want := titles(all), []string{"Harbour talk", "Ada, Ben’s - Harbour talk", "Ada, Ben’s - Harbour talk: Tides"}; !slices.Equal(got, want) {
		t.Errorf("titles %q, want %q", got, want)
	}
	if last := all[len(all)-1]; last.block == (end%adts.GroupFrames != 0) || len(all) != int((end-from+adts.GroupFrames-1)/adts.GroupFrames) {
		t.Errorf("%d groups; behind the last, of %d bytes, there is a block: %t", len(all), len(last.sound), last.block)
	}
	for name, l := range map[string]*listener{"second": second, "HTTP/1.0": bare} {
		later := l.frame()
		some := l.hearICY(later, end, 0)
		l.end()
		checkSame(t, name, some, all[(later-from)/adts.GroupFrames:])
	}
	plain.hearUnits(adts.NewReader(plain.resp.Body), plainFrom, end, 100-unitLag, nil)
	if s := h.edge.Stats(); s.Gaps != 0 || s.Silenced != 0 {
		t.Errorf("%+v", s)
	}
}

// checkSame checks that a seat gets the bytes of another one, save that it is told the title with its first group.
func checkSame(t *testing.T, name string, got, want []icyGroup) {
	t.Helper()
	if got[0].title == "" {
		t.Errorf("%s is told no title at first", name)
	}
	same := func(a, b icyGroup) bool { return bytes.Equal(a.sound, b.sound) && a.block == b.block }
	if !same(got[0], want[0]) || !slices.EqualFunc(got[1:], want[1:], func(a, b icyGroup) bool { return same(a, b) && a.title == b.title }) {
		t.Errorf("%s gets other bytes than the first", name)
	}
}

// Seats of any phase get the very same pieces: a group is made once for all of them.
func TestICYIsMadeOnce(t *testing.T) {
	h, _ := aacHouse(t, func(c *Config) { c.Sections = 1 })
	h.play(100)
	h.playUnits(300)
	const seats = 13
	for range seats {
		h.get("/r/harbour/live.aac", asksForTitles)
		h.playUnits(1)
	}
	h.playUnits(4 * adts.GroupFrames)
	p := h.edge.hubs[hubKey{harbour, tape.Floor}].reels[len(tape.Variants)].pressOf(icyAAC)
	p.mu.Lock()
	defer p.mu.Unlock()
	made := map[tape.Number]int{}
	for i, k := range p.keys {
		if p.recent[i] != nil && k.kind == sound {
			made[k.from]++
		}
	}
	if len(made) < 3 {
		t.Fatalf("pieces %v", made)
	}
	for from, n := range made {
		if n != 1 || from%adts.GroupFrames != 0 {
			t.Errorf("%d pieces begin at frame %d", n, from)
		}
	}
}

// At every cadence, in a room of low delay too, groups are whole and nobody starves.
func TestICYAtEveryCadence(t *testing.T) {
	for k := range step(steps) {
		t.Run(k.cadence().Duration().String(), func(t *testing.T) {
			h, _ := aacHouse(t, func(c *Config) { c.Cadence = k.cadence().Duration() })
			h.rooms.set(room.Facts{ID: harbour, State: room.Live, LowDelay: k == 0})
			h.head = 2000
			h.play(100)
			h.playUnits(77)
			l := h.get("/r/harbour/live.aac", asksForTitles)
			from, cadence := l.frame(), max(k.cadence(), adts.GroupFrames)
			if depth := h.head - unitLag - from; depth < max(k.needs(), icyDepth) {
				t.Errorf("it begins %d frames behind", depth)
			}
			for next := from; h.head < 2200+6*cadence; {
				h.playUnits(int(cadence))
				// A row is due once in a cadence, and as much later as its phase is off the grid.
				due := floorTo(h.head-unitLag-cadence, adts.GroupFrames)
				var got []icyGroup
				h.while(func() { got = l.hearICY(next, due, 2100-unitLag) })
				next += tape.Number(len(got)) * adts.GroupFrames
				if next < due {
					t.Fatalf("at frame %d it has those before %d, want %d", h.head, next, due)
				}
			}
			if s := h.edge.Stats(); s.Gaps != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// In a rush the first two seconds of everybody are whole groups too.
func TestICYInARush(t *testing.T) {
	h, _ := aacHouse(t, func(c *Config) { c.Line, c.Sections = 4_000_000, 1 }) // 5 kB of bursts in a tick
	h.roomTitled("Harbour talk")
	h.play(100)
	h.playUnits(500)
	var all []*listener
	for range 20 {
		all = append(all, h.get("/r/harbour/live.aac", asksForTitles))
	}
	waiting := 0
	h.edge.sections[0].after(func() { waiting = len(h.edge.sections[0].queue) })
	if waiting == 0 {
		t.Error("nobody waits for the rest of his burst")
	}
	h.playUnits(200)
	for _, l := range all {
		from := l.frame()
		if got := titles(l.hearICY(from, h.head-unitLag-2*adts.GroupFrames, 0)); len(got) != 1 {
			t.Errorf("titles %q", got)
		}
	}
}

// A row that wrote the last, shorter group of a channel goes no further, even when a takeover takes the end back: nobody could count on.
func TestICYRowEndsOnce(t *testing.T) {
	h, _ := aacHouse(t, nil)
	h.play(100)
	h.playUnits(300)
	s, b := h.edge.sections[0], &block{reel: h.edge.hubs[hubKey{harbour, tape.Floor}].reels[len(tape.Variants)]}
	s.after(func() {
		r := &row{press: b.reel.pressOf(icyAAC), reel: b.reel, shape: shape{container: icyAAC}, next: 240}
		s.advance(r, 250, true)
		if r.next != 250 || !r.over {
			t.Errorf("it ends at frame %d, %t", r.next, r.over)
		}
		s.advance(r, 390, false)
		s.advance(r, 395, true)
		if r.next != 250 {
			t.Errorf("it goes on to frame %d", r.next)
		}
	})
}

// Who resumes does so where a group begins, at the frame that it names or before, and is told the title.
func TestICYResumes(t *testing.T) {
	h, _ := aacHouse(t, nil)
	h.roomTitled("Harbour talk")
	h.play(100)
	h.playUnits(500)
	now := h.head - unitLag
	for _, at := range []tape.Number{now - 300, now - 301, now - 48, now - 1, now} {
		l := h.get(fmt.Sprintf("/r/harbour/live.aac?from=%d", at), asksForTitles)
		from := l.frame()
		if from > at || from < at-2*adts.GroupFrames {
			t.Errorf("from frame %d it goes on at %d", at, from)
		}
		h.playUnits(3 * adts.GroupFrames)
		if got := titles(l.hearICY(from, from+2*adts.GroupFrames, 0)); len(got) != 1 {
			t.Errorf("from frame %d: titles %q", at, got)
		}
	}
}

// Who stays behind gets silence in whole groups, and counts on.
func TestSlowICYListenerSkipsToLive(t *testing.T) {
	h, _ := aacHouse(t, func(c *Config) { c.MaxBehind, c.MaxStuck = 2*time.Second, time.Hour })
	h.roomTitled("Harbour talk")
	h.play(100)
	h.playUnits(300)
	l := ask(t, h.dialNarrow(), "GET /r/harbour/live.aac HTTP/1.1", asksForTitles)
	first := l.frame()
	h.playUnits(2000)
	h.roomTitled("Harbour talk, part two")
	h.playUnits(200)
	if s := h.edge.Stats(); s.Full == 0 {
		t.Fatalf("the socket never was full: %+v", s)
	}
	var all []icyGroup
	h.while(func() { all = l.hearICY(first, h.head-unitLag-2*adts.GroupFrames, never) })
	if got, want := titles(all), []string{"Harbour talk", "Harbour talk, part two"}; !slices.Equal(got, want) {
		t.Errorf("titles %q, want %q", got, want)
	}
	if s := h.edge.Stats(); s.Gaps == 0 {
		t.Errorf("%+v", s)
	}
}

// A title that comes late is told late; one that does not change is not told again.
func TestICYTitleComesLate(t *testing.T) {
	h, _ := aacHouse(t, nil)
	h.play(100)
	h.playUnits(300)
	l := h.get("/r/harbour/live.aac", asksForTitles)
	from := l.frame()
	said := h.head
	h.playUnits(200)
	news := h.head
	h.head = said // what was said then comes now
	h.roomTitled("Harbour talk")
	h.head = news
	h.playUnits(100)
	h.roomTitled("Harbour talk")
	h.playUnits(200)
	all := l.hearICY(from, h.head-unitLag-2*adts.GroupFrames, 100-unitLag)
	if got := titles(all); !slices.Equal(got, []string{"Harbour talk"}) {
		t.Errorf("titles %q", got)
	}
	if i := slices.IndexFunc(all, func(g icyGroup) bool { return g.title != "" }); from+tape.Number(i)*adts.GroupFrames < said {
		t.Errorf("it is told in group %d", i)
	}
}

// Another edge makes the same bytes.
func TestICYIsTheSameOnEveryEdge(t *testing.T) {
	var all [2][]icyGroup
	for i := range all {
		h, _ := aacHouse(t, nil)
		h.roomTitled("Harbour talk")
		h.play(100)
		h.playUnits(400 + 7*i)
		l := h.get(fmt.Sprintf("/r/harbour/live.aac?from=%d", 4*adts.GroupFrames), asksForTitles)
		h.playUnits(400 - 7*i)
		all[i] = l.hearICY(l.frame(), 12*adts.GroupFrames, 100)
	}
	if !slices.EqualFunc(all[0], all[1], func(a, b icyGroup) bool { return bytes.Equal(a.sound, b.sound) && a.title == b.title }) {
		t.Error("two edges make different bytes")
	}
}

func TestICYRequests(t *testing.T) {
	h, _ := aacHouse(t, nil)
	h.play(100)
	h.playUnits(300)
	head := ask(t, h.dial(), "HEAD /r/harbour/live.aac HTTP/1.1", asksForTitles)
	if head.resp.StatusCode != 200 || head.resp.Header.Get("icy-metaint") != "8640" || head.resp.Header.Get("Vary") != icyHeader {
		t.Errorf("HEAD: %d, %v", head.resp.StatusCode, head.resp.Header)
	}
	for _, line := range []string{"Icy-MetaData: 0", "Icy-MetaData:", "X: 1"} {
		if got := h.get("/r/harbour/live.aac", line).resp.Header.Get("icy-metaint"); got != "" {
			t.Errorf("%q: a title every %s bytes", line, got)
		}
	}
	if got := h.get("/r/harbour/live.ogg", asksForTitles).resp.Header.Get("icy-metaint"); got != "" {
		t.Errorf("live.ogg has a title every %s bytes", got)
	}
	asked := ask(t, h.dial(), "OPTIONS /r/harbour/live.aac HTTP/1.1")
	if got := asked.resp.Header.Get("Access-Control-Allow-Headers"); !strings.Contains(got, icyHeader) {
		t.Errorf("a page may send %q", got)
	}
}

func TestTitleOf(t *testing.T) {
	event := func(kind, data string) tape.Event { return tape.Event{Kind: kind, Data: []byte(data)} }
	called := event(room.KindRoom, `{"title":"Harbour talk"}`)
	for name, tt := range map[string]struct {
		state []tape.Event
		want  string
	}{
		"Nothing":      {nil, ""},
		"Room":         {[]tape.Event{called}, "Harbour talk"},
		"Chapter":      {[]tape.Event{called, event(room.KindChapter, `{"title":"Tides"}`)}, "Harbour talk: Tides"},
		"NoChapter":    {[]tape.Event{called, event(room.KindChapter, `{}`)}, "Harbour talk"},
		"EmptyStage":   {[]tape.Event{called, event(room.KindStage, `{"people":[]}`)}, "Harbour talk"},
		"Crowd":        {[]tape.Event{called, event(room.KindStage, `{"people":[{"name":"A"},{"name":"B"},{"name":"C"},{"name":"D"}]}`)}, "A, B, C, … - Harbour talk"},
		"CannotBeRead": {[]tape.Event{called, event(room.KindStage, `{`), event(room.KindChapter, `7`)}, "Harbour talk"},
	} {
		if got := titleOf(tt.state); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
