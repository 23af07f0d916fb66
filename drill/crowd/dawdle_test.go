//go:build linux

package crowd

import (
	"crypto/tls"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

// Those who are slow or stuck on purpose take their seats and are counted apart: no figure of the others is theirs.
func TestSlowAndStuck(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]plan.TLSMode{"Plain": plan.TLSNone, "TLS": plan.TLSFull} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{begun: time.Now().Add(-time.Minute)}
			server := httptest.NewUnstartedServer(f)
			if mode == plan.TLSFull {
				server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
				server.StartTLS()
			} else {
				server.Start()
			}
			t.Cleanup(server.Close)
			p := plan.Default()
			p.Target, p.TLS = server.URL+"/r/room", plan.TLS{Mode: mode, Insecure: true}
			p.Sample, p.Slow, p.SlowRate, p.Stuck = 1, 0.2, 100, 0.1
			p.Phases = []plan.Phase{ramp(50, 200*time.Millisecond), hold(long)}
			// A slow one has read at most a kilobyte at once of the beginning, and then 100 bytes a second.
			r, all := play(t, p, func(r result.Result, all result.Total) bool {
				return all.Seated == 35 && r.Slow.Seated == 10 && r.Stuck.Seated == 5 && all.Frames >= 35*8*cadence
			})
			if all.Due != 35 || all.Begun != 35 || all.Seated != 35 || all.Gaps+all.Wrong+all.Cuts+all.AllFailed != 0 ||
				r.Listeners.Parsed != 35 {
				t.Errorf("%+v, %q", all, r.Notes)
			}
			if r.Slow.Due != 10 || r.Slow.Seated != 10 || r.Stuck.Due != 5 || r.Stuck.Seated != 5 || r.Slow.Closed+r.Stuck.Closed != 0 {
				t.Errorf("slow %+v, stuck %+v", r.Slow, r.Stuck)
			}
			if most := int64(5 * badRead); mode == plan.TLSNone && (r.Stuck.Bytes > most || r.Stuck.Bytes == 0 || r.Slow.Bytes == 0) {
				t.Errorf("slow %+v, stuck %+v", r.Slow, r.Stuck)
			}
			if n := f.requests.Load(); n != 50 {
				t.Errorf("%d requests", n)
			}
			if !strings.Contains(strings.Join(r.Notes, "\n"), "20 % of the listeners were slow on purpose (100 bytes a second) and 10 % stuck") {
				t.Errorf("%q", r.Notes)
			}
		})
	}
}

// Whom the server closes is counted, and stays away; who is refused comes again like others.
func TestSlowAndStuckAreClosed(t *testing.T) {
	t.Parallel()
	f := &fake{fault: func(n int64, _ bool) fault {
		if n < 10 {
			return full
		}
		return reset
	}}
	p := open(t, f, ramp(20, 100*time.Millisecond), hold(long))
	p.Slow, p.Stuck = 0.5, 0.5
	r, all := play(t, p, func(r result.Result, _ result.Total) bool { return r.Slow.Closed == 10 && r.Stuck.Closed == 10 })
	if r.Slow.Closed != 10 || r.Stuck.Closed != 10 || r.Slow.Seated != 10 || r.Stuck.Seated != 10 || r.Slow.Refused+r.Stuck.Refused != 10 {
		t.Errorf("slow %+v, stuck %+v", r.Slow, r.Stuck)
	}
	if all.Due+all.Seated+all.Cuts+all.AllRefused+all.Bytes != 0 || f.requests.Load() != 30 {
		t.Errorf("%d requests, %+v", f.requests.Load(), all)
	}
}
