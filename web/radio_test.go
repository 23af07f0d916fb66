package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/web"
)

func TestRadioLists(t *testing.T) {
	t.Parallel()
	rooms := map[room.ID]room.Facts{
		"harbour": {ID: "harbour", Title: "Harbour\ntalk", State: room.Live},
		"over":    {ID: "over", State: room.Ended},
		"draft":   {ID: "draft", Title: "Not yet told", State: room.Draft},
	}
	h := web.RadioLists(func(id room.ID) (room.Facts, bool) { f, ok := rooms[id]; return f, ok },
		func(r *http.Request) string { return "http://" + r.Host }, "live.aac", "live.ogg")
	for _, row := range []struct {
		path, kind string
		status     int
		text       string
	}{
		{"/r/harbour/listen.m3u", "audio/x-mpegurl; charset=utf-8", 200,
			"#EXTM3U\n#EXTINF:-1,Harbour talk\nhttp://192.0.2.7:8080/r/harbour/live.aac\n#EXTINF:-1,Harbour talk\nhttp://192.0.2.7:8080/r/harbour/live.ogg\n"},
		{"/r/harbour/listen.pls", "audio/x-scpls; charset=utf-8", 200,
			"[playlist]\nNumberOfEntries=2\nFile1=http://192.0.2.7:8080/r/harbour/live.aac\nTitle1=Harbour talk\nLength1=-1\n" +
				"File2=http://192.0.2.7:8080/r/harbour/live.ogg\nTitle2=Harbour talk\nLength2=-1\nVersion=2\n"},
		{"/r/nobody/listen.m3u", "application/problem+json", 404, `"room_unknown"`},
		{"/r/draft/listen.m3u", "application/problem+json", 404, `"room_unknown"`},
		{"/r/draft/listen.pls", "application/problem+json", 404, `"room_unknown"`},
		{"/r/over/listen.pls", "application/problem+json", 410, `"room_ended"`},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://192.0.2.7:8080"+row.path, nil))
		if w.Code != row.status || w.Header().Get("Content-Type") != row.kind || !strings.Contains(w.Body.String(), row.text) {
			t.Errorf("%s: %d %s\n%s", row.path, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
}
