package stage

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

const (
	songMost   = 120 // characters of a song's name that are shown
	bufferStep = 100 * time.Millisecond
)

// Metadata serves Icecast's /admin/metadata?mode=updinfo: what a radio encoder says that it plays. It stands at the encoder's name on the desk, and
// nowhere else.
func (s *Stage) Metadata() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.takeMetadata(r)
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Basic realm="stage"`)
			s.refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "<?xml version=\"1.0\"?>\n<iceresponse><message>Metadata update successful</message><return>1</return></iceresponse>\n")
	})
}

func (s *Stage) takeMetadata(r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != methodSource {
		return problem.New(problem.MethodNotAllowed, "This address takes GET.")
	}
	query := r.URL.Query()
	id, ok := mountRoom(query.Get("mount"))
	if query.Get("mode") != "updinfo" || !ok {
		return problem.New(problem.BadRequest, "Say mode=updinfo, and as mount the path that the encoder sends to: /r/…/source.")
	}
	err := takePassword(r)
	if err != nil {
		return err
	}
	r.SetPathValue("room", id)
	c, err := s.authorize(r, room.ActSpeak)
	if err != nil {
		return err
	}
	c.scene.setSong(c.Person, songOf(query.Get("song")))
	return nil
}

// mountRoom is the room of a mount.
func mountRoom(mount string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(mount, "/r/")
	id, file, _ := strings.Cut(rest, "/")
	return id, ok && (file == "source" || strings.HasPrefix(file, "source."))
}

// songOf is a song's name as it can be shown, in one line.
func songOf(given string) string {
	words := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(given, ""), func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }), " ")
	if all := []rune(words); len(all) > songMost {
		words = string(all[:songMost-1]) + "…"
	}
	return words
}

// setSong notes what a person's encoder plays.
func (sc *scene) setSong(id room.PersonID, song string) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if s := sc.sources[id]; s != nil {
		s.encoder.song.Store(&song)
		sc.changed()
	}
}

// encoderState is what the desk is told of a radio encoder.
type encoderState struct {
	Song   string `json:"song,omitempty"`
	Buffer int64  `json:"buffer_ms"` // how much sound waits, as of the last look at the line
}

// encoderLocked is that of a member; nil for who is none.
func (m *member) encoderLocked() *encoderState {
	if m.session == nil || m.session.encoder == nil {
		return nil
	}
	e := &encoderState{Buffer: m.buffer.Milliseconds()}
	if song := m.session.encoder.song.Load(); song != nil {
		e.Song = *song
	}
	return e
}

// lookAtBufferLocked notes how much of an encoder's sound waits, to the tenth of a second: what moves less needs no telling.
func (m *member) lookAtBufferLocked() (changed bool) {
	if m.session == nil || m.session.encoder == nil {
		return false
	}
	now := m.session.encoder.feed.waiting().Round(bufferStep)
	changed = now != m.buffer
	m.buffer = now
	return changed
}
