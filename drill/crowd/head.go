package crowd

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// maxHead bounds an answer's head.
const maxHead = 16 << 10

// Faults of heads.
var (
	errHead     = errors.New("the answer is not HTTP/1")
	errLongHead = errors.New("the answer's head is longer than 16 KB")
)

// head is what matters of an answer's head.
type head struct {
	status     int
	chunked    bool
	keep       bool          // the connection can take another request
	length     int64         // of the body; -1 where it was not said
	frame      int64         // Epidaurus-Frame; -1 where it was not said
	bitrate    int64         // bit/s, as Icecast says; 0 where it was not said
	retryAfter time.Duration // 0 where it was not said
	kind       string        // media type, without parameters, in lower case
	server     string
	location   string
}

// maxRetry bounds what a server may ask for; a drill has an end.
const maxRetry = time.Hour

var headEnd = []byte("\r\n\r\n")

// parseHead reads a head at the beginning of p, and returns how long it is; 0 while it is not whole.
func parseHead(p []byte) (h head, size int, err error) {
	end := bytes.Index(p, headEnd)
	if end < 0 {
		if len(p) > maxHead {
			return h, 0, errLongHead
		}
		if len(p) >= 5 && string(p[:5]) != "HTTP/" && string(p[:4]) != "ICY " {
			return h, 0, errHead
		}
		return h, 0, nil
	}
	if end > maxHead {
		return h, 0, errLongHead
	}
	size = end + len(headEnd)
	line, fields, _ := bytes.Cut(p[:end], []byte("\r\n"))
	h = head{length: -1, frame: -1}
	version, rest, _ := bytes.Cut(line, []byte(" "))
	code, _, _ := bytes.Cut(rest, []byte(" "))
	h.status, err = strconv.Atoi(string(code))
	http := bytes.HasPrefix(version, []byte("HTTP/1.")) || string(version) == "ICY"
	if !http || err != nil || h.status < 100 || h.status > 999 {
		return head{}, 0, errHead
	}
	h.keep = string(version) == "HTTP/1.1"
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return head{}, 0, errHead
		}
		h.field(name, bytes.TrimSpace(value))
	}
	return h, size, nil
}

func (h *head) field(name, value []byte) {
	is := func(want string) bool { return len(name) == len(want) && strings.EqualFold(string(name), want) }
	number := func() int64 {
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 0 {
			return -1
		}
		return n
	}
	switch {
	case is("Transfer-Encoding"):
		h.chunked = bytes.EqualFold(value, []byte("chunked"))
	case is("Content-Length"):
		h.length = number()
	case is("Content-Type"):
		kind, _, _ := bytes.Cut(value, []byte(";"))
		h.kind = strings.ToLower(string(bytes.TrimSpace(kind)))
	case is("Connection"):
		if bytes.EqualFold(value, []byte("close")) {
			h.keep = false
		}
	case is("Epidaurus-Frame"):
		h.frame = number()
	case is("Retry-After"):
		h.retryAfter = min(time.Duration(min(max(number(), 0), 1<<30))*time.Second, maxRetry)
	case is("icy-br"), is("ice-bitrate"):
		first, _, _ := bytes.Cut(value, []byte(","))
		n, err := strconv.ParseInt(string(bytes.TrimSpace(first)), 10, 32)
		if err == nil && n > 0 && n < 10_000 {
			h.bitrate = n * 1000
		}
	case is("Location"):
		const longest = 1024
		h.location = string(value[:min(len(value), longest)])
	case is("Server"):
		h.server = string(value[:min(len(value), 100)])
	}
}

// refusal reads the problem in a refusal's body, as far as it is there: its code, and when to come again.
func refusal(h head, body []byte) (code string, after time.Duration) {
	code, after = strconv.Itoa(h.status), h.retryAfter
	var problem struct {
		Code         string `json:"code"`
		RetryAfterMS int64  `json:"retry_after_ms"`
	}
	if h.kind != "application/problem+json" || json.Unmarshal(body, &problem) != nil {
		return code, after
	}
	if problem.Code != "" && len(problem.Code) <= 64 {
		code = problem.Code
	}
	if ms := problem.RetryAfterMS; ms > 0 {
		after = min(time.Duration(min(ms, maxRetry.Milliseconds()))*time.Millisecond, maxRetry)
	}
	return code, after
}
