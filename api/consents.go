package api

import (
	"net/http"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// consented is one answer to whether somebody may be recorded.
type consented struct {
	Person room.PersonID `json:"person"`
	Name   string        `json:"name,omitempty"`
	Agreed bool          `json:"agreed"`
	Text   int           `json:"text"` // version of the question
	By     room.PersonID `json:"by,omitempty"`
	At     time.Time     `json:"at"`
}

// listConsents lists who agreed to be recorded, and who did not, when, and to which words.
func (a *api) listConsents(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActSeeConsents)
	if err != nil {
		return err
	}
	all, err := a.cfg.Records.Consents(r.Context(), v.facts.ID)
	if err != nil {
		return err
	}
	answer := struct {
		Consents []consented `json:"consents"`
	}{[]consented{}}
	for _, c := range all {
		answer.Consents = append(answer.Consents, consented{c.Person, c.Name, c.Agreed, c.Text, c.By, c.At})
	}
	return writeJSON(w, http.StatusOK, answer)
}
