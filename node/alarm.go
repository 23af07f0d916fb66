package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// alarmDeadAir says that a room is live and nothing is heard on its stage.
const alarmDeadAir = "dead_air"

// alarm is what a webhook is told. The ID is the same in every attempt: who got it already knows it by that.
type alarm struct {
	ID    string    `json:"id"`
	Kind  string    `json:"kind"`
	On    bool      `json:"on"` // false: it is over
	Room  room.ID   `json:"room"`
	Title string    `json:"title"`
	At    time.Time `json:"at"`
}

const (
	alarmTimeout = 5 * time.Second // of one attempt
	alarmQueue   = 64              // alarms that wait; more are lost, and logged
)

// alarmWaits are the times between attempts: five in all, within half a minute, after which an alarm is of no use.
var alarmWaits = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// alarms tells a webhook, one alarm after the other. Run does the work; raise may be called from any goroutine, and never blocks.
type alarms struct {
	// immutable
	url    string // empty: nobody is told
	client *http.Client
	log    *slog.Logger
	sleep  func(context.Context, time.Duration) error
	queue  chan alarm
}

func newAlarms(url string, log *slog.Logger, sleep func(context.Context, time.Duration) error) *alarms {
	return &alarms{
		url: url, log: log, sleep: sleep, queue: make(chan alarm, alarmQueue),
		client: &http.Client{Timeout: alarmTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

func (a *alarms) raise(one alarm) {
	if a.url == "" {
		return
	}
	one.ID = rand.Text()
	select {
	case a.queue <- one:
	default:
		a.log.Error("an alarm was lost: the webhook does not take them as fast as they come", "kind", one.Kind, "room", one.Room)
	}
}

// run delivers until ctx is done.
func (a *alarms) run(ctx context.Context) {
	defer a.client.CloseIdleConnections()
	for {
		select {
		case <-ctx.Done():
			return
		case one := <-a.queue:
			err := a.deliver(ctx, one)
			if err != nil {
				a.log.Error("an alarm reached nobody", "kind", one.Kind, "room", one.Room, "error", err)
			}
		}
	}
}

// errRefused is an answer that would be the same next time.
var errRefused = errors.New("the webhook refuses it")

func (a *alarms) deliver(ctx context.Context, one alarm) error {
	body, err := json.Marshal(one)
	if err != nil {
		panic(err) // strings, flags and times always marshal
	}
	err = a.post(ctx, one.ID, body)
	for _, wait := range alarmWaits {
		if err == nil || errors.Is(err, errRefused) {
			return err
		}
		stopped := a.sleep(ctx, wait)
		if stopped != nil {
			return errors.Join(err, stopped)
		}
		err = a.post(ctx, one.ID, body)
	}
	return err
}

func (a *alarms) post(ctx context.Context, id string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", id)
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()                                       //nolint:errcheck // nothing was written
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		return fmt.Errorf("the webhook answers %s", resp.Status)
	}
	return fmt.Errorf("%w: it answers %s", errRefused, resp.Status)
}
