package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/internal/pagecheck"
	"github.com/epidaurus-live/epidaurus/room"
)

// peoplesWords is what people wrote in the rooms of a season.
var peoplesWords = []string{
	"https://other.example/r/harbour-k3f9x2", "Harbour talk", "With music, and with the sea.", "Full already: come back tomorrow.", "Ada", "Grace", "Nikos", "Pru", "Lena", "Who counts the tides?",
}

// season is a server with a room in each state of its life.
type season struct {
	*server
	client *client.Client
	rooms  map[room.State]*show
	ended  string // the host's link to the desk of the room that has ended
}

// openSeason makes the rooms.
func openSeason(t *testing.T) *season {
	t.Helper()
	s := &season{server: serve(t), rooms: map[room.State]*show{}}
	s.client = s.host()
	for _, state := range []room.State{room.Draft, room.Announced, room.Doors, room.Live, room.Ended} {
		s.rooms[state] = s.another(t, state)
	}
	s.ended = s.rooms[room.Ended].link(t, "", room.Host)
	err := s.client.End(t.Context(), s.rooms[room.Ended].room.ID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// another is one more room in this state, or about to end.
func (s *season) another(t *testing.T, state room.State) *show {
	t.Helper()
	r, err := s.client.AnnounceRoom(t.Context(), client.Announcement{
		Title: "Harbour talk", Start: time.Now().Add(50 * time.Hour), Zone: "Europe/Paris", LeadS: 900, Description: "With music, and with the sea.", Draft: state == room.Draft,
	})
	if err != nil {
		t.Fatal(err)
	}
	made := &show{s.server, s.client, r}
	for _, to := range map[room.State][]string{room.Doors: {"doors"}, room.Live: {"doors", "live"}, room.Ended: {"doors", "live"}}[state] {
		made.asks(t, "POST", "step", fmt.Sprintf(`{"to":%q}`, to))
	}
	return made
}

// asks makes a request about the room as its host.
func (s *show) asks(t *testing.T, method, what, body string) {
	t.Helper()
	if answer := s.do(method, "/api/rooms/"+string(s.room.ID)+"/"+what, s.hostToken(), "application/json", body); answer.StatusCode >= 300 {
		t.Fatalf("%s %s answers %d", method, what, answer.StatusCode)
	}
}

// link is the address of a place at this room's desk, without its server.
func (s *show) link(t *testing.T, name string, role room.Role) string {
	t.Helper()
	address := s.hostDesk()
	if role != room.Host {
		i, err := s.client.Invite(t.Context(), s.room.ID, name, role)
		if err != nil {
			t.Fatal(err)
		}
		address = i.DeskURL
	}
	_, path, _ := strings.Cut(address, "/desk/")
	return "/desk/" + path
}

// TestAccess checks the pages of an evening, as the real server has them, for everybody. What else web's pages can show, web's TestAccess checks.
func TestAccess(t *testing.T) {
	t.Parallel()
	s := openSeason(t)
	live, doors := s.rooms[room.Live], s.rooms[room.Doors]
	hands := s.another(t, room.Live) // what changes there while others look changes for nobody else
	speak(t, live.invite("Nikos"), hostVoice)
	seat(t, doors.room.ListenURL)
	doors.asks(t, "PUT", "doors", `{"closed_at":1,"notice":"Full already: come back tomorrow."}`)
	for name, tt := range map[string]struct {
		server string
		open   pagecheck.Opened
	}{
		"ListenerBefore": {s.listeners, s.listener(room.Announced, "", `document.querySelector("#before .count")?.textContent`)},
		"ListenerArmed":  {s.listeners, s.listener(room.Announced, "#listen", `before.armed > 0 && document.body.classList.contains("armed")`)},
		"ListenerClosed": {s.listeners, s.listener(room.Doors, "#listen", `epidaurus.state === "full" && !document.getElementById("before").hidden`)},
		"Hand":           {s.listeners, s.hand(hands, false)},
		"HandRaised":     {s.listeners, s.hand(hands, true)},
		"Captioner":      {s.stage, s.captioner(t, room.Live)},
		"CaptionerEarly": {s.stage, s.captioner(t, room.Announced)},
		"DeskDraft":      {s.stage, s.desk(t, room.Draft, room.Host, browsertest.At("announce"))},
		"DeskAnnounced":  {s.stage, s.desk(t, room.Announced, room.CoHost, browsertest.At("open-doors")+" && "+browsertest.At("crowd"))},
		"DeskDoors":      {s.stage, s.desk(t, room.Doors, room.Host, browsertest.At("reopen")+" && "+browsertest.At("crowd"))},
		"DeskLive":       {s.stage, s.desk(t, room.Live, room.Host, browsertest.At("closing")+" && "+browsertest.At("hands-open")+` && document.querySelector("[data-testid^=mute-]")`)},
		"DeskSpeaker":    {s.stage, s.desk(t, room.Announced, room.Speaker, browsertest.At("mic-on"))},
		"DeskEnded":      {s.stage, s.desk(t, room.Ended, room.Host, `document.querySelector('.air[data-word="mic-off"]')`)},
	} {
		t.Run(name, func(t *testing.T) {
			pagecheck.Everywhere(t, tt.server, peoplesWords, tt.open)
		})
	}
}

// listener is the page of a room, after a click.
func (s *season) listener(state room.State, click, shows string) pagecheck.Opened {
	return func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
		p := browsertest.Open(t, listeners.New(t), base+"/r/"+string(s.rooms[state].room.ID), scripts...)
		p.Until(`window.epidaurus && document.getElementById("status").textContent`, browsertest.Body)
		if click != "" {
			if state == room.Announced {
				p.Until(`document.querySelector("#before .count").textContent`, browsertest.Body)
			}
			p.ClickSteady(click)
		}
		p.Until(shows, `JSON.stringify(epidaurus) + document.body.innerText`)
		return p
	}
}

// hand is the page of a raised hand, as it is outside the listener's page.
func (s *season) hand(of *show, raised bool) pagecheck.Opened {
	return func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
		p := browsertest.Open(t, listeners.New(t), base+"/r/"+string(of.room.ID)+"/hand", scripts...)
		p.Until(`document.getElementById("word").textContent`, browsertest.Body)
		if raised {
			// From one address one hand is taken at a time: the second one is told so.
			p.Do(chromedp.Evaluate[chromedp.Void](`{
				window.hello = document.getElementById("word").textContent;
				document.getElementById("name").value = "Lena";
				document.getElementById("line").value = "Who counts the tides?";
				document.getElementById("form").requestSubmit();
			}`))
			p.Until(`document.body.dataset.state !== "sending" && document.getElementById("word").textContent !== hello`, browsertest.Body)
		}
		return p
	}
}

// desk is the page of somebody of this role.
func (s *season) desk(t *testing.T, state room.State, role room.Role, shows string) pagecheck.Opened {
	t.Helper()
	link := s.ended
	if state != room.Ended {
		link = s.rooms[state].link(t, "Grace", role)
	}
	return func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
		p := browsertest.Open(t, ada.New(t), base+link, scripts...)
		p.Until(shows, browsertest.Body)
		return p
	}
}

// captioner is the page on which captions are written.
func (s *season) captioner(t *testing.T, state room.State) pagecheck.Opened {
	t.Helper()
	i, err := s.client.Invite(t.Context(), s.rooms[state].room.ID, "Lena", room.Captioner)
	if err != nil {
		t.Fatal(err)
	}
	_, path, _ := strings.Cut(i.DeskURL, "/captions/")
	return func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
		p := browsertest.Open(t, listeners.New(t), base+"/captions/"+path, scripts...)
		p.Until(`document.body.dataset.ready && document.getElementById("state").textContent`, browsertest.Body)
		return p
	}
}
