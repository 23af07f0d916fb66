package cast

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

func TestParseIcecastMount(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ address, host, mount, user, wrong string }{
		{"icecast://source:hackme@radio.example.org:8010/{room}.opus", "radio.example.org:8010", "/{room}.opus", "source", ""},
		{"icecasts://:hackme@radio.example.org/live", "radio.example.org:8000", "/live", "source", ""},
		{"http://source:hackme@radio.example.org/live", "", "", "", "this is no address of an Icecast server"},
		{"icecast://source:hackme@radio.example.org/", "", "", "", "this is no address of an Icecast server"},
		{"icecast://radio.example.org/live", "", "", "", "there is no password for the Icecast server"},
		{"icecast://source:hack me@%zz/live", "", "", "", "this is no address of an Icecast server"},
	} {
		m, err := ParseIcecastMount(row.address)
		if row.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), row.wrong) || strings.Contains(err.Error(), "hack") {
				t.Errorf("%s: %v", row.address, err)
			}
		} else if err != nil || m.host != row.host || m.mount != row.mount || m.user != row.user || m.password != "hackme" {
			t.Errorf("%s: %+v (%v)", row.address, m, err)
		}
	}
}

// icecastThat answers each source as it is told, and keeps what it sends.
func icecastThat(t *testing.T, answers ...string) (address string, taken <-chan []ogg.Packet, came *atomic.Int64) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	out := make(chan []ogg.Packet, len(answers))
	came = new(atomic.Int64)
	go func() { // ends with the listener
		for i, answer := range answers {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			r := bufio.NewReader(conn)
			req, err := http.ReadRequest(r)
			user, password, _ := req.BasicAuth()
			if err != nil || req.Method != http.MethodPut || req.URL.Path != "/harbour.opus" || user != "source" || password != "hackme" || req.Header.Get("Ice-Name") == "" {
				t.Errorf("a source asks %v (%v)", req, err)
			}
			_, _ = io.WriteString(conn, answer)
			var all []ogg.Packet
			if strings.Contains(answer, " 100 ") {
				sound := ogg.NewReader(r)
				for p, err := sound.Next(); err == nil; p, err = sound.Next() {
					p.Data = append([]byte(nil), p.Data...)
					all = append(all, p)
					if len(answers) > 1 && len(all) == 48 && i == 0 {
						break // the line breaks
					}
				}
				out <- all
			}
			_ = conn.Close()
		}
	}()
	return ln.Addr().String(), out, came
}

// A room is pushed while it is live, each frame once and in order, to its end; a refusal and a line that breaks are tried again.
func TestRelay(t *testing.T) {
	t.Parallel()
	const goOn = "HTTP/1.1 100 Continue\r\n\r\n"
	address, taken, came := icecastThat(t, goOn, "HTTP/1.1 403 Mountpoint in use\r\nContent-Length: 0\r\n\r\n", goOn)
	m := aRoom()
	to, err := ParseIcecastMount("icecast://source:hackme@" + address + "/{room}.opus")
	if err != nil {
		t.Fatal(err)
	}
	cfg := m.config(0)
	facts := cfg.Facts
	cfg.Facts = func(id room.ID) (room.Facts, bool) {
		f, ok := facts(id)
		f.Title = "Harbour\r\ntalk"
		return f, ok
	}
	r, err := NewRelay(cfg, to)
	if err != nil {
		t.Fatal(err)
	}
	r.retry = 10 * time.Millisecond
	defer r.Close()
	for _, state := range []room.State{room.Doors, room.Live, room.Live} {
		m.set(func() { m.state = state })
		f, _ := cfg.Facts("harbour")
		r.Follow(f)
	}
	first := <-taken
	if len(first) != 48 || string(first[0].Data) != string(packet(tape.Opus48, 119*96)) {
		t.Fatalf("%d packets came, the first is %x", len(first), first[0].Data)
	}
	end := tape.Number(121)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); ; end++ {
		m.to(end, false)
		select {
		case <-tick.C:
			if came.Load() == 3 && r.Failing() == 0 {
				m.set(func() { m.state = room.Ended })
				end++
				m.to(end, true)
				second := <-taken
				if n := len(second); n < 96 || string(second[n-1].Data) != string(packet(tape.Opus48, end*96-51)) {
					t.Errorf("at the end %d packets came", n)
				}
				return
			}
		case <-late:
			t.Fatal(errors.New("it does not come back"))
		}
	}
}

// Nothing of a room by invitation, or of a run-through, goes to a server that asks nobody for an invitation.
func TestClosedRoomsAreNotPushed(t *testing.T) {
	f := room.Facts{ID: "harbour", State: room.Live}
	if !pushed(&f) {
		t.Error("an open room is not pushed")
	}
	f.Life.Access.Visibility = room.ByInvitation
	if pushed(&f) {
		t.Error("a room by invitation is pushed")
	}
	f.Life.Access.Visibility, f.RunOf = room.Unlisted, "evening"
	if pushed(&f) {
		t.Error("a run-through is pushed")
	}
}

// Whatever is given as a mount, nothing of it ends a line of what is asked of the Icecast server.
func FuzzParseIcecastMount(f *testing.F) {
	f.Add("icecast://source:hackme@radio.example.org:8000/{room}.opus")
	f.Add("icecasts://:p%0d%0aq@[::1]/a%0ab")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseIcecastMount(text)
		if err != nil {
			return
		}
		line := m.host + (&url.URL{Path: m.mount}).EscapedPath()
		if strings.ContainsAny(line, "\r\n ") || m.password == "" || m.user == "" {
			t.Errorf("%q becomes %+v", text, m)
		}
	})
}
