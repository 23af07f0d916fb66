package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// A guest of a room that is taped is asked, and refused until she agrees; listens only; agrees, and is heard; talks by the space bar. The host's page
// is gone: the guest speaks on, and the host comes back as the host.
func TestGuestIsAskedAndHostIsLost(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Harbour talk", true)
	link := s.hostDesk()
	host := goOnStage(t, ada, link)
	invitation, err := s.client.InviteAsked(t.Context(), s.room.ID, "Grace", room.Speaker)
	if err != nil {
		t.Fatal(err)
	}
	air := `document.querySelector(".air")?.innerText`
	guest := openTapped(t, grace.New(t), raw(invitation.DeskURL))
	guest.Press("mic-on")
	guest.Until(browsertest.At("consent"), browsertest.Body)
	guest.Until(browsertest.At("go-on")+".disabled", browsertest.Body)
	picture(guest, "consent")
	// It is not the page that keeps her off the air.
	refused := browsertest.Eval[string](guest, `(async () => {
		const pc = new RTCPeerConnection();
		pc.addTransceiver("audio", {direction: "sendonly"});
		const {sdp} = await pc.createOffer();
		pc.close();
		const headers = {Authorization: "Bearer `+invitation.Token+`", "Content-Type": "application/sdp"};
		return (await (await fetch("/r/`+string(s.room.ID)+`/whip", {method: "POST", headers, body: sdp})).json()).code;
	})()`)
	if refused != "consent_needed" {
		t.Errorf("the stage answers an unasked guest with %q", refused)
	}
	guest.Press("consent-decline")
	guest.Until(`document.querySelector('.air[data-reason="listens-only"]')`, air)
	host.Until(browsertest.At("voice-"+string(invitation.Person))+`.dataset.consent === "declined"`, browsertest.Body)
	picture(host, "consent-declined")

	guest.Press("consent-agree")
	guest.Press("mic-on")
	guest.Press("go-on")
	guest.Until(onAir, air)
	listener := sitDown(t, s.room.ListenURL)
	listener.Until(`document.getElementById("people").innerText.includes("Grace")`, browsertest.Body)

	press := func(kind, key string) {
		guest.Do(chromedp.Evaluate[chromedp.Void](`document.activeElement?.blur(); document.body.dispatchEvent(new KeyboardEvent("` + kind + `", {key: "` + key + `", bubbles: true, cancelable: true}))`))
	}
	press("keydown", "m")
	guest.Until(`document.querySelector('.air[data-reason="muted"]')`, air)
	press("keydown", " ")
	guest.Until(onAir, air)
	press("keyup", " ")
	guest.Until(`document.querySelector('.air[data-reason="muted"]')`, air)
	press("keydown", "m")
	guest.Until(onAir, air)

	host.Do(chromedp.Navigate("about:blank"))
	guest.Until(browsertest.At("host-gone")+`?.dataset.state === "grace"`, browsertest.Body)
	picture(guest, "host-gone")
	guest.Until(onAir, air)
	host = goOnStage(t, ada, link)
	guest.Until(browsertest.At("host-gone")+" === null", browsertest.Body)
	host.Until(browsertest.At("end"), browsertest.Body) // is the host as before
}
