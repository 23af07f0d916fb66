package cast

import (
	"net/http"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// The playlists of a room that has moved lead to where it goes on once there is nothing here; a player in the middle comes to the end first.
func TestPlaylistsOfAMovedRoom(t *testing.T) {
	const hls, there = "/r/harbour/hls/", "https://far.example/r/quay-talk-k3f9x2/hls/"
	moved := func(state room.State) *memory {
		m := aRoom()
		m.state = state
		m.life.Moved = &room.MovedEvent{Kind: room.KindMoved, To: "https://far.example/r/quay-talk-k3f9x2"}
		return m
	}
	gone := moved(room.Ended)
	gone.heard = false
	for _, below := range []string{"dvr.m3u8", "master.m3u8", "floor/opus-48/live.m3u8", "floor/opus-48/low.m3u8", "floor/opus-48/dvr.m3u8"} {
		w := gone.get(t, hls+below)
		if at := w.Header().Get("Location"); w.Code != http.StatusTemporaryRedirect || at != there+below {
			t.Errorf("%s: %d to %q", below, w.Code, at)
		}
	}
	if w := gone.get(t, hls+"floor/opus-48/seg-5.m4s"); w.Code != http.StatusNotFound {
		t.Errorf("a segment: %d", w.Code)
	}
	// Without a tape, from its beginning it is not heard here, whether it is still open or not.
	if w := moved(room.Live).get(t, hls+"dvr.m3u8"); w.Header().Get("Location") != there+"dvr.m3u8" {
		t.Errorf("from the beginning, of one that is open: %d", w.Code)
	}
	if w := moved(room.Live).get(t, hls+"floor/opus-48/live.m3u8"); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "ENDLIST") {
		t.Errorf("a player in the middle of one that is open: %d\n%s", w.Code, w.Body)
	}
	over := moved(room.Ended)
	over.reach.Over = true
	if w := over.get(t, hls+"floor/opus-48/live.m3u8"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "ENDLIST") {
		t.Errorf("a player in the middle, at the end: %d\n%s", w.Code, w.Body)
	}
	taped := moved(room.Ended)
	taped.heard, taped.closed, taped.taped = false, true, []tape.Stretch{{From: 100 * 96, To: 120 * 96}}
	if w := taped.get(t, hls+"dvr.m3u8"); w.Code != http.StatusOK {
		t.Errorf("its tape: %d", w.Code)
	}
}
