package api

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

func trackOf(person room.PersonID, name, sound string) Track {
	return Track{Person: person, Name: name, Stage: [][2]int64{{10, 20}}, Heard: 96, Open: func() (TrackFile, error) { return strings.NewReader(sound), nil }}
}

// Those who lead get the list, each track by ranges, and all in one file; nobody else gets anything.
func TestTracksAreForThoseWhoLead(t *testing.T) {
	h := newHouse(t)
	h.rooms.recording = Recording{
		From: 100, To: 300, Frames: 200, Mix: trackOf("", "", "the mix"),
		Tracks: []Track{trackOf("ada", "Ada \"Ada\" Lovelace", "ada's voice"), trackOf("bob", "Ботев/..", "bob's voice")},
	}
	path := h.over()
	host := with(h.cookie)
	list := into[tracksAnswer](t, h.do("GET", path+"/tracks", "", host), http.StatusOK)
	if !list.Ready || list.Frames != 200 || len(list.Tracks) != 2 || list.Tracks[0].Bytes != 11 || list.Tracks[0].URL != path+"/tracks/ada.ogg" || list.ZipURL != path+"/tracks.zip" {
		t.Errorf("the list is %+v", list)
	}
	w := h.do("GET", list.Tracks[1].URL, "", host)
	if w.Code != http.StatusOK || w.Body.String() != "bob's voice" || w.Header().Get("Content-Disposition") != `attachment; filename="bob.ogg"; filename*=UTF-8''%D0%B1%D0%BE%D1%82%D0%B5%D0%B2-bob.ogg` {
		t.Errorf("a track: %d %q %q", w.Code, w.Body, w.Header())
	}
	w = h.do("GET", list.Tracks[0].URL, "", func(r *http.Request) { host(r); r.Header.Set("Range", "bytes=6-10") })
	if w.Code != http.StatusPartialContent || w.Body.String() != "voice" {
		t.Errorf("a range: %d %q", w.Code, w.Body)
	}
	w = h.do("GET", list.ZipURL, "", host)
	z, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(in) // which checks the sum
		if err != nil || f.Method != zip.Store || f.Name == "mix.ogg" && string(said) != "the mix" {
			t.Errorf("%s: %q, %v", f.Name, said, err)
		}
	}
	if want := []string{"README.txt", "mix.ogg", "ada-ada-lovelace-ada.ogg", "ботев-bob.ogg"}; !slices.Equal(names, want) {
		t.Errorf("in the file are %q", names)
	}
	refused(t, h.do("GET", path+"/tracks/cyd.ogg", "", host), http.StatusNotFound, problem.NotFound)
	refused(t, h.do("GET", path+"/tracks/ada", "", host), http.StatusNotFound, problem.NotFound)
	for _, address := range []string{"/tracks", "/tracks/ada.ogg", "/tracks.zip"} {
		if w := h.do("GET", path+address, ""); w.Code != http.StatusUnauthorized {
			t.Errorf("a stranger gets %d from %s", w.Code, address)
		}
	}
}

// While it is taped there is nothing to download, and where nothing is there is nothing.
func TestTracksThatAreNotThere(t *testing.T) {
	for err, want := range map[error]struct {
		status int
		code   problem.Code
	}{room.ErrStep: {http.StatusConflict, problem.StepImpossible}, room.ErrNotFound: {http.StatusNotFound, problem.NotFound}, nil: {http.StatusNotFound, problem.NotFound}} {
		h := newHouse(t)
		h.rooms.notReady = err
		path := h.over()
		refused(t, h.do("GET", path+"/tracks.zip", "", with(h.cookie)), want.status, want.code)
		refused(t, h.do("GET", path+"/tracks/ada.ogg", "", with(h.cookie)), want.status, want.code)
		if list := into[tracksAnswer](t, h.do("GET", path+"/tracks", "", with(h.cookie)), http.StatusOK); list.Ready != (err == nil) || list.Tracks == nil || list.ZipURL != "" {
			t.Errorf("%v: the list is %+v", err, list)
		}
	}
}
