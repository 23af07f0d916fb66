// Package client is a host's side of docs/PROTOCOL.md for programs: it claims a one-time link, makes rooms and invites people, as a
// browser would.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

const (
	timeout   = 10 * time.Second
	maxAnswer = 1 << 20
)

// Client acts for one host. Its methods may be called from any goroutine.
type Client struct {
	base string
	http *http.Client
}

// Room is a room as its host sees it.
type Room struct {
	ID        room.ID    `json:"id"`
	Title     string     `json:"title"`
	State     room.State `json:"state"`
	ListenURL string     `json:"listen_url"`
	DeskURL   string     `json:"desk_url"`
}

// Invite is a place on stage for one person.
type Invite struct {
	Person  room.PersonID `json:"person"`
	Token   string        `json:"token"`
	DeskURL string        `json:"desk_url"` // with the token
	WHIPURL string        `json:"whip_url"` // without it
}

// Claim uses up a one-time link, such as http://localhost:8081/desk/#claim=…, and returns the client of its host.
func Claim(ctx context.Context, link string) (*Client, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, fmt.Errorf("read the link: %w", err)
	}
	fragment, err := url.ParseQuery(u.EscapedFragment())
	if err != nil || fragment.Get("claim") == "" {
		return nil, errors.New("this is no host's link: it has no #claim= in it")
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("make a cookie jar: %w", err)
	}
	c := &Client{base: u.Scheme + "://" + u.Host, http: &http.Client{Jar: jar, Timeout: timeout}}
	err = c.post(ctx, "/api/claim", map[string]string{"secret": fragment.Get("claim")}, nil)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// CreateRoom makes a room and opens its doors.
func (c *Client) CreateRoom(ctx context.Context, title, language string, lowDelay bool) (r Room, err error) {
	err = c.post(ctx, "/api/rooms", map[string]any{"title": title, "lang": language, "low_delay": lowDelay}, &r)
	return r, err
}

// CreateRoomApart is CreateRoom, and each speaker who agrees is taped apart, too.
func (c *Client) CreateRoomApart(ctx context.Context, title, language string, lowDelay bool) (r Room, err error) {
	err = c.post(ctx, "/api/rooms", map[string]any{"title": title, "lang": language, "low_delay": lowDelay, "tracks": true}, &r)
	return r, err
}

// Announcement is a room that begins later.
type Announcement struct {
	Title       string    `json:"title"`
	Start       time.Time `json:"start"`
	Zone        string    `json:"zone"`   // IANA name
	LeadS       int       `json:"lead_s"` // the doors open so long before
	ByClock     bool      `json:"by_clock"`
	Description string    `json:"description"`
	Draft       bool      `json:"draft,omitempty"` // nobody but its team knows of it yet
}

// AnnounceRoom makes a room whose doors open at their time.
func (c *Client) AnnounceRoom(ctx context.Context, a Announcement) (r Room, err error) {
	err = c.post(ctx, "/api/rooms", a, &r)
	return r, err
}

// Invite makes a place on stage, and vouches that whoever takes it agrees to be recorded: those whom a program invites are programs, most often.
// InviteAsked does not.
func (c *Client) Invite(ctx context.Context, id room.ID, name string, role room.Role) (i Invite, err error) {
	err = c.post(ctx, "/api/rooms/"+string(id)+"/invites", map[string]any{"name": name, "role": role, "consent": true}, &i)
	return i, err
}

// InviteApart is Invite in a room whose speakers are taped apart, and vouches for that, too.
func (c *Client) InviteApart(ctx context.Context, id room.ID, name string, role room.Role) (i Invite, err error) {
	err = c.post(ctx, "/api/rooms/"+string(id)+"/invites", map[string]any{"name": name, "role": role, "consent": true, "consent_text": room.TracksText}, &i)
	return i, err
}

// InviteAsked makes a place on stage for somebody who is asked on the desk's page, where the room is recorded.
func (c *Client) InviteAsked(ctx context.Context, id room.ID, name string, role room.Role) (i Invite, err error) {
	err = c.post(ctx, "/api/rooms/"+string(id)+"/invites", map[string]any{"name": name, "role": role}, &i)
	return i, err
}

// Seat is an invitation to listen.
type Seat struct {
	Seat      room.SeatID `json:"seat"`
	Token     string      `json:"token"`
	URL       string      `json:"url"`        // of the page, with the token
	PlayerURL string      `json:"player_url"` // for radios and players, with the token
}

// SetVisibility says who finds and who hears a room.
func (c *Client) SetVisibility(ctx context.Context, id room.ID, v room.Visibility) error {
	return c.send(ctx, http.MethodPatch, "/api/rooms/"+string(id)+"/access", map[string]string{"visibility": v.Word()}, nil)
}

// SetWHEP lets so many hear a room with the delay of a call.
func (c *Client) SetWHEP(ctx context.Context, id room.ID, most int) error {
	return c.send(ctx, http.MethodPatch, "/api/rooms/"+string(id)+"/access", map[string]int{"whep": most}, nil)
}

// InviteListener makes an invitation to listen.
func (c *Client) InviteListener(ctx context.Context, id room.ID, name string) (s Seat, err error) {
	err = c.post(ctx, "/api/rooms/"+string(id)+"/seats", map[string]string{"name": name}, &s)
	return s, err
}

// WithdrawListener makes an invitation to listen void.
func (c *Client) WithdrawListener(ctx context.Context, id room.ID, seat room.SeatID) error {
	return c.send(ctx, http.MethodDelete, "/api/rooms/"+string(id)+"/seats/"+string(seat), struct{}{}, nil)
}

// Token is the host's own stage token.
func (c *Client) Token(ctx context.Context, id room.ID) (string, error) {
	var answer struct {
		Token string `json:"token"`
	}
	err := c.post(ctx, "/api/rooms/"+string(id)+"/token", struct{}{}, &answer)
	return answer.Token, err
}

// End ends a room.
func (c *Client) End(ctx context.Context, id room.ID) error {
	return c.post(ctx, "/api/rooms/"+string(id)+"/end", struct{}{}, nil)
}

// DeleteTape ends the taping of a room and deletes what there is of it.
func (c *Client) DeleteTape(ctx context.Context, id room.ID) error {
	return c.send(ctx, http.MethodDelete, "/api/rooms/"+string(id)+"/tape", struct{}{}, nil)
}

func (c *Client) post(ctx context.Context, path string, body, answer any) error {
	return c.send(ctx, http.MethodPost, path, body, answer)
}

func (c *Client) send(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return refusal(resp, got)
	}
	if answer == nil {
		return nil
	}
	err = json.Unmarshal(got, answer)
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

// refusal is the problem that the server answered with.
func refusal(resp *http.Response, body []byte) error {
	var p struct {
		Code   problem.Code `json:"code"`
		Detail string       `json:"detail"`
	}
	if json.Unmarshal(body, &p) != nil || p.Code == "" {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	return problem.Problem{Status: resp.StatusCode, Code: p.Code, Detail: p.Detail}
}
