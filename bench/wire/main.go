//go:build linux

// Command wire counts what a listener costs on the wire, by each way to listen: requests, and bytes with everything that IP carries, both ways. All
// ways are given the same sound, 32 kbit/s of Opus, at the same time. It prints one JSON line.
//
//	go run ./bench/wire                                    as root; needs ffmpeg, chromium-headless-shell, curl, iproute2, util-linux
//	go run ./bench/wire -mediamtx ./mediamtx               and MediaMTX beside it, as its own configuration file has it
//
// Each listener has a network namespace of its own, behind a pair of interfaces (MTU 1500, no segmentation offload): what these counted, less 14 bytes
// of Ethernet a packet, is what is told. Endless answers go to curl; HLS to hls.js at its default settings in Chromium, which says how often it asked and how far
// it was behind. Everything is plain HTTP/1.1. WHEP is measured by bench/whep.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
	"github.com/epidaurus-live/epidaurus/cast"
	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Ports in the namespace of the servers.
const (
	portShort = 8080 // an edge with the shortest cadence
	portLong  = 8081 // and one with that of a crowd
	portPage  = 8090 // the page with hls.js
	portRTSP  = 8554 // MediaMTX's
	portHLS   = 8888 // MediaMTX's
)

const longCadence = 3840 * time.Millisecond

type plan struct {
	warm, long time.Duration
	mediamtx   string
	hlsjs      string
	chromium   string
}

func main() {
	var p plan
	flag.DurationVar(&p.long, "for", 16*longCadence, "how long to count: a multiple of the longest time between two writes")
	flag.DurationVar(&p.warm, "warm", 15*time.Second, "how long to listen before that")
	flag.StringVar(&p.mediamtx, "mediamtx", "", "the program, with its mediamtx.yml beside it; default: it is left out")
	flag.StringVar(&p.hlsjs, "hlsjs", "web/node_modules/hls.js/dist/hls.min.js", "what npm installs")
	flag.StringVar(&p.chromium, "chromium", "chromium-headless-shell", "the program")
	flag.Parse()
	figure.Fail(machine.Apart(1 << 10))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := run(ctx, p)
	figure.Fail(err)
	figure.Fail(figure.Print(r))
}

// Row is one way to listen.
type Row struct {
	Way      string  `json:"way"`
	Requests float64 `json:"requests_per_s"`
	Down     float64 `json:"bytes_down_per_s"` // IP
	Up       float64 `json:"bytes_up_per_s"`
	Ratio    float64 `json:"to_sound"` // both, to the bytes of the packets
	Packets  float64 `json:"packets_per_s"`
	Behind   float64 `json:"behind_s,omitempty"` // the clock of the sound, median
	Stalls   int     `json:"stalls,omitempty"`   // of more than a second

	path string // what curl asks for; empty: a page plays playlist
	port int
	list string
}

type result struct {
	Seconds float64       `json:"seconds"`
	Sound   float64       `json:"sound_bytes_per_s"`
	Rows    []*Row        `json:"rows"`
	Theirs  string        `json:"mediamtx,omitempty"`
	Machine machine.Facts `json:"machine"`
}

func run(ctx context.Context, p plan) (r result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer running.Wait()
	defer cancel()
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	r.Machine = machine.About()
	sound, packets, err := makeSound(ctx, dir, p.warm+p.long+time.Minute)
	if err != nil {
		return r, err
	}
	stop, err := serveOurs(ctx, packets)
	if err != nil {
		return r, err
	}
	defer stop()
	reports, err := servePage(ctx, p.hlsjs)
	if err != nil {
		return r, err
	}
	id := string(frames.Room(0))
	r.Rows = []*Row{
		{Way: "endless fMP4, a write each 0.24 s", port: portShort, path: "/r/" + id + "/live.mp4"},
		{Way: "endless fMP4, a write each 3.84 s", port: portLong, path: "/r/" + id + "/live.mp4"},
		{Way: "endless Ogg, a write each 0.24 s", port: portShort, path: "/r/" + id + "/live.ogg"},
		{Way: "endless Ogg, a write each 3.84 s", port: portLong, path: "/r/" + id + "/live.ogg"},
		{Way: "HLS, hls.js", port: portShort, list: "/r/" + id + "/hls/master.m3u8"},
		{Way: "LL-HLS, hls.js", port: portShort, list: "/r/" + id + "/hls/low.m3u8"},
	}
	if p.mediamtx != "" {
		r.Theirs, err = startMediaMTX(ctx, p.mediamtx, sound)
		if err != nil {
			return r, err
		}
		r.Rows = append(r.Rows, &Row{Way: "MediaMTX LL-HLS, hls.js", port: portHLS, list: "/bench/index.m3u8"})
	}
	return r, r.measure(ctx, p, dir, reports)
}

// measure lets all listen at the same time, and counts.
func (r *result) measure(ctx context.Context, p plan, dir string, reports <-chan report) error {
	lines := make([]*line, len(r.Rows))
	for i, row := range r.Rows {
		l, err := newLine(ctx, i)
		if err != nil {
			return err
		}
		lines[i] = l
		if row.path != "" {
			err = l.start(ctx, "curl", "-sN", "-o", os.DevNull, fmt.Sprintf("http://%s:%d%s", l.server, row.port, row.path))
		} else {
			err = l.start(ctx, p.chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
				"--autoplay-policy=no-user-gesture-required", "--user-data-dir="+filepath.Join(dir, fmt.Sprint(i)), "--remote-debugging-port=0",
				fmt.Sprintf("http://%s:%d/?row=%d&after=%d&src=http://%s:%d%s", l.server, portPage, i, (p.warm+p.long+5*time.Second).Milliseconds(), l.server, row.port, row.list))
		}
		if err != nil {
			return err
		}
	}
	figure.Say("%d listen", len(lines))
	err := rest(ctx, p.warm)
	if err != nil {
		return err
	}
	before, err := countAll(ctx, lines)
	if err != nil {
		return err
	}
	from := time.Now()
	err = rest(ctx, p.long)
	if err != nil {
		return err
	}
	after, err := countAll(ctx, lines)
	if err != nil {
		return err
	}
	r.Seconds = time.Since(from).Seconds()
	r.Sound = packetBytes * tape.FramesPerSec
	to := time.Now()
	for i, row := range r.Rows {
		d := after[i].less(before[i])
		per := func(n uint64) float64 { return figure.Round(float64(n) / r.Seconds) }
		row.Down, row.Up, row.Packets = per(d.down), per(d.up), per(d.packets)
		row.Ratio = figure.Round(float64(d.down+d.up) / r.Seconds / r.Sound)
	}
	return r.hear(reports, from, to)
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hear takes what the pages say of a stretch of time.
func (r *result) hear(reports <-chan report, from, to time.Time) error {
	waiting := 0
	for _, row := range r.Rows {
		if row.list != "" {
			waiting++
		}
	}
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	for ; waiting > 0; waiting-- {
		select {
		case said := <-reports:
			row := r.Rows[said.Row]
			n := 0
			for _, at := range said.Requests {
				if at >= float64(from.UnixMilli()) && at < float64(to.UnixMilli()) {
					n++
				}
			}
			row.Requests = figure.Round(float64(n) / to.Sub(from).Seconds())
			row.Behind, row.Stalls = figure.Round(figure.Median(said.Behind)/1000), said.Stalls
			if said.Time < (to.Sub(from)).Seconds()*0.9 {
				return fmt.Errorf("%s played %.1f s only: %s", row.Way, said.Time, said.Errors)
			}
		case <-late.C:
			return errors.New("a page did not say how it went")
		}
	}
	return nil
}

// serveOurs serves the sound from two edges, and from one of them as HLS.
func serveOurs(ctx context.Context, packets [][]byte) (stop func(), err error) {
	feed := newFeed(packets)
	rooms := frames.NewRooms(1)
	var servers []*http.Server
	var edges []*edge.Edge
	stop = func() {
		for _, s := range servers {
			_ = s.Close()
		}
		for _, e := range edges {
			_ = e.Close(context.Background())
		}
		feed.close()
	}
	for port, cadence := range map[int]time.Duration{portShort: 0, portLong: longCadence} {
		e, err := edge.New(edge.Config{Rooms: rooms, Feed: feed, Cadence: cadence, Longest: cadence, MaxBehind: 2 * longCadence})
		if err == nil {
			edges = append(edges, e)
			err = e.Open(frames.Room(0))
		}
		if err != nil {
			stop()
			return nil, err
		}
		hls, err := cast.New(cast.Config{
			Facts: rooms.Facts, Live: e, Log: slog.New(slog.DiscardHandler), PreSkip: preSkip,
			Tape:  func(room.ID, tape.Channel) (cast.Tape, error) { return nil, room.ErrNotFound },
			Epoch: func(context.Context, room.ID, tape.Channel) (time.Time, error) { return feed.epoch, nil },
		})
		if err != nil {
			stop()
			return nil, err
		}
		var config net.ListenConfig
		config.SetMultipathTCP(false)
		ln, err := config.Listen(ctx, "tcp", fmt.Sprintf(":%d", port))
		if err == nil {
			ln, err = e.Front(ln.(*net.TCPListener)) //nolint:forcetypeassert // it is one
		}
		if err != nil {
			stop()
			return nil, err
		}
		mux := http.NewServeMux()
		mux.Handle("/r/", e.Handler())
		mux.Handle("/r/{room}/hls/", hls)
		s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ConnState: e.ConnState}
		servers = append(servers, s)
		go func() { _ = s.Serve(ln) }() // ends when it is closed
	}
	return stop, nil
}

// startMediaMTX starts it with the configuration that is beside it, and brings it the sound.
func startMediaMTX(ctx context.Context, program, sound string) (version string, err error) {
	out, err := exec.CommandContext(ctx, program, "--version").Output() //nolint:gosec // what was asked for
	if err != nil {
		return "", fmt.Errorf("ask MediaMTX for its version: %w", err)
	}
	server := exec.CommandContext(ctx, program, filepath.Join(filepath.Dir(program), "mediamtx.yml")) //nolint:gosec // what was asked for
	err = begin(server)
	if err != nil {
		return "", err
	}
	at := fmt.Sprintf("127.0.0.1:%d", portRTSP)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("MediaMTX does not listen: %w", err)
		}
	}
	return strings.TrimSpace(string(out)), begin(exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-loglevel", "error", "-re", "-i", sound, "-c", "copy", "-f", "rtsp",
		"-rtsp_transport", "tcp", "rtsp://"+at+"/bench")) //nolint:gosec // as above
}
