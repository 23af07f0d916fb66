package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/internal/pagecheck"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage"
	"github.com/epidaurus-live/epidaurus/tape"
)

// people wrote these, and they are the same in every language.
var people = []string{
	"Harbour talk: what the sea remembers", "Harbour talk", "Ada Lovelace", "Grace Hopper", "Ada", "Grace", "Lena", "Who counts the tides?", "Ogg Opus", "MP4", "Nowhere abc",
	"What the tides count", "An answer", "https://other.example/r/harbour-k3f9x2",
}

// TestAccess checks each page in each of its states for everybody: for who has a keyboard only, for who hears the page instead of seeing it, for who
// sees little, and for who reads French. What the pages of the evening are with a real server, e2e's TestAccess checks.
func TestAccess(t *testing.T) {
	t.Parallel()
	b := chromium.New(t)
	for name, prepare := range map[string]func(*testing.T, context.Context) (server string, open pagecheck.Opened){
		"ListenerReady":   listenerReady,
		"ListenerLive":    listenerLive,
		"ListenerBehind":  listenerPaused,
		"ListenerFull":    listenerRefused(problem.Full, "full"),
		"ListenerEnded":   listenerRefused(problem.RoomEnded, "ended"),
		"ListenerUnknown": listenerUnknown,
		"Replay":          replayState(false, ""),
		"ReplayWithout":   replayState(true, "none"),
		"HomeOfNobody":    homeOf("", "not-host"),
		"HomeWithALink":   homeOf("#claim="+hostSecret, "claim"),
		"HomeOfTheHost":   homeOfTheHost,
		"DeskRefused":     deskWith("#e1.forged.token"),
		"DeskOnAir":       deskOnAir,
		"DeskOfAGuest":    deskOfAGuest,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, open := prepare(t, b)
			pagecheck.Everywhere(t, server, people, open)
		})
	}
}

func listenerReady(t *testing.T, b context.Context) (string, pagecheck.Opened) {
	return newFakeEdge(t, false).URL, func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
		p := open(t, b, base+"/r/"+testRoom, scripts...)
		p.until(`epidaurus.state === "ready" && document.getElementById("status").textContent`)
		return p.Tab
	}
}

func listenerLive(t *testing.T, b context.Context) (string, pagecheck.Opened) {
	e := newFakeEdge(t, false)
	e.happen(room.KindStage, room.StageEvent{Kind: room.KindStage, People: []room.Person{
		{ID: "p1", Name: "Ada Lovelace", Role: room.Host}, {ID: "p2", Name: "Grace Hopper", Role: room.CoHost, Muted: true}, {ID: "p3", Name: "Lena", Role: room.Speaker},
	}})
	e.happen(room.KindRoom, room.RoomEvent{Kind: room.KindRoom, ID: testRoom, Title: "Harbour talk", Language: "en", State: room.Live, Tape: true})
	e.happen(room.KindCaption, room.CaptionEvent{Kind: room.KindCaption, Lines: []room.Caption{{ID: "a", Language: "en", Text: "Who counts the tides?", Final: true}}})
	return e.URL, func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
		p := open(t, b, base+"/r/"+testRoom, scripts...)
		p.listen()
		p.until(`document.getElementById("cc")`)
		p.Click("#cc")
		p.until(`document.querySelector("#captions p") && document.querySelector("#people .speaks") && document.getElementById("facts").innerText && !document.getElementById("tape").hidden`)
		return p.Tab
	}
}

func listenerPaused(t *testing.T, b context.Context) (string, pagecheck.Opened) {
	return newFakeEdge(t, true).URL, func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
		p := open(t, b, base+"/r/"+testRoom, scripts...)
		p.listen()
		p.Click("#listen")
		p.until(`epidaurus.state === "paused" && ` + wayBehind)
		p.Click("#listen")
		p.until(`!document.getElementById("golive").hidden && epidaurus.state === "listening"`)
		return p.Tab
	}
}

func listenerRefused(code problem.Code, state string) func(*testing.T, context.Context) (string, pagecheck.Opened) {
	return func(t *testing.T, b context.Context) (string, pagecheck.Opened) {
		e := newFakeEdge(t, false)
		e.door(func(w http.ResponseWriter) {
			problem.Write(w, problem.Problem{Code: code, Detail: "This is a test.", RetryAfter: time.Hour})
		})
		return e.URL, func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
			p := open(t, b, base+"/r/"+testRoom, scripts...)
			p.Click("#listen")
			p.until(`epidaurus.state === "` + state + `"`)
			return p.Tab
		}
	}
}

func listenerUnknown(t *testing.T, b context.Context) (string, pagecheck.Opened) {
	return newFakeEdge(t, false).URL, func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
		p := open(t, b, base+"/r/nowhere-abc", scripts...)
		p.until(`epidaurus.state === "unknown"`)
		return p.Tab
	}
}

// replayState is the page of a tape, or of none.
func replayState(closed bool, state string) func(*testing.T, context.Context) (string, pagecheck.Opened) {
	return func(t *testing.T, b context.Context) (string, pagecheck.Opened) {
		f, address := newFakeTape(t, closed)
		f.mu.Lock()
		f.gone = state == "none"
		f.captions = map[string][]tape.Caption{"en": {{From: f.spans[0].From, To: f.spans[0].From + 100, Text: "Who counts the tides?"}}}
		f.events = f.events[:min(len(f.events), 12)] // each turn is a button, and more of them are no others
		f.mu.Unlock()
		server, path, _ := strings.Cut(address, "/r/")
		return server, func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
			p := open(t, b, base+"/r/"+path, scripts...)
			if state == "none" {
				p.Until(`epidaurusTape.state === "none"`, browsertest.Body)
			} else {
				p.Until(`epidaurusTape.state === "paused" && document.querySelector("#turnlist li")`, browsertest.Body)
			}
			return p.Tab
		}
	}
}

func homeOf(hash, shows string) func(*testing.T, context.Context) (string, pagecheck.Opened) {
	return func(t *testing.T, _ context.Context) (string, pagecheck.Opened) {
		b := chromium.New(t) // another test's cookie would make a host of this one
		return "http://" + newDeskServer(t).address, func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
			p := open(t, b, base+"/desk/"+hash, scripts...)
			p.Until(browsertest.At(shows), browsertest.Body)
			return p.Tab
		}
	}
}

func homeOfTheHost(t *testing.T, _ context.Context) (string, pagecheck.Opened) {
	b := chromium.New(t)
	d := newDeskServer(t)
	ended := room.Facts{ID: "over-a1b2c3", Title: "Harbour talk", Language: "en", State: room.Ended, Tape: room.TapeOn, Created: time.Now()}
	d.mu.Lock()
	d.facts[ended.ID] = ended
	d.mu.Unlock()
	return "http://" + d.address, func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
		p := open(t, b, base+"/desk/", append(scripts, `document.cookie = "host=yes; path=/"`)...)
		p.Until(`document.querySelectorAll(".room").length === 2`, browsertest.Body)
		return p.Tab
	}
}

func deskWith(hash string) func(*testing.T, context.Context) (string, pagecheck.Opened) {
	return func(t *testing.T, _ context.Context) (string, pagecheck.Opened) {
		b := chromium.New(t)
		return "http://" + newDeskServer(t).address, func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
			p := open(t, b, base+"/desk/"+testRoom+hash, scripts...)
			p.Until(`document.querySelector("h1, h2") && !document.querySelector(".loading")`, browsertest.Body)
			if hash != "" {
				p.Until(`document.querySelector(".air").dataset.reason === "refused"`, browsertest.Body)
			}
			return p.Tab
		}
	}
}

// deskOnAir is a host's desk when the most is on it: somebody else on stage, links made, a dump, a cart, dead air.
func deskOnAir(t *testing.T, b context.Context) (string, pagecheck.Opened) {
	d := newDeskServer(t)
	openDesk(t, b, d.link("grace", "Grace", room.Speaker, "")).goOn()
	return "http://" + d.address, func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
		p := deskTab{open(t, b, strings.Replace(d.link("ada", "Ada", room.Host, "?raw=1"), "http://"+d.address, base, 1), scripts...)}
		p.goOn()
		d.stage.SetAir(testRoom, stage.Air{Delay: 3 * time.Second, Wanted: 10 * time.Second, Cart: "apology", CartLeft: time.Second, DeadAir: true})
		p.until(browsertest.At("dead-air") + " && " + browsertest.At("cart-apology") + " && " + browsertest.At("person-grace"))
		p.Write("invite-name", "Lena")
		p.Press("invite")
		p.until(browsertest.At("invite-link"))
		return p.Tab
	}
}

// deskOfAGuest is before going on: a name, and a microphone that is asked for.
func deskOfAGuest(t *testing.T, b context.Context) (string, pagecheck.Opened) {
	d := newDeskServer(t)
	return "http://" + d.address, func(t *testing.T, base string, scripts ...string) *browsertest.Tab {
		p := deskTab{open(t, b, strings.Replace(d.link("lena", "Lena", room.Speaker, ""), "http://"+d.address, base, 1), scripts...)}
		p.Press("mic-on")
		p.until(sounds("level"))
		return p.Tab
	}
}
