package web

import "net/http"

// Desk serves the pages of the stage's port: the host's home at GET /desk/, the desk of a room at GET /desk/{room}, and its captioner's page at GET
// /captions/{room}. All are the same bytes for everybody; who may do what is in the token behind the link's "#" and in the host's cookie.
func Desk() http.Handler {
	p := newPage("desk", deskPolicy)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /desk/{room}", func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, http.StatusOK) })
	captioner := newPage("captioner", deskPolicy)
	mux.HandleFunc("GET /captions/{room}", func(w http.ResponseWriter, r *http.Request) { captioner.serve(w, r, http.StatusOK) })
	mux.HandleFunc("GET /desk/{$}", func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, http.StatusOK) })
	return mux
}

// deskPolicy lets the desk speak to its own server, and play a room from it.
const deskPolicy = "connect-src 'self'; media-src 'self' blob:; img-src data:"
