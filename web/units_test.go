package web

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// TestUnits runs listen/units.test.ts in a browser.
func TestUnits(t *testing.T) {
	built := api.Build(api.BuildOptions{
		EntryPoints: []string{"listen/units.test.ts"}, Bundle: true, Format: api.FormatIIFE, GlobalName: "units", Target: api.ES2022,
	})
	if len(built.Errors) > 0 {
		t.Fatal(built.Errors)
	}
	p := browsertest.Open(t, chromium.New(t), "about:blank")
	names := browsertest.Eval[[]string](p, fmt.Sprintf(`%s;
		globalThis.units = units;
		globalThis.stream = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0));
		Object.keys(units.tests)`, built.OutputFiles[0].Contents, base64.StdEncoding.EncodeToString(unitStream())))
	if len(names) == 0 {
		t.Fatal("no tests")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			failure := browsertest.Eval[string](p, fmt.Sprintf(`(() => { try { units.tests[%q](stream); return ""; } catch (e) { return String(e.stack); } })()`, name))
			if failure != "" {
				t.Error(failure)
			}
		})
	}
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
