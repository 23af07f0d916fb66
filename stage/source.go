package stage

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/room"
)

// source is the kind of a radio encoder's session: Icecast's PUT or SOURCE. It publishes only.
const source kind = "source"

const (
	// sourceSilent without a byte, an encoder's connection is closed. It is shown as away after lostAfter.
	sourceSilent = 10 * time.Second
	// sourceHead is how much may come before the first sound: tags with a picture.
	sourceHead = 2 << 20
	// methodSource is what encoders said before they knew PUT.
	methodSource = "SOURCE"
)

// Sound is an encoder's sound as Opus packets.
type Sound interface {
	// Next returns the next packet, valid until the call after it, and how many samples of 48 kHz it holds. io.EOF is the end.
	Next() (packet []byte, samples int, err error)
}

var (
	errMountInUse = problem.New(problem.MountInUse,
		"Somebody speaks with this password already. Stop that one first, or invite another encoder; a connection that has stalled gives way after 3 s.")
	errSourceRaw = problem.New(problem.BadRequest,
		"An encoder's sound comes by HTTP/1.1 or 1.0: set \"Icecast 2\" in the encoder, not HTTP/2.")
)

// encoder is what a session of kind source has instead of a peer connection.
type encoder struct {
	conn  net.Conn
	feed  *feed
	since time.Duration // when it came; immutable
	last  atomic.Int64  // when sound went out last, as a time.Duration
	over  atomic.Bool   // nothing comes any more
	song  atomic.Pointer[string]
}

// isMute reports whether nothing has come for so long that another connection may take over.
func (e *encoder) isMute(now time.Duration) bool {
	return e.over.Load() || now-max(e.since, time.Duration(e.last.Load())) >= lostAfter
}

// source puts a radio encoder on stage for as long as it sends.
func (s *Stage) source(w http.ResponseWriter, r *http.Request) {
	c, err := s.enterSource(w, r)
	if err != nil {
		if p, ok := errors.AsType[problem.Problem](err); ok && p.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="stage"`)
		}
		w.Header().Set("Connection", "close")
		s.refuse(w, r, err)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.refuse(w, r, errSourceRaw)
		return
	}
	s.receiveSource(r, c, conn, buffered.Reader)
}

// enterSource finds out who comes, and refuses before any sound is taken.
func (s *Stage) enterSource(w http.ResponseWriter, r *http.Request) (caller, error) {
	if r.Method != http.MethodPut && r.Method != methodSource {
		w.Header().Set("Allow", "PUT, SOURCE")
		return caller{}, problem.New(problem.MethodNotAllowed, "This address takes the sound of a radio encoder, by PUT or SOURCE.")
	}
	err := takePassword(r)
	if err != nil {
		return caller{}, err
	}
	c, err := s.authorize(r, room.ActSpeak)
	if err == nil {
		err = s.checkSourceType(r)
	}
	if err == nil {
		err = s.consentByField(r, c)
	}
	if err == nil {
		err = c.scene.mayCome(c.Grant, source)
	}
	if err == nil {
		err = c.scene.maySource(c.Person, s.cfg.Clock())
	}
	return c, err
}

// takePassword makes the stage token of the password that an encoder sends; the user does not matter.
func takePassword(r *http.Request) error {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(given))
	_, password, ok := strings.Cut(string(raw), ":")
	if !strings.EqualFold(scheme, "Basic") || err != nil || !ok || password == "" {
		return problem.New(problem.TokenMissing, "Set the user \"source\" and the password of the invitation in the encoder.")
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(password))
	return nil
}

// checkSourceType refuses at once what nobody here can decode.
func (s *Stage) checkSourceType(r *http.Request) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && isOgg(media):
		return nil
	case err == nil && isMP3(media) && s.cfg.MP3 != nil:
		return nil
	}
	can := "Ogg Opus"
	if s.cfg.MP3 != nil {
		can += " or MP3"
	}
	return problem.New(problem.WrongType, fmt.Sprintf("This takes %s, and not %.60q: set the encoder's codec to Opus in Ogg, which is sent as application/ogg.", can, media))
}

func isOgg(media string) bool {
	return media == "application/ogg" || media == "audio/ogg" || media == "audio/opus"
}

func isMP3(media string) bool { return media == "audio/mpeg" || media == "audio/mp3" }

// receiveSource owns the connection from here on.
func (s *Stage) receiveSource(r *http.Request, c caller, conn net.Conn, read *bufio.Reader) {
	sess := newSourceSession(conn, c, &s.cfg)
	defer sess.close()
	err := c.scene.beginSource(sess)
	if err != nil {
		s.endSource(conn, err)
		return
	}
	defer c.scene.endSource(sess)
	body, err := answerSource(r, conn, read)
	if err != nil {
		return // it is gone
	}
	sound, err := s.openSound(r.Header.Get("Content-Type"), &silentReader{conn: conn, r: body, left: sourceHead}, body)
	if err == nil {
		err = s.playSource(c, sess, sound, r.Header.Get("Ice-Name"))
	}
	sess.log.Info("encoder ended", "why", err)
	s.endSource(conn, err)
}

// answerSource tells the encoder to begin, as Icecast does, and returns what it sends from then on.
func answerSource(r *http.Request, conn net.Conn, read *bufio.Reader) (*bufio.Reader, error) {
	answer := "HTTP/1.0 200 OK\r\n\r\n"
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		answer = "HTTP/1.1 100 Continue\r\n\r\n"
	}
	err := conn.SetDeadline(time.Now().Add(sourceSilent))
	if err == nil {
		_, err = io.WriteString(conn, answer)
	}
	switch {
	case slices.Contains(r.TransferEncoding, "chunked"):
		read = bufio.NewReader(httputil.NewChunkedReader(read))
	case r.ContentLength > 0:
		read = bufio.NewReader(io.LimitReader(read, r.ContentLength))
	}
	return read, err
}

// endSource answers an encoder that still listens, and closes its connection.
func (s *Stage) endSource(conn net.Conn, err error) {
	answer := []byte("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	if p, ok := errors.AsType[problem.Problem](err); ok {
		answer = p.Answer(time.Now())
	}
	if conn.SetDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = conn.Write(answer) // who is gone hears nothing
	}
	_ = conn.Close()
}

// silentReader gives up an encoder from which nothing comes, and one that sends very much before any sound.
type silentReader struct {
	conn net.Conn
	r    io.Reader
	left int // bytes before the first sound; negative: there was some
}

var errNoSound = problem.New(problem.WrongType, "There is no Opus sound in what the encoder sends: set its codec to Opus in Ogg, in mono or stereo.")

func (s *silentReader) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, errNoSound
	}
	err := s.conn.SetReadDeadline(time.Now().Add(sourceSilent))
	if err != nil {
		return 0, err
	}
	n, err := s.r.Read(b)
	if s.left > 0 {
		s.left = max(s.left-n, 0)
	}
	return n, err
}

// foreign are what may be in Ogg instead of Opus, by how its first packet begins.
var foreign = map[string]string{"\x01vorbis": "Vorbis", "\x7fFLAC": "FLAC", "Speex   ": "Speex", "\x80theora": "video"}

// openSound is the sound in what an encoder sends. peek is what r reads from.
func (s *Stage) openSound(contentType string, r *silentReader, peek *bufio.Reader) (Sound, error) {
	media, _, _ := mime.ParseMediaType(contentType)
	if isMP3(media) {
		sound, err := s.cfg.MP3(r)
		if err != nil {
			return nil, problem.New(problem.WrongType, "There is no MP3 sound in what the encoder sends: set its codec to MP3, or to Opus in Ogg.")
		}
		return &begunSound{sound, r}, nil
	}
	const body = 28 // of a first page, behind its header and one length
	head, err := peek.Peek(body + 8)
	if err != nil {
		return nil, err
	}
	for begins, name := range foreign {
		if bytes.HasPrefix(head[body:], []byte(begins)) {
			return nil, problem.New(problem.WrongType, fmt.Sprintf("This is %s in Ogg: set the encoder's codec to Opus.", name))
		}
	}
	return &begunSound{oggSound{ogg.NewReader(r)}, r}, nil
}

// begunSound lifts the bound on what comes before the first sound.
type begunSound struct {
	Sound
	r *silentReader
}

func (b *begunSound) Next() ([]byte, int, error) {
	packet, samples, err := b.Sound.Next()
	if err == nil {
		b.r.left = -1
	}
	return packet, samples, err
}

// oggSound goes on over the links of a chain: an encoder begins a new one with each song.
type oggSound struct{ r *ogg.Reader }

func (o oggSound) Next() ([]byte, int, error) {
	for {
		p, err := o.r.Next()
		if err != nil {
			return nil, 0, err
		}
		if p.Samples > 0 {
			return p.Data, p.Samples, nil
		}
	}
}

// playSource brings the encoder on stage with its first sound, and returns when there is no more.
func (s *Stage) playSource(c caller, sess *session, sound Sound, name string) error {
	on := false
	for {
		packet, samples, err := sound.Next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
			sess.drainFeed()
			return nil
		case errors.Is(err, ogg.ErrNotOgg):
			return errNoSound
		case err != nil:
			return err
		case len(packet) > maxSourcePacket:
			return problem.New(problem.WrongType, "The packets are too long: set the Opus frame size to 20 ms in the encoder.")
		}
		if !on {
			err = c.scene.join(c.Grant, sess)
			if err != nil {
				return err
			}
			on = true
			c.scene.nameSource(c.Grant, name)
			sess.spawn(sess.feedStage)
		}
		if !sess.encoder.feed.put(packet, samples, sess.done) {
			return nil
		}
	}
}

func newSourceSession(conn net.Conn, c caller, cfg *Config) *session {
	id := rand.Text()
	s := &session{
		id: id, kind: source, person: c.Person, clock: cfg.Clock, onState: c.scene.connection,
		log: cfg.Log.With("session", id[:6], "person", c.Person), done: make(chan struct{}),
		encoder: &encoder{conn: conn, feed: newFeed(), since: cfg.Clock()},
	}
	s.forwards.Store(&[]forward{})
	return s
}

// drainFeed lets what waits be heard to its end.
func (s *session) drainFeed() {
	s.encoder.over.Store(true)
	s.encoder.feed.end()
	s.wg.Wait()
}

// feedStage gives the encoder's packets to the stage when they are due.
func (s *session) feedStage() {
	f, pace, number := s.encoder.feed, newPacing(), numbering{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	quiet := false
	for {
		now := s.clock()
		waits, next, held, over := f.look()
		if over {
			return
		}
		if held {
			pace.held(now)
		}
		emit, skip, wait := pace.step(now, waits, next)
		if emit {
			f.skip(skip)
			s.emit(number.next(f.take(), pace.gap), number.line, now)
			pace.gap = 0
			if first := s.encoder.last.Swap(int64(now)) == 0; first || quiet {
				quiet = false
				s.onState(s, connected)
			}
			continue
		}
		if wait == 0 && !quiet { // nothing waits
			if away := pace.away(now); away >= lostAfter {
				quiet = true
				s.onState(s, lost)
			} else {
				wait = lostAfter - away
			}
		}
		if !s.pause(timer, wait) {
			return
		}
	}
}

// pause waits for so long, or until something comes; 0 is for as long as that takes. It reports false when the session ends.
func (s *session) pause(timer *time.Timer, wait time.Duration) bool {
	var after <-chan time.Time
	if wait > 0 {
		timer.Reset(wait)
		after = timer.C
	}
	more := s.encoder.feed.more
	select {
	case <-after:
	case <-more:
	case <-s.done:
		return false
	}
	return true
}

// emit gives one packet to the mix and to those on stage.
func (s *session) emit(p rtp.Packet, line uint16, at time.Duration) {
	s.reception.observe(line, p.Timestamp, at)
	s.forward(&p, at)
}

// maySource refuses a second connection with the password of somebody who is heard: an encoder comes again by itself, and two would throw each
// other off for ever.
func (sc *scene) maySource(id room.PersonID, now time.Duration) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.maySourceLocked(id, now)
}

func (sc *scene) maySourceLocked(id room.PersonID, now time.Duration) error {
	if elder := sc.sources[id]; elder != nil && !elder.encoder.isMute(now) {
		return errMountInUse
	}
	if m := sc.memberLocked(id); m != nil && m.session != nil && m.session.kind != source && m.awayAt.IsZero() {
		return errMountInUse
	}
	return nil
}

// beginSource notes an encoder's connection; endSource has to follow. One that has stalled gives way.
func (sc *scene) beginSource(s *session) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.closed {
		return errShuttingDown
	}
	err := sc.maySourceLocked(s.person, s.encoder.since)
	if err != nil {
		return err
	}
	if elder := sc.sources[s.person]; elder != nil {
		_ = elder.encoder.conn.Close()
	}
	sc.sources[s.person] = s
	sc.wg.Add(1)
	return nil
}

func (sc *scene) endSource(s *session) {
	s.onState(s, gone)
	sc.mu.Lock()
	if sc.sources[s.person] == s {
		delete(sc.sources, s.person)
	}
	sc.mu.Unlock()
	sc.wg.Done()
}

// nameSource shows an encoder by the name that it gives its programme, where that is one.
func (sc *scene) nameSource(g room.Grant, given string) {
	name, err := room.CheckName(given)
	if err == nil && !strings.EqualFold(name, "no name") { // what libshout says for none
		sc.rename(g, name)
	}
}
