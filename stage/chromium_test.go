package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
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
	return JSON.stringify({state: pc.connectionState, slots, fmtp: pc.remoteDescription.sdp.match(/a=fmtp:.*/)?.[0] ?? ""});
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
	browser := startChromium(t)
	tabs := make(map[string]context.Context)
	for i, name := range []string{"ada", "bob"} {
		ctx, cancel := chromedp.NewContext(browser)
		t.Cleanup(cancel)
		call := fmt.Sprintf("goOnStage(%q, %q, %d)", f.url+base+"/desk", f.token(person(i), "speaker"), 440+220*i)
		err := chromedp.Do(ctx, chromedp.Navigate(blank.URL), chromedp.Evaluate[chromedp.Void](browserDesk))
		if err != nil {
			t.Fatal(err)
		}
		location, err := chromedp.Run(ctx, chromedp.Evaluate[string](call, chromedp.EvalAwaitPromise))
		if err != nil || location == "" {
			t.Fatalf("%s: location %q, %v", name, location, err)
		}
		tabs[name] = ctx
	}
	for name, ctx := range tabs {
		var r browserReport
		eventuallyWithin(t, 30*time.Second, name+" hears the other", func() bool {
			text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("report()", chromedp.EvalAwaitPromise))
			if err == nil {
				err = json.Unmarshal([]byte(text), &r)
			}
			if err != nil {
				t.Fatal(err)
			}
			return r.State == "connected" && len(r.Slots) > 0 && r.Slots[0].Packets >= 100 && r.Slots[0].Energy > 0.01
		})
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

// startChromium starts a browser that ends with the test.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	dir, err := os.MkdirTemp("", "epidaurus-stage")
	if err != nil {
		t.Fatal(err)
	}
	limit, done := context.WithTimeout(context.Background(), 90*time.Second)
	alloc, stop := chromedp.NewExecAllocator(limit,
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(dir),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true))
	browser, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		cancel()
		stop()
		done()
		for range 50 { // Chromium's children write for a moment after it has ended
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	err = chromedp.Do(browser)
	if err != nil {
		t.Fatalf("start Chromium (package chromium): %v", err)
	}
	return browser
}
