package e2e

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// deeds say which action of the table a request is. What a request with a body of its own is stands first.
var deeds = []struct {
	request *regexp.Regexp
	act     room.Action
}{
	{deed(`GET /r/[^/]+/stage/events`), room.ActWatch},
	{deed(`POST /r/[^/]+/desk`), room.ActSpeak},
	{deed(`PUT /r/[^/]+/stage/people/me/name`), room.ActRename},
	{deed(`PUT /r/[^/]+/stage/people/me/muted`), room.ActMuteSelf},
	{deed(`PUT /r/[^/]+/stage/people/[^/]+/muted`), room.ActMuteOther},
	{deed(`PUT /r/[^/]+/stage/muted`), room.ActMuteAll},
	{deed(`PUT /r/[^/]+/stage/people/[^/]+/place false`), room.ActSendBack},
	{deed(`PUT /r/[^/]+/stage/people/[^/]+/place true`), room.ActCallUp},
	{deed(`DELETE /r/[^/]+/stage/people/[^/]+`), room.ActRemove},
	{deed(`PUT /r/[^/]+/stage/people/[^/]+/blocked`), room.ActBlock},
	{deed(`PUT /r/[^/]+/stage/hands`), room.ActHands},
	{deed(`PUT /r/[^/]+/stage/host`), room.ActHandOver},
	{deed(`POST /api/rooms/[^/]+/invites .*"role":"speaker"`), room.ActInvite},
	{deed(`POST /api/rooms/[^/]+/invites .*"role":"cohost"`), room.ActInviteCoHost},
	{deed(`POST /api/rooms/[^/]+/invites .*"role":"producer"`), room.ActInviteProducer},
	{deed(`POST /api/rooms/[^/]+/invites .*"role":"captioner"`), room.ActInviteCaptioner},
	{deed(`GET /api/rooms/[^/]+/invites`), room.ActInvite},
	{deed(`PATCH /api/rooms/[^/]+/delay`), room.ActDelay},
	{deed(`POST /api/rooms/[^/]+/dump`), room.ActDump},
	{deed(`[A-Z]+ /api/rooms/[^/]+/carts`), room.ActCarts},
	{deed(`GET /api/rooms/[^/]+/lights`), room.ActLights},
	{deed(`PATCH /api/rooms/[^/]+/plan`), room.ActPlan},
	{deed(`POST /api/rooms/[^/]+/step`), room.ActMove},
	{deed(`PUT /api/rooms/[^/]+/doors`), room.ActDoors},
	{deed(`(POST|DELETE) /api/rooms/[^/]+/end`), room.ActEnd},
	{deed(`GET /api/rooms/[^/]+/life`), room.ActSee},
	{deed(`GET /api/rooms/[^/]+/access`), room.ActSee},
	{deed(`POST /api/rooms/[^/]+/seats/mine`), room.ActSee},
	{deed(`PATCH /api/rooms/[^/]+/access`), room.ActAccess},
	{deed(`[A-Z]+ /api/rooms/[^/]+/seats`), room.ActSeats},
	{deed(`[A-Z]+ /api/rooms/[^/]+/picture`), room.ActPicture},
	{deed(`PUT /r/[^/]+/stage/people/me/consent`), room.ActConsent},
	{deed(`(POST|PUT) /r/[^/]+/(stage/people/me/)?check`), room.ActCheck},
	{deed(`GET /api/rooms/[^/]+/consents`), room.ActSeeConsents},
	{deed(`PUT /r/[^/]+/stage/lead`), room.ActTakeLead},
	{deed(`[A-Z]+ /r/[^/]+/stage/backstage`), room.ActBackstage},
	{deed(`PUT /r/[^/]+/stage/(people/[^/]+/)?ear`), room.ActTalkback},
	{deed(`POST /r/[^/]+/stage/cues`), room.ActCue},
	{deed(`PUT /r/[^/]+/stage/cues/`), room.ActTakeCue},
	{deed(`POST /r/[^/]+/stage/chat`), room.ActChat},
	{deed(`[A-Z]+ /api/rooms/[^/]+/move`), room.ActRelocate},
	{deed(`[A-Z]+ /api/rooms/[^/]+/runs`), room.ActRunThrough},
	{deed(`[A-Z]+ /api/rooms/[^/]+/chapters`), room.ActChapters},
	{deed(`[A-Z]+ /api/rooms/[^/]+/replay`), room.ActEdit},
}

func deed(pattern string) *regexp.Regexp { return regexp.MustCompile("^" + pattern) }

// harmless are requests that are no action: to ask whether the server is there, and for one's own rooms, to listen, and to give back one's own session.
var harmless = regexp.MustCompile(`^(GET (/r/[^/]+/(stage/ping|live\.mp4)|/api/rooms$)|DELETE /r/[^/]+/desk/)`)

// noControl are cells that the table allows and for which the desk has nothing to press, each with the reason.
func noControl(act room.Action, role room.Role, in room.State) string {
	before := in == room.Draft || in == room.Announced
	switch {
	case in == room.Ended:
		return "the desk of a room that has ended is closed: what there is afterwards is at the host's home"
	case act == room.ActDeleteTape || act == room.ActEdit || act == room.ActTracks:
		return "is at the host's home, when the room has ended"
	case act == room.ActTakeLead:
		return "is there when the host is gone"
	case act == room.ActTakeCue:
		return "is there when a cue is shown"
	case act == room.ActTalkback:
		return "is there for who is connected backstage, as who looks here is not"
	case act == room.ActConsent && role == room.Host:
		return "her room is taped by her own wish"
	case act == room.ActSeats:
		return "is there in a room by invitation"
	case act == room.ActPicture:
		return "is a file that is chosen, which no press does"
	case act == room.ActChapters && in == room.Doors:
		return "there is nothing to mark before it begins"
	case act == room.ActRunThrough && !before:
		return "is for the time before the doors"
	case act == room.ActMuteSelf:
		return "is there for who is on stage, as who looks here is not"
	case before && slices.Contains([]room.Action{room.ActMuteOther, room.ActMuteAll, room.ActSendBack, room.ActCallUp, room.ActBlock, room.ActHandOver}, act):
		return "nobody can be on stage yet"
	case before && act == room.ActRemove:
		return "nobody can be on stage yet, and only where somebody was invited is there an invitation to withdraw"
	case before && slices.Contains([]room.Action{room.ActDelay, room.ActDump, room.ActCarts, room.ActDoors}, act):
		return "there is no sound, and there are no doors yet"
	case act == room.ActLights && (in == room.Draft || in == room.Live):
		return "the lights are for the time between the announcement and the beginning"
	case in == room.Live && (act == room.ActPlan || act == room.ActMove):
		return "it has begun, and nothing comes but its end"
	case role == room.Producer && act == room.ActRename:
		return "a producer is called as invited"
	}
	return ""
}

// keepDeeds is a script that keeps what a page asks of the server, and sends nothing that would change anything: whatever is pressed, the room
// stays as it is. That the server does for each role what the table says, and nothing else, node's TestEachCellOfTheTable shows.
const keepDeeds = `{
	const real = window.fetch.bind(window);
	window.deeds = new Set();
	window.fetch = async (path, init = {}) => {
		const method = init.method ?? "GET", sdp = init.headers?.["Content-Type"] === "application/sdp";
		deeds.add(method + " " + new URL(path, location.href).pathname + (typeof init.body === "string" && !sdp ? " " + init.body : ""));
		if (method === "GET") return real(path, init);
		const refusal = { code: "busy", detail: "Nothing is sent from here." };
		return new Response(JSON.stringify(refusal), { status: 503, headers: { "Content-Type": "application/problem+json" } });
	};
}`

// pressAll is the JavaScript that presses all that there is, whatever it is, in each of its choices, and says yes to every question.
const pressAll = `(async () => {
	const pressed = new Set();
	const until = async (done) => { for (const end = performance.now() + 30_000; !done() && performance.now() < end; ) await new Promise((r) => setTimeout(r, 10)); };
	const settle = () => new Promise((r) => setTimeout(r, 20));
	const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.matches(":disabled");
	const name = (e) => [e.localName, e.dataset.testid, e.ariaLabel, e.dataset.testid ? "" : e.innerText].join();
	const submit = (form) => {
		for (const field of form.querySelectorAll("input[required]")) {
			if (field.value) continue;
			Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, field.type === "number" ? field.min || "1" : "Somebody");
			field.dispatchEvent(new Event("input", { bubbles: true }));
		}
		form.requestSubmit();
	};
	for (;;) {
		const e = [...document.querySelectorAll("summary, button, select, input[type=checkbox]")].find((e) => seen(e) && !e.closest(".ask") && !pressed.has(name(e)));
		if (!e) return [...deeds];
		pressed.add(name(e));
		if (e.localName === "summary") {
			if (!e.parentElement.open) e.click();
		} else if (e.localName === "select") {
			const before = e.value;
			for (const option of [...e.options]) {
				e.value = option.value;
				e.dispatchEvent(new Event("change", { bubbles: true }));
				if (e.form) submit(e.form);
				await settle();
			}
			e.value = before;
		} else if (e.type === "submit") submit(e.form);
		else e.click();
		await settle();
		for (const yes of document.querySelectorAll(".ask .danger")) yes.click();
		// A microphone takes a moment, and what it opens is to be pressed, too.
		if (e.dataset.testid === "mic-on") await until(() => [...document.querySelectorAll("[data-testid=go-on]")].some((b) => !b.disabled));
		await settle();
	}
})()`

// Each role presses all that the desk has in each state of a room, by what it shows: that is what the table of permissions allows, and no more.
func TestDeskShowsTheTable(t *testing.T) {
	t.Parallel()
	s := openSeason(t)
	for _, in := range []room.State{room.Doors, room.Live} {
		s.fillStage(t, s.rooms[in])
	}
	for in := range s.rooms {
		for _, role := range []room.Role{room.Host, room.CoHost, room.Producer, room.Speaker} {
			t.Run(fmt.Sprintf("%s/%s", in, role), func(t *testing.T) {
				link := s.ended
				switch {
				case in == room.Ended && role != room.Host:
					t.Skip("no invitation leads into a room that has ended")
				case in != room.Ended:
					link = s.rooms[in].link(t, "Grace", role)
				}
				p := browsertest.Open(t, ada.New(t), s.stage+link, keepDeeds)
				p.Until(deskIsThere(in, role), browsertest.Body)
				others := browsertest.Eval[[]string](p, `[...document.querySelectorAll(".person")].map((e) => e.dataset.testid.slice("person-".length))`)
				judge(t, browsertest.Eval[[]string](p, pressAll), others, role, in)
			})
		}
	}
}

// deskIsThere is the JavaScript for a desk that shows all that it will.
func deskIsThere(in room.State, role room.Role) string {
	if in == room.Ended {
		return `document.querySelector('.air[data-word="mic-off"]')`
	}
	there := browsertest.At("listen-link") + " && " + browsertest.At("life-start")
	if in == room.Doors || in == room.Live {
		there += ` && document.querySelectorAll(".person").length === 2 && document.querySelectorAll(".offstage").length > 0`
		if role != room.Speaker {
			there += " && " + browsertest.At("dump") + " && " + browsertest.At("hands-open") + ` && document.querySelector("[data-testid^=call-up-]")`
		}
	}
	return there
}

// fillStage brings a co-host and a speaker on stage, and sends another speaker back to the audience.
func (s *season) fillStage(t *testing.T, of *show) {
	t.Helper()
	cohost, err := s.client.Invite(t.Context(), of.room.ID, "Ada", room.CoHost)
	if err != nil {
		t.Fatal(err)
	}
	speak(t, of.invite("Nikos"), hostVoice)
	speak(t, cohost, hostVoice)
	lena := of.invite("Lena")
	p := browsertest.Open(t, listeners.New(t), lena.DeskURL)
	p.Until(`document.querySelectorAll(".person").length === 2`, browsertest.Body)
	if answer := of.do("PUT", "/r/"+string(of.room.ID)+"/stage/people/"+string(lena.Person)+"/place", of.hostToken(), "application/json", "false"); answer.StatusCode != 204 {
		t.Fatalf("to send somebody back answers %d", answer.StatusCode)
	}
	p.Until(`document.querySelector('.air[data-reason="sent-back"]')`, browsertest.Body)
}

// muted is a request about somebody's microphone.
var muted = regexp.MustCompile(`^(PUT /r/[^/]+/stage/people/)([^/]+)(/muted)`)

// judge compares what a desk asked for with the table. Others are those on stage who do not look at it.
func judge(t *testing.T, asked, others []string, role room.Role, in room.State) {
	t.Helper()
	done := map[room.Action]string{}
	for _, request := range asked {
		if m := muted.FindStringSubmatch(request); m != nil && !slices.Contains(others, m[2]) {
			request = m[1] + "me" + m[3]
		}
		if harmless.MatchString(request) {
			continue
		}
		i := slices.IndexFunc(deeds, func(d struct {
			request *regexp.Regexp
			act     room.Action
		}) bool {
			return d.request.MatchString(request)
		})
		if i < 0 {
			t.Errorf("the desk asks for %q, and this test does not know which action that is", request)
			continue
		}
		done[deeds[i].act] = request
	}
	for act, request := range done {
		var denial room.Denial
		err := room.May(role, act, in)
		if errors.As(err, &denial) && !(denial.Early && act == room.ActSpeak) { // who goes on stage before the doors waits for them
			if in == room.Ended && (act == room.ActWatch || act == room.ActSee) {
				continue // how it learns that the room has ended
			}
			t.Errorf("%q: %v", request, err)
		}
	}
	for _, rule := range room.Rules {
		if _, ok := done[rule.Action]; ok || room.May(role, rule.Action, in) != nil || noControl(rule.Action, role, in) != "" {
			continue
		}
		t.Errorf("the table allows a %s to %s, and the desk has nothing for it; it asked for %v", role, rule.Words, slices.Sorted(maps.Values(done)))
	}
}
