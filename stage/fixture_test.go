package stage

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/epidaurus-live/epidaurus/room"
)

// patience is how long anything may take on a machine that does other work beside.
const patience = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testRoom = room.ID("harbour-k3f9")

// fixture is a stage that is served on loopback, with a mix that remembers what it was told.
type fixture struct {
	*Stage
	t     *testing.T
	url   string
	key   room.Key
	rooms *fakeRooms
	mix   *fakeMix
	http  *http.Client

	mu     sync.Mutex
	people []room.Person // guarded by mu; as Config.People was told last
}

// newFixture serves a stage until the test ends, and then checks that closing it closes everything.
func newFixture(t *testing.T, change ...func(*Config)) *fixture {
	t.Helper()
	f := &fixture{
		t: t, mix: &fakeMix{voices: make(map[room.PersonID]*fakeVoice)},
		rooms: &fakeRooms{facts: map[room.ID]room.Facts{testRoom: {ID: testRoom, Title: "Harbour talk", Language: "en", State: room.Live}}},
		http:  &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	media, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Verify:    func(token string) (room.Grant, error) { return f.key.Verify(token, time.Now()) },
		Rooms:     f.rooms,
		Mix:       f.mix,
		People:    f.setPeople,
		Remove:    f.rooms.remove,
		Block:     f.rooms.block,
		HandOver:  f.rooms.handOver,
		Consent:   f.rooms.consent,
		TakeLead:  f.rooms.takeLead,
		TakeHands: f.rooms.takeHands,
		NewPerson: func() (room.PersonID, error) { return person(int(f.rooms.born.Add(1)) + 100), nil },
		Admit: func(id room.ID, h room.Hand) Admitted {
			return Admitted{f.key.Sign(room.Grant{
				Room: id, Person: h.Person, Role: room.Speaker, Name: h.Name, Origin: h.Origin, Expires: time.Now().Add(time.Hour).Unix(),
			}), "http://stage.test"}
		},
		ListenURL: func(id room.ID) string { return "http://listen.test/r/" + string(id) },
		Media:     media,
	}
	for _, c := range change {
		c(&cfg)
	}
	f.Stage, err = New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.url = "http://" + ln.Addr().String()
	server := &http.Server{Handler: f.Handler(), ReadHeaderTimeout: 5 * time.Second}
	split := f.Split(ln)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(split)
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err := f.Close(ctx)
		if err != nil {
			t.Errorf("close stage: %v", err)
		}
		_ = server.Close()
		<-served
	})
	return f
}

func (f *fixture) setPeople(id room.ID, people []room.Person) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id == testRoom {
		f.people = people
	}
}

func (f *fixture) onStage() []room.Person {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.people)
}

func (f *fixture) token(person room.PersonID, role room.Role) string {
	return f.key.Sign(room.Grant{
		Room: testRoom, Person: person, Role: role, Name: strings.ToUpper(string(person)), Expires: time.Now().Add(time.Hour).Unix(),
	})
}

// eventually waits until something holds; what is waited for is an event of another goroutine that has no channel.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

type fakeRooms struct {
	born atomic.Int32 // people who came by a hand

	mu    sync.Mutex
	facts map[room.ID]room.Facts
}

func (r *fakeRooms) Facts(id room.ID) (room.Facts, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.facts[id]
	return f, ok
}

func (r *fakeRooms) change(id room.ID, change func(*room.Facts)) error {
	return r.tryChange(id, func(f *room.Facts) error {
		change(f)
		return nil
	})
}

func (r *fakeRooms) tryChange(id room.ID, change func(*room.Facts) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.facts[id]
	err := change(&f)
	if err == nil {
		r.facts[id] = f
	}
	return err
}

func (r *fakeRooms) remove(id room.ID, p room.PersonID) error {
	return r.change(id, func(f *room.Facts) { f.Removed = append(slices.Clone(f.Removed), p) })
}

func (r *fakeRooms) block(id room.ID, origin string) error {
	return r.change(id, func(f *room.Facts) { f.Blocked = append(slices.Clone(f.Blocked), origin) })
}

func (r *fakeRooms) handOver(id room.ID, from, to room.PersonID) error {
	return r.tryChange(id, func(f *room.Facts) error { return f.HandOver(from, to) })
}

func (r *fakeRooms) consent(id room.ID, p room.PersonID, c room.Consent) error {
	return r.tryChange(id, func(f *room.Facts) error {
		_, err := f.Answer(p, c)
		return err
	})
}

func (r *fakeRooms) takeLead(id room.ID, host, to room.PersonID, role room.Role) error {
	return r.tryChange(id, func(f *room.Facts) error { return f.TakeLead(host, to, role) })
}

func (r *fakeRooms) takeHands(id room.ID, take bool) error {
	return r.change(id, func(f *room.Facts) { f.NoHands = !take })
}

// fakeMix remembers the voices.
type fakeMix struct {
	mu     sync.Mutex
	voices map[room.PersonID]*fakeVoice // the last one of each
	all    []*fakeVoice
	opened int
	open   int
}

func (m *fakeMix) Open(_ room.ID, p room.PersonID) (Voice, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := &fakeVoice{mix: m, heard: make(map[string]int)}
	m.voices[p] = v
	m.all = append(m.all, v)
	m.opened++
	m.open++
	return v, nil
}

func (m *fakeMix) voice(p room.PersonID) *fakeVoice {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.voices[p]
}

// heard is how many packets of a person's last voice came.
func (m *fakeMix) heard(p room.PersonID) int {
	v := m.voice(p)
	if v == nil {
		return 0
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.packets
}

// heardAtAll is how many packets with somebody's sound came, by whomever's voice.
func (m *fakeMix) heardAtAll(p room.PersonID) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range m.all {
		v.mu.Lock()
		n += v.heard[string(p)]
		v.mu.Unlock()
	}
	return n
}

type fakeVoice struct {
	mix *fakeMix

	mu      sync.Mutex
	packets int
	heard   map[string]int // by payload
	muted   bool
	closed  bool
	misuse  string
}

func (v *fakeVoice) Push(_ uint16, _ uint32, payload []byte, _ time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.packets++
	v.heard[string(payload)]++
	if v.closed || v.muted {
		v.misuse = fmt.Sprintf("pushed while closed=%v muted=%v", v.closed, v.muted)
	}
}

func (v *fakeVoice) Mute(m bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.muted = m
}

func (v *fakeVoice) Close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.mix.mu.Lock()
	defer v.mix.mu.Unlock()
	v.mix.open--
}
