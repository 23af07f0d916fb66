package listener

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/epidaurus-live/epidaurus/tape"
)

// Container is the format of an answer.
type Container string

// The containers of the protocol.
const (
	MP4 Container = "mp4"
	Ogg Container = "ogg"
)

// target is what to ask for.
type target struct {
	live      *url.URL
	container Container
	variant   tape.Variant
}

// errAddress says what an address should look like.
var errAddress = errors.New("give the link of a room, such as http://localhost:8080/r/my-room, or of its live.mp4 or live.ogg")

// parseTarget reads the link of a room's page, or of a live stream.
func parseTarget(link string, variant tape.Variant) (target, error) {
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return target{}, fmt.Errorf("%q is not the address of a room: %w", link, errAddress)
	}
	invitation, err := url.ParseQuery(u.EscapedFragment())
	if seat := invitation.Get("seat"); err == nil && seat != "" { // the link that somebody was sent
		query := u.Query()
		query.Set("seat", seat)
		u.RawQuery = query.Encode()
	}
	u.Fragment, u.RawFragment = "", ""
	t := target{live: u, container: MP4, variant: variant}
	switch file := path.Base(u.Path); {
	case file == "live.mp4":
	case file == "live.ogg":
		t.container = Ogg
	case strings.Contains(file, ".") || !strings.Contains(u.Path, "/r/") || strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/r"):
		return target{}, fmt.Errorf("%q is not the address of a room: %w", link, errAddress)
	default:
		t.live = u.JoinPath("live.mp4")
	}
	return t, nil
}

// request is the address of an answer that begins at frame from; a negative one is live.
func (t target) request(from tape.Number) string {
	u := *t.live
	query := u.Query()
	if from >= 0 {
		query.Set("from", strconv.FormatInt(int64(from), 10))
	}
	if t.variant != "" {
		query.Set("variant", string(t.variant))
	}
	u.RawQuery = query.Encode()
	return u.String()
}
