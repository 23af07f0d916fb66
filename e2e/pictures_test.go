package e2e

import (
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// The pictures of the README, made anew with EPIDAURUS_PICTURES=../docs/images.
func TestPictures(t *testing.T) {
	dir := os.Getenv("EPIDAURUS_PICTURES")
	if dir == "" {
		t.Skip("it makes the README's pictures, and proves nothing: set EPIDAURUS_PICTURES to a folder")
	}
	s := serve(t).open("The last row", false)
	speak(t, s.invite("Ada"), hostVoice)
	speak(t, s.invite("Nikos"), "../cmd/epidaurus/demo/voices/guest.opus")
	for range 40 {
		seat(t, s.room.ListenURL)
	}
	b := browsertest.New(t, browsertest.Windowed, chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.WindowSize(1280, 800), chromedp.Flag("force-dark-mode", true))
	p := browsertest.Open(t, b, s.room.ListenURL)
	p.Do(chromedp.EmulateViewport(1280, 760))
	p.Click("#listen")
	p.Until(`epidaurus.state === "listening" && document.querySelectorAll("#people .speaks").length > 0 && document.getElementById("facts").innerText.includes("41")`, "document.body.innerText")
	png, err := chromedp.Run(p.Ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(dir+"/listen.png", png, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// seat takes a seat that reads and throws away.
func seat(t *testing.T, url string) {
	t.Helper()
	resp, err := http.Get(url + "/live.ogg")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, resp.Body)
	}()
	t.Cleanup(func() { _ = resp.Body.Close(); <-done })
}
