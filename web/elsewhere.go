package web

import (
	"net/http"
	"strconv"
	"strings"

	"rsc.io/qr"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Elsewhere serves what leads to a room from other devices, GET /r/{room}/qr.svg, and what few listeners' pages need: the scripts elsewhere.js, plain.js,
// pull.js and captions.js beside it. Address is where a room is heard, as the one who asks reaches it; known is called concurrently and must not block.
func Elsewhere(known func(room.ID) bool, address func(*http.Request, room.ID) string) http.Handler {
	mux := http.NewServeMux()
	for _, name := range []string{"elsewhere", "plain", "pull", "captions"} {
		script := distFile(name + ".js")
		mux.HandleFunc("GET /r/{room}/"+name+".js", func(w http.ResponseWriter, r *http.Request) {
			serveSmall(w, r, "text/javascript; charset=utf-8", "public, max-age=60, stale-while-revalidate=86400", script)
		})
	}
	mux.HandleFunc("GET /r/{room}/qr.svg", func(w http.ResponseWriter, r *http.Request) {
		id := room.ID(r.PathValue("room"))
		if !id.Valid() || !known(id) {
			problem.Write(w, problem.NoRoom)
			return
		}
		picture, err := codeOf(address(r, id))
		if err != nil {
			problem.Write(w, problem.New(problem.TooLarge, "This address is too long for a code."))
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		serveSmall(w, r, "image/svg+xml", "public, max-age=60", picture)
	})
	return mux
}

// quiet is the border that a QR code needs, in modules (ISO/IEC 18004).
const quiet = 4

// codeOf is a QR code of a text as a picture: dark on white whatever the page's colours are, since many cameras read nothing else.
func codeOf(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, err
	}
	size := strconv.Itoa(code.Size + 2*quiet)
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + size + ` ` + size + `" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h` +
		size + `v` + size + `H0z"/><path d="`)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			long := 0
			for x+long < code.Size && code.Black(x+long, y) {
				long++
			}
			if long > 0 {
				b.WriteString("M" + strconv.Itoa(x+quiet) + " " + strconv.Itoa(y+quiet) + "h" + strconv.Itoa(long) + "v1h-" + strconv.Itoa(long) + "z")
				x += long
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return []byte(b.String()), nil
}
