package api

import (
	"context"
	"net/http"

	"github.com/epidaurus-live/epidaurus/room"
)

// Light is one thing that has to be well before a room begins, as the server knows it.
type Light struct {
	Name  string `json:"name"`
	State string `json:"state"` // green, amber, red; dark: it does not apply, or cannot be known here
	Why   string `json:"why"`   // stable name of the sentence
	N     int64  `json:"n"`     // what the sentence counts
	Of    int64  `json:"of,omitempty"`
}

// Colours of a light.
const (
	Green = "green"
	Amber = "amber"
	Red   = "red"
	Dark  = "dark"
)

// Lights looks at what has to be well. It may take some seconds.
type Lights interface {
	Lights(ctx context.Context, f room.Facts) []Light
}

// lights answers whether a room can begin.
func (a *api) lights(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActLights)
	if err != nil {
		return err
	}
	answer := struct {
		Lights []Light `json:"lights"`
	}{a.cfg.Lights.Lights(r.Context(), v.facts)}
	return writeJSON(w, http.StatusOK, answer)
}
