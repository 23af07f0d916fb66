package whip

import (
	"fmt"
	"net/url"
	"strings"
)

// Target is where to publish, and by what right.
type Target struct {
	URL   string // of the WHIP endpoint
	Token string // sent as a bearer token; none when empty
}

// ParseTarget reads where to publish from a link. It is a WHIP address, with the token given apart or behind #, or a desk's link
// as people get it: http://host:8081/desk/{room}#{token}.
func ParseTarget(link, token string) (Target, error) {
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil {
		return Target{}, fmt.Errorf("%q is no link: copy the whole link again", link)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return Target{}, fmt.Errorf("%q is no link to a stage: it begins with http:// or https:// and a host", link)
	}
	if token == "" {
		token = u.Fragment
	}
	u.Fragment, u.RawFragment = "", ""
	if id, ok := strings.CutPrefix(u.Path, "/desk/"); ok {
		if id == "" || strings.Contains(id, "/") {
			return Target{}, fmt.Errorf("%q names no room: copy the whole link again", link)
		}
		if token == "" {
			return Target{}, fmt.Errorf("%q has no token behind #: copy the whole link again", link)
		}
		u.Path, u.RawPath = "/r/"+id+"/whip", ""
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c >= 0x7f {
			return Target{}, fmt.Errorf("the token behind # is damaged: copy the whole link again")
		}
	}
	return Target{URL: u.String(), Token: token}, nil
}
