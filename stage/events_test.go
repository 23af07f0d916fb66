package stage

import (
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage/internal/cutnet"
	"github.com/epidaurus-live/epidaurus/tape"
)

const base = "/r/" + string(testRoom)

func TestStateEvent(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Frame = func(room.ID) tape.Number { return 12345 } })
	a := f.desk("ada")
	p := f.watch(a.token)
	eventually(t, "the state names room and self", func() bool {
		return p.is(func(s pageState) bool {
			return s.Room.ID == string(testRoom) && s.Room.Title == "Harbour talk" && s.Room.State == "live" &&
				s.Room.ListenURL == "http://listen.test"+base && s.You.ID == "ada" && s.You.Name == "ADA" && s.You.Role == "speaker" &&
				s.Frame == 12345 && len(s.Slots) == slotCount && s.onStage() == "ada"
		})
	})
	f.encoder("bob")
	eventually(t, "who came has a slot", func() bool {
		return p.is(func(s pageState) bool {
			return s.onStage() == "ada bob" && s.Slots[0] != nil && *s.Slots[0] == "bob" && s.Slots[1] == nil
		})
	})
	f.SetListening(testRoom, 12, nil)
	f.SetLevels(testRoom, []Level{{ID: "ada", DB: -22.54, Heard: true}, {ID: "bob", DB: -300}, {ID: "stranger", DB: -1}})
	eventually(t, "seats and levels are told", func() bool {
		return p.is(func(s pageState) bool {
			return s.Listening == 12 && s.People[0].Heard && !s.People[1].Heard &&
				len(p.levels) == 2 && p.levels["ada"] == -22.5 && p.levels["bob"] == -60
		})
	})
	if status := f.put(base+"/stage/people/me/name", a.token, `"  Ada\u202e L. "`); status != http.StatusNoContent {
		t.Errorf("rename: %d", status)
	}
	eventually(t, "the new name is told", func() bool {
		return p.is(func(s pageState) bool { return s.You.Name == "Ada L." && s.People[0].Name == "Ada L." })
	})
	eventually(t, "the node is told", func() bool { return f.onStage()[0].Name == "Ada L." })
}

func TestHeartbeat(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Heartbeat = 10 * time.Millisecond })
	p := f.watch(f.token("ada", room.Host))
	eventually(t, "three heartbeats", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.beats >= 3
	})
}

// A mute is made at the server: neither the mix nor the others hear the person, who alone may undo it.
func TestMute(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	host := f.connect("ada", clientOptions{kind: desk, slots: slotCount, role: room.Host})
	guest := f.desk("bob")
	eventually(t, "the guest is heard", func() bool { return host.hears()["bob"] >= 10 && f.mix.heard("bob") >= 10 })
	tests := []struct {
		name   string
		target string
		token  string
		body   string
		want   int
	}{
		{"a guest mutes the host", "ada", guest.token, "true", http.StatusForbidden},
		{"the host mutes nobody", "zoe", host.token, "true", http.StatusNotFound},
		{"not JSON", "me", guest.token, "yes", http.StatusBadRequest},
		{"null", "me", guest.token, "null", http.StatusBadRequest},
		{"the host mutes the guest", "bob", host.token, "true", http.StatusNoContent},
		{"the host undoes it", "bob", host.token, "false", http.StatusForbidden},
	}
	for _, tt := range tests {
		if got := f.put(base+"/stage/people/"+tt.target+"/muted", tt.token, tt.body); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	v := f.mix.voice("bob")
	v.mu.Lock()
	muted, before := v.muted, v.packets
	v.mu.Unlock()
	if !muted {
		t.Error("the mix was not told of the mute")
	}
	host.forget()
	eventually(t, "the guest hears on", func() bool { return guest.hears()["ada"] >= 60 })
	if n := host.hears()["bob"]; n > 20 { // what was under way when it was muted
		t.Errorf("%d packets of a muted person were forwarded", n)
	}
	if n := f.mix.heard("bob"); n != before {
		t.Errorf("%d packets of a muted person reached the mix", n-before)
	}
	eventually(t, "it is shown", func() bool { return f.onStage()[1].Muted })
	p := f.watch(guest.token)
	mutedBy := func(id string) bool {
		return p.is(func(s pageState) bool {
			for _, one := range s.People {
				if one.ID == "bob" {
					return one.MutedBy == id
				}
			}
			return false
		})
	}
	eventually(t, "and who did it", func() bool { return mutedBy("ada") })
	host.forget()
	if got := f.put(base+"/stage/people/me/muted", guest.token, "false"); got != http.StatusNoContent {
		t.Errorf("the guest undoes it: %d", got)
	}
	eventually(t, "nobody mutes the guest any more", func() bool { return mutedBy("") })
	eventually(t, "the guest is heard again", func() bool { return host.hears()["bob"] >= 20 && f.mix.heard("bob") > before+20 })
	host.mu.Lock()
	defer host.mu.Unlock()
	if host.gaps > 0 {
		t.Errorf("the silence looks like loss: %d breaks in numbering", host.gaps)
	}
	if v.misuse != "" {
		t.Error(v.misuse)
	}
}

func TestRemove(t *testing.T) {
	f := newFixture(t)
	host := f.connect("ada", clientOptions{kind: desk, slots: slotCount, role: room.Host})
	cohost := f.connect("cyd", clientOptions{kind: whip, role: room.CoHost})
	guest := f.desk("bob")
	p := f.watch(guest.token)
	eventually(t, "three are on stage", func() bool { return len(f.onStage()) == 3 && host.hears()["bob"] > 0 })
	tests := []struct {
		name   string
		target string
		token  string
		want   int
	}{
		{"a guest removes the host", "ada", guest.token, http.StatusForbidden},
		{"the host removes himself", "me", host.token, http.StatusForbidden},
		{"a co-host removes the host", "ada", cohost.token, http.StatusForbidden},
		{"a co-host removes a stranger", "zoe", cohost.token, http.StatusNotFound},
		{"no such name", "Zo%C3%AB", host.token, http.StatusNotFound},
		{"the co-host removes the guest", "bob", cohost.token, http.StatusNoContent},
		{"the host removes somebody who never came", "zoe", host.token, http.StatusNoContent},
	}
	for _, tt := range tests {
		resp, body := f.do(http.MethodDelete, base+"/stage/people/"+tt.target, tt.token, nil, nil)
		if resp.StatusCode != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.name, resp.StatusCode, body, tt.want)
		}
	}
	eventually(t, "the guest is told and the stream ends", func() bool {
		name, data, ended := p.lastEvent()
		return name == "removed" && data == `{"by":"CYD"}` && ended
	})
	eventually(t, "he is gone", func() bool {
		return len(f.onStage()) == 2 && guest.pc.ConnectionState() == webrtc.PeerConnectionStateClosed
	})
	for _, token := range []string{guest.token, f.token("zoe", room.Speaker)} {
		resp, body := f.do(http.MethodGet, base+"/stage/events", token, nil, nil)
		if resp.StatusCode != http.StatusForbidden || problemOf(t, body) != problem.Removed {
			t.Errorf("a void token: %d %s", resp.StatusCode, body)
		}
	}
}

func TestEndRoom(t *testing.T) {
	f := newFixture(t)
	a := f.desk("ada")
	p := f.watch(a.token)
	eventually(t, "it is heard and watched", func() bool {
		return f.mix.heard("ada") > 0 && p.is(func(s pageState) bool { return s.onStage() == "ada" })
	})
	f.EndRoom(testRoom)
	eventually(t, "the page is told and the stream ends", func() bool {
		name, _, ended := p.lastEvent()
		return name == "ended" && ended
	})
	if n := len(f.onStage()); n != 0 {
		t.Errorf("the node was not told that the stage is empty: %d people", n)
	}
	eventually(t, "the session is closed", func() bool { return a.pc.ConnectionState() == webrtc.PeerConnectionStateClosed })
	resp, body := f.do(http.MethodGet, base+"/stage/events", a.token, nil, nil)
	if resp.StatusCode != http.StatusGone || problemOf(t, body) != problem.RoomEnded {
		t.Errorf("after the end: %d %s", resp.StatusCode, body)
	}
}

// Whose network is cut is shown as away and keeps the place; whose network returns in time is back without a new session.
func TestAwayAndBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.desk("ada")
	var cut cutnet.Net
	b := f.connect("bob", clientOptions{kind: desk, slots: slotCount, settings: func(s *webrtc.SettingEngine) {
		s.SetICEUDPMux(cut.Mux(t))
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
		s.SetICETimeouts(20*time.Second, 0, 200*time.Millisecond) // a patient client, so that the server's patience is seen
	}})
	p := f.watch(a.token)
	away := func(want bool) func() bool {
		return func() bool {
			return p.is(func(s pageState) bool { return s.onStage() == "ada bob" && s.People[1].Away == want })
		}
	}
	eventually(t, "bob is heard", func() bool { return a.hears()["bob"] >= 10 })
	eventually(t, "bob is there", away(false))
	cut.Cut(true)
	eventually(t, "bob is away", away(true))
	a.forget()
	cut.Cut(false)
	eventually(t, "bob is back", away(false))
	eventually(t, "bob is heard again", func() bool { return a.hears()["bob"] >= 10 && b.hears()["ada"] > 0 })
}

// A page that closes its connection first may still say that it leaves: its place is not kept.
func TestLeaveAfterGoodbye(t *testing.T) {
	f := newFixture(t)
	a, b := f.desk("ada"), f.desk("bob")
	p := f.watch(a.token)
	eventually(t, "bob is heard", func() bool { return a.hears()["bob"] >= 10 })
	b.vanish()
	eventually(t, "bob is away", func() bool {
		return p.is(func(s pageState) bool { return s.onStage() == "ada bob" && s.People[1].Away })
	})
	if status := b.leave(); status != http.StatusOK {
		t.Errorf("leaving after the goodbye: %d", status)
	}
	eventually(t, "bob has left", func() bool { return len(f.onStage()) == 1 })
}

// Whose network does not return leaves after a while.
func TestAwayForGood(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Away = 300 * time.Millisecond })
	a, b := f.desk("ada"), f.desk("bob")
	eventually(t, "bob is heard", func() bool { return a.hears()["bob"] >= 10 })
	b.vanish() // a page that is closed says goodbye by DTLS, and may only be reloading
	eventually(t, "bob has left", func() bool { return len(f.onStage()) == 1 })
	f.mix.mu.Lock()
	defer f.mix.mu.Unlock()
	if f.mix.open != 1 {
		t.Errorf("%d voices are open in the mix, want 1", f.mix.open)
	}
}

// Who offers and never connects gives the place back.
func TestNeverConnected(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Away = 100 * time.Millisecond })
	b := f.offline("bob", clientOptions{kind: whip})
	resp, body := f.do(http.MethodPost, base+"/whip", b.token, map[string]string{"Content-Type": typeSDP}, []byte(b.offer()))
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	eventually(t, "the place is free again", func() bool {
		f.mix.mu.Lock()
		defer f.mix.mu.Unlock()
		return f.mix.opened == 1 && f.mix.open == 0
	})
}

// A page that never reads is closed, and delays nobody.
func TestStreamThatIsNotRead(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.WriteTimeout = 100 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.(*net.TCPConn).SetReadBuffer(4096)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Write([]byte("GET " + base + "/stage/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.token("ada", room.Host) + "\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	sc := func() *scene { return f.existing(testRoom) }
	streams := func() int {
		if sc() == nil {
			return 0
		}
		sc().mu.Lock()
		defer sc().mu.Unlock()
		return len(sc().streams)
	}
	eventually(t, "the stream is open", func() bool { return streams() == 1 })
	n := 0
	eventually(t, "a stream that nobody reads is closed", func() bool {
		for range 1000 { // until the socket's buffers are full
			n++
			f.SetListening(testRoom, n, nil)
			runtime.Gosched()
		}
		return streams() == 0
	})
}

// The oldest stream of a person gives way to a new one, and a room has room for so many.
func TestStreamsAreBounded(t *testing.T) {
	f := newFixture(t)
	first := f.watch(f.token("ada", room.Host))
	for range maxOwnStreams {
		f.watch(f.token("ada", room.Host))
	}
	eventually(t, "the first has ended", func() bool { _, _, ended := first.lastEvent(); return ended })
	for n := range (maxStreams - maxOwnStreams) / maxOwnStreams {
		for range maxOwnStreams {
			if p := f.watch(f.token(person(n), room.Speaker)); p.status != http.StatusOK {
				t.Fatalf("stream of person %d: %d", n, p.status)
			}
		}
	}
	if p := f.watch(f.token("late", room.Speaker)); p.status != http.StatusTooManyRequests {
		t.Errorf("one too many: %d", p.status)
	}
}
