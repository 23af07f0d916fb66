//go:build linux

package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/epidaurus-live/epidaurus/pack/adts"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// icyHeader asks for titles between the sound, as radios do.
const icyHeader = "Icy-MetaData"

const (
	icyVary    = "Vary: " + icyHeader + "\r\n"
	icyExposed = "Icy-Metaint, Icy-Br, Icy-Pub, Icy-Name" // to scripts of other origins
)

// icyRate is what a player is told that the sound takes, in kbit/s: what groups take.
const icyRate = adts.GroupBytes * 8 * tape.FramesPerSec / adts.GroupFrames / 1000

// icyPacker packs into ADTS with titles between, as radios ask for them: a block of metadata behind every adts.GroupBytes from the first
// byte on. So that seats which began at different times share their bytes, frames are packed by groups on one grid, each padded to that
// length, and no seat begins but with a group. What stands behind a group is the title at its end: it is what is heard next.
type icyPacker struct {
	told     *told
	silenced *atomic.Uint64 // units that did not fit
}

func (icyPacker) appendHead(dst []byte, _ []tape.Event) []byte { return dst }

func (icyPacker) appendNotices(dst []byte, _ []tape.Event) []byte { return dst }

// appendSound appends whole groups. Less than one is what is left at the end of a channel: there is no title behind it.
func (p icyPacker) appendSound(dst []byte, from tape.Number, packets [][]byte, _ []tape.Event, begins bool) []byte {
	for len(packets) >= adts.GroupFrames && from%adts.GroupFrames == 0 {
		out, silenced := adts.AppendGroup(dst, from, packets[:adts.GroupFrames], adts.GroupBytes)
		p.silenced.Add(uint64(silenced))
		from, packets, dst = from+adts.GroupFrames, packets[adts.GroupFrames:], out
		title, news := p.told.title(from-adts.GroupFrames, from)
		if !begins && !news {
			title = "" // no news
		}
		dst, begins = adts.AppendTitle(dst, title), false
	}
	return adts.AppendFrames(dst, from, packets)
}

func (icyPacker) appendEnd(dst []byte, _ tape.Number, _ []tape.Event) []byte { return dst }

// icyFields are the fields that an answer with titles has besides those that all have. Their names are in small letters: players that are
// no browsers may look for just these.
func icyFields(name string) string {
	if name = adts.Displayable(name); name != "" {
		name = "icy-name: " + name + "\r\n"
	}
	return fmt.Sprintf("icy-metaint: %d\r\n"+"icy-br: %d\r\n"+"icy-pub: 0\r\n", adts.GroupBytes, icyRate) + name
}

// setICYFields says of them in the answer to HEAD what is known without a seat.
func setICYFields(h http.Header) {
	h.Set("Icy-Metaint", strconv.Itoa(adts.GroupBytes))
	h.Set("Icy-Br", strconv.Itoa(icyRate))
	h.Set("Icy-Pub", "0")
}

// withTitles is the press of the same frames for seats that asked for titles. It is made when the first one does: most channels have none.
func (p *press) withTitles(silenced *atomic.Uint64) *press {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.titles == nil {
		p.titles = &press{
			ring: p.ring, told: p.told, policies: p.policies, pack: icyPacker{p.told, silenced}, container: icyAAC, now: p.now,
		}
	}
	return p.titles
}

// title is what is heard at the end of the frames from (inclusive) to to (exclusive), and whether that is news among them.
func (t *told) title(from, to tape.Number) (title string, news bool) {
	title = titleOf(t.log.StateAt(nil, to-1))
	if title != titleOf(t.log.StateAt(nil, from-1)) {
		return title, true
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, l := range t.late {
		// What is told late is in the state of before too.
		if l.due >= from && l.due < to && hasTitle(l.event.Kind) {
			return title, true
		}
	}
	return title, false
}

// name is what the room was called at frame n.
func (t *told) name(n tape.Number) string { return scene(t.log.StateAt(nil, n)).room }

// hasTitle reports whether a title depends on events of a kind.
func hasTitle(kind string) bool {
	return kind == room.KindRoom || kind == room.KindStage || kind == room.KindChapter
}

// shown is what a title is made of.
type shown struct {
	room, chapter string
	people        []room.Person
}

// scene reads it from the state of a room. What cannot be read is as if it were not said.
func scene(state []tape.Event) (s shown) {
	for _, e := range state {
		switch e.Kind {
		case room.KindRoom:
			var said room.RoomEvent
			if json.Unmarshal(e.Data, &said) == nil {
				s.room = said.Title
			}
		case room.KindStage:
			var said room.StageEvent
			if json.Unmarshal(e.Data, &said) == nil {
				s.people = said.People
			}
		case room.KindChapter:
			var said room.ChapterEvent
			if json.Unmarshal(e.Data, &said) == nil {
				s.chapter = said.Title
			}
		}
	}
	return s
}

// titlePeople is how many people a title names at most.
const titlePeople = 3

// titleOf is what a radio shows: as it splits a title into artist and piece, the people on stage, and what the room or its chapter is called.
// Who speaks is not said: that changes more often than a display that scrolls can follow.
func titleOf(state []tape.Event) string {
	s := scene(state)
	title := s.room
	if s.chapter != "" {
		title = strings.TrimPrefix(title+": "+s.chapter, ": ")
	}
	var names []string
	for i, p := range s.people {
		if i == titlePeople {
			names = append(names, "…")
			break
		}
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return title
	}
	return strings.Join(names, ", ") + " - " + title
}
