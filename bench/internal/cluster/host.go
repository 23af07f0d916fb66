//go:build linux

package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

// Host is who makes rooms.
type Host struct {
	base string
	http *http.Client
}

// Claim does what a host would with his link.
func Claim(link string) (*Host, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, fmt.Errorf("read the host's link: %w", err)
	}
	fragment, err := url.ParseQuery(u.EscapedFragment())
	if err != nil {
		return nil, fmt.Errorf("read the host's link: %w", err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	h := &Host{u.Scheme + "://" + u.Host, &http.Client{Jar: jar, Timeout: asking.Timeout}}
	return h, h.Ask(http.MethodPost, "/api/claim", map[string]any{"secret": fragment.Get("claim")}, nil)
}

// OpenRoom makes a room. From then on its hold sound is heard.
func (h *Host) OpenRoom(title string) (id string, err error) {
	var room struct{ ID string }
	err = h.Ask(http.MethodPost, "/api/rooms", map[string]any{"title": title, "lang": "en", "low_delay": false}, &room)
	return room.ID, err
}

// Ask makes a request of the host's side, and reads its answer.
func (h *Host) Ask(method, path string, body, answer any) error {
	var text []byte
	if body != nil {
		var err error
		text, err = json.Marshal(body)
		if err != nil {
			return err
		}
	}
	req, err := http.NewRequest(method, h.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := h.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the stage: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return errors.Join(fmt.Errorf("ask the stage: %s answers %s", path, resp.Status), resp.Body.Close())
	}
	if answer != nil {
		err = json.NewDecoder(resp.Body).Decode(answer)
	}
	return errors.Join(err, resp.Body.Close())
}
