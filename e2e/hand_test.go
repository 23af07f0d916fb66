package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// hand is the document of a raised hand inside the listener's page.
const hand = `document.querySelector("iframe").contentDocument`

// A listener raises a hand on her page, the producer invites her, and she is on stage, where the audience hears her; handed over, sent back
// to the audience, called up and blocked, she sees each of it, and so do the others.
func TestRaisedHand(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Harbour talk", true)
	host := goOnStage(t, ada, s.hostDesk())
	invitation, err := s.client.Invite(t.Context(), s.room.ID, "Pru", room.Producer)
	if err != nil {
		t.Fatal(err)
	}
	producer := browsertest.Open(t, listeners.New(t), invitation.DeskURL)
	producer.Until(browsertest.At("hands-open"), browsertest.Body)

	lena := browsertest.Open(t, grace.New(t), s.room.ListenURL)
	lena.Click("#listen")
	lena.Until(`epidaurus.state === "listening" && epidaurus.frame > 0`, "JSON.stringify(epidaurus)")
	lena.Click("#hand")
	lena.Until(hand+`.getElementById("raise")?.textContent`, browsertest.Body)
	picture(lena, "hand-form")
	lena.Do(chromedp.Evaluate[chromedp.Void](`{
		const d = ` + hand + `;
		d.getElementById("name").value = "Lena";
		d.getElementById("line").value = "Who counts the tides?";
		d.getElementById("form").requestSubmit();
	}`))
	lena.Until(hand+`.body.dataset.state === "waiting"`, hand+`.body.innerText`)

	producer.Until(`document.querySelector(".hand")?.innerText.includes("Who counts the tides?")`, browsertest.Body)
	picture(producer, "producer")
	producer.Press("hand-invite")
	lena.Until(hand+`.body.dataset.state === "invited" && !`+hand+`.getElementById("come").hidden`, hand+`.body.innerText`)
	picture(lena, "hand-invited")
	lena.Do(chromedp.Evaluate[chromedp.Void](hand + `.getElementById("come").click()`))

	lena.Until(`location.pathname.startsWith("/desk/")`, "location.href")
	lena.Press("mic-on")
	agree(lena)
	lena.Press("go-on")
	lena.Until(onAir, `document.querySelector(".air").innerText`)
	host.Until(`document.querySelectorAll("[data-testid^=person-]").length === 2`, browsertest.Body)
	person := browsertest.Eval[string](producer, `[...document.querySelectorAll("[data-testid^=person-]")].find(e => e.innerText.includes("Lena")).dataset.testid.slice(7)`)

	producer.Press("more-" + person)
	picture(producer, "producer-more")
	producer.Press("send-back-" + person)
	lena.Until(`document.querySelector('.air[data-reason="sent-back"]')`, `document.querySelector(".air").innerText`)
	producer.Press("call-up-" + person)
	lena.Press("mic-on")
	lena.Press("go-on")
	lena.Until(onAir, `document.querySelector(".air").innerText`)

	producer.Press("mute-all")
	for _, p := range []*browsertest.Tab{host, lena} {
		p.Until(`document.querySelector('.air[data-reason="muted-by-other"]')`, `document.querySelector(".air").innerText`)
	}
	producer.Press("more-" + person)
	producer.Press("block-" + person)
	producer.Press("block-" + person + "-yes")
	lena.Until(`document.querySelector('.air[data-reason="removed"]')`, `document.querySelector(".air").innerText`)
}
