package web_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/web"
)

// The picture has the modules of the code that leads to the room, and its quiet border.
func TestCodeOfARoom(t *testing.T) {
	t.Parallel()
	h := web.Elsewhere(func(id room.ID) bool { _, ok := shown(id); return ok },
		func(r *http.Request, id room.ID) string { return "https://" + r.Host + "/r/" + string(id) })
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://live.example.org"+path, nil))
		return w
	}
	w := get("/r/harbour/qr.svg")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/svg+xml" || xml.Unmarshal(w.Body.Bytes(), new(struct{})) != nil {
		t.Fatalf("%d %v\n%s", w.Code, w.Header(), w.Body)
	}
	code, err := qr.Encode("https://live.example.org/r/harbour", qr.M)
	if err != nil {
		t.Fatal(err)
	}
	if size := code.Size + 8; !strings.Contains(w.Body.String(), fmt.Sprintf(`viewBox="0 0 %d %d"`, size, size)) {
		t.Errorf("a code of %d modules is %s", code.Size, w.Body.String()[:120])
	}
	black := map[[2]int]bool{}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(w.Body.String(), -1) {
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(m[i+1])
		}
		if n[2] != n[3] {
			t.Fatalf("%s is no line of modules", m[0])
		}
		for x := range n[2] {
			black[[2]int{n[0] + x, n[1]}] = true
		}
	}
	for y := -4; y < code.Size+4; y++ {
		for x := -4; x < code.Size+4; x++ {
			if black[[2]int{x + 4, y + 4}] != code.Black(x, y) {
				t.Fatalf("module %d, %d is the wrong one", x, y)
			}
		}
	}
	for path, status := range map[string]int{
		"/r/nobody/qr.svg": 404, "/r/UPPER/qr.svg": 404, "/r/harbour/elsewhere.js": 200, "/r/harbour/plain.js": 200, "/r/harbour/pull.js": 200, "/r/harbour/other.js": 404,
	} {
		if w := get(path); w.Code != status {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
