package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/pack/vtt"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.UnixMilli(1_800_000_000_000).UTC()

// house is a server with a real store in a folder of its own, and rooms that only remember what was asked of them.
type house struct {
	t       testing.TB
	cfg     Config
	store   *store.Store
	rooms   *memoryRooms
	faults  *faults
	handler http.Handler
	log     *bytes.Buffer

	now    time.Time
	host   room.HostID
	cookie *http.Cookie // of host
}

// passKey signs links of run-throughs.
var passKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

func newHouse(t testing.TB) *house {
	t.Helper()
	s, err := store.Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	h := &house{t: t, store: s, faults: &faults{}, log: &bytes.Buffer{}, now: noon}
	h.rooms = &memoryRooms{faults: h.faults, open: map[room.ID]room.Facts{}}
	h.cfg = Config{
		Sessions: faultySessions{s, h.faults}, Records: faultyRecords{s, h.faults}, Rooms: h.rooms, Life: h.rooms, Lights: h.rooms,
		Own: func(*http.Request) []string { return []string{"http://localhost:8080"} }, PassKey: passKey,
		Key: s.Key(), Clock: func() time.Time { return h.now }, Rand: rand.Reader, Log: slog.New(slog.NewTextHandler(h.log, nil)),
		ListenURL: func(*http.Request) string { return "http://localhost:8080" },
		StageURL:  func(*http.Request) string { return "http://localhost:8081" },
	}
	h.handler = New(h.cfg)
	h.host, h.cookie = h.newHost()
	return h
}

// newHost makes a host and a browser of hers.
func (h *house) newHost() (room.HostID, *http.Cookie) {
	h.t.Helper()
	host, err := h.store.AddHost(context.Background(), h.now)
	if err != nil {
		h.t.Fatal(err)
	}
	session, err := room.NewSecret(rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = h.store.Redeem(context.Background(), h.newLink(host).Hash(), session.Hash(), h.now)
	if err != nil {
		h.t.Fatal(err)
	}
	return host, &http.Cookie{Name: plainCookie, Value: string(session)}
}

func (h *house) newLink(host room.HostID) room.Secret {
	h.t.Helper()
	link, err := h.store.AddLink(context.Background(), host, h.now, time.Hour)
	if err != nil {
		h.t.Fatal(err)
	}
	return link
}

// newRoom makes a room of the house's host, in which mallory1 was removed.
func (h *house) newRoom(state room.State) room.ID {
	h.t.Helper()
	random, err := room.RandomChars(rand.Reader, 6)
	if err != nil {
		h.t.Fatal(err)
	}
	f := room.Facts{ID: room.NewID("Harbour talk", random), Title: "Harbour talk", Language: "en", State: room.Doors, Created: h.now}
	ctx := context.Background()
	err = errors.Join(
		h.store.AddRoom(ctx, room.Record{Facts: f, Host: h.host, HostPerson: "h0st"}),
		h.store.RemovePerson(ctx, f.ID, "mallory1", h.now),
		h.store.SetState(ctx, f.ID, state, h.now))
	if err != nil {
		h.t.Fatal(err)
	}
	if state != room.Ended {
		f.State, f.Removed = state, []room.PersonID{"mallory1"}
		h.rooms.open[f.ID] = f
	}
	return f.ID
}

type edit func(*http.Request)

func with(c *http.Cookie) edit {
	return func(r *http.Request) {
		if c != nil {
			r.AddCookie(c)
		}
	}
}

func token(s string) edit { return header("Authorization", "Bearer "+s) }

func header(name, value string) edit {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// do sends a request; a body that is not empty is sent as JSON unless an edit says otherwise.
func (h *house) do(method, path, body string, edits ...edit) *httptest.ResponseRecorder {
	h.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, "http://localhost:8081"+path, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, e := range edits {
		e(r)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// into checks an answer's status and reads it.
func into[T any](t testing.TB, w *httptest.ResponseRecorder, status int) (v T) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status = %d %s, want %d", w.Code, w.Body, status)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("content type = %q", got)
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&v)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type refusal struct {
	Type, Title, Detail string
	Status              int
	Code                problem.Code
	RetryAfterMS        int64 `json:"retry_after_ms"`
}

// refused checks that an answer is a whole problem of that code.
func refused(t testing.TB, w *httptest.ResponseRecorder, status int, code problem.Code) refusal {
	t.Helper()
	var p refusal
	err := json.Unmarshal(w.Body.Bytes(), &p)
	if err != nil || w.Header().Get("Content-Type") != problem.ContentType {
		t.Fatalf("no problem: %d %s %v", w.Code, w.Body, err)
	}
	if w.Code != status || p.Status != status || p.Code != code {
		t.Fatalf("refused with %d %s (%s), want %d %s", w.Code, p.Code, p.Detail, status, code)
	}
	if p.Title == "" || !strings.HasSuffix(p.Detail, ".") {
		t.Errorf("the problem does not explain itself: %s", w.Body)
	}
	return p
}

// memoryRooms stands in for the node.
type memoryRooms struct {
	captions []string // that were set
	faults   *faults
	mu       sync.Mutex
	open     map[room.ID]room.Facts
	deleted  []room.ID         // tapes

	recording Recording // of every room
	notReady  error
	first    func(*room.Facts) // what somebody else changes before the next change of a life, once
}

func (m *memoryRooms) Create(_ context.Context, f room.Facts) error {
	return m.faults.around("create", func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.open[f.ID] = f
		return nil
	})
}

func (m *memoryRooms) End(_ context.Context, id room.ID) error {
	return m.faults.around("end", func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if _, open := m.open[id]; !open {
			return errors.New("there is no such room")
		}
		delete(m.open, id)
		return nil
	})
}

func (m *memoryRooms) Lights(_ context.Context, f room.Facts) []Light {
	return []Light{{Name: "seats", State: Green, Why: "free", N: 12, Of: 12}, {Name: "speakers", State: Red, Why: string(f.State)}}
}

func (m *memoryRooms) ChangeLife(_ context.Context, id room.ID, change func(*room.Facts) error) (f room.Facts, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.open[id]
	if !ok {
		return f, room.ErrNotFound
	}
	if m.first != nil {
		m.first(&f)
		m.first, m.open[id] = nil, f
	}
	err = m.faults.around("life", func() error { return change(&f) })
	if err == nil {
		m.open[id] = f
	}
	return f, err
}

func (m *memoryRooms) DeleteTape(_ context.Context, id room.ID) error {
	return m.faults.around("delete", func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.deleted = append(m.deleted, id)
		return nil
	})
}

func (m *memoryRooms) Consent(_ context.Context, id room.ID, p room.PersonID, c room.Consent) error {
	return m.faults.around("consent", func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		f, ok := m.open[id]
		if !ok {
			return room.ErrNotFound
		}
		_, err := f.Answer(p, c)
		m.open[id] = f
		return err
	})
}

func (m *memoryRooms) Facts(id room.ID) (room.Facts, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.open[id]
	return f, ok
}

func (m *memoryRooms) Recording(room.ID) (Recording, error) { return m.recording, m.notReady }

func (m *memoryRooms) Taped(room.ID) (first, last int64, ok bool) { return 62_976, 422_976, true }

func (m *memoryRooms) SetCaptions(id room.ID, language string, cues []vtt.Cue) (int, error) {
	if language == "de" {
		return 0, room.ErrNotFound
	}
	m.captions = append(m.captions, fmt.Sprint(language, " ", len(cues)))
	return len(cues), nil
}

func (m *memoryRooms) all() map[room.ID]room.Facts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.open)
}

var errFault = errors.New("secret words about the inside")

// faults makes calls fail by name: before they do anything, or after they have done it.
type faults struct {
	before, after string // names of calls, separated by spaces
	err           error  // errFault where it is nil
}

func (f *faults) around(name string, do func() error) error {
	if strings.Contains(" "+f.before+" ", " "+name+" ") {
		return f.fault()
	}
	err := do()
	if strings.Contains(" "+f.after+" ", " "+name+" ") {
		return f.fault()
	}
	return err
}

func (f *faults) fault() error {
	if f.err != nil {
		return f.err
	}
	return errFault
}

type faultySessions struct {
	Sessions
	*faults
}

func (s faultySessions) Redeem(ctx context.Context, link, session room.SecretHash, now time.Time) (host room.HostID, err error) {
	err = s.around("redeem", func() error { host, err = s.Sessions.Redeem(ctx, link, session, now); return err })
	return host, err
}

func (s faultySessions) Session(ctx context.Context, session room.SecretHash, now time.Time) (host room.HostID, err error) {
	err = s.around("session", func() error { host, err = s.Sessions.Session(ctx, session, now); return err })
	return host, err
}

type faultyRecords struct {
	Records
	*faults
}

func (s faultyRecords) RoomsOf(ctx context.Context, host room.HostID) (all []room.Record, err error) {
	err = s.around("rooms", func() error { all, err = s.Records.RoomsOf(ctx, host); return err })
	return all, err
}

func (s faultyRecords) Room(ctx context.Context, id room.ID) (r room.Record, err error) {
	err = s.around("room", func() error { r, err = s.Records.Room(ctx, id); return err })
	return r, err
}

func (s faultyRecords) AddRoom(ctx context.Context, r room.Record) error {
	return s.around("add", func() error { return s.Records.AddRoom(ctx, r) })
}

func (s faultyRecords) DropRoom(ctx context.Context, id room.ID) error {
	return s.around("drop", func() error { return s.Records.DropRoom(ctx, id) })
}

func (s faultyRecords) SetState(ctx context.Context, id room.ID, to room.State, at time.Time) error {
	return s.around("state", func() error { return s.Records.SetState(ctx, id, to, at) })
}

func (s faultyRecords) SetTape(ctx context.Context, id room.ID, to room.Taping) error {
	return s.around("tape", func() error { return s.Records.SetTape(ctx, id, to) })
}

func (s faultyRecords) AddInvite(ctx context.Context, i room.Invite) error {
	return s.around("invite", func() error { return s.Records.AddInvite(ctx, i) })
}

// fullRecords refuses every invite.
type fullRecords struct {
	Records
	err error
}

func (f fullRecords) AddInvite(context.Context, room.Invite) error { return f.err }
