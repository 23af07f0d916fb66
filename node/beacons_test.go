package node

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// Who pulls is told whether to speak, is heard from any page, and is estimated; beside the seats, and of rooms that are on only.
func TestBeacons(t *testing.T) {
	t.Parallel()
	n := openHouse(t, usual(t))
	r := n.room()
	say := func(id room.ID, body string) (int, http.Header) {
		t.Helper()
		resp, err := http.Post(n.RoomURL(id)+"/beacon", "text/plain", strings.NewReader(body)) //nolint:noctx // on this machine
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Header
	}
	for body, want := range map[string]int{"17": 204, "281474976710655": 204, "281474976710656": 400, "-1": 400, "": 400, "x": 400, strings.Repeat("1", 40): 400} {
		got, head := say(r.ID, body)
		if got != want || head.Get("Access-Control-Allow-Origin") != "*" || head.Get("Set-Cookie") != "" {
			t.Errorf("%q: status %d, want %d; %v", body, got, want, head)
		}
	}
	if got, _ := say("nobody", "17"); got != http.StatusNotFound {
		t.Errorf("a room that is not there: %d", got)
	}
	status, rules := n.ask(t, http.MethodGet, n.RoomURL(r.ID)+"/beacon.json", "")
	if status != http.StatusOK || rules != `{"url":"beacon","one_in":1,"every_s":30}` {
		t.Errorf("%d %s", status, rules)
	}
	published, err := n.publishedBeacon(r.ID)
	if err != nil || string(published) != `{"url":"`+n.RoomURL(r.ID)+`/beacon","one_in":1,"every_s":30}` {
		t.Errorf("%s, %v", published, err)
	}
	var seen statusAnswer
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); seen.Behind == nil || seen.Behind.Listeners < 2; <-tick.C { // the first of two may be estimated before the other speaks
		_, text := n.ask(t, http.MethodGet, n.RoomURL(r.ID)+"/status.json", "")
		err := json.Unmarshal([]byte(text), &seen)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%s, %v", text, err)
		}
	}
	if seen.Behind.Listeners != 2 || seen.Behind.Low != 2 || seen.Behind.High != 2 || seen.Seated != 0 {
		t.Errorf("of two who spoke, %+v are estimated, and %d are seated", seen.Behind, seen.Seated)
	}
	err = n.host.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, rules := n.ask(t, http.MethodGet, n.RoomURL(r.ID)+"/beacon.json", ""); !strings.Contains(rules, `"one_in":0`) {
		t.Errorf("of a room that is over: %s", rules)
	}
}

func FuzzReadDrawn(f *testing.F) {
	f.Add([]byte("281474976710655"))
	f.Add([]byte("281474976710656"))
	f.Add([]byte("-1"))
	f.Add(bytes.Repeat([]byte("0"), 40))
	f.Fuzz(func(t *testing.T, body []byte) {
		drawn, ok := readDrawn(bytes.NewReader(body))
		if ok && (drawn >= 1<<48 || len(body) > beaconMost) {
			t.Errorf("%q is taken for %d", body, drawn)
		}
	})
}

// Who promises a word and says none holds his connection no longer than who sends no head.
func TestSilentBeaconsAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	n := openHouse(t, usual(t))
	at, err := url.Parse(n.RoomURL(n.room().ID) + "/beacon")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", at.Host) //nolint:noctx // on this machine
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it is of no use any more
	err = conn.SetDeadline(time.Now().Add(headerTimeout + patience))
	if err == nil {
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 9\r\n\r\n1", at.Path, at.Host)
	}
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Fatalf("half a word is answered by %v, %v", resp, err)
	}
}
