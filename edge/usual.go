//go:build linux

package edge

import (
	"bytes"

	"github.com/epidaurus-live/epidaurus/room"
)

// usualRequest reads a request for a seat of the form that players and browsers send: GET, HTTP/1.1, a room's floor, nothing after the
// head. ok is false for all else, be it wrong or just unusual: net/http judges that. What is taken here net/http takes too, and
// understands as the same (RFC 9112).
func usualRequest(head []byte) (id room.ID, file, query string, ok bool) {
	line, fields, found := bytes.Cut(head, lineEnd)
	target, isGet := bytes.CutPrefix(line, []byte("GET /r/"))
	target, isNew := bytes.CutSuffix(target, []byte(" HTTP/1.1"))
	if !found || !isGet || !isNew || !usualFields(fields) {
		return "", "", "", false
	}
	path, search, _ := bytes.Cut(target, []byte("?"))
	name, last, _ := bytes.Cut(path, []byte("/"))
	switch string(last) {
	case "live.mp4":
		file = "live.mp4"
	case "live.ogg":
		file = "live.ogg"
	default:
		return "", "", "", false
	}
	id = room.ID(name)
	return id, file, string(search), id.Valid() && only(search, usualQuery)
}

var lineEnd = []byte("\r\n")

// usualFields reports whether the fields of a head are whole and of no consequence: one Host, nothing that announces a body or another
// protocol, and nothing behind them.
func usualFields(fields []byte) bool {
	hosts := 0
	for {
		line, rest, found := bytes.Cut(fields, lineEnd)
		if !found {
			return false
		}
		if len(line) == 0 {
			return len(rest) == 0 && hosts == 1
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || len(name) == 0 || !only(name, fieldName) || !only(value, fieldValue) {
			return false
		}
		value = bytes.Trim(value, " \t")
		switch {
		case bytes.EqualFold(name, []byte("Host")):
			hosts++
			if len(value) == 0 || !only(value, hostName) {
				return false
			}
		case bytes.EqualFold(name, []byte("Connection")):
			if !bytes.EqualFold(value, []byte("keep-alive")) && !bytes.EqualFold(value, []byte("close")) {
				return false
			}
		default:
			for _, unusual := range unusualFields {
				if bytes.EqualFold(name, unusual) {
					return false
				}
			}
		}
		fields = rest
	}
}

// unusualFields change what a request is.
var unusualFields = [][]byte{
	[]byte("Content-Length"), []byte("Transfer-Encoding"), []byte("Trailer"), []byte("Expect"), []byte("Upgrade"), []byte("HTTP2-Settings"),
}

// only reports whether all bytes are of a set.
func only(p []byte, set *[256]bool) bool {
	for _, c := range p {
		if !set[c] {
			return false
		}
	}
	return true
}

// Sets of bytes, each within what net/http takes.
var (
	usualQuery = setOf("-._~=&%+")
	fieldName  = setOf("-_")
	hostName   = setOf("-.:[]")
	fieldValue = func() *[256]bool {
		set := setOf("\t")
		for c := ' '; c <= '~'; c++ {
			set[c] = true
		}
		return set
	}()
)

// setOf is the set of letters, digits and some other bytes.
func setOf(others string) *[256]bool {
	set := new([256]bool)
	for _, c := range []byte(others) {
		set[c] = true
	}
	for _, c := range []byte("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		set[c] = true
	}
	return set
}
