package stage

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// browserDesk goes on stage as a desk's page does, from another origin, with a tone for a voice. Its report says what each
// receiving section got.
const browserDesk = `
window.goOnStage = async (address, token, tone) => {
	const context = new AudioContext();
	const oscillator = new OscillatorNode(context, {frequency: tone});
	const voice = new MediaStreamAudioDestinationNode(context, {channelCount: 1});
	oscillator.connect(voice);
	oscillator.start();
	const pc = window.pc = new RTCPeerConnection({bundlePolicy: "max-bundle"});
	pc.addTransceiver(voice.stream.getAudioTracks()[0], {direction: "sendonly"});
	window.receiving = Array.from({length: 12}, () => pc.addTransceiver("audio", {direction: "recvonly"}));
	await pc.setLocalDescription();
	const answer = await fetch(address, {
		method: "POST", body: pc.localDescription.sdp,
		headers: {Authorization: "Bearer " + token, "Content-Type": "application/sdp"},
	});
	if (answer.status !== 201) throw new Error(await answer.text());
	await pc.setRemoteDescription({type: "answer", sdp: await answer.text()});
	for (const {receiver} of receiving) {
		const audio = new Audio();
		audio.srcObject = new MediaStream([receiver.track]);
		audio.play();
	}
	return answer.headers.get("Location");
};
window.report = async () => {
	const slots = [];
	for (const [slot, {receiver}] of receiving.entries()) {
		for (const s of (await receiver.getStats()).values()) {
			if (s.type === "inbound-rtp" && s.packetsReceived > 0) {
				slots.push({slot, packets: s.packetsReceived, lost: s.packetsLost, energy: s.totalAudioEnergy,
					concealed: s.concealedSamples - (s.silentConcealedSamples ?? 0)});
			}
		}
	}
	return {state: pc.connectionState, slots, fmtp: pc.remoteDescription.sdp.match(/a=fmtp:.*/)?.[0] ?? ""};
};`

// browserReport is what a desk in a browser tells of itself.
type browserReport struct {
	State string
	Fmtp  string
	Slots []struct {
		Slot, Packets, Lost int
		Energy              float64
		Concealed           float64
	}
}

// Two real browsers hear each other, and the mix hears both.
func TestChromium(t *testing.T) {
	f := newFixture(t)
	blank := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<title>desk</title>"))
	}))
	defer blank.Close()
	browser := browsertest.New(t, browsertest.Autoplay, browsertest.Loopback)
	tabs := make(map[string]*browsertest.Tab)
	for i, name := range []string{"ada", "bob"} {
		p := browsertest.Open(t, browser, blank.URL, browserDesk)
		location := browsertest.Eval[string](p, fmt.Sprintf("goOnStage(%q, %q, %d)", f.url+base+"/desk", f.token(person(i), "speaker"), 440+220*i))
		if location == "" {
			t.Fatalf("%s: no location", name)
		}
		tabs[name] = p
	}
	for name, p := range tabs {
		p.Until(`await report().then(({state, slots: [first]}) => state === "connected" && first?.packets >= 100 && first.energy > 0.01)`,
			"JSON.stringify(await report())")
		r := browsertest.Eval[browserReport](p, "report()")
		if len(r.Slots) != 1 || r.Slots[0].Slot != 0 || r.Slots[0].Lost > 0 {
			t.Errorf("%s: %+v", name, r)
		}
		for wish := range strings.SplitSeq(opusWishes, ";") {
			if !strings.Contains(r.Fmtp, wish) {
				t.Errorf("%s: the browser kept %q, which lacks %q", name, r.Fmtp, wish)
			}
		}
	}
	for i := range 2 {
		eventually(t, "the mix hears both", func() bool { return f.mix.heard(person(i)) >= 100 })
	}
}
