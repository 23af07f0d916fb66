package listener

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Refusal is a server's no. Its text is the server's own sentence, when it said one.
type Refusal struct {
	Status     int
	Code       string        // stable, of problem+json; empty when the server said none
	Detail     string        // the server's sentence
	RetryAfter time.Duration // when to come again; zero when the server did not say
}

func (r *Refusal) Error() string {
	if r.Detail != "" {
		return r.Detail
	}
	return fmt.Sprintf("the server answers %d %s", r.Status, http.StatusText(r.Status))
}

// errNotSound wraps what is final: the address leads to something else.
var errNotSound = errors.New("this is not the sound of a room")

// errEnded says that the room is over.
var errEnded = errors.New("the room has ended")

// errRecord wraps a failure to keep what is heard.
var errRecord = errors.New("the recording cannot be written")

// passing are the answers after which another try may succeed.
var passing = []int{
	http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
	http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// isFinal reports whether there is no point in another try.
func isFinal(err error) bool {
	var r *Refusal
	if errors.As(err, &r) {
		return !slices.Contains(passing, r.Status)
	}
	return errors.Is(err, errNotSound) || errors.Is(err, errRecord)
}

// retryAfter is how long the server asked to wait, and up to a fifth more so that not all come back at once.
func retryAfter(err error, random func() float64) time.Duration {
	var r *Refusal
	if !errors.As(err, &r) {
		return 0
	}
	return r.RetryAfter + time.Duration(random()*float64(r.RetryAfter)/5)
}

// maxWait bounds what a server may ask for; anything longer is as good as for ever.
const maxWait = 24 * time.Hour

// readRefusal reads a status that is not 200. An ended room is not a refusal but an end.
func readRefusal(resp *http.Response) error {
	r := &Refusal{Status: resp.StatusCode, RetryAfter: headerRetryAfter(resp.Header)}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "application/problem+json" {
		var problem struct {
			Title        string `json:"title"`
			Detail       string `json:"detail"`
			Code         string `json:"code"`
			RetryAfterMS int64  `json:"retry_after_ms"`
		}
		if json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&problem) == nil {
			r.Code, r.Detail = problem.Code, problem.Detail
			if r.Detail == "" {
				r.Detail = problem.Title
			}
			if ms := problem.RetryAfterMS; ms > 0 {
				r.RetryAfter = time.Duration(min(ms, maxWait.Milliseconds())) * time.Millisecond
			}
		}
	}
	if r.Code == "room_ended" {
		return errEnded
	}
	return r
}

// headerRetryAfter reads Retry-After, in seconds or as a date (RFC 9110 §10.2.3). A date counts from the server's own clock.
func headerRetryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxWait/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxWait)
}
