package crowd

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
)

func FuzzHead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Type: audio/mp4\r\nTransfer-Encoding: chunked\r\nEpidaurus-Frame: 1\r\n\r\n"))
	f.Add([]byte("ICY 200 OK\r\nicy-br: 128,128\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 503 Full\r\nRetry-After: 99999999999999999999\r\nContent-Length: -5\r\n\r\n{}"))
	f.Fuzz(func(t *testing.T, p []byte) {
		h, n, err := parseHead(p)
		if err != nil || n == 0 {
			return
		}
		if n > len(p) || h.status < 100 || h.status > 999 || h.retryAfter < 0 || h.retryAfter > maxRetry || h.bitrate < 0 {
			t.Errorf("%d bytes: %+v", n, h)
		}
		_, after := refusal(h, p[n:])
		if after < 0 || after > maxRetry {
			t.Errorf("come again in %v", after)
		}
	})
}

// However a body is cut, and whatever it is, the same data comes out; and what net/http takes for good is the same here.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("5\r\nsound\r\n0\r\n\r\n"), 1)
	f.Add([]byte("5;x=y\r\nsound\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n"), 3)
	f.Fuzz(func(t *testing.T, p []byte, n int) {
		read := func(n int) (got []byte, over bool, err error) {
			var c chunker
			for rest := p; len(rest) > 0 && err == nil && !c.over(); {
				k := min(n, len(rest))
				for piece := rest[:k]; len(piece) > 0 && err == nil && !c.over(); {
					var data []byte
					data, piece, err = c.next(piece)
					got = append(got, data...)
				}
				rest = rest[k:]
			}
			return got, c.over(), err
		}
		whole, over, err := read(max(len(p), 1))
		pieces, over2, err2 := read(max(n, 1))
		if !bytes.Equal(whole, pieces) || over != over2 || (err == nil) != (err2 == nil) {
			t.Fatalf("%q, %v, %v in one piece; %q, %v, %v in several", whole, over, err, pieces, over2, err2)
		}
		theirs, failed := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(p)))
		if over && failed == nil && !bytes.Equal(theirs, whole) {
			t.Fatalf("%q here, %q by net/http", whole, theirs)
		}
	})
}

func FuzzBoxes(f *testing.F) {
	f.Add(append(fmp4.Init(312), sound(5, 17)...), 3, true)
	f.Add(append(fmp4.Init(312), bytes.Repeat(sound(5, 7), 2)...), 100, false)
	f.Fuzz(func(t *testing.T, p []byte, n int, closely bool) {
		one, err := scanIn(p, max(len(p), 1), closely)
		many, err2 := scanIn(p, max(n, 1), closely)
		if one != many || (err == nil) != (err2 == nil) {
			t.Fatalf("%s, %v in one piece; %s, %v in several", one, err, many, err2)
		}
		// What is whole to this scanner, and to the reader of the packer, is the same to both.
		fragments := 0
		for r := fmp4.NewReader(bytes.NewReader(p)); err == nil; {
			var got fmp4.Fragment
			got, err = r.Next()
			if err == nil && len(got.Packets) > 0 {
				fragments++
			}
		}
		if mine := strings.Count(one, " silent "); err == io.EOF && mine != fragments {
			t.Fatalf("%d fragments, and the reader finds %d", mine, fragments)
		}
	})
}

func FuzzPages(f *testing.F) {
	whole := ogg.AppendHeaders(nil, 7, ogg.Head{PreSkip: 312})
	f.Add(ogg.AppendPages(whole, 7, 96, packetsOf(96, 108)), 9)
	f.Fuzz(func(t *testing.T, p []byte, n int) {
		read := func(n int) (got []page, bad int64, err error) {
			var s pages
			for rest := p; len(rest) > 0 && err == nil; rest = rest[min(n, len(rest)):] {
				err = s.scan(rest[:min(n, len(rest))], func(p page) { got = append(got, p) })
			}
			return got, s.bad, err
		}
		one, bad, err := read(max(len(p), 1))
		many, bad2, err2 := read(max(n, 1))
		if len(one) != len(many) || bad != bad2 || (err == nil) != (err2 == nil) {
			t.Fatalf("%v, %d, %v in one piece; %v, %d, %v in several", one, bad, err, many, bad2, err2)
		}
	})
}

func FuzzPlaylist(f *testing.F) {
	f.Add([]byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		got, err := parsePlaylist(p)
		if err == nil && got.variant == "" && (got.target <= 0 || got.sequence < 0) {
			t.Errorf("%+v", got)
		}
	})
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00aaaabbbbbbbbccccddddurn:epidaurus:event:1\x00edges\x00{}"))
	f.Fuzz(func(_ *testing.T, p []byte) {
		kind, data, ok := readEvent(p)
		if ok && kind == "edges" {
			_, _ = newEdgeKeeper().read(data)
		}
	})
}

// Nothing that nobody signed leads anybody to another room.
func FuzzOrder(f *testing.F) {
	f.Add([]byte(`{"t":"moved","to":"/r/b","signed":"eyJ2IjoxfQ","sig":"AAAA","key":"AAAA"}`))
	f.Add([]byte(`{"t":"moved","signed":"","sig":"","key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k := newEdgeKeeper()
		k.key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)).Public().(ed25519.PublicKey) //nolint:forcetypeassert // it is one
		if o, err := k.readOrder(data, "harbour"); err == nil {
			t.Errorf("%q is followed to %+v", data, o)
		}
	})
}
