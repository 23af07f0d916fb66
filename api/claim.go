package api

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Claims are limited for all together: nobody guesses 192 bits, and each try costs a write to the database.
const (
	claimEvery = time.Second
	claimBurst = 10
)

func (a *api) claim(w http.ResponseWriter, r *http.Request) error {
	var link room.Secret
	err := readObject(w, r, member{name: "secret", into: (*string)(&link)})
	if err != nil {
		return err
	}
	now := a.cfg.Clock()
	if wait := a.claims.take(now); wait > 0 {
		return problem.Problem{Code: problem.TooMany, Detail: "Too many links are tried at this moment. Try again in a few seconds.", RetryAfter: wait}
	}
	session, err := room.NewSecret(a.cfg.Rand)
	if err != nil {
		return err
	}
	err = a.redeem(r, link, session, now)
	if err != nil {
		return err
	}
	a.setCookie(w, r, session)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// redeem compares nothing itself: the records look the link up by its hash, and how long that takes tells a guesser nothing.
func (a *api) redeem(r *http.Request, link, session room.Secret, now time.Time) error {
	err := room.ErrLinkUnknown
	if link.Valid() {
		ctx, cancel := detached(r)
		defer cancel()
		_, err = a.cfg.Sessions.Redeem(ctx, link.Hash(), session.Hash(), now)
	}
	const another = " \"epidaurus host-link\" on the server prints a new one."
	switch {
	case errors.Is(err, room.ErrLinkUnknown):
		return problem.New(problem.ClaimUnknown, "This link is not known here. Copy the whole link again."+another)
	case errors.Is(err, room.ErrLinkUsed):
		return problem.New(problem.ClaimUsed, "This link was used already: it works once."+another)
	case errors.Is(err, room.ErrLinkExpired):
		return problem.Problem{Code: problem.ClaimUsed, Title: "The link has expired", Detail: "This link has expired." + another}
	}
	return err
}

func (a *api) me(w http.ResponseWriter, r *http.Request) error {
	host, err := a.host(r)
	if err != nil && !errors.Is(err, errHostOnly) {
		return err
	}
	answer := struct {
		Host bool   `json:"host"`
		Feed string `json:"feed_url,omitempty"`
	}{Host: err == nil}
	if answer.Host {
		answer.Feed = a.cfg.ListenURL(r) + "/feed/" + string(host) + ".xml"
	}
	return writeJSON(w, http.StatusOK, answer)
}

// A cookie set over TLS has the prefix that keeps other hosts of the domain, and plain HTTP, from setting it (RFC 6265bis, section 4.1.3.2).
const (
	plainCookie  = "epidaurus_host"
	secureCookie = "__Host-epidaurus_host"
)

// cookieLife is the longest that browsers keep one (400 days). How long a session lives is the records' decision.
const cookieLife = 400 * 24 * time.Hour

func (a *api) cookie(r *http.Request) (room.Secret, bool) {
	name := plainCookie
	if a.byTLS(r) {
		name = secureCookie
	}
	c, err := r.Cookie(name)
	if err != nil || !room.Secret(c.Value).Valid() {
		return "", false
	}
	return room.Secret(c.Value), true
}

func (a *api) setCookie(w http.ResponseWriter, r *http.Request, s room.Secret) {
	c := &http.Cookie{
		Name: plainCookie, Value: string(s), Path: "/api", MaxAge: int(cookieLife / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if a.byTLS(r) {
		c.Name, c.Path, c.Secure = secureCookie, "/", true
	}
	http.SetCookie(w, c)
}

// byTLS reports whether the browser speaks TLS: to us, or to a proxy in front of us that has our public name.
func (a *api) byTLS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	public, err := url.Parse(a.cfg.StageURL(r))
	return err == nil && public.Scheme == "https" && public.Host == r.Host
}
