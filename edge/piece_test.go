//go:build linux

package edge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

func TestSeal(t *testing.T) {
	for _, size := range []int{0, 1, 15, 16, 255, 256, 65535, 65536} {
		for _, prefix := range []string{"", "HTTP/1.1 200 OK\r\n\r\n"} {
			body := bytes.Repeat([]byte{'x'}, size)
			framed, bare := seal(append(blank(nil, len(prefix), size), body...), prefix)
			rest, ok := strings.CutPrefix(string(framed), prefix)
			if !ok {
				t.Fatalf("%d bytes: the prefix is not in front", size)
			}
			if size > 0 && !strings.HasPrefix(rest, fmt.Sprintf("%x\r\n", size)) {
				t.Errorf("%d bytes: the chunk begins with %.12q", size, rest)
			}
			got, err := io.ReadAll(httputil.NewChunkedReader(bufio.NewReader(strings.NewReader(rest + lastChunk))))
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes: read %d, %v", size, len(got), err)
			}
			if size > 0 && !bytes.Equal(bare, body) {
				t.Errorf("%d bytes: the bare view differs", size)
			}
		}
	}
}

func TestBlankTakesAnOldBufferThatFits(t *testing.T) {
	old := blank(nil, 0, 4000)
	for _, tt := range []struct {
		size  int
		taken bool
	}{{4001, false}, {4000, true}, {2100, true}, {1900, false}} {
		if taken := &blank(old, 0, tt.size)[0] == &old[0]; taken != tt.taken {
			t.Errorf("a buffer for 4000 bytes is taken for %d: %v", tt.size, taken)
		}
	}
}

func TestFloorTo(t *testing.T) {
	for _, tt := range []struct{ n, step, want tape.Number }{
		{0, 12, 0}, {11, 12, 0}, {12, 12, 12}, {-1, 12, -12}, {-12, 12, -12}, {-13, 12, -24},
	} {
		if got := floorTo(tt.n, tt.step); got != tt.want {
			t.Errorf("floorTo(%d, %d) = %d, want %d", tt.n, tt.step, got, tt.want)
		}
	}
}

// The writes of all phases together fall on every frame of a cadence, and each row cuts once per cadence.
func TestPhasesSpreadOverTheCadence(t *testing.T) {
	for _, c := range []container{mp4, oggOpus} {
		for _, k := range []step{0, 1, 3, 6} {
			cadence := k.cadence()
			due := make(map[tape.Number]int)
			for phase := range cadence {
				r := &row{shape: shape{container: c, step: k, phase: phase}}
				for head := 10 * cadence; head < 11*cadence; head++ {
					if at := r.cut(head); at != r.cut(head-1) {
						due[head%cadence]++
						if c == oggOpus && at%tape.PageFrames != 0 {
							t.Errorf("an Ogg row cuts at %d", at)
						}
					}
				}
			}
			if len(due) != int(cadence) {
				t.Errorf("%v, cadence %d: writes fall on %d frames", c.contentType(), cadence, len(due))
			}
		}
	}
}
