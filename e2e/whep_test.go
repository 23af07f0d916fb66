package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// keepSession lets a test know the page's own session by WHEP.
const keepSession = `
	window.session = "";
	const ask = window.fetch;
	window.fetch = async (...a) => {
		const answer = await ask(...a);
		if (String(a[0]).endsWith("/whep")) window.session = new URL(answer.headers.get("Location") ?? "", answer.url).href;
		return answer;
	};
`

// byWHEP and asUsual say how a page hears the room.
const (
	byWHEP  = `epidaurus.state === "listening" && epidaurus.frame > 0 && document.getElementById("audio").srcObject !== null`
	asUsual = `epidaurus.state === "listening" && epidaurus.frame > 0 && document.getElementById("audio").srcObject === null && !document.getElementById("audio").paused`
	state   = `JSON.stringify(epidaurus) + " " + document.body.innerText`
)

// callIn opens the listener's page and presses its button, once.
func callIn(t *testing.T, address string) *browsertest.Tab {
	t.Helper()
	p := openTapped(t, listeners.New(t), address, keepSession)
	p.Click("#listen")
	return p
}

// cut makes the server forget how it reaches a listener by WHEP: an ICE restart that the page knows nothing of. HTTP goes on.
func cut(t *testing.T, session string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, session, strings.NewReader("a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/trickle-ice-sdpfrag")
	req.Header.Set("If-Match", "*")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("cut the line of %s: %s", session, resp.Status)
	}
}

// In a room with one place by WHEP the first page hears it with the delay of a call, and the names of who is there; the second one, by one tap,
// the usual way, and reads why. When the line of the first is cut, it goes on the usual way by itself, and stays there.
func TestWHEPPage(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Harbour talk", true)
	err := s.client.SetWHEP(t.Context(), s.room.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	first := callIn(t, s.room.ListenURL)
	first.Until(byWHEP, state)
	first.Until(`document.getElementById("people").innerText.includes("Ada")`, state)
	first.Until(`epidaurus.delay > 0`, state)
	if delay := browsertest.Eval[float64](first, "epidaurus.delay"); delay > bar(300*time.Millisecond).Seconds() {
		t.Errorf("the page says it is %.2f s behind", delay)
	}
	hearsCleanly(first, `document.getElementById("audio").srcObject`, 1, 1, holds(440))

	second := callIn(t, s.room.ListenURL+"?lang=fr")
	second.Until(asUsual, state)
	second.Until(`document.getElementById("later").innerText.includes("quelques secondes plus tard")`, state)
	hearsCleanly(second, captured, 1, 1, holds(440))

	session := browsertest.Eval[string](first, "session")
	browsertest.Eval[bool](first, `(() => {
		window.silent = 0;
		const began = performance.now();
		const look = setInterval(() => {
			if (!(`+asUsual+`)) return;
			window.silent = performance.now() - began;
			clearInterval(look);
		}, 20);
		return true;
	})()`)
	cut(t, session)
	first.Until(`silent > 0`, state)
	away := time.Duration(browsertest.Eval[float64](first, "silent") * float64(time.Millisecond))
	t.Logf("the usual sound comes %v after the line was cut", away)
	if away > bar(3*time.Second) {
		t.Errorf("the page was silent for %v", away)
	}
	hearsCleanly(first, captured, 1, 1, holds(440))
	first.Until(`document.getElementById("later").innerText.includes("was lost")`, state)
	if session := browsertest.Eval[string](first, "session"); strings.Count(session, "/whep/") != 1 || browsertest.Eval[int](first, "epidaurus.gaps") != 1 {
		t.Errorf("it flaps: %s", browsertest.Eval[string](first, state))
	}

	// The place is free again: by DELETE of the page that left it.
	third := callIn(t, s.room.ListenURL)
	third.Until(byWHEP, state)
	err = s.client.End(t.Context(), s.room.ID)
	if err != nil {
		t.Fatal(err)
	}
	third.Until(`epidaurus.state === "ended"`, state)
}

// From a mouth to the ear of a page that listens by WHEP.
func TestWHEPDelay(t *testing.T) {
	t.Parallel()
	s := serve(t, "--advertise", "127.0.0.1").open("Click", true)
	err := s.client.SetWHEP(t.Context(), s.room.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	mouth := goOnStage(t, clicking, s.hostDesk())
	p := callIn(t, s.room.ListenURL)
	p.Until(byWHEP, state)
	watchClicks(mouth, "window.spoken")
	watchClicks(p, `document.getElementById("audio").srcObject`)
	wanted := 6
	if exactly {
		wanted = 15
	}
	p.Until("clicks.length >= "+itoa(wanted), "clicks")
	median, n := mouthToEar(browsertest.Eval[[]float64](mouth, "clicks"), browsertest.Eval[[]float64](p, "clicks"))
	t.Logf("mouth to ear by WHEP: median %v of %d clicks; the page says %.0f ms", median, n, 1000*browsertest.Eval[float64](p, "epidaurus.delay"))
	if n < wanted/2 {
		t.Fatalf("only %d clicks arrived", n)
	}
	if limit := bar(400 * time.Millisecond); median > limit {
		t.Errorf("it takes %v, more than %v", median, limit)
	}
}

// The node is killed under a page that listens by WHEP and started again: the page goes on by itself, the usual way.
func TestWHEPKillAndRestart(t *testing.T) {
	t.Parallel()
	s := serve(t).open("It happens", true)
	err := s.client.SetWHEP(t.Context(), s.room.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	p := callIn(t, s.room.ListenURL)
	p.Until(byWHEP, state)
	before := browsertest.Eval[float64](p, "epidaurus.frame")
	s.signal(syscall.SIGKILL)
	p.Until(`epidaurus.state !== "listening" && document.getElementById("audio").srcObject === null`, state)
	s.restart()
	p.Until(asUsual+` && epidaurus.frame > `+strconv.FormatFloat(before+50, 'f', 0, 64), state)
	hearsCleanly(p, captured, 1, 1, holds(440))
}
