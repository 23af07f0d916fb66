//go:build linux

package crowd

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/plan"
)

// Connections come from where the plan says: by default from many addresses of loopback, from ::1 where that is the target, and from both
// families where both are named and the target has both.
func TestSources(t *testing.T) {
	t.Parallel()
	for _, row := range []sourcesCase{
		{"Default", "127.0.0.1:0", nil, 0, false, 40, 0},
		{"Few", "127.0.0.1:0", []string{"127.1.0.0/16"}, 3, false, 3, 0},
		{"OneAddress", "127.0.0.1:0", []string{"127.0.0.9"}, 0, false, 1, 0},
		{"IPv6", "[::1]:0", nil, 0, false, 0, 1},
		{"BothFamilies", "[::]:0", []string{"127.0.0.0/8", "::1"}, 0, true, 20, 1},
	} {
		t.Run(row.name, func(t *testing.T) { t.Parallel(); testSources(t, row) })
	}
}

type sourcesCase struct {
	name, listen string
	sources      []string
	count        int
	both         bool
	v4, v6       int // addresses that listeners came from
}

func testSources(t *testing.T, row sourcesCase) {
	var mu sync.Mutex
	came := map[netip.Addr]int{}
	url := listenAt(t, row.listen, func(from netip.Addr) {
		mu.Lock()
		defer mu.Unlock()
		came[from]++
	})
	p := plan.Default()
	p.Target, p.Sources, p.SourceCount = strings.Replace(url, "[::]", "127.0.0.1", 1)+"/r/room", row.sources, row.count
	p.Phases = []plan.Phase{ramp(40, 200*time.Millisecond), hold(300 * time.Millisecond)}
	c, err := New(t.Context(), Config{Plan: p, Name: "test", Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	if row.both { // as a name does that has an address of each family
		c.home.v6 = netip.AddrPortFrom(netip.IPv6Loopback(), c.home.v4.Port())
		c.home.sources = p.Spread().Of(true, true)
	}
	r, err := c.Run(t.Context())
	if all := r.Total(); err != nil || all.Begun != 40 || all.AllFailed != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	mu.Lock()
	defer mu.Unlock()
	v4, v6 := 0, 0
	for a := range came {
		if a.Is4() {
			v4++
		} else {
			v6++
		}
	}
	if v4 != row.v4 || v6 != row.v6 {
		t.Errorf("from %d addresses of IPv4 and %d of IPv6: %v", v4, v6, came)
	}
	if row.both && came[netip.IPv6Loopback()] != 20 {
		t.Errorf("%d of 40 came by IPv6", came[netip.IPv6Loopback()])
	}
}

// listenAt opens a fake room that tells where each request comes from.
func listenAt(t *testing.T, address string, tell func(netip.Addr)) (url string) {
	t.Helper()
	f := &fake{begun: time.Now().Add(-time.Minute)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tell(netip.MustParseAddrPort(r.RemoteAddr).Addr().Unmap())
		f.ServeHTTP(w, r)
	}))
	_ = server.Listener.Close()
	var err error
	server.Listener, err = net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("%s, which every Linux has that was not told otherwise: %v", address, err)
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}
