package e2e

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/internal/impair"
)

const onAir = `document.querySelector('.air[data-word="on-air"]')`

// sitDown opens the listener's page and presses its button.
func sitDown(t *testing.T, address string) *browsertest.Tab {
	t.Helper()
	p := openTapped(t, listeners.New(t), address)
	p.Click("#listen")
	p.Until(`epidaurus.state === "listening" && epidaurus.frame > 0`, "JSON.stringify(epidaurus)")
	return p
}

// The process is killed in the middle of a conversation and started again: speakers and listeners come back by themselves, and every
// link still works.
func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	s := serve(t).open("It happens", true)
	host := goOnStage(t, ada, s.hostDesk())
	speak(t, s.invite("Nikos"), hostVoice)
	listener := sitDown(t, s.room.ListenURL)
	before := browsertest.Eval[float64](listener, "epidaurus.frame")

	s.signal(syscall.SIGKILL)
	host.Until(`!`+onAir, `document.querySelector(".air").innerText`)
	s.restart()

	host.Until(onAir, `document.querySelector(".air").innerText`)
	host.Until(`document.querySelectorAll("[data-testid^=person-]").length === 2`, browsertest.Body)
	listener.Until(fmt.Sprintf(`epidaurus.state === "listening" && epidaurus.frame > %f && !document.getElementById("audio").paused`, before+100), "JSON.stringify(epidaurus)")
	hearsCleanly(listener, captured, 1, 1, holds(440))
	if r, err := listen(t, s.room.ListenURL, 3*time.Second); err != nil || r.Frames == 0 {
		t.Errorf("the room's link: %+v (%v)", r, err)
	}
	guest := s.invite("Grace") // the host's session and the room are there too
	if !strings.Contains(guest.DeskURL, string(s.room.ID)) {
		t.Errorf("a new invitation leads to %s", guest.DeskURL)
	}
}

// behindProxy opens a desk whose every packet, of pages and of media, goes through a proxy.
func behindProxy(t *testing.T, s *show, browser *browsertest.Shared, desk string, cfg impair.Config) (*browsertest.Tab, *impair.Proxy) {
	t.Helper()
	u, err := url.Parse(s.stage)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := impair.New("127.0.0.1:"+u.Port(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	through := strings.NewReplacer(net.JoinHostPort("localhost", u.Port()), fmt.Sprintf("localhost:%d", proxy.Port()),
		net.JoinHostPort("127.0.0.1", u.Port()), fmt.Sprintf("localhost:%d", proxy.Port()))
	p := openTapped(t, browser.New(t), "about:blank", fmt.Sprintf(sendThrough, u.Port(), proxy.Port()))
	p.Do(chromedp.Navigate(through.Replace(raw(desk))))
	enterStage(p, "Ada")
	p.Until(onAir, `document.querySelector(".air").innerText`)
	return p, proxy
}

// sendThrough makes a page's peer connections use another port of the server, of UDP candidates only.
const sendThrough = `{
	const set = RTCPeerConnection.prototype.setRemoteDescription;
	RTCPeerConnection.prototype.setRemoteDescription = function(d) {
		const sdp = d.sdp.split("\r\n")
			.filter(l => !(l.startsWith("a=candidate") && / tcp /i.test(l)))
			.map(l => l.startsWith("a=candidate") ? l.replace(" %s typ", " %d typ") : l).join("\r\n");
		return set.call(this, { type: d.type, sdp });
	};
}`

// goesOffAir tells whether a desk says within five seconds that it is not on air. It may be back before that is known.
const goesOffAir = `(async () => {
	for (const end = performance.now() + 5000; performance.now() < end; await new Promise((done) => setTimeout(done, 10))) {
		if (!` + onAir + `) return true;
	}
	return false;
})()`

// A speaker whose network goes away for 20 s (with EPIDAURUS_BARS=1 for 32 s, which is longer than a place is kept), or who moves to another one, is heard again within 3 s of having a network, without
// pressing anything.
func TestSpeakerComesBackByItself(t *testing.T) {
	t.Parallel()
	s := serve(t, "--advertise", "127.0.0.1").open("Train", true)
	speaker, network := behindProxy(t, s, ada, s.hostDesk(), impair.Config{})
	listener := sitDown(t, s.room.ListenURL)
	limit, outage := bar(3*time.Second), 20*time.Second
	if exactly {
		outage = 32 * time.Second
	}
	backAgain := func(since time.Time, what string) {
		t.Helper()
		speaker.Until(onAir, `document.querySelector(".air").innerText`)
		took := time.Since(since)
		t.Logf("%s: on air again after %v", what, took.Round(10*time.Millisecond))
		if took > limit {
			t.Errorf("%s: on air again after %v, more than %v", what, took, limit)
		}
	}
	hearsCleanly(listener, captured, 1, 1, holds(440))

	network.Cut(true)
	speaker.Until(`!`+onAir, `document.querySelector(".air").innerText`)
	time.Sleep(outage) // its length is what is tested
	network.Cut(false)
	backAgain(time.Now(), outage.String()+" without a network")
	hearsCleanly(listener, captured, 1, 1, holds(440))

	network.Move()
	moved := time.Now()
	if browsertest.Eval[bool](speaker, goesOffAir) {
		backAgain(moved, "another network")
	} else {
		t.Log("another network: nobody noticed")
	}
	hearsCleanly(listener, captured, 1, 1, holds(440))
}
