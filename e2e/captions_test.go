package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// noteCaptions is a script for a listener's page: it keeps at which frame of the ear each line was shown first, and at which it was said.
const noteCaptions = `addEventListener("DOMContentLoaded", () => {
	window.captionsShown = {};
	new MutationObserver(() => {
		for (const p of document.querySelectorAll("#captions [role=log] p")) captionsShown[p.textContent] ??= { ear: epidaurus.frame, at: Number(p.dataset.at) };
	}).observe(document.body, { subtree: true, childList: true, characterData: true });
})`

// caption sends a line as a program does.
func (s *show) caption(t *testing.T, by client.Invite, body string, want int) {
	t.Helper()
	if answer := s.do("POST", "/api/rooms/"+string(s.room.ID)+"/captions", by.Token, "application/json", body); answer.StatusCode != want {
		t.Fatalf("%s answers %d, want %d", body, answer.StatusCode, want)
	}
}

// reader is a listener's page that shows captions.
func (s *show) reader(t *testing.T) *browsertest.Tab {
	t.Helper()
	p := browsertest.Open(t, listeners.New(t), s.room.ListenURL, noteCaptions)
	p.Click("#listen")
	p.Until(`epidaurus.state === "listening" && epidaurus.frame > 0`, "JSON.stringify(epidaurus)")
	return p
}

const shownLines = `[...document.querySelectorAll("#captions [role=log] p")].map((e) => e.textContent).join("|")`

// A captioner hears the room and types; listeners who want to read see it when their ear is there, in the language that they choose, also who comes late; a line
// grows and is corrected; and a program sends lines by the same way.
func TestCaptions(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Harbour talk", false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	s.tape("it is taped", func(i tapeIndex) bool { return i.Last-i.First >= 96 })
	by, err := s.client.Invite(t.Context(), s.room.ID, "Grace", room.Captioner)
	if err != nil || !strings.Contains(by.DeskURL, "/captions/") {
		t.Fatalf("a captioner is invited to %s, %v", by.DeskURL, err)
	}
	reader := s.reader(t)
	if n := browsertest.Eval[int](reader, `document.querySelectorAll("#cc, #captions").length`); n != 0 {
		t.Error("there are captions before the first line")
	}

	// A program says at which frame the words are: they are shown when the ear is there.
	mark, err := s.client.Mark(t.Context(), s.room.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	s.caption(t, by, fmt.Sprintf(`{"text":"By a program.","id":"p1","at":%d,"until":%d}`, mark.At, mark.At), http.StatusCreated)
	reader.Until(`document.getElementById("cc") && document.getElementById("captions").hidden`, browsertest.Body)
	reader.Click("#cc")
	reader.Until(shownLines+` === "By a program."`, browsertest.Body)
	lag := browsertest.Eval[int](reader, `captionsShown["By a program."].ear - captionsShown["By a program."].at`)
	t.Logf("a line that came in time is shown %d frames after the ear is there", lag)
	if lag < 0 || lag > 25 {
		t.Errorf("it is shown %d frames after it was said", lag)
	}
	s.caption(t, by, fmt.Sprintf(`{"text":"By a program.","id":"p1","at":%d,"until":%d}`, mark.At, mark.At), http.StatusOK)

	// A human hears what listeners hear, types, and pauses.
	p := browsertest.Open(t, grace.New(t), by.DeskURL)
	p.Until(`document.body.dataset.ready`, browsertest.Body)
	p.Click("#hear")
	p.Until(`captioner.frame > 0`, browsertest.Body)
	picture(p, "captioner")
	p.Click("#line")
	p.Do(chromedp.KeyEvent("Good evenin"))
	reader.Until(shownLines+`.endsWith("|Good evenin") && document.querySelector("#captions .grows")`, browsertest.Body)
	p.Do(chromedp.KeyEvent("g" + kb.Enter))
	reader.Until(shownLines+`.endsWith("|Good evening") && !document.querySelector("#captions .grows")`, browsertest.Body)
	p.Until(shownLines+`.endsWith("Good evening")`, browsertest.Body) // the captioner sees what listeners see
	t.Logf("a line that is typed is shown %d frames after its first key, less a second", browsertest.Eval[int](reader, `captionsShown["Good evenin"].ear - captionsShown["Good evenin"].at`))
	p.Do(chromedp.KeyEvent(kb.ArrowUp))
	p.Do(chromedp.KeyEvent(kb.End + ", all." + kb.Enter))
	reader.Until(shownLines+` === "By a program.|Good evening, all."`, browsertest.Body)

	// Another language beside it.
	s.caption(t, by, `{"text":"Bonsoir.","id":"f1","lang":"fr"}`, http.StatusCreated)
	reader.Until(`document.querySelector("#captions select").options.length === 2`, browsertest.Body)
	reader.Do(chromedp.Evaluate[chromedp.Void](`{ const s = document.querySelector("#captions select"); s.value = "fr"; s.dispatchEvent(new Event("change")); }`))
	reader.Until(shownLines+` === "Bonsoir."`, browsertest.Body)
	picture(reader, "captions")

	late := s.reader(t)
	late.Until(`document.getElementById("cc")`, browsertest.Body)
	late.Click("#cc")
	late.Until(shownLines+` === "Good evening, all."`, browsertest.Body)
	late.Click(`#captions [aria-label="Larger captions"]`)
	late.Do(chromedp.Reload())
	late.Click("#listen")
	late.Until(shownLines+`.includes("Good evening, all.") && document.querySelector("#captions [role=log]").style.fontSize === "1.7rem"`, browsertest.Body)
}
