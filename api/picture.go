package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Pictures makes of a file what is shown with links to a room, and keeps it. The error wraps room.ErrPicture where the file is no picture that it
// takes.
type Pictures interface {
	SetPicture(ctx context.Context, id room.ID, file []byte) (room.Picture, error) // nil: the one that is made of the announcement again
}

// pictureTimeout bounds how long an upload takes.
const pictureTimeout = time.Minute

func (a *api) putPicture(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActPicture)
	if err != nil {
		return err
	}
	file, err := readPicture(w, r)
	if err != nil {
		return err
	}
	return a.setPicture(w, r, v, file)
}

func (a *api) dropPicture(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActPicture)
	if err != nil {
		return err
	}
	return a.setPicture(w, r, v, nil)
}

func (a *api) setPicture(w http.ResponseWriter, r *http.Request, v visit, file []byte) error {
	ctx, cancel := detached(r)
	defer cancel()
	picture, err := a.cfg.Pictures.SetPicture(ctx, v.facts.ID, file)
	switch {
	case errors.Is(err, room.ErrPicture):
		return badRequest("%s", problem.Sentence(err))
	case errors.Is(err, context.DeadlineExceeded):
		p := problem.New(problem.Busy, "Very many pictures are made at this moment. Try again in a few seconds.")
		p.RetryAfter = 5 * time.Second
		return p
	case err != nil:
		return err
	}
	f, err := a.changeAccess(r, v, func(f *room.Facts) error {
		if f.Life.Picture != picture {
			f.Life.Picture = picture
			f.Life.Revision++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a.lifeOf(f))
}

// readPicture reads a file that is to be a picture. Its type is one that no form on another site can send.
func readPicture(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "image/png" && mediaType != "image/jpeg" {
		return nil, problem.New(problem.WrongType, "Send the picture as image/png or image/jpeg.")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(pictureTimeout)) // where there is none, as in tests, the server's rule
	file, err := io.ReadAll(http.MaxBytesReader(w, r.Body, room.MaxPicture))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problem.New(problem.TooLarge, fmt.Sprintf("The picture may have at most %d MB: make it smaller, 1200 by 630 is all that is shown.", room.MaxPicture>>20))
	case err != nil:
		return nil, badRequest("The body could not be read to its end.")
	case len(file) == 0:
		return nil, badRequest("The body is empty: send a picture, or DELETE to have the one that is made of the announcement.")
	}
	return file, nil
}
