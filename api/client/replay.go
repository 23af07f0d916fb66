package client

import (
	"context"
	"net/http"

	"github.com/epidaurus-live/epidaurus/room"
)

// Mark begins a chapter now, for listeners of what is said on stage now.
func (c *Client) Mark(ctx context.Context, id room.ID, title string) (chapter room.Chapter, err error) {
	err = c.send(ctx, http.MethodPost, "/api/rooms/"+string(id)+"/chapters", struct {
		Title string `json:"title"`
	}{title}, &chapter)
	return chapter, err
}

// Replay is what the host has made of a replay.
type Replay struct {
	Title    string   `json:"title"`
	From     int64    `json:"from"`
	To       int64    `json:"to"`
	Clips    bool     `json:"clips"`
	Posted   bool     `json:"posted"`
	PostedAt string   `json:"posted_at"` // empty: it is not posted yet, which is a change of its own
	Tape     [2]int64 `json:"tape"`
	Revision int      `json:"revision"`
}

// Replay says what the host has made of a replay.
func (c *Client) Replay(ctx context.Context, id room.ID) (r Replay, err error) {
	err = c.send(ctx, http.MethodGet, "/api/rooms/"+string(id)+"/replay", nil, &r)
	return r, err
}

// EditReplay changes members of a replay; the members are those of docs/PROTOCOL.md.
func (c *Client) EditReplay(ctx context.Context, id room.ID, change map[string]any) (r Replay, err error) {
	err = c.send(ctx, http.MethodPatch, "/api/rooms/"+string(id)+"/replay", change, &r)
	return r, err
}

// Feed is the address of the host's feed.
func (c *Client) Feed(ctx context.Context) (string, error) {
	var me struct {
		Feed string `json:"feed_url"`
	}
	err := c.send(ctx, http.MethodGet, "/api/me", nil, &me)
	return me.Feed, err
}
