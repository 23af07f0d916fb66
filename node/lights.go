package node

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/api"
	"github.com/epidaurus-live/epidaurus/bus"
	"github.com/epidaurus-live/epidaurus/drill/result"
	"github.com/epidaurus-live/epidaurus/room"
)

const (
	probeAgain   = 5 * time.Second // one look at the sound from outside counts for so long
	probeTimeout = 3 * time.Second
	probeBytes   = 2 << 10 // a head and some fragments

	// farFrame is one that is never made: who comes back with it gets what newcomers get, and is let in where doors are closed to them, which
	// is no fault of the sound.
	farFrame = "1000000000000000"

	diskLow   = 2e9 // bytes that a tape should have: a day of it
	diskEmpty = 2e8

	stepFar   = 3                      // from this step of the cadence on (1.92 s) listeners hear later than they would
	clockWell = 100 * time.Millisecond // how wrong a clock may be that begins a room
	longDrill = 90 * 24 * time.Hour    // a drill says little about machines and lines of long ago
)

// lights looks at what has to be well before a room begins.
type lights struct {
	node *Node

	mu     sync.Mutex
	probed map[room.ID]probed // guarded by mu
}

type probed struct {
	at    time.Time
	light api.Light
}

// Lights implements api.Lights.
func (l *lights) Lights(ctx context.Context, f room.Facts) []api.Light {
	n := l.node
	return []api.Light{
		n.lightOfSpeakers(f), l.lightOfHold(ctx, f), n.lightOfTape(f), lightOfSeats(expects(f, n.cfg.Expect), n.bus.Edges(), n.bus.Seats(f.ID)),
		lightOfLine(n.bus.Edges()), n.lightOfPublishing(f), lightOfClock(), n.lightOfDrill(time.Now()),
	}
}

func light(name, state, why string, n ...int64) api.Light {
	a := api.Light{Name: name, State: state, Why: why}
	if len(n) > 0 {
		a.N = n[0]
	}
	if len(n) > 1 {
		a.Of = n[1]
	}
	return a
}

// lightOfSpeakers asks whether those who are on stage are heard there.
func (n *Node) lightOfSpeakers(f room.Facts) api.Light {
	const name = "speakers"
	running := n.rooms.making(f.ID)
	if running == nil {
		if f.State.Open() {
			return light(name, api.Dark, "elsewhere")
		}
		return light(name, api.Dark, "not_open")
	}
	on, heard := int64(running.maker.People()), running.heard.Load()
	switch {
	case on == 0:
		return light(name, api.Red, "nobody")
	case heard == 0:
		return light(name, api.Red, "silent", heard, on)
	case heard < on:
		return light(name, api.Amber, "some", heard, on)
	}
	return light(name, api.Green, "heard", heard, on)
}

// lightOfHold asks for the room's sound where listeners do, from outside: at another machine's edge where there is one.
func (l *lights) lightOfHold(ctx context.Context, f room.Facts) api.Light {
	const name = "sound"
	if !f.State.Open() {
		return light(name, api.Dark, "not_open")
	}
	l.mu.Lock()
	last, ok := l.probed[f.ID]
	l.mu.Unlock()
	if ok && time.Since(last.at) < probeAgain {
		return last.light
	}
	began := time.Now()
	address := l.outside() + l.node.listenPath(f.ID) + "/live.mp4?from=" + farFrame
	if token := l.node.ownSeat(f, "lights", time.Minute); token != "" {
		address += "&seat=" + token
	}
	err := probe(ctx, address)
	now := light(name, api.Green, "arrives", time.Since(began).Milliseconds())
	if err != nil {
		l.node.log.Warn("the room's sound did not arrive where listeners ask for it", "room", f.ID, "error", err)
		now = light(name, api.Red, "none")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.probed == nil || len(l.probed) > 100 {
		l.probed = map[room.ID]probed{}
	}
	l.probed[f.ID] = probed{time.Now(), now}
	return now
}

// outside is where some listeners connect.
func (l *lights) outside() string {
	own := l.node.listenersURL
	var others []string
	for _, e := range l.node.bus.Edges() {
		if e.Origin != "" && e.Origin != own && !e.Draining && room.ValidOrigin(e.Origin) {
			others = append(others, e.Origin)
		}
	}
	if len(others) == 0 {
		return own
	}
	return others[rand.IntN(len(others))]
}

// probe takes a seat until sound has come. It believes nothing that it hears, so it asks nobody for a certificate.
func probe(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the edge answers %s", resp.Status)
	}
	_, err = io.ReadFull(resp.Body, make([]byte, probeBytes))
	return err
}

// lightOfTape asks whether what is said will be kept.
func (n *Node) lightOfTape(f room.Facts) api.Light {
	const name = "tape"
	if f.Tape != room.TapeOn {
		return light(name, api.Dark, "off")
	}
	var disk unix.Statfs_t
	free := int64(0)
	err := unix.Statfs(n.data.path, &disk)
	if err == nil {
		free = int64(disk.Bavail) * int64(disk.Bsize)
	}
	switch state := n.tapeState(f.ID); {
	case n.tapes == nil:
		return light(name, api.Dark, "elsewhere")
	case state == "failed":
		return light(name, api.Red, "failed")
	case err != nil || free < diskEmpty:
		return light(name, api.Red, "disk_full", free)
	case free < diskLow:
		return light(name, api.Amber, "disk_low", free)
	case state == "on":
		return light(name, api.Green, "on", free)
	}
	return light(name, api.Green, "planned", free)
}

// lightOfSeats asks whether the edges hold everybody who is expected.
func lightOfSeats(expected int64, edges []bus.Presence, seated int) api.Light {
	const name = "seats"
	var all, free int64
	for _, e := range edges {
		taken := 0
		for _, n := range e.Rooms {
			taken += n
		}
		if !e.Draining {
			all += int64(e.Capacity)
			if !e.Full {
				free += int64(max(0, e.Capacity-taken))
			}
		}
	}
	switch {
	case all == 0:
		return light(name, api.Red, "no_edge")
	case free == 0:
		return light(name, api.Red, "none", 0, all)
	case expected-int64(seated) > free:
		return light(name, api.Amber, "few", free, expected)
	}
	return light(name, api.Green, "free", free, all)
}

// lightOfLine asks how hard the edges work.
func lightOfLine(edges []bus.Presence) api.Light {
	const name = "line"
	var far, full int64
	for _, e := range edges {
		if e.Full {
			full++
		}
		if e.Step >= stepFar {
			far++
		}
	}
	of := int64(len(edges))
	switch {
	case of == 0:
		return light(name, api.Red, "no_edge")
	case full == of:
		return light(name, api.Red, "full", full, of)
	case full > 0:
		return light(name, api.Amber, "some_full", full, of)
	case far > 0:
		return light(name, api.Amber, "far", far, of)
	}
	return light(name, api.Green, "near", of, of)
}

// lightOfClock asks the kernel whether this machine knows what time it is.
func lightOfClock() api.Light {
	const name = "clock"
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	wrong := time.Duration(tx.Esterror) * time.Microsecond
	switch {
	case err != nil:
		return light(name, api.Dark, "unknown")
	case state == unix.TIME_ERROR || tx.Status&unix.STA_UNSYNC != 0:
		return light(name, api.Amber, "free")
	case wrong > clockWell:
		return light(name, api.Amber, "wrong", wrong.Milliseconds())
	}
	return light(name, api.Green, "right", wrong.Milliseconds())
}

// lightOfDrill asks whether this build was drilled as it is configured.
func (n *Node) lightOfDrill(now time.Time) api.Light {
	const name = "drill"
	files, err := filepath.Glob(filepath.Join(n.data.path, "drills", "*.json"))
	if err != nil || len(files) == 0 {
		return light(name, api.Amber, "none")
	}
	slices.SortFunc(files, func(a, b string) int { return modified(b).Compare(modified(a)) })
	text, err := os.ReadFile(files[0])
	var r result.Result
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	days := int64(now.Sub(r.Started) / (24 * time.Hour))
	switch configs := configsOf(r); {
	case err != nil:
		return light(name, api.Amber, "unreadable")
	case !r.Valid:
		return light(name, api.Amber, "invalid", days)
	case !ofThisBuild(r.Server):
		return light(name, api.Amber, "build", days)
	case !slices.Contains(configs, n.cfg.fingerprint()):
		return light(name, api.Amber, "config", days)
	case now.Sub(r.Started) > longDrill:
		return light(name, api.Amber, "old", days)
	}
	return light(name, api.Green, "valid", days)
}

func configsOf(r result.Result) []string {
	all := []string{r.Config}
	for _, s := range r.Servers {
		all = append(all, s.Config)
	}
	return all
}

func ofThisBuild(b result.Build) bool {
	return b.Version == version() && b.Revision == revision()
}

func modified(file string) time.Time {
	info, err := os.Stat(file)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
