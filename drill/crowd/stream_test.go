package crowd

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// packet is 20 ms of Opus that differs from frame to frame.
func packet(n tape.Number) []byte {
	return append([]byte{0xf8}, bytes.Repeat([]byte{byte(n)}, 40+int(n%50))...)
}

func packetsOf(from, to tape.Number) (all [][]byte) {
	for n := from; n < to; n++ {
		all = append(all, packet(n))
	}
	return all
}

// sound is the fragment of the frames from (inclusive) to to (exclusive).
func sound(from, to tape.Number) []byte {
	return fmp4.AppendFragment(nil, from, packetsOf(from, to), nil)
}

// heardBy is a sink that writes down what it is told.
type heardBy struct{ lines []string }

func (h *heardBy) fragment(f fragment) {
	line := fmt.Sprintf("%d+%d silent %d bad %d", f.from, f.count, f.silent, f.bad)
	if f.differ > 0 {
		line += fmt.Sprintf(" differ %d", f.differ)
	}
	h.lines = append(h.lines, line)
}

func (h *heardBy) event(contents []byte) {
	kind, data, _ := readEvent(contents)
	h.lines = append(h.lines, fmt.Sprintf("event %s %s", kind, data))
}

// scanIn gives a stream to a scanner in pieces of n bytes.
func scanIn(stream []byte, n int, closely bool) (string, error) {
	s, h := boxes{known: &sums{}}, heardBy{}
	if closely {
		s.closely = &packets{}
	}
	var err error
	for len(stream) > 0 && err == nil {
		k := min(n, len(stream))
		err = s.scan(stream[:k], &h)
		stream = stream[k:]
	}
	return strings.Join(h.lines, "; "), err
}

func TestBoxes(t *testing.T) {
	event := tape.Event{At: 96, Kind: "edges", Data: []byte(`{"t":"edges"}`)}
	whole := fmp4.Init(312)
	whole = fmp4.AppendFragment(whole, 100, packetsOf(100, 112), []tape.Event{event})
	whole = append(whole, 0, 0, 0, 8, 'f', 'r', 'e', 'e')
	silent := packetsOf(112, 160)
	silent[3], silent[4] = tape.SilencePacket, []byte{0x08, 1, 2} // SILK, 20 ms
	whole = fmp4.AppendFragment(whole, 112, silent, nil)
	whole = fmp4.AppendEvent(whole, event)
	const want = `event edges {"t":"edges"}; 100+12 silent 0 bad 0; 112+48 silent 1 bad 0; event edges {"t":"edges"}`
	for n := 1; n <= len(whole); n += 1 + n/7 {
		got, err := scanIn(whole, n, true)
		if err != nil || got != want {
			t.Fatalf("in pieces of %d: %s, %v", n, got, err)
		}
		got, err = scanIn(whole, n, false)
		if err != nil || got != strings.ReplaceAll(want, "silent 1", "silent 0") {
			t.Fatalf("in pieces of %d, skipping the sound: %s, %v", n, got, err)
		}
	}
}

func TestWrongBoxes(t *testing.T) {
	head, good := fmp4.Init(312), sound(100, 112)
	change := func(at int, b ...byte) []byte {
		c := bytes.Clone(good)
		copy(c[at:], b)
		return append(bytes.Clone(head), c...)
	}
	find := func(kind string) int { return bytes.Index(good, []byte(kind)) }
	for _, row := range []struct {
		what   string
		stream []byte
		want   string
	}{
		{"a dropped head", good, "before the head"},
		{"a wrong size of a box", change(find("traf")-4, 0, 0, 9), "longer than the box around it"},
		{"a box too small for its head", change(find("tfdt")-4, 0, 0, 0, 4), "has 4 bytes"},
		{"a sequence number of another fragment", change(find("mfhd")+8, 0, 0, 0, 7), "has the sequence number 7"},
		{"a time off the grid", change(find("tfdt")+12, 1), "not on the grid"},
		{"more samples than sizes", change(find("trun")+8, 0, 0, 0, 13), "a trun of 13 samples"},
		{"a longer packet", change(find("trun")+16, 0, 0, 0, 99), "and its packets"},
		{"a hole in the sound", append(bytes.Clone(head), append(bytes.Clone(good[:len(good)-30]), good...)...), "has"},
		{"two fragments, one sound", append(bytes.Clone(head), append(bytes.Clone(good[:find("mdat")-4]), good...)...), "has no sound"},
		{"no container", []byte("<!DOCTYPE html><title>"), "a box"},
	} {
		t.Run(row.what, func(t *testing.T) {
			_, err := scanIn(row.stream, 7, true)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
		})
	}
}

func TestBadPackets(t *testing.T) {
	all := packetsOf(0, 12)
	all[1] = []byte{0xf0, 1}        // 10 ms
	all[2] = []byte{0xfb, 0x00}     // no frames
	all[3] = nil                    // nothing
	all[5] = []byte{0xf3, 0x02, 17} // twice 10 ms, as it may
	got, err := scanIn(append(fmp4.Init(312), fmp4.AppendFragment(nil, 0, all, nil)...), 5, true)
	if err != nil || got != "0+12 silent 0 bad 3" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestChunks(t *testing.T) {
	body := bytes.Repeat([]byte("sound "), 1000)
	var framed bytes.Buffer
	w := httputil.NewChunkedWriter(&framed)
	for rest := body; len(rest) > 0; {
		n := min(len(rest), 700)
		_, _ = w.Write(rest[:n])
		rest = rest[n:]
	}
	_ = w.Close()
	framed.WriteString("Trailer: x\r\n\r\nbehind")
	for _, n := range []int{1, 2, 3, 64, 1 << 20} {
		var c chunker
		var got []byte
		rest := framed.Bytes()
		for len(rest) > 0 && !c.over() {
			k := min(n, len(rest))
			piece := rest[:k]
			for len(piece) > 0 && !c.over() {
				data, more, err := c.next(piece)
				if err != nil {
					t.Fatal(err)
				}
				got, piece = append(got, data...), more
			}
			rest = rest[k-len(piece):]
		}
		if !bytes.Equal(got, body) || string(rest) != "behind" {
			t.Errorf("in pieces of %d: %d bytes, and %q behind", n, len(got), rest)
		}
	}
	for _, bad := range []string{"x\r\n", "\r\n", "5\r\nsound!", "5\r\nsound\rx", "fffffffff\r\n", "-1\r\n", "0\r\n\rx"} {
		var c chunker
		p, err := []byte(bad), error(nil)
		for len(p) > 0 && err == nil {
			_, p, err = c.next(p)
		}
		if err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestHead(t *testing.T) {
	text := "HTTP/1.1 200 OK\r\nContent-Type: Audio/MP4; codecs=\"opus\"\r\n" +
		"transfer-encoding: chunked\r\nEpidaurus-Frame: 512\r\nServer: x\r\n\r\n"
	h, n, err := parseHead([]byte(text + "body"))
	want := head{status: 200, chunked: true, keep: true, length: -1, frame: 512, kind: "audio/mp4", server: "x"}
	if err != nil || n != len(text) || h != want {
		t.Errorf("%+v, %d, %v", h, n, err)
	}
	for n := range len(text) {
		_, size, err := parseHead([]byte(text[:n]))
		if size != 0 || err != nil {
			t.Fatalf("%d bytes of a head are %d, %v", n, size, err)
		}
	}
	for _, bad := range []string{
		"SSH-2.0-x\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 x\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("a: b\r\n", 4000),
	} {
		_, _, err := parseHead([]byte(bad))
		if err == nil {
			t.Errorf("%.30q was read", bad)
		}
	}
	refused := head{status: 503, kind: "application/problem+json", retryAfter: 2 * time.Second}
	code, after := refusal(refused, []byte(`{"code":"full","retry_after_ms":1500}`))
	if code != "full" || after != 1500*time.Millisecond {
		t.Errorf("%s after %v", code, after)
	}
	code, after = refusal(head{status: 403, retryAfter: time.Second}, []byte("limit reached"))
	if code != "403" || after != time.Second {
		t.Errorf("%s after %v", code, after)
	}
}

func TestPages(t *testing.T) {
	var whole []byte
	whole = ogg.AppendHeaders(whole, 7, ogg.Head{PreSkip: 312})
	for n := tape.Number(96); n < 144; n += 12 {
		whole = ogg.AppendPages(whole, 7, n, packetsOf(n, n+12))
	}
	for _, n := range []int{1, 5, 27, 1000, 1 << 20} {
		var s pages
		var got []string
		var err error
		for rest := whole; len(rest) > 0 && err == nil; rest = rest[min(n, len(rest)):] {
			err = s.scan(rest[:min(n, len(rest))], func(p page) { got = append(got, fmt.Sprint(p.end/960, p.packets, p.missing, p.rate)) })
		}
		if err != nil || strings.Join(got, "; ") != "108 12 0 48000; 120 12 0 48000; 132 12 0 48000; 144 12 0 48000" {
			t.Errorf("in pieces of %d: %s, %v", n, strings.Join(got, "; "), err)
		}
	}
	var skipped pages
	missing := int64(0)
	hole := ogg.AppendPages(bytes.Clone(whole), 7, 156, packetsOf(156, 168))
	err := skipped.scan(hole, func(p page) { missing += p.missing })
	if err != nil || missing != 1 {
		t.Errorf("%d pages are missing, %v", missing, err)
	}
	var s pages
	err = s.scan(append(bytes.Clone(whole[:len(whole)-9]), whole[len(whole)-8:]...), func(page) {})
	if err == nil {
		err = s.scan(whole, func(page) {})
	}
	if err == nil {
		t.Error("a byte that is missing was not noticed")
	}
}

func TestPlayer(t *testing.T) {
	var p player
	for _, row := range []struct {
		what           string
		now, from, to  time.Duration
		stalled, holds time.Duration
	}{
		{"the burst is what it has to live on", 10, 100, 104, 0, 4},
		{"sound in time", 13, 104, 105, 0, 2},
		{"sound at the last moment", 15, 105, 106, 0, 1},
		{"sound two too late", 18, 106, 107, 2, 1},
		{"goes on from there", 19, 107, 108, 0, 1},
		{"another timeline", 20, 1, 3, 0, 2},
	} {
		const s = time.Second
		if got := p.arrive(row.now*s, row.from*s, row.to*s); got != row.stalled*s || p.held(row.now*s) != row.holds*s {
			t.Errorf("%s: stalled %v, holds %v", row.what, got, p.held(row.now*s))
		}
	}
}

// edgesEvent is the data of an edges event that is signed as the protocol says.
func edgesEvent(t testing.TB, key ed25519.PrivateKey, edges ...string) []byte {
	signed, err := json.Marshal(map[string]any{"v": 1, "edges": edges, "made": 1, "expires": int64(1) << 40})
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	text, err := json.Marshal(map[string]any{
		"t": "edges", "edges": edges, "signed": b64(signed), "sig": b64(ed25519.Sign(key, signed)), "key": b64(key.Public().(ed25519.PublicKey)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEdges(t *testing.T) {
	ours := ed25519.NewKeyFromSeed(make([]byte, 32))
	theirs := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	k := newEdgeKeeper()
	list, err := k.read(edgesEvent(t, ours, "http://a", "http://b"))
	if err != nil || strings.Join(list.origins, " ") != "http://a http://b" {
		t.Fatalf("%+v, %v", list, err)
	}
	again, err := k.read(edgesEvent(t, ours, "http://a", "http://b"))
	if err != nil || again != list {
		t.Error("the same list is another one")
	}
	_, err = k.read(edgesEvent(t, theirs, "http://evil"))
	if err == nil {
		t.Error("another key was believed")
	}
	forged := bytes.ReplaceAll(edgesEvent(t, ours, "http://c"), []byte(`"sig":"`), []byte(`"sig":"AAAA`))
	for _, bad := range [][]byte{forged, []byte("{}"), nil} {
		_, err = k.read(bad)
		if err == nil {
			t.Errorf("%s was believed", bad)
		}
	}
}

func TestPlaylist(t *testing.T) {
	p, err := parsePlaylist([]byte("#EXTM3U\r\n#EXT-X-TARGETDURATION:2\r\n#EXT-X-MEDIA-SEQUENCE:7\r\n" +
		"#EXTINF:1.92,x\r\na.ts\r\n#EXTINF:2,\r\nb.ts\r\n"))
	first := segment{"a.ts", 1920 * time.Millisecond}
	if err != nil || p.sequence != 7 || p.target != 2*time.Second || len(p.segments) != 2 || p.segments[0] != first {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = parsePlaylist([]byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow/x.m3u8\n"))
	if err != nil || p.variant != "low/x.m3u8" {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{
		"", "hello", "#EXTM3U\na.ts\n", "#EXTM3U\n#EXT-X-TARGETDURATION:NaN\n",
		"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:-1\n",
	} {
		_, err = parsePlaylist([]byte(bad))
		if err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
