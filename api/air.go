package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Dumped is what became of a dump.
type Dumped struct {
	Removed time.Duration // 0: there was nothing
	Filling time.Duration // for which the stage is held back, and the fill is heard
	Wanted  time.Duration // the delay as it is set
}

// Cart is a short sound that can be played into a room.
type Cart struct {
	Name   room.Cart
	Length time.Duration
	Own    bool // the room's own, not the program's
}

// cartAnswer is a cart's form on the wire.
type cartAnswer struct {
	Name     room.Cart `json:"name"`
	LengthMS int64     `json:"length_ms"`
	Own      bool      `json:"own"`
}

func answerCart(c Cart) cartAnswer { return cartAnswer{c.Name, c.Length.Milliseconds(), c.Own} }

const (
	maxSound     = 6 << 20 // bytes of a cart's file: 30 s of stereo WAV
	soundTimeout = 60 * time.Second
)

// setDelay changes the broadcast delay. It does not ask for a version: the last hand on a lever counts.
func (a *api) setDelay(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActDelay)
	if err != nil {
		return err
	}
	var ms int
	err = readObject(w, r, member{name: "delay_ms", into: &ms})
	if err != nil {
		return err
	}
	err = room.CheckDelay(ms)
	if err != nil {
		return badRequest("%s", problem.Sentence(err))
	}
	ctx, cancel := detached(r)
	defer cancel()
	err = a.cfg.Air.SetDelay(ctx, v.facts.ID, ms)
	if err != nil {
		return airProblem(err)
	}
	return writeJSON(w, http.StatusOK, struct {
		DelayMS int `json:"delay_ms"`
	}{ms})
}

// dump removes what has not gone out. A room that has ended can be dumped while its last words wait.
func (a *api) dump(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActDump)
	if err != nil {
		return err
	}
	fill := room.FillHold
	if r.ContentLength != 0 {
		err = readObject(w, r, member{name: "fill", into: &fill, optional: true})
		if err != nil {
			return err
		}
	}
	if fill != room.FillHold && fill != room.FillNone && !room.Cart(fill).Valid() {
		return badRequest("The member \"fill\" has to be %q, %q or a cart's name.", room.FillHold, room.FillNone)
	}
	dumped, err := a.cfg.Air.Dump(v.facts.ID, fill)
	switch {
	case err != nil:
		return airProblem(err)
	case dumped.Removed == 0 && dumped.Wanted == 0:
		return problem.New(problem.NothingToDump, "There is no delay: everything has gone out already. Set a delay, and the next dump has something to remove.")
	case dumped.Removed == 0:
		return problem.New(problem.NothingToDump, "Nothing has been said since the last dump: all of it is gone already, or has gone out.")
	}
	return writeJSON(w, http.StatusOK, struct {
		RemovedMS int64  `json:"removed_ms"`
		FillingMS int64  `json:"filling_ms"`
		Fill      string `json:"fill"`
	}{dumped.Removed.Milliseconds(), dumped.Filling.Milliseconds(), fill})
}

func (a *api) listCarts(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActCarts)
	if err != nil {
		return err
	}
	carts, err := a.cfg.Air.Carts(v.facts.ID)
	if err != nil {
		return airProblem(err)
	}
	answer := struct {
		Carts []cartAnswer `json:"carts"`
	}{make([]cartAnswer, len(carts))}
	for i, c := range carts {
		answer.Carts[i] = answerCart(c)
	}
	return writeJSON(w, http.StatusOK, answer)
}

// cart is a visit to one cart.
func (a *api) cart(r *http.Request) (visit, room.Cart, error) {
	v, err := a.visitTo(r, room.ActCarts)
	if err != nil {
		return visit{}, "", err
	}
	name := room.Cart(r.PathValue("cart"))
	if !name.Valid() {
		return visit{}, "", problem.New(problem.NotFound, fmt.Sprintf("There is no cart %.40q. There are %s.", name, cartNames()))
	}
	return v, name, nil
}

func cartNames() string {
	names := make([]string, len(room.Carts))
	for i, c := range room.Carts {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}

func (a *api) putCart(w http.ResponseWriter, r *http.Request) error {
	v, name, err := a.cart(r)
	if err != nil {
		return err
	}
	file, err := readSound(w, r)
	if err != nil {
		return err
	}
	return a.setCart(w, r, v, name, file)
}

// dropCart brings the built-in one back.
func (a *api) dropCart(w http.ResponseWriter, r *http.Request) error {
	v, name, err := a.cart(r)
	if err != nil {
		return err
	}
	return a.setCart(w, r, v, name, nil)
}

func (a *api) setCart(w http.ResponseWriter, r *http.Request, v visit, name room.Cart, file []byte) error {
	ctx, cancel := detached(r)
	defer cancel()
	c, err := a.cfg.Air.SetCart(ctx, v.facts.ID, name, file)
	if err != nil {
		return airProblem(err)
	}
	return writeJSON(w, http.StatusOK, answerCart(c))
}

// readSound reads a file that is to be a sound. Its type is one that no form on another site can send.
func readSound(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(mediaType, "audio/") && mediaType != "application/ogg" && mediaType != "application/octet-stream" {
		return nil, problem.New(problem.WrongType, "Send the sound as audio/wav or audio/ogg.")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(soundTimeout)) // where there is none, as in tests, the server's rule
	file, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSound))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problem.New(problem.TooLarge, fmt.Sprintf("The sound may have at most %d bytes: send Ogg Opus, or less of it.", maxSound))
	case err != nil:
		return nil, badRequest("The body could not be read to its end.")
	case len(file) == 0:
		return nil, badRequest("The body is empty: send a sound, or DELETE to have the built-in one.")
	}
	return file, nil
}

func (a *api) playCart(w http.ResponseWriter, r *http.Request) error {
	v, name, err := a.cart(r)
	if err != nil {
		return err
	}
	err = readObject(w, r)
	if err != nil {
		return err
	}
	c, err := a.cfg.Air.PlayCart(v.facts.ID, name)
	if err != nil {
		return airProblem(err)
	}
	return writeJSON(w, http.StatusOK, answerCart(c))
}

func (a *api) stopCart(w http.ResponseWriter, r *http.Request) error {
	v, name, err := a.cart(r)
	if err != nil {
		return err
	}
	err = readObject(w, r)
	if err != nil {
		return err
	}
	err = a.cfg.Air.StopCart(v.facts.ID, name)
	if err != nil {
		return airProblem(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func airProblem(err error) error {
	switch {
	case errors.Is(err, room.ErrNotFound):
		return problem.New(problem.NotMadeHere, "This server does not make the room's sound now. Open the desk of the server that does.")
	case errors.Is(err, room.ErrSound):
		return badRequest("%s", problem.Sentence(err))
	}
	return err
}
