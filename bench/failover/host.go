//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

// openRoom does what a host would: claims the link, and makes a room. From then on its hold sound is heard.
func openRoom(link string) (id string, err error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("read the host's link: %w", err)
	}
	fragment, err := url.ParseQuery(u.EscapedFragment())
	if err != nil {
		return "", fmt.Errorf("read the host's link: %w", err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	host := &http.Client{Jar: jar, Timeout: asking.Timeout}
	base := u.Scheme + "://" + u.Host
	err = post(host, base+"/api/claim", map[string]any{"secret": fragment.Get("claim")}, nil)
	if err != nil {
		return "", err
	}
	var room struct{ ID string }
	err = post(host, base+"/api/rooms", map[string]any{"title": "Failover", "lang": "en", "low_delay": false}, &room)
	return room.ID, err
}

func post(c *http.Client, to string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	resp, err := c.Post(to, "application/json", bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("ask the stage: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return errors.Join(fmt.Errorf("ask the stage: %s answers %s", to, resp.Status), resp.Body.Close())
	}
	if answer != nil {
		err = json.NewDecoder(resp.Body).Decode(answer)
	}
	return errors.Join(err, resp.Body.Close())
}
