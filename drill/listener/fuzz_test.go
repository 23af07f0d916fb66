package listener

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// seeds are streams of both containers.
func seeds() (mp4, oggs []byte) {
	event := tape.Event{At: start, Kind: "listening", Data: []byte(`{"t":"listening","n":3}`)}
	mp4 = fmp4.AppendFragment(fmp4.Init(codec.OpusPreSkip), start, frames(start, start+3), []tape.Event{event})
	mp4 = fmp4.AppendFragment(mp4, start+3, frames(start+3, start+5), nil)
	oggs = ogg.AppendHeaders(nil, 7, ogg.Head{PreSkip: codec.OpusPreSkip})
	oggs = ogg.AppendPages(oggs, 7, start, frames(start, start+14))
	return mp4, ogg.AppendEnd(oggs, 7, start+14, codec.OpusPreSkip)
}

// FuzzNumbers: what is found does not depend on how the bytes are cut.
func FuzzNumbers(f *testing.F) {
	mp4, oggs := seeds()
	f.Add(false, 1, mp4)
	f.Add(false, 100, append(bytes.Clone(mp4), mp4...))
	f.Add(true, 7, oggs)
	f.Add(true, 30, append(bytes.Clone(oggs), oggs...))
	f.Fuzz(func(t *testing.T, isOgg bool, cut int, b []byte) {
		c := MP4
		if isOgg {
			c = Ogg
		}
		cut = min(max(cut, 1), len(b)+1)
		var whole, parts Report
		w, p := newNumbers(c, whole.fault), newNumbers(c, parts.fault)
		if n, err := w.Write(b); n != len(b) || err != nil {
			t.Fatalf("wrote %d of %d: %v", n, len(b), err)
		}
		for at := 0; at < len(b); at += cut {
			_, _ = p.Write(b[at:min(at+cut, len(b))]) // checked above
		}
		if whole.FaultCount != parts.FaultCount || w.last != p.last || w.seen != p.seen {
			t.Errorf("%d faults at once, %d in parts", whole.FaultCount, parts.FaultCount)
		}
	})
}

// FuzzAnswer: whatever a server sends, the report adds up.
func FuzzAnswer(f *testing.F) {
	mp4, oggs := seeds()
	f.Add(false, mp4)
	f.Add(false, mp4[:len(mp4)-3])
	f.Add(true, oggs)
	f.Add(true, append(bytes.Clone(oggs), oggs...))
	f.Fuzz(func(t *testing.T, isOgg bool, b []byte) {
		to := target{container: MP4}
		if isOgg {
			to.container = Ogg
		}
		to, err := parseTarget("http://room.test/r/x/live."+string(to.container), "")
		if err != nil {
			t.Fatal(err)
		}
		l, err := newListening(Config{Clock: wallClock{time.Now()}}, to, func(Event) {})
		if err != nil {
			t.Fatal(err)
		}
		resp := &http.Response{Header: http.Header{}, ContentLength: int64(len(b)), Body: io.NopCloser(bytes.NewReader(b))}
		if err := l.read(resp, func() {}); err == nil {
			t.Error("an answer ended without a reason")
		}
		r := l.snapshot()
		sum := int64(r.Next - r.First)
		if r.Bytes != int64(len(b)) && r.FaultCount == 0 && l.timeline.started || r.Frames > 0 && r.Frames+r.GapFrames != sum {
			t.Errorf("%+v", r)
		}
	})
}

// FuzzRefusal: a server's no always becomes a sentence and a time that ends.
func FuzzRefusal(f *testing.F) {
	f.Add(503, "application/problem+json", "7", `{"code":"full","detail":"Every seat is taken.","retry_after_ms":1250}`)
	f.Add(404, "text/plain", "Mon, 23 Nov 2026 20:00:11 GMT", "no")
	f.Add(429, "application/problem+json; charset=utf-8", "-9", `{"retry_after_ms":-1}`)
	f.Add(500, "application/problem+json", "99999999999999999999", `{"retry_after_ms":9223372036854775807}`)
	f.Fuzz(func(t *testing.T, status int, kind, after, body string) {
		header := http.Header{}
		header.Set("Content-Type", kind)
		header.Set("Retry-After", after)
		header.Set("Date", "Mon, 23 Nov 2026 20:00:00 GMT")
		err := readRefusal(&http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))})
		if err == nil || err.Error() == "" {
			t.Errorf("says nothing: %v", err)
		}
		if wait := retryAfter(err, func() float64 { return 0.999 }); wait < 0 || wait > maxWait+maxWait/5 {
			t.Errorf("waits %s", wait)
		}
	})
}

// FuzzEvent: no event makes the listener fall.
func FuzzEvent(f *testing.F) {
	f.Add(int64(1), "room", []byte(`{"t":"room","id":"x","state":"live"}`))
	f.Add(int64(2), "stage", []byte(`{"t":"stage","people":[{"id":"p1","name":"Ada","role":"host","muted":false}]}`))
	f.Add(int64(3), "", []byte(" \n"))
	f.Add(int64(9), "seat", []byte("null"))
	f.Fuzz(func(t *testing.T, at int64, kind string, data []byte) {
		err := checkEvent(tape.Event{At: tape.Number(at), Kind: kind, Data: data}, 5)
		if err == nil && (at >= 5 || kind == "" || bytes.TrimSpace(data)[0] != '{') {
			t.Errorf("%d %q %q passed", at, kind, data)
		}
	})
}

// Whatever is given as a room's link, what is asked for is an address of that server.
func FuzzTarget(f *testing.F) {
	f.Add("http://localhost:8080/r/my-room#seat=s1.a.b", "opus-24")
	f.Add("https://a/r/b/live.ogg?x=%zz", "")
	f.Add(" http://[::1]/x/r/y/", "\r\n")
	f.Fuzz(func(t *testing.T, link, variant string) {
		at, err := parseTarget(link, tape.Variant(variant))
		if err != nil {
			return
		}
		u, err := url.Parse(at.request(7))
		if err != nil || u.Host != at.live.Host || u.Query().Get("from") != "7" || u.Fragment != "" {
			t.Errorf("%q becomes %q (%v)", link, at.request(7), err)
		}
	})
}
