package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// The producer speaks into a guest's ear: the guest hears it, the other one on stage and a listener do not, nor does the tape. A cue is
// acknowledged by a key, and a line of the chat is there after a reload, and nowhere but on the stage's pages.
func TestTalkbackCueAndChat(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Whispers", true)
	invitation, err := s.client.Invite(t.Context(), s.room.ID, "Pru", room.Producer)
	if err != nil {
		t.Fatal(err)
	}
	guest := goOnStage(t, ada, s.invite("Ada").DeskURL) // 440 Hz
	other := goOnStage(t, silent, s.hostDesk())
	listener := sitDown(t, s.room.ListenURL)
	producer := openTapped(t, grace.New(t), raw(invitation.DeskURL)) // 660 Hz
	producer.Press("back-join")
	producer.Until(browsertest.At("back-state")+`.dataset.state === "on"`, browsertest.Body)
	person := browsertest.Eval[string](producer, `[...document.querySelectorAll("[data-testid^=person-]")].find(e => e.innerText.includes("Speaker"))?.dataset.testid.slice(7) ?? ""`)
	if person == "" {
		t.Fatal("the producer does not see the guest")
	}
	talk := browsertest.At("talk-" + person)
	producer.Until(`!`+talk+`.disabled && (`+talk+`.focus(), document.activeElement === `+talk+`)`, browsertest.Body)
	producer.Do(chromedp.KeyEvent("\r"))
	guest.Until(browsertest.At("ear")+`.textContent.includes("Pru")`, browsertest.Body)
	picture(guest, "ear")
	picture(producer, "talkback")
	hearsCleanly(guest, "heard", 1, 2, holds(660))
	hearsCleanly(other, "heard", 1, 2, without(440, 660))
	hearsCleanly(listener, captured, 2, 4, without(440, 660))
	producer.Do(chromedp.KeyEvent("\r"))
	guest.Until(browsertest.At("ear")+` === null`, browsertest.Body)

	producer.Press("cue-wrap_up")
	guest.Until(browsertest.At("cue")+`.dataset.cue === "wrap_up"`, browsertest.Body)
	picture(guest, "cue")
	guest.Do(chromedp.KeyEvent("o"))
	producer.Until(`document.querySelector("[data-testid=cue-sent] [data-state=taken]")`, browsertest.Body)

	const words = "owls bring feathers"
	producer.Write("chat-text", words)
	producer.Press("chat-send")
	guest.Until(browsertest.At("chat")+`.textContent.includes("`+words+`")`, browsertest.Body)
	guest.Do(chromedp.Reload())
	guest.Until(browsertest.At("chat")+`.textContent.includes("`+words+`")`, browsertest.Body)
	picture(producer, "chat")
	s.keepsNothingOf(words)
	s.keepsNothingOf("wrap_up")
}

// keepsNothingOf looks for words in all that the server keeps: tape, database, log.
func (s *server) keepsNothingOf(words string) {
	s.t.Helper()
	err := filepath.WalkDir(s.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		kept, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			return nil // a file of the moment
		}
		if bytes.Contains(kept, []byte(words)) {
			s.t.Errorf("%q stands in %s", words, name)
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}
