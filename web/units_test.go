package web

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// TestUnits runs listen/units.test.ts in a browser, TestDeskUnits desk/units.test.ts.
func TestUnits(t *testing.T) { testUnits(t, "listen/units.test.ts") }

func TestDeskUnits(t *testing.T) { testUnits(t, "desk/units.test.ts") }

func testUnits(t *testing.T, file string) {
	t.Helper()
	built := api.Build(api.BuildOptions{
		EntryPoints: []string{file}, Bundle: true, Format: api.FormatIIFE, GlobalName: "units", Target: api.ES2022,
	})
	if len(built.Errors) > 0 {
		t.Fatal(built.Errors)
	}
	// WebCrypto and storage want a page that came from somewhere.
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") }))
	t.Cleanup(s.Close)
	p := browsertest.Open(t, chromium.New(t), s.URL)
	names := browsertest.Eval[[]string](p, fmt.Sprintf(`%s;
		globalThis.units = units;
		globalThis.stream = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0));
		globalThis.edges = %s;
		Object.keys(units.tests)`, built.OutputFiles[0].Contents, base64.StdEncoding.EncodeToString(unitStream()), unitEdges(t)))
	if len(names) == 0 {
		t.Fatal("no tests")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			failure := browsertest.Eval[string](p, fmt.Sprintf(`(async () => { try { await units.tests[%q](stream, edges); return ""; } catch (e) { return String(e.stack); } })()`, name))
			if failure != "" {
				t.Error(failure)
			}
		})
	}
}

// unitEdges is what the tests' comment says.
func unitEdges(t *testing.T) string {
	data, err := json.Marshal(newList(t).of(time.Now(), "https://e1.example", "https://e2.example"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// unitStream is what the tests' comment says.
func unitStream() []byte {
	packets := make([][]byte, 8)
	for i := range packets {
		packets[i] = bytes.Repeat([]byte{byte(i)}, 11+i)
	}
	stream := fmp4.Init(codec.OpusPreSkip)
	event := tape.Event{At: 20_000_005, Kind: room.KindListening, Data: []byte(`{"t":"listening","n":7}`)}
	stream = fmp4.AppendFragment(stream, 20_000_004, packets[:4], []tape.Event{event})
	return fmp4.AppendFragment(stream, 20_000_008, packets[4:], nil)
}
