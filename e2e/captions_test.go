package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
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
	if late := int(bar(500*time.Millisecond) / tape.FrameDuration); lag < 0 || lag > late {
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
	p.Until(shownLines+`.includes("Good evening")`, browsertest.Body) // the captioner sees what listeners see
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
	late.Until(shownLines+`.includes("Good evening, all.")`, browsertest.Body) // and perhaps what was said a moment before
	late.Click(`#captions .tools button:nth-child(2)`)
	late.Do(chromedp.Reload())
	late.Click("#listen")
	late.Until(shownLines+`.includes("Good evening, all.") && document.querySelector("#captions [role=log]").style.fontSize === "1.7rem"`, browsertest.Body)

	token := s.hostToken() // there is none of a room that has ended
	err = s.client.End(t.Context(), s.room.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.tape("it is closed", func(i tapeIndex) bool { return i.Closed })
	s.captionsAfterwards(t, token)
}

// captionsAfterwards reads, searches and corrects the captions of the replay, exports them, and deletes them with the tape.
func (s *show) captionsAfterwards(t *testing.T, token string) {
	t.Helper()
	base := s.room.ListenURL + "/tape/"
	if file := fetch(t, base+"captions.vtt"); !strings.HasPrefix(file, "WEBVTT\n\n") || !strings.Contains(file, "Good evening, all.") || strings.Contains(file, "Bonsoir") {
		t.Errorf("the captions are\n%s", file)
	}
	if file := fetch(t, base+"captions.fr.srt"); !strings.HasPrefix(file, "1\n00:00:") || !strings.HasSuffix(file, "\nBonsoir.\n\n") {
		t.Errorf("the French captions are\n%s", file)
	}
	put := func(body string, want int) {
		t.Helper()
		answer := s.do("PUT", "/api/rooms/"+string(s.room.ID)+"/captions/en", token, "text/vtt", body)
		if answer.StatusCode != want {
			t.Fatalf("a file of captions answers %d, want %d", answer.StatusCode, want)
		}
	}
	put("WEBVTT\n\n00:01,000 --> 00:02.000\na", http.StatusBadRequest)
	put("WEBVTT\n\n00:00.500 --> 00:01.500\nA first line.\n\n00:02.000 --> 00:04.000\nLa marée monte.\n", http.StatusOK)

	p := openTapped(t, listeners.New(t), base)
	p.Until(`globalThis.epidaurusTape?.state === "paused" && document.querySelectorAll("#transcriptlist li").length === 2`, browsertest.Body)
	p.Do(chromedp.Evaluate[chromedp.Void](`{ const s = document.getElementById("search"); s.value = "maree"; s.dispatchEvent(new Event("input")); }`))
	p.Until(`document.querySelectorAll("#transcriptlist li:not([hidden])").length === 1 && document.getElementById("found").textContent === "1 line"`, browsertest.Body)
	p.Click("#cc")
	p.Click("#transcriptlist li:not([hidden]) button")
	p.Until(`epidaurusTape.time >= 2 && `+shownLines+`.endsWith("La marée monte.") && document.querySelector("#transcriptlist [aria-current]")`, browsertest.Body)
	picture(p, "transcript")
	index, _ := s.tape("there is enough for a clip", func(i tapeIndex) bool { return i.Last-i.First > 300 })
	p = openTapped(t, listeners.New(t), fmt.Sprintf("%s/clip/%d-%d", s.room.ListenURL, index.First+50, index.First+300))
	p.Until(`globalThis.epidaurusClip?.state === "paused"`, browsertest.Body)
	p.Click("#cc")
	p.Do(chromedp.Evaluate[chromedp.Void](`{ const s = document.getElementById("seek"); s.value = "1.5"; s.dispatchEvent(new Event("input")); }`))
	p.Until(shownLines+`.endsWith("La marée monte.")`, browsertest.Body)
	picture(p, "clip")

	dir := filepath.Join(t.TempDir(), "site")
	out, err := command(t, program, "export", string(s.room.ID), "--data", filepath.Join(s.dir, "data"), "--to", dir)
	if err != nil {
		t.Fatalf("export: %v\n%s", err, out)
	}
	for name, want := range map[string]string{"captions.vtt": "La marée monte.", "captions.fr.vtt": "Bonsoir."} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("exported is %s: %s, %v", name, text, err)
		}
	}
	p = openTapped(t, listeners.New(t), "file://"+dir+"/index.html")
	p.Until(`document.querySelectorAll("#transcriptlist li").length === 2`, browsertest.Body)

	if answer := s.do("DELETE", "/api/rooms/"+string(s.room.ID)+"/captions/en", token, "application/json", ""); answer.StatusCode != http.StatusNoContent {
		t.Errorf("to have those again that were written live answers %d", answer.StatusCode)
	}
	if file := fetch(t, base+"captions.vtt"); !strings.Contains(file, "Good evening, all.") || strings.Contains(file, "marée") {
		t.Errorf("again the captions are\n%s", file)
	}
	err = s.client.DeleteTape(t.Context(), s.room.ID)
	if err != nil {
		t.Fatal(err)
	}
	if status := statusOf(t, base+"captions.vtt"); status != http.StatusNotFound {
		t.Errorf("of a tape that was deleted they answer %d", status)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data", "tape", string(s.room.ID))); !os.IsNotExist(err) {
		t.Errorf("something of it is left: %v", err)
	}
}
