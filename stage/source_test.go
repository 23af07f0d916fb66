package stage

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/room"
)

// heardPayload is how many packets of a name came, by whomever's voice.
func (m *fakeMix) heardPayload(name string) (n int) {
	return m.heardAtAll(room.PersonID("\xf8" + name))
}

// radio is an encoder as Icecast knows them.
type radio struct {
	t    *testing.T
	conn net.Conn
	read *bufio.Reader
}

func basic(password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("source:"+password))
}

// radio sends a request's head and returns the first line of the answer.
func (f *fixture) radio(line, password string, fields ...string) (*radio, string) {
	f.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	head := line + "\r\nHost: stage.test\r\n"
	if password != "" {
		head += "Authorization: " + basic(password) + "\r\n"
	}
	for _, field := range fields {
		head += field + "\r\n"
	}
	r := &radio{f.t, conn, bufio.NewReader(conn)}
	r.send([]byte(head + "\r\n"))
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	answer, err := r.read.ReadString('\n')
	if err != nil {
		f.t.Fatal(err)
	}
	return r, strings.TrimSpace(answer)
}

func (r *radio) send(b []byte) {
	r.t.Helper()
	_, err := r.conn.Write(b)
	if err != nil {
		r.t.Fatal(err)
	}
}

// song is a link of an Ogg chain: a second of packets of 20 ms that say its name.
func song(serial uint32, name string) []byte {
	var b bytes.Buffer
	w, err := ogg.NewWriter(&b, serial, ogg.Head{PreSkip: 312})
	for range 50 {
		if err == nil {
			err = w.WritePacket(append([]byte{0xf8}, name...))
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err)
	}
	return b.Bytes()
}

const (
	put       = "PUT /r/" + string(testRoom) + "/source HTTP/1.1"
	oldSource = "SOURCE /r/" + string(testRoom) + "/source.ogg ICE/1.0"
	isOpus    = "Content-Type: application/ogg"
	expect    = "Expect: 100-continue"
)

func TestEncoderIsRefusedWithWords(t *testing.T) {
	f := newFixture(t)
	good := f.token("ada", room.Speaker)
	for _, tt := range []struct {
		name, line, password, field, want string
	}{
		{"no password", put, "", isOpus, "401"},
		{"a wrong password", put, "hackme", isOpus, "401"},
		{"Vorbis by name", put, good, "Content-Type: audio/vorbis", "415"},
		{"AAC", put, good, "Content-Type: audio/aac", "415"},
		{"MP3 without a decoder", put, good, "Content-Type: audio/mpeg", "415"},
		{"no type", put, good, "X-None: 1", "415"},
		{"a listener's request", "GET /r/" + string(testRoom) + "/source HTTP/1.1", good, isOpus, "405"},
		{"another room", strings.Replace(put, string(testRoom), "other-aaaa", 1), good, isOpus, "403"},
		{"a producer", put, f.token("grace", room.Producer), isOpus, "403"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, answer := f.radio(tt.line, tt.password, tt.field)
			if !strings.Contains(answer, " "+tt.want+" ") {
				t.Errorf("%s, want %s", answer, tt.want)
			}
		})
	}
}

func TestEncoderOnStage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ line, field, answer string }{
		"Put":          {put, expect, "HTTP/1.1 100 Continue"},
		"PutUnawaited": {put, "X-None: 1", "HTTP/1.0 200 OK"},
		"Source":       {oldSource, "X-None: 1", "HTTP/1.0 200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			token := f.token("truck", room.Speaker)
			r, answer := f.radio(c.line, token, isOpus, c.field, "Ice-Name: Radio Van")
			if answer != c.answer {
				t.Fatalf("%s, not %s", answer, c.answer)
			}
			r.send(song(1, "one"))
			eventually(t, "it is heard", func() bool { return f.mix.heard("truck") > 0 })
			if on := f.onStage(); len(on) != 1 || on[0].Name != "Radio Van" {
				t.Errorf("on stage: %v", on)
			}
			_, answer = f.radio(put, token, isOpus)
			if !strings.Contains(answer, " 403 ") {
				t.Errorf("a second encoder: %s", answer)
			}
			r.send(song(2, "two"))
			eventually(t, "the next link of the chain is heard", func() bool { return f.mix.heard("truck") >= 60 })
			if v := f.mix.voice("truck"); v.misuse != "" {
				t.Error(v.misuse)
			}
			_ = r.conn.Close()
			eventually(t, "another one may come", func() bool {
				_, answer := f.radio(put, token, isOpus)
				return strings.Contains(answer, " 200 ")
			})
		})
	}
}

// An encoder that stalls gives way to its next connection, though its own is still open.
func TestStalledEncoderGivesWay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	token := f.token("truck", room.Speaker)
	first, _ := f.radio(put, token, isOpus)
	first.send(song(1, "one"))
	eventually(t, "it is heard", func() bool { return f.mix.heard("truck") > 0 })
	var second *radio
	eventually(t, "another one may come", func() bool {
		r, answer := f.radio(put, token, isOpus)
		second = r
		return strings.Contains(answer, " 200 ")
	})
	second.send(song(2, "two"))
	eventually(t, "it is heard", func() bool { return f.mix.heardPayload("two") > 0 })
	if on := f.onStage(); len(on) != 1 {
		t.Errorf("on stage: %v", on)
	}
}

// Nothing comes for ten seconds: the connection is closed.
func TestSilentEncoderIsClosed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.radio(put, f.token("truck", room.Speaker), isOpus)
	r.send(song(1, "one"))
	_, err := io.Copy(io.Discard, r.read)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Error("its connection stays open")
	}
}

// Somebody who is on stage by WHIP or the desk is not thrown off by an encoder with the same password.
func TestEncoderThrowsNobodyOff(t *testing.T) {
	f := newFixture(t)
	f.encoder("truck")
	eventually(t, "the encoder is refused", func() bool {
		_, answer := f.radio(put, f.token("truck", room.Speaker), isOpus)
		return strings.Contains(answer, " 403 ")
	})
}

// In a room that is taped an encoder says that its programme may be recorded, or whoever invited it has.
func TestEncoderAgreesToBeRecorded(t *testing.T) {
	f := newFixture(t)
	err := f.rooms.change(testRoom, func(facts *room.Facts) { facts.Tape = room.TapeOn })
	if err != nil {
		t.Fatal(err)
	}
	if _, answer := f.radio(put, f.token("truck", room.Speaker), isOpus); !strings.Contains(answer, " 403 ") {
		t.Errorf("without a word: %s", answer)
	}
	if _, answer := f.radio(put, f.token("truck", room.Speaker), isOpus, ConsentField+": 1"); !strings.Contains(answer, " 200 ") {
		t.Errorf("with its word: %s", answer)
	}
}

// Who sends faster than time is held back by TCP: what waits stays bounded, and nothing is lost.
func TestEncoderIsHeldBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, _ := f.radio(put, f.token("truck", room.Speaker), isOpus)
	sent := make(chan struct{})
	link := song(1, strings.Repeat("x", 1000)) // 50 kB
	go func() {
		defer close(sent)
		for range 2000 {
			if _, err := r.conn.Write(link); err != nil {
				return
			}
		}
	}()
	eventually(t, "it is held back", func() bool {
		sc := f.existing(testRoom)
		if sc == nil {
			return false
		}
		sc.mu.Lock()
		defer sc.mu.Unlock()
		s := sc.sources["truck"]
		if s == nil {
			return false
		}
		s.encoder.feed.mu.Lock()
		defer s.encoder.feed.mu.Unlock()
		if s.encoder.feed.length > feedLength || s.encoder.feed.bytes > feedBytes {
			t.Errorf("%v and %d bytes wait", s.encoder.feed.length, s.encoder.feed.bytes)
		}
		return f.mix.heard("truck") > 50 && s.encoder.feed.length > feedLength/2
	})
	select {
	case <-sent:
		t.Error("2,000 s of sound were taken at once")
	default:
	}
	_ = r.conn.Close()
	<-sent
}

// What is no Opus is named in the answer, with what to set.
func TestEncoderOfAnotherCodec(t *testing.T) {
	for begins, want := range map[string]string{"\x01vorbis": "Vorbis", "\x7fFLAC\x01": "FLAC"} {
		f := newFixture(t)
		r, _ := f.radio(put, f.token("truck", room.Speaker), isOpus)
		r.send(append(append([]byte("OggS\x00\x02"), make([]byte, 22)...), begins+"0123456789"...))
		answer, err := io.ReadAll(r.read)
		if err != nil || !strings.Contains(string(answer), " 415 ") || !strings.Contains(string(answer), want) {
			t.Errorf("%s: %q, %v", want, answer, err)
		}
		if on := f.onStage(); len(on) != 0 {
			t.Errorf("on stage: %v", on)
		}
	}
}

// Half a request line of the old way keeps no connection open.
func TestEncoderThatNeverAsks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err == nil {
		_, err = io.WriteString(conn, "SOURCE /r/")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it is read to its end
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, err = io.Copy(io.Discard, conn)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Error("its connection stays open")
	}
}

// A host's mute, and removal, end what is heard of an encoder as of everybody.
func TestEncoderIsRemoved(t *testing.T) {
	f := newFixture(t)
	token, host := f.token("truck", room.Speaker), f.token("host", room.Host)
	r, _ := f.radio(put, token, isOpus)
	r.send(song(1, "one"))
	eventually(t, "it is heard", func() bool { return f.mix.heard("truck") > 0 })
	if status := f.put("/r/"+string(testRoom)+"/stage/people/truck/muted", host, "true"); status != http.StatusNoContent {
		t.Fatalf("mute: %d", status)
	}
	resp, body := f.do(http.MethodDelete, "/r/"+string(testRoom)+"/stage/people/truck", host, nil, nil)
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("remove: %d %s", resp.StatusCode, body)
	}
	_, err := io.Copy(io.Discard, r.read)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Error("its connection stays")
	}
	if _, answer := f.radio(put, token, isOpus); !strings.Contains(answer, " 403 ") {
		t.Errorf("it comes again: %s", answer)
	}
}

func TestEncoderMetadata(t *testing.T) {
	f := newFixture(t)
	token := f.token("truck", room.Speaker)
	r, _ := f.radio(put, token, isOpus)
	r.send(song(1, "one"))
	eventually(t, "it is heard", func() bool { return f.mix.heard("truck") > 0 })
	server := f.Metadata()
	ask := func(query, password string) int {
		req, _ := http.NewRequest(http.MethodGet, "/admin/metadata?"+query, nil)
		req.Header.Set("Authorization", basic(password))
		w := &statusOnly{header: http.Header{}}
		server.ServeHTTP(w, req)
		return w.status
	}
	mount := "mode=updinfo&mount=/r/" + string(testRoom) + "/source&song=A%20song"
	if got := ask(mount, token); got != http.StatusOK {
		t.Errorf("a song: %d", got)
	}
	if got := ask(mount, "hackme"); got != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", got)
	}
	if got := ask("mode=updinfo&mount=/stream&song=x", token); got != http.StatusBadRequest {
		t.Errorf("another mount: %d", got)
	}
	sc := f.existing(testRoom)
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if e := sc.memberLocked("truck").encoderLocked(); e == nil || e.Song != "A song" {
		t.Errorf("the desk is told %v", e)
	}
}

type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header { return s.header }
func (s *statusOnly) WriteHeader(n int)   { s.status = n }
func (s *statusOnly) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return len(b), nil
}

// Only Icecast's old request line is changed, and only in its last word.
func FuzzSourceLine(f *testing.F) {
	for _, s := range []string{oldSource + "\r\nA: b\r\n\r\n", oldSource + "\n", put + "\r\n\r\n", "SOURCE  ICE/1.0\r\n", "SOURCE", "S\n ICE/1.0\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		out := string(rewriteSource(head))
		line, _, _ := strings.Cut(string(head), "\n")
		old := strings.HasPrefix(line, "SOURCE ") && strings.HasSuffix(strings.TrimSuffix(line, "\r"), " ICE/1.0") && strings.Contains(string(head), "\n")
		want := string(head)
		if old {
			want = strings.Replace(want, line, strings.TrimSuffix(strings.TrimSuffix(line, "\r"), "ICE/1.0")+"HTTP/1.0"+line[len(strings.TrimSuffix(line, "\r")):], 1)
		}
		if out != want {
			t.Errorf("%q became %q", head, out)
		}
	})
}

// Whatever an encoder says that it plays can be shown in one line.
func FuzzSong(f *testing.F) {
	for _, s := range []string{"A song", "\x00\n\r", strings.Repeat("é", 300), "\xff\xfe", "/r/harbour-k3f9/source"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, given string) {
		out := songOf(given)
		if len([]rune(out)) > songMost || strings.ContainsAny(out, "\n\r\x00") || strings.ToValidUTF8(out, "") != out {
			t.Errorf("%q", out)
		}
		if id, ok := mountRoom(given); ok && strings.Contains(id, "/") {
			t.Errorf("%q is the room of %q", id, given)
		}
	})
}
