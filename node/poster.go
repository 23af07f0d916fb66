package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/poster"
	"github.com/epidaurus-live/epidaurus/room"
)

// Pictures that are shown with links to rooms. Each has a name that changes with what it shows, so that caches may keep it; drawing one takes a
// tenth of a second, so few are drawn at a time, however many are asked for.
const (
	keptPictures     = 64
	drawnPerSecond   = 1
	drawnAtOnce      = 10
	pictureForEver   = "public, max-age=31536000, immutable"
	pictureForNow    = "public, max-age=10"
	pictureElsewhere = "public, max-age=60"
)

var errTooManyPictures = errors.New("too many pictures are wanted")

// printer keeps pictures, and makes those that are missing, each once. Its methods may be called from any goroutine.
type printer struct {
	budget  *rate.Limiter
	flights singleflight.Group // by name

	mu   sync.Mutex
	made map[string][]byte // guarded by mu; by name; at most keptPictures
	used []string          // guarded by mu; names of made, the one that was asked for last at the end
}

func newPrinter() *printer {
	return &printer{budget: rate.NewLimiter(drawnPerSecond, drawnAtOnce), made: map[string][]byte{}}
}

// of is a picture of a name, kept or made; false where too many are wanted, or it cannot be made. Of a crowd that comes at once for one, one
// makes it; nobody waits for another picture.
func (p *printer) of(name string, make func() ([]byte, error)) (picture []byte, ok bool) {
	picture, ok = p.kept(name)
	if ok {
		return picture, true
	}
	made, err, _ := p.flights.Do(name, func() (any, error) {
		picture, ok := p.kept(name) // by who was before, perhaps
		if ok {
			return picture, nil
		}
		if !p.budget.Allow() {
			return nil, errTooManyPictures
		}
		picture, err := make()
		if err == nil {
			p.keep(name, picture)
		}
		return picture, err
	})
	if err != nil {
		return nil, false
	}
	picture, ok = made.([]byte)
	return picture, ok
}

// kept is a picture that was made before.
func (p *printer) kept(name string) (picture []byte, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	picture, ok = p.made[name]
	if ok {
		p.touchLocked(name)
	}
	return picture, ok
}

// keep keeps a picture in the place of the one that was not asked for the longest.
func (p *printer) keep(name string, picture []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.used) >= keptPictures {
		delete(p.made, p.used[0])
		p.used = p.used[1:]
	}
	p.made[name] = picture
	p.used = append(p.used, name)
}

// touchLocked notes that a picture was asked for. The caller holds mu.
func (p *printer) touchLocked(name string) {
	for i, n := range p.used {
		if n == name {
			p.used = append(append(p.used[:i:i], p.used[i+1:]...), name)
			return
		}
	}
}

// house is the picture of no room, for when one's own is not to be had.
var housePicture = sync.OnceValue(func() []byte {
	p, err := poster.Bill{}.PNG()
	if err != nil {
		panic(err) // it is written to memory
	}
	return p
})

// pictureOf is the name of a room's picture.
func pictureOf(f *room.Facts) string {
	if own := f.Life.Picture; own.Sum != "" && !f.Life.Access.Gated() {
		return own.Sum + ".jpg"
	}
	return poster.Of(f).Sum() + ".png"
}

// picturePath is where a room's picture is on the listeners' port.
func picturePath(f room.Facts) string { return "/r/" + string(f.ID) + "/card/" + pictureOf(&f) }

// servePicture answers GET /r/{room}/card/{file}.
func (n *Node) servePicture(w http.ResponseWriter, r *http.Request) {
	f, ok := n.shown(room.ID(r.PathValue("room")))
	if !ok {
		problem.Write(w, problem.NoRoom)
		return
	}
	h, name := w.Header(), pictureOf(&f)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.PathValue("file") != name { // what is shown has changed, or nobody said what it is called
		h.Set("Cache-Control", pictureElsewhere)
		http.Redirect(w, r, picturePath(f), http.StatusFound)
		return
	}
	picture, ok := n.printer.of(name, func() ([]byte, error) { return n.picture(context.WithoutCancel(r.Context()), f) })
	h.Set("Cache-Control", pictureForEver)
	if !ok {
		name, picture = "house.png", housePicture()
		h.Set("Cache-Control", pictureForNow)
	}
	h.Set("Content-Type", "image/png")
	if strings.HasSuffix(name, ".jpg") {
		h.Set("Content-Type", "image/jpeg")
	}
	h.Set("ETag", `"`+name+`"`)
	h.Set("Content-Length", strconv.Itoa(len(picture)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(picture) // the reader is gone, and nobody is left to be told
	}
}

// picture makes a room's picture, or fetches it from the node that was given it.
func (n *Node) picture(ctx context.Context, f room.Facts) ([]byte, error) {
	if own := f.Life.Picture; own.Sum != "" && !f.Life.Access.Gated() {
		p, err := n.bus.Picture(ctx, f.ID, own)
		if err != nil {
			n.log.Warn("a room's picture is not to be had now", "room", f.ID, "error", err)
		}
		return p, err
	}
	return poster.Of(&f).PNG()
}

// refitting is held by who works on a picture that was sent: a large one takes much memory.
var refitting = make(chan struct{}, 1)

// SetPicture keeps a room's own picture; nil: none. What is told to everybody is up to the caller.
func (r *rooms) SetPicture(ctx context.Context, id room.ID, file []byte) (room.Picture, error) {
	if file == nil {
		return room.Picture{}, r.store.SetPicture(ctx, id, "", nil)
	}
	select {
	case refitting <- struct{}{}:
		defer func() { <-refitting }()
	case <-ctx.Done():
		return room.Picture{}, ctx.Err()
	}
	jpg, p, err := poster.Refit(file)
	if err == nil {
		err = r.store.SetPicture(ctx, id, p.Sum, jpg)
	}
	if err != nil {
		return room.Picture{}, fmt.Errorf("keep a picture of room %s: %w", id, err)
	}
	return p, nil
}

// givePictures answers who asks for pictures that this node was given.
func (n *Node) givePictures() error {
	stop, err := n.bus.GivePictures(func(id room.ID, p room.Picture) ([]byte, bool) {
		ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
		defer cancel()
		image, err := n.store.Picture(ctx, id, p.Sum)
		return image, err == nil
	})
	if err != nil {
		return err
	}
	n.unwatch = append(n.unwatch, stop)
	return nil
}

// ogImage is the address of a room's picture for those who show a link. It is absolute where this node knows by which name it is reached, which
// is what most of them need.
func (n *Node) ogImage(f room.Facts) string { return n.cfg.PublicURL + picturePath(f) }
