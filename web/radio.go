package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// RadioLists serves GET /r/{room}/listen.m3u and listen.pls, which radios and players open: the absolute addresses of a room's endless sound, the
// first that a player takes being the one it plays. Base is the scheme and host of the listeners' side as a request came to it; files are the
// names of the answers, the best known to radios first. A seat token of the request is in the addresses, too. Facts is called concurrently and must not block.
func RadioLists(facts func(room.ID) (room.Facts, bool), base func(*http.Request) string, files ...string) http.Handler {
	serve := func(kind string, write func(title string, urls []string) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			id := room.ID(r.PathValue("room"))
			f, known := room.Facts{}, id.Valid()
			if known {
				f, known = facts(id)
			}
			switch {
			case !known || f.State == room.Draft:
				problem.Write(w, problem.NoRoom)
				return
			case f.State == room.Ended:
				problem.Write(w, problem.New(problem.RoomEnded, "This conversation is over."))
				return
			}
			suffix := ""
			if token := r.URL.Query().Get("seat"); token != "" {
				suffix = "?seat=" + url.QueryEscape(token)
			}
			var urls []string
			for _, file := range files {
				urls = append(urls, base(r)+"/r/"+string(id)+"/"+file+suffix)
			}
			h := w.Header()
			h.Set("Content-Type", kind)
			h.Set("Cache-Control", "public, max-age=60")
			h.Set("X-Content-Type-Options", "nosniff")
			_, _ = w.Write([]byte(write(oneLine(f.Title), urls))) // the reader is gone, and nobody is left to be told
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /r/{room}/listen.m3u", serve("audio/x-mpegurl; charset=utf-8", m3u))
	mux.HandleFunc("GET /r/{room}/listen.pls", serve("audio/x-scpls; charset=utf-8", pls))
	return mux
}

// m3u is a list as Winamp wrote them, which everybody reads. A length of -1 has no end.
func m3u(title string, urls []string) string {
	var b strings.Builder
	b.WriteString("#EXTM3U\n")
	for _, u := range urls {
		fmt.Fprintf(&b, "#EXTINF:-1,%s\n%s\n", title, u)
	}
	return b.String()
}

// pls is a list as SHOUTcast wrote them.
func pls(title string, urls []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[playlist]\nNumberOfEntries=%d\n", len(urls))
	for i, u := range urls {
		fmt.Fprintf(&b, "File%d=%s\nTitle%d=%s\nLength%d=-1\n", i+1, u, i+1, title, i+1)
	}
	b.WriteString("Version=2\n")
	return b.String()
}

// oneLine is a title as a line of a list can hold it.
func oneLine(title string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, title)
}
