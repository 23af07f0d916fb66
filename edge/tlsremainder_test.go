//go:build linux

package edge

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

// single is a bench with one seat under TLS, whose listener decrypts, and whose socket takes what the test allows.
type single struct {
	*bench
	t      *testing.T
	client *tls.Conn
	secret []byte // of the client's records; TLS 1.3
	mp4    *fmp4.Reader
	next   tape.Number // the first frame that the listener has not heard
	takes  int         // how much the socket takes; negative: everything
	pushed int         // what it took
}

func newSingle(t *testing.T) *single {
	t.Helper()
	s := &single{bench: newBench(t, 0, nil), t: t, takes: -1, next: 300}
	s.section.write = func(fd int32, p []byte) (int, error) {
		if s.takes >= 0 {
			p = p[:min(len(p), s.takes)]
			s.takes -= len(p)
		}
		if len(p) == 0 {
			return 0, nil
		}
		n, err := send(fd, p)
		s.pushed += n
		return n, err
	}
	l := listen(t)
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	accepted, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	var log keyLog
	config := clientTLS(t)
	config.KeyLogWriter = &log
	s.client = tls.Client(raw, config)
	conn := TLSServer(accepted, serverTLS(t))
	shaken := make(chan error)
	go func() { shaken <- s.client.Handshake() }()
	for _, err := range []error{conn.Handshake(), <-shaken, conn.SetDeadline(time.Time{})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.secret, err = log.secret("CLIENT_TRAFFIC_SECRET_0")
	if err != nil {
		t.Fatal(err)
	}
	st := new(seat)
	err = st.connect(conn, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	s.hub.seats.Add(1)
	s.section.taken.Add(1)
	s.section.admit(arrival{seat: st, hub: s.hub, from: 300})
	return s
}

// seat is the only one; nil when it was closed.
func (s *single) seat() *seat { return s.section.slots[0] }

// turn lets the section do what its sockets ask for.
func (s *single) turn() {
	for _, ev := range s.section.poll.wait(0) {
		s.section.attend(ev)
	}
}

// hear reads up to frame to, and checks every packet.
func (s *single) hear(to tape.Number) {
	s.t.Helper()
	if s.mp4 == nil {
		resp, err := http.ReadResponse(bufio.NewReader(s.client), nil)
		if err != nil {
			s.t.Fatal(err)
		}
		s.mp4 = fmp4.NewReader(resp.Body)
	}
	for s.next < to {
		f, err := s.mp4.Next()
		if err != nil {
			s.t.Fatalf("at frame %d: %v", s.next, err)
		}
		if len(f.Packets) > 0 && f.From != s.next {
			s.t.Fatalf("the fragment begins at frame %d, want %d", f.From, s.next)
		}
		for _, p := range f.Packets {
			if string(p) != string(voice) {
				s.t.Fatalf("frame %d is wrong", s.next)
			}
			s.next++
		}
	}
}

// A socket may stop in the middle of a record: at each of its bytes in turn, and the listener decrypts every byte rightly.
func TestEveryPartialWriteUnderTLSIsMadeUpFor(t *testing.T) {
	s := newSingle(t)
	s.cadence()
	whole := s.pushed
	s.cadence()
	whole = s.pushed - whole // a cadence's bytes
	for at := 0; at <= whole; at++ {
		s.takes = at
		s.cadence()
		st := s.seat()
		if at < whole && (len(st.wire.rest) == 0 || st.cur == nil || !st.armed) {
			t.Fatalf("stopped at %d of %d, and nothing is kept", at, whole)
		}
		before := s.pushed
		s.takes = -1
		s.turn()
		if st.wire.rest != nil || st.cur != nil {
			t.Fatalf("stopped at %d: %d bytes are kept after the socket took %d", at, len(st.wire.rest), s.pushed-before)
		}
		s.hear(s.head)
	}
	if whole < 1500 {
		t.Errorf("a cadence has %d bytes", whole)
	}
}

// One byte at a time, with the next pieces waiting: nothing new is encrypted while something is kept.
func TestNothingIsEncryptedBehindARemainder(t *testing.T) {
	s := newSingle(t)
	s.cadence()
	s.takes = 0
	s.cadence()
	st := s.seat()
	kept := len(st.wire.rest)
	for range 20 {
		s.cadence()
		if len(st.wire.rest) != kept {
			t.Fatalf("%d bytes are kept, %d before", len(st.wire.rest), kept)
		}
	}
	for kept > 1 { // behind the last byte comes the next piece
		s.takes = 1
		s.turn()
		kept--
		if len(st.wire.rest) != kept {
			t.Fatalf("%d bytes are kept, want %d", len(st.wire.rest), kept)
		}
	}
	s.takes = -1
	for range 10 {
		s.turn()
	}
	s.hear(s.head)
}

// A great piece is encrypted in parts, so that little is kept for who takes nothing.
func TestRemainderIsBounded(t *testing.T) {
	s := newSingle(t)
	s.cadence()
	s.takes = 0
	for range 40 {
		s.cadence() // ten seconds to make up for, in pieces of up to 1.92 s
	}
	st := s.seat()
	if len(st.wire.rest) == 0 || len(st.wire.rest) > 2*sealMost {
		t.Errorf("%d bytes are kept", len(st.wire.rest))
	}
	great := make([]byte, 10*sealMost)
	s.takes = -1
	for range 20 {
		s.turn()
	}
	s.takes = 100
	n, done, err := s.section.send(st, great)
	if n != sealMost || done || err != nil || len(st.wire.rest) > sealMost+1000 {
		t.Errorf("%d bytes were encrypted, %d are kept: %t, %v", n, len(st.wire.rest), done, err)
	}
}

// updater makes records of a client whose tls.Conn no longer writes, to say what it cannot be made to say.
type updater struct {
	secret []byte
	seq    uint64
}

func label(t *testing.T, secret []byte, name string, size int) []byte {
	t.Helper()
	name = "tls13 " + name
	info := append([]byte{byte(size >> 8), byte(size), byte(len(name))}, name...)
	out, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), size)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// record encrypts content as TLS_AES_128_GCM_SHA256 does (RFC 8446, section 5.2).
func (u *updater) record(t *testing.T, kind byte, content []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(label(t, u.secret, "key", 16))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := label(t, u.secret, "iv", 12)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^u.seq)
	u.seq++
	plain := append(content[:len(content):len(content)], kind)
	size := len(plain) + gcm.Overhead()
	head := []byte{23, 3, 3, byte(size >> 8), byte(size)}
	return gcm.Seal(head, nonce, plain, head)
}

const handshakeRecord = 22

// keyUpdate asks for new keys in both directions, and goes on with its own.
func (u *updater) keyUpdate(t *testing.T) []byte {
	t.Helper()
	r := u.record(t, handshakeRecord, []byte{24, 0, 0, 1, 1})
	u.secret, u.seq = label(t, u.secret, "traffic upd", sha256.Size), 0
	return r
}

func (s *single) updater() *updater {
	s.t.Helper()
	if suite := s.client.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		s.t.Skipf("the suite is %s: this test speaks TLS_AES_128_GCM_SHA256 only", tls.CipherSuiteName(suite))
	}
	return &updater{secret: s.secret}
}

func (s *single) say(p []byte) {
	s.t.Helper()
	_, err := s.client.NetConn().Write(p)
	if err != nil {
		s.t.Fatal(err)
	}
	s.awaitInput()
}

// awaitInput waits until what was said is at the section's end.
func (s *single) awaitInput() {
	s.t.Helper()
	_, err := unix.Poll([]unix.PollFd{{Fd: s.seat().fd, Events: unix.POLLIN}}, int(patience.Milliseconds()))
	if err != nil {
		s.t.Fatal(err)
	}
}

// A client changes keys in the middle of what its socket has not taken: the answer goes behind that, in its own order, and what is
// encrypted later has the new keys. The record of its change may come in pieces.
func TestKeyUpdateInTheMiddleOfARemainder(t *testing.T) {
	s := newSingle(t)
	u := s.updater()
	s.cadence()
	for i := range 8 {
		s.takes = 100 * i
		s.cadence()
		kept := len(s.seat().wire.rest)
		if kept == 0 {
			t.Fatal("nothing is kept")
		}
		change := u.keyUpdate(t)
		cut := i * len(change) / 8
		if cut > 0 {
			s.say(change[:cut])
			s.turn()
		}
		s.takes = 0
		s.say(change[cut:])
		s.turn()
		if now := len(s.seat().wire.rest); now <= kept || now > kept+64 {
			t.Fatalf("%d bytes are kept, %d before the change of keys", now, kept)
		}
		s.cadence()
		s.takes = -1
		for range 4 {
			s.turn()
		}
		s.hear(s.head)
	}
}

// The answer to a change of keys goes out by itself when nothing else is on its way.
func TestKeyUpdateIsAnsweredWhenTheSocketTakesIt(t *testing.T) {
	s := newSingle(t)
	u := s.updater()
	s.cadence()
	s.takes = 0
	s.say(u.keyUpdate(t))
	s.turn()
	st := s.seat()
	if len(st.wire.rest) == 0 || st.cur != nil || !st.armed {
		t.Fatalf("%d bytes are kept, armed: %t", len(st.wire.rest), st.armed)
	}
	s.takes = -1
	s.turn()
	if st.wire.rest != nil || st.armed {
		t.Fatalf("%d bytes are kept, armed: %t", len(st.wire.rest), st.armed)
	}
	s.cadence()
	s.hear(s.head)
}

// Changes of keys without end are an attack, which crypto/tls ends.
func TestKeyUpdatesWithoutEndCloseTheSeat(t *testing.T) {
	s := newSingle(t)
	u := s.updater()
	for n := 0; s.seat() != nil; n++ {
		if n > 32 {
			t.Fatal("it may go on for ever")
		}
		s.say(u.keyUpdate(t))
		s.turn()
	}
}
