package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/internal/wav"
)

// The host's browser is killed in the conversation and started again: whoever opens the link again is on stage without another click, the
// conversation goes on meanwhile, and nothing is wrong on any desk. EPIDAURUS_BARS=1 kills it five times.
func TestBrowserOnStageIsKilled(t *testing.T) {
	t.Parallel()
	times := 2
	if exactly {
		times = 5
	}
	s := serve(t).open("It goes on", true)
	guest := goOnStage(t, grace, s.invite("Grace").DeskURL)
	desk := raw(s.hostDesk())
	profile := t.TempDir()
	microphone := filepath.Join(profile, "ada.wav")
	err := wav.WriteFile(microphone, tone(440))
	if err != nil {
		t.Fatal(err)
	}
	// It has been allowed to use the microphone here, for good.
	start := func() context.Context {
		b := browsertest.New(t, browsertest.Microphone(microphone), browsertest.Still, chromedp.UserDataDir(filepath.Join(profile, "chromium")),
			chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} }))
		_, err := chromedp.CallBrowser(b, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
			Permission: &cdpbrowser.PermissionDescriptor{Name: "microphone"}, Setting: cdpbrowser.PermissionSettingGranted,
		})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	browser := start()
	host := openTapped(t, browser, desk)
	enterStage(host, "Ada")
	host.Until(onAir, browsertest.Body)
	listener := sitDown(t, s.room.ListenURL)
	both := `document.querySelectorAll("[data-testid^=person-]").length === 2`
	for range times {
		kill(t, browser)
		began := time.Now()
		hearsCleanly(listener, captured, 1, 1, holds(660)) // the guest is heard while the host is away
		browser = start()
		host = openTapped(t, browser, desk)
		opened := time.Now()
		host.Until(onAir, browsertest.Body)
		t.Logf("on air %.1f s after the page was opened, %.1f s after the kill", time.Since(opened).Seconds(), time.Since(began).Seconds())
		hearsCleanly(listener, captured, 1, 1, holds(440))
		host.Until(both, browsertest.Body)
		guest.Until(both+` && !document.querySelector("[data-away=true]")`, browsertest.Body)
		guest.Until(onAir, browsertest.Body)
	}
}

// kill ends a browser as a crash would, with all its processes.
func kill(t *testing.T, browser context.Context) {
	t.Helper()
	pid := chromedp.FromContext(browser).Browser.Process().Pid
	err := syscall.Kill(-pid, syscall.SIGKILL) // what was started may be a script around it
	if err != nil {
		t.Fatal(err)
	}
}
