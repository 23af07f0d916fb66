package problem

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestWrite(t *testing.T) {
	tests := []struct {
		name       string
		in         Problem
		status     int
		body       string
		retryAfter string
	}{
		{
			"the table fills in status and title", Problem{Code: RoomUnknown, Detail: "There is no room \"x\" here. Check the link."}, 404,
			`{"type":"about:blank","title":"No such room","status":404,"code":"room_unknown","detail":"There is no room \"x\" here. Check the link."}` + "\n", "",
		},
		{
			"what the caller says wins", Problem{Status: 418, Code: Full, Title: "Tea"}, 418,
			`{"type":"about:blank","title":"Tea","status":418,"code":"full"}` + "\n", "",
		},
		{
			"seconds are rounded up", Problem{Code: Full, RetryAfter: 1500 * time.Millisecond}, 503,
			`{"type":"about:blank","title":"Every seat is taken","status":503,"code":"full","retry_after_ms":1500}` + "\n", "2",
		},
		{
			"how many are inside", Problem{Code: Busy, RetryAfter: time.Second, Inside: 915000}, 503,
			`{"type":"about:blank","title":"Too many at once","status":503,"code":"busy","retry_after_ms":1000,"inside":915000}` + "\n", "1",
		},
		{
			"nothing said is an internal error", Problem{}, 500,
			`{"type":"about:blank","title":"The server failed","status":500,"code":"internal"}` + "\n", "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Write(w, tt.in)
			if w.Code != tt.status {
				t.Errorf("status = %d, want %d", w.Code, tt.status)
			}
			if got := w.Body.String(); got != tt.body {
				t.Errorf("body = %s, want %s", got, tt.body)
			}
			if got := w.Header().Get("Content-Type"); got != ContentType {
				t.Errorf("content type = %q", got)
			}
			if got := w.Header().Get("Retry-After"); got != tt.retryAfter {
				t.Errorf("Retry-After = %q, want %q", got, tt.retryAfter)
			}
		})
	}
}

func TestTableIsComplete(t *testing.T) {
	for code, row := range table {
		if http.StatusText(row.status) == "" || row.status < 400 && code != RoomMoved {
			t.Errorf("%s: status %d", code, row.status)
		}
		if row.title == "" {
			t.Errorf("%s: no title", code)
		}
	}
}

func TestProblemIsAnError(t *testing.T) {
	if got := New(Removed, "The host removed you.").Error(); got != "The host removed you." {
		t.Errorf("Error() = %q", got)
	}
	if got := New(Removed, "").Error(); got != "Removed from the room" {
		t.Errorf("Error() = %q", got)
	}
}
