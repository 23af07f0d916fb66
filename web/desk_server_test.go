package web

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage"
)

const hostSecret = "only-once"

// deskServer is the stage's port as docs/PROTOCOL.md has it: the real stage and the real pages, a mix that only notes who is
// heard, and as much of the host's side as the pages use. It can die at once and come back at the same address.
type deskServer struct {
	t       *testing.T
	address string
	key     room.Key
	live    http.HandlerFunc // what listeners hear

	mu     sync.Mutex // guards the following fields
	facts  map[room.ID]room.Facts
	secret string
	heard  map[room.PersonID]time.Time // by person: when a packet came
	people []room.Person               // on stage
	pulled []string                    // what was done to delay, dump and carts
	lights []byte                      // as the host's side tells them; nil: not at all

	// owned by the test's goroutine
	http  *http.Server
	stage *stage.Stage
	stop  chan struct{}
	wg    sync.WaitGroup
}

func newDeskServer(t *testing.T) *deskServer {
	t.Helper()
	facts := room.Facts{ID: testRoom, Title: "Harbour talk: what the sea remembers", Language: "en", State: room.Live, Created: time.Now()}
	d := &deskServer{
		t: t, address: "127.0.0.1:0", secret: hostSecret, live: newFakeEdge(t, true).live,
		facts: map[room.ID]room.Facts{testRoom: facts}, heard: make(map[room.PersonID]time.Time),
	}
	d.start()
	t.Cleanup(d.die)
	return d
}

// start comes up, at the address of before if there was one.
func (d *deskServer) start() {
	d.t.Helper()
	media, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	d.stage, err = stage.New(stage.Config{
		Verify: func(token string) (room.Grant, error) { return d.key.Verify(token, time.Now()) },
		Rooms:  d, Mix: d, Media: media, Remove: d.remove,
		Block:    func(room.ID, string) error { return nil },
		HandOver: d.handOver,
		Consent: func(id room.ID, p room.PersonID, c room.Consent) (err error) {
			d.change(id, func(f *room.Facts) { _, err = f.Answer(p, c) })
			return err
		},
		TakeLead: func(id room.ID, host, to room.PersonID, role room.Role) (err error) {
			d.change(id, func(f *room.Facts) { err = f.TakeLead(host, to, role) })
			return err
		},
		TakeHands: func(id room.ID, take bool) error { d.change(id, func(f *room.Facts) { f.NoHands = !take }); return nil },
		NewPerson: func() (room.PersonID, error) { return "lena", nil },
		Admit: func(id room.ID, h room.Hand) stage.Admitted {
			return stage.Admitted{Token: d.token(id, h.Person, h.Name, room.Speaker)}
		},
		People:    d.setPeople,
		ListenURL: func(id room.ID) string { return "http://localhost:8080/r/" + string(id) },
	})
	if err != nil {
		d.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.address = listener.Addr().String()
	d.http = &http.Server{Handler: d.routes()}
	d.stop = make(chan struct{})
	d.wg.Go(func() {
		err := d.http.Serve(listener)
		if !errors.Is(err, http.ErrServerClosed) {
			d.t.Error(err)
		}
	})
	d.wg.Go(d.meter)
}

// die breaks every connection without a word, as a killed process does.
func (d *deskServer) die() {
	if d.http == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = d.http.Close() // what its connections say at the end concerns nobody
	err := d.stage.Close(ctx)
	if err != nil {
		d.t.Error(err)
	}
	close(d.stop)
	d.wg.Wait()
	d.http = nil
}

func (d *deskServer) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/desk/", Desk())
	mux.Handle("/r/{room}/stage/", d.stage.Handler())
	mux.Handle("/r/{room}/desk", d.stage.Handler())
	mux.Handle("/r/{room}/desk/", d.stage.Handler())
	mux.Handle("/r/{room}/check", d.stage.Handler())
	mux.Handle("/r/{room}/check/", d.stage.Handler())
	mux.HandleFunc("GET /api/rooms/{room}/consents", d.consents)
	mux.HandleFunc("GET /r/{room}/live.mp4", d.live)
	mux.HandleFunc("POST /api/claim", d.claim)
	mux.HandleFunc("GET /api/me", func(w http.ResponseWriter, r *http.Request) { d.answer(w, 200, map[string]bool{"host": isHost(r)}) })
	mux.HandleFunc("GET /api/rooms", d.host(func(w http.ResponseWriter, _ *http.Request) {
		d.answer(w, 200, map[string]any{"rooms": d.rooms()})
	}))
	mux.HandleFunc("POST /api/rooms", d.host(d.create))
	mux.HandleFunc("POST /api/rooms/{room}/token", d.host(func(w http.ResponseWriter, r *http.Request) {
		d.answer(w, 200, map[string]string{"token": d.token(room.ID(r.PathValue("room")), "ada", "Ada", room.Host)})
	}))
	mux.HandleFunc("POST /api/rooms/{room}/invites", d.invite)
	mux.HandleFunc("POST /api/rooms/{room}/end", d.end)
	mux.HandleFunc("GET /api/rooms/{room}/life", d.life)
	mux.HandleFunc("GET /api/rooms/{room}/lights", func(w http.ResponseWriter, _ *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.lights == nil {
			problem.Write(w, problem.New(problem.NotFound, "Nobody knows."))
			return
		}
		_, _ = w.Write(d.lights)
	})
	d.levers(mux)
	d.replays(mux)
	return mux
}

// meter sends levels five times a second, as the protocol promises.
func (d *deskServer) meter() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-tick.C:
		}
		var levels []stage.Level
		d.mu.Lock()
		for id, at := range d.heard {
			heard := time.Since(at) < time.Second
			db := -60.0
			if heard {
				db = -20
			}
			levels = append(levels, stage.Level{ID: id, DB: db, Heard: heard})
		}
		d.mu.Unlock()
		d.stage.SetLevels(testRoom, levels)
	}
}

// Open makes the server a stage.Mix that remembers when it heard whom.
func (d *deskServer) Open(_ room.ID, p room.PersonID) (stage.Voice, error) {
	return deskVoice{d, p}, nil
}

type deskVoice struct {
	server *deskServer
	person room.PersonID
}

func (v deskVoice) Push(uint16, uint32, []byte, time.Duration) {
	v.server.mu.Lock()
	defer v.server.mu.Unlock()
	v.server.heard[v.person] = time.Now()
}
func (v deskVoice) Mute(bool) {}
func (v deskVoice) Close()    {}

// Facts makes the server the stage's Rooms.
func (d *deskServer) Facts(id room.ID) (room.Facts, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, ok := d.facts[id]
	return f, ok
}

func (d *deskServer) remove(id room.ID, p room.PersonID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.facts[id]
	f.Removed = append(f.Removed, p)
	d.facts[id] = f
	return nil
}

func (d *deskServer) change(id room.ID, change func(*room.Facts)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.facts[id]
	change(&f)
	d.facts[id] = f
}

func (d *deskServer) handOver(id room.ID, from, to room.PersonID) error {
	d.change(id, func(f *room.Facts) { f.Roles = map[room.PersonID]room.Role{from: room.CoHost, to: room.Host} })
	return nil
}

func (d *deskServer) setPeople(_ room.ID, people []room.Person) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.people = people
}

// onStage returns who is on stage as the server sees it.
func (d *deskServer) onStage() map[room.PersonID]room.Person {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := make(map[room.PersonID]room.Person)
	for _, p := range d.people {
		m[p.ID] = p
	}
	return m
}

func (d *deskServer) token(id room.ID, p room.PersonID, name string, role room.Role) string {
	return d.key.Sign(room.Grant{Room: id, Person: p, Name: name, Role: role, Expires: time.Now().Add(time.Hour).Unix()})
}

// link is a desk's address for a person; the query comes before the token.
func (d *deskServer) link(p room.PersonID, name string, role room.Role, query string) string {
	return "http://" + d.address + "/desk/" + testRoom + query + "#" + d.token(testRoom, p, name, role)
}

// The host's side.

func isHost(r *http.Request) bool {
	c, err := r.Cookie("host")
	return err == nil && c.Value == "yes"
}

func (d *deskServer) host(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !isHost(r) {
			problem.Write(w, problem.New(problem.HostOnly, "Open the one-time link."))
			return
		}
		next(w, r)
	}
}

func (d *deskServer) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	err := json.NewEncoder(w).Encode(body)
	if err != nil {
		d.t.Log(err) // the page may be gone already
	}
}

func (d *deskServer) claim(w http.ResponseWriter, r *http.Request) {
	var body struct{ Secret string }
	err := json.NewDecoder(r.Body).Decode(&body)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err != nil || body.Secret != hostSecret:
		problem.Write(w, problem.New(problem.ClaimUnknown, "This link is unknown here."))
	case d.secret == "":
		problem.Write(w, problem.New(problem.ClaimUsed, "This link was used."))
	default:
		d.secret = ""
		http.SetCookie(w, &http.Cookie{Name: "host", Value: "yes", Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		w.WriteHeader(http.StatusNoContent)
	}
}

// deskRoom is a room as the host sees it.
type deskRoom struct {
	room.Facts
	ListenURL string `json:"listen_url"`
	DeskURL   string `json:"desk_url"`
}

func (d *deskServer) roomOf(f room.Facts) deskRoom {
	return deskRoom{f, "http://localhost:8080/r/" + string(f.ID), "http://" + d.address + "/desk/" + string(f.ID)}
}

func (d *deskServer) rooms() []deskRoom {
	d.mu.Lock()
	defer d.mu.Unlock()
	rooms := []deskRoom{}
	for _, f := range d.facts {
		rooms = append(rooms, d.roomOf(f))
	}
	return rooms
}

func (d *deskServer) create(w http.ResponseWriter, r *http.Request) {
	var wish struct {
		Title, Lang string
		LowDelay    bool `json:"low_delay"`
		Expect      int
		Tape        *bool
		Tracks      bool
	}
	err := json.NewDecoder(r.Body).Decode(&wish)
	f := room.Facts{Language: wish.Lang, LowDelay: wish.LowDelay, Expect: wish.Expect, Tape: room.TapeOn, Tracks: wish.Tracks}
	if wish.Tape != nil && !*wish.Tape {
		f.Tape = ""
	}
	if err == nil {
		f.Title, err = room.CheckTitle(wish.Title)
	}
	if err != nil {
		problem.Write(w, problem.New(problem.BadRequest, err.Error()))
		return
	}
	f.ID, f.State, f.Created = room.NewID(f.Title, "x1y2z3"), room.Doors, time.Now()
	d.mu.Lock()
	d.facts[f.ID] = f
	d.mu.Unlock()
	d.answer(w, http.StatusCreated, d.roomOf(f))
}

func (d *deskServer) invite(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Name string
		Role room.Role
	}
	err := json.NewDecoder(r.Body).Decode(&body)
	if err != nil || !body.Role.Valid() {
		problem.Write(w, problem.New(problem.BadRequest, "A name and a role are needed."))
		return
	}
	d.answer(w, http.StatusCreated, map[string]any{
		"person": "grace", "role": body.Role, "name": body.Name, "token": d.token(testRoom, "grace", body.Name, body.Role),
		"desk_url": d.link("grace", body.Name, body.Role, ""), "whip_url": "http://" + d.address + "/r/" + testRoom + "/whip",
	})
}

func (d *deskServer) life(w http.ResponseWriter, r *http.Request) {
	f, _ := d.Facts(room.ID(r.PathValue("room")))
	d.answer(w, 200, map[string]any{"state": f.State, "revision": f.Life.Revision, "now_ms": time.Now().UnixMilli()})
}

// end ends a room at once: nobody takes it back here.
func (d *deskServer) end(w http.ResponseWriter, r *http.Request) {
	id := room.ID(r.PathValue("room"))
	d.mu.Lock()
	f := d.facts[id]
	f.State = room.Ended
	d.facts[id] = f
	d.mu.Unlock()
	d.stage.EndRoom(id)
	d.life(w, r)
}
