//go:build linux

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/crowd"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/replay"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/disk"
)

// Processes of the crowd. One may have 20,000 files open, so there are two edges, with half of all seats and rewinders each.
const (
	roleServer   = "server"
	roleRewinder = "rewinder"
	servers      = 2
)

// besides is what a crowd that rewinds does to those who listen live.
type besides struct {
	Rewinders   int     `json:"rewinders"`
	Live        int     `json:"live_seats"`
	Seconds     float64 `json:"seconds"`
	Frames      int64   `json:"live_frames_checked"` // of every tenth
	Gaps        int64   `json:"live_gaps"`           // of these, and
	GapsEdge    uint64  `json:"live_gaps_edge"`      // times that any seat was given silence
	LiveLost    int     `json:"live_lost"`
	WorstTick   float64 `json:"worst_tick_s"`
	Objects     int64   `json:"objects"`
	PerSecond   float64 `json:"objects_per_s"`
	Failed      int64   `json:"objects_failed"`
	Late        int64   `json:"objects_late"` // not whole within 1.92 s of being due
	ObjectP50   float64 `json:"object_p50_ms"`
	ObjectP99   float64 `json:"object_p99_ms"`
	ObjectMax   float64 `json:"object_max_ms"`
	Seeks       int     `json:"seeks"`
	SeekP50     float64 `json:"seek_p50_ms"` // to the whole of the object that is sought
	SeekP99     float64 `json:"seek_p99_ms"`
	SeekMax     float64 `json:"seek_max_ms"`
	Reconnected int64   `json:"reconnected"` // connections that the edge had closed meanwhile
	Evicted     uint64  `json:"evicted"`     // by it, to make room for newcomers
	TurnedAway  int64   `json:"turned_away"` // times that there was none to evict, and the object was asked for again a second later
	ServerCores float64 `json:"server_cores"`
}

// serverConfig says where the tape is.
type serverConfig struct{ Dir string }

// serverStats is a server process at a moment.
type serverStats struct {
	Gaps, Evicted uint64
	Worst, CPU    float64
	Seats         int
}

// openServer is an edge that serves a live room and, on the same port, the tape.
func openServer(c serverConfig) (map[string]child.Order, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	tapes, err := disk.Open(disk.Config{
		Dir: c.Dir, Bus: &bus{}, PreSkip: codec.OpusPreSkip, Log: log, NewDecoder: func() (disk.Decoder, error) { return codec.NewOpusDecoder() },
	})
	if err != nil {
		return nil, err
	}
	feed := frames.NewFeed(frames.NewBook(frames.Usual))
	e, err := edge.New(edge.Config{Rooms: frames.NewRooms(1), Feed: feed, Cadence: 960 * time.Millisecond, Longest: 960 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	err = e.Open(frames.Room(0))
	if err != nil {
		return nil, err
	}
	feed.Given()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	ln, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	front, err := e.Front(ln.(*net.TCPListener)) //nolint:forcetypeassert // it is one
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/r/", e.Handler())
	mux.Handle("/r/{room}/tape/", tapeHandler(room.Facts{ID: name, Title: "Rewound", Language: "en", State: room.Live, Tape: room.TapeOn}, tapes, log))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second, ConnState: e.ConnState} // as a node has them
	go func() { panic(s.Serve(front)) }()                                                                                      // ends with the process
	return map[string]child.Order{
		"where": child.Do(func(struct{}) (string, error) { return ln.Addr().String(), nil }),
		"stats": child.Do(func(struct{}) (serverStats, error) {
			s := e.Stats()
			return serverStats{Gaps: s.Gaps, Evicted: s.Evicted, Worst: s.WorstLate.Seconds(), CPU: self(), Seats: s.Seats}, nil
		}),
	}, nil
}

// tapeHandler serves a tape as a node does.
func tapeHandler(facts room.Facts, tapes *disk.Recorder, log *slog.Logger) http.Handler {
	return replay.New(replay.Config{
		Facts: func(room.ID) (room.Facts, bool) { return facts, true }, PreSkip: codec.OpusPreSkip, Log: log,
		Tape: func(id room.ID, ch tape.Channel) (replay.Tape, error) {
			t, err := tapes.Tape(id, ch)
			if err != nil {
				return nil, err
			}
			return view{t.Cut(0, 0)}, nil
		},
	})
}

// besideLive lets so many rewind a tape while as many listen live to the same edges.
func besideLive(dir string, at tape.Stretch, n int, long time.Duration) (b besides, err error) {
	b.Rewinders, b.Live = n, n
	edges, err := child.StartAll(roleServer, servers, func(int) any { return serverConfig{dir} })
	if err != nil {
		return b, err
	}
	defer edges.Stop()
	where, err := child.Tell[string](edges, "where", nil)
	if err != nil {
		return b, err
	}
	live, err := crowd.Start(1, crowd.Config{Targets: where, Paths: []string{"/r/" + string(frames.Room(0)) + "/live.mp4"}, ParseEvery: 10, Content: true, Nap: 10 * time.Millisecond}, nil)
	if err != nil {
		return b, err
	}
	defer live.Stop()
	figure.Say("%d take their seats", n)
	seated, _, err := live.Join(crowd.Join{Count: n, Rate: 2000}, time.Minute)
	if err != nil {
		return b, err
	}
	if seated.Seated != n {
		return b, fmt.Errorf("%d of %d have seats: %v", seated.Seated, n, seated.Errors)
	}
	back, err := child.StartAll(roleRewinder, servers, func(i int) any {
		return rewinderConfig{Target: where[i], First: tape.SegmentOf(at.From) + 1, End: tape.SegmentOf(at.To), Count: n / servers, Seed: uint64(i)}
	})
	if err != nil {
		return b, err
	}
	defer back.Stop()
	time.Sleep(5 * time.Second) // until all of them have begun
	return b, b.watch(edges, live, back, long)
}

// watch compares two moments.
func (b *besides) watch(edges child.Group, live crowd.Crowds, back child.Group, long time.Duration) error {
	figure.Say("%d rewind beside them", b.Rewinders)
	before, err := child.Tell[serverStats](edges, "stats", nil)
	if err != nil {
		return err
	}
	heard, err := live.Report()
	if err != nil {
		return err
	}
	_, err = child.Tell[rewound](back, "take", nil) // what came before does not count
	if err != nil {
		return err
	}
	from := time.Now()
	for time.Since(from) < long {
		time.Sleep(time.Second)
		now, err := child.Tell[serverStats](edges, "stats", nil)
		if err != nil {
			return err
		}
		for _, s := range now {
			b.WorstTick = max(b.WorstTick, s.Worst)
		}
	}
	after, err := child.Tell[serverStats](edges, "stats", nil)
	if err != nil {
		return err
	}
	b.Seconds = figure.Round(time.Since(from).Seconds())
	now, err := live.Report()
	if err != nil {
		return err
	}
	all, err := child.Tell[rewound](back, "take", nil)
	if err != nil {
		return err
	}
	b.Frames, b.Gaps, b.LiveLost = now.Frames-heard.Frames, now.Gaps-heard.Gaps, now.Lost
	for i := range after {
		b.GapsEdge += after[i].Gaps - before[i].Gaps
		b.Evicted += after[i].Evicted - before[i].Evicted
		b.ServerCores += (after[i].CPU - before[i].CPU) / b.Seconds
	}
	b.ServerCores = figure.Round(b.ServerCores)
	b.sum(all)
	return nil
}

func (b *besides) sum(all []rewound) {
	var objects, seeks []int32
	for _, r := range all {
		b.Objects, b.Failed, b.Late, b.Reconnected = b.Objects+r.Objects, b.Failed+r.Failed, b.Late+r.Late, b.Reconnected+r.Reconnected
		b.TurnedAway += r.TurnedAway
		objects, seeks = slices.Concat(objects, r.Times), slices.Concat(seeks, r.Seeks)
	}
	ms := func(us []int32, q float64) float64 { return figure.Round(float64(figure.Quantile(us, q)) / 1000) }
	b.PerSecond, b.Seeks = figure.Round(float64(b.Objects)/b.Seconds), len(seeks)
	b.ObjectP50, b.ObjectP99, b.ObjectMax = ms(objects, 0.5), ms(objects, 0.99), ms(objects, 1)
	b.SeekP50, b.SeekP99, b.SeekMax = ms(seeks, 0.5), ms(seeks, 0.99), ms(seeks, 1)
}
