package node

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// A host's feed lists what is live, then its replay, under the title and within the bounds that she gave it, and not while it is taken back.
func TestFeedOfAHost(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	r := h.room()
	address, err := h.host.Feed(t.Context())
	if err != nil || !strings.HasPrefix(address, h.ListenersURL()+"/feed/") {
		t.Fatalf("the feed is at %q, %v", address, err)
	}
	err = h.bus.ChangeFacts(t.Context(), r.ID, func(f *room.Facts) error {
		f.Life.Access.Visibility = room.Public
		f.Life.Revision++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	feed := func() string {
		t.Helper()
		status, body := h.ask(t, "GET", address, "")
		if status != http.StatusOK {
			t.Fatalf("the feed answers %d %s", status, body)
		}
		return body
	}
	has := func(what string, wanted bool, parts ...string) {
		t.Helper()
		body := feed()
		for _, part := range parts {
			if strings.Contains(body, part) != wanted {
				t.Errorf("%s: %s is in it: %v\n%s", what, part, !wanted, body)
			}
		}
	}
	has("at the doors", true, `<podcast:liveItem status="pending"`, "Harbour talk", string(r.ID)+"/live.ogg")
	h.rooms.goLive(r.ID)
	i := h.taped(r.ID, 2)
	has("live", true, `<podcast:liveItem status="live"`)
	chapter, err := h.host.Mark(t.Context(), r.ID, "Tides")
	if err != nil || chapter.At < int64(i.Last)-tape.SegmentFrames {
		t.Errorf("marked %+v behind %d, %v", chapter, i.Last, err)
	}
	err = h.host.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the replay is there", func() bool {
		return h.hasReplay(r.ID) && strings.Contains(feed(), "<enclosure") && !strings.Contains(feed(), "liveItem")
	})
	has("over", true, "/tape/floor/opus-48.ogg", "/tape/chapters.json")
	seen, err := h.host.Replay(t.Context(), r.ID)
	until(t, "the replay is posted", func() bool {
		seen, err = h.host.Replay(t.Context(), r.ID)
		return err != nil || seen.PostedAt != ""
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.host.EditReplay(t.Context(), r.ID, map[string]any{"title": "Sea talk", "from": seen.Tape[0] + 20, "revision": seen.Revision})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the edit is known", func() bool { return strings.Contains(feed(), "Sea talk") })
	until(t, "all of it is written down", func() bool {
		kept, err := h.store.Room(t.Context(), r.ID)
		life := kept.Facts.Life
		return err == nil && life.Edit.From == seen.Tape[0]+20 && slices.Equal(life.Chapters, []room.Chapter{{ID: 1, At: chapter.At, Title: "Tides"}})
	})
	h.notChanged(address)
	_, err = h.host.EditReplay(t.Context(), r.ID, map[string]any{"posted": false})
	if err != nil {
		t.Fatal(err)
	}
	has("taken back", false, "Sea talk")
	if status, _ := h.ask(t, "GET", h.ListenersURL()+"/feed/n0b0dy00.xml", ""); status != http.StatusNotFound {
		t.Errorf("the feed of nobody answers %d", status)
	}
}

// notChanged asks again with what was answered before.
func (h *house) notChanged(address string) {
	h.t.Helper()
	tag := ""
	for _, want := range []int{http.StatusOK, http.StatusNotModified} {
		req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, address, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		if tag != "" {
			req.Header.Set("If-None-Match", tag)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			h.t.Fatal(err)
		}
		_ = resp.Body.Close()
		tag = resp.Header.Get("ETag")
		if resp.StatusCode != want || tag == "" {
			h.t.Errorf("the feed answers %d with tag %q, want %d", resp.StatusCode, tag, want)
		}
	}
}
