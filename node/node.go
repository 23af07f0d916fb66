package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/epidaurus-live/epidaurus/bus"
	"github.com/epidaurus-live/epidaurus/cast"
	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/internal/proxyproto"
	"github.com/epidaurus-live/epidaurus/replay"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage"
	"github.com/epidaurus-live/epidaurus/store"
	"github.com/epidaurus-live/epidaurus/tape/disk"
)

// Node is one process: the stage with its mix and the host's side, or the edge, or both, and the bus between them. Open starts it, Close ends
// it in order.
type Node struct {
	// immutable once open
	cfg  Config
	log  *slog.Logger
	name string // by which other nodes know this one
	data *dataDir
	bus  *bus.Bus
	whep *stage.Listeners // nil: nobody listens by WHEP here
	edge *edge.Edge       // a stage alone has one for monitors, of which no list and no count knows

	// immutable once open; nil without the stage
	store     *store.Store
	rooms     *rooms
	stage     *stage.Stage
	stageDoor edge.Door
	lister    *lister // owned by the counting
	alarms    *alarms
	life      *lifeClock
	ledger    *ledger

	// immutable once open; empty without the part
	listenersURL string
	stageURL     string
	privateAddr  string

	tapes  *disk.Recorder // nil: nothing is taped here
	cast   *cast.Handler
	replay *replay.Handler

	publisher *cast.Publisher // nil: nothing is published from here
	relay     *cast.Relay     // nil: nothing is pushed from here

	closeStore func() // of what is published; nil: it needs none

	balancers []netip.Prefix
	proxied   *proxyproto.Listener // nil: no balancer speaks the PROXY protocol

	news     edgeNews     // what this edge knows of the others
	fullness fullness     // what it says of itself
	edges    atomic.Int32 // how many seat newcomers, as counted last
	audience audience     // expected in all rooms
	foyer    foyer        // the rooms that are listed
	beacons  beacons      // of listeners who pull
	printer  *printer     // of the pictures that are shown with links

	servers   []*http.Server
	acme      *authority // gets the listeners' certificate; nil: nobody does
	unwatch   []func()
	open      context.Context // done when the node begins to close
	counting  context.CancelFunc
	running   sync.WaitGroup
	unwrite   context.CancelFunc
	writing   sync.WaitGroup
	failed    chan error // a server that stopped by itself
	closeOnce sync.Once
	closeErr  error
}

// Open checks the configuration, then starts everything: state first, ports last. What was opened is closed again on error.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (_ *Node, err error) {
	err = cfg.Validate()
	if err != nil {
		return nil, fmt.Errorf("the configuration is wrong: %w", err)
	}
	cfg.PublicURL, cfg.StageURL = strings.TrimRight(cfg.PublicURL, "/"), strings.TrimRight(cfg.StageURL, "/")
	n := &Node{cfg: cfg, log: log, printer: newPrinter(), failed: make(chan error, 4)}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close(context.WithoutCancel(ctx)))
		}
	}()
	ports, err := openPorts(cfg)
	if err != nil {
		return nil, cmp.Or(dataInUse(cfg.Data), err) // who starts twice by mistake has two things to be told, and this one explains both
	}
	defer ports.closeUnused()
	err = n.openState(ctx)
	if err != nil {
		return nil, err
	}
	err = n.openParts(ports)
	if err != nil {
		return nil, err
	}
	err = n.openRooms(ctx)
	if err != nil {
		return nil, err
	}
	err = n.serve(ports)
	if err != nil {
		return nil, err
	}
	return n, nil
}

// openState opens what survives a restart.
func (n *Node) openState(ctx context.Context) (err error) {
	n.data, err = openDataDir(n.cfg.Data)
	if err == nil {
		err = n.data.describe(n.cfg.fingerprint())
	}
	if err != nil {
		return err
	}
	n.name, err = n.data.nodeName()
	if err != nil {
		return err
	}
	if n.cfg.has(roleStage) {
		err = n.openStore(ctx)
		if err != nil {
			return err
		}
	}
	cfg, err := n.busConfig(n.name)
	if err != nil {
		return err
	}
	n.bus, err = bus.Open(ctx, cfg)
	return err
}

// openParts makes the parts that run here, and connects them.
func (n *Node) openParts(p *ports) error {
	if p.listen != nil {
		n.cfg.PublicURL = cmp.Or(n.cfg.PublicURL, n.cfg.acmeURL(p.listen.Addr()))
	}
	n.listenersURL = n.cfg.PublicURL
	if n.listenersURL == "" {
		n.listenersURL = localURL(n.cfg.listenScheme(), p.listen)
	}
	if n.cfg.has(roleStage) {
		err := n.openStage(p)
		if err != nil {
			return err
		}
	}
	err := n.openTapes()
	if err != nil {
		return err
	}
	err = n.openEdge()
	if err != nil {
		return err
	}
	err = n.openWHEP(p)
	if err != nil {
		return err
	}
	n.replay = n.newReplay()
	n.cast, err = cast.New(n.castConfig())
	if err != nil {
		return err
	}
	err = n.openPublisher()
	if err != nil {
		return err
	}
	err = n.openRelay()
	if err != nil {
		return err
	}
	if n.tapes != nil {
		n.tapes.Start()
	}
	return nil
}

// openRooms tells the bus what the store knows, and starts what is open.
func (n *Node) openRooms(ctx context.Context) error {
	if n.store != nil {
		err := n.reconcileAll(ctx)
		if err != nil {
			return err
		}
	}
	n.unwatch = append(n.unwatch, n.bus.WatchFacts(n.followRoom))
	if n.rooms != nil {
		err := n.rooms.endStrayRuns(ctx)
		if err != nil {
			return err
		}
		err = n.answerHands()
		if err == nil {
			err = n.givePictures()
		}
		if err != nil {
			return err
		}
	}
	err := n.watchEdges()
	if err == nil {
		err = n.watchBeacons()
	}
	if err != nil {
		return err
	}
	n.open, n.counting = context.WithCancel(context.Background())
	n.running.Go(func() { n.count(n.open) })
	if n.alarms != nil {
		n.running.Go(func() { n.alarms.run(n.open) })
	}
	if n.life != nil {
		n.running.Go(func() { n.life.run(n.open) })
	}
	if n.ledger != nil {
		var writing context.Context
		writing, n.unwrite = context.WithCancel(context.Background())
		n.writing.Go(func() { n.ledger.run(writing) })
	}
	return nil
}

// followRoom lets every part know what has become of a room.
func (n *Node) followRoom(f room.Facts) {
	n.audience.follow(f.ID, n.bus.Facts, n.cfg.Expect)
	n.foyer.follow(f.ID, n.bus.Facts)
	if f.State.Open() {
		err := n.edge.Open(f.ID) // before the first frame, so that nothing that is said with it is missed
		if err != nil {
			n.log.Error("the edge does not hear the room", "room", f.ID, "error", err)
		}
	}
	if n.tapes != nil {
		n.tapes.Follow(f)
	}
	if n.publisher != nil && !f.IsRun() { // of that nothing leaves the house
		n.publisher.Follow(f)
	}
	if n.relay != nil {
		n.relay.Follow(f)
	}
	if n.rooms != nil {
		n.rooms.follow(f.ID)
		n.life.follow(f.ID)
	}
}

// RoomURL is where a room is heard.
func (n *Node) RoomURL(id room.ID) string { return n.listenersURL + "/r/" + string(id) }

// ListenersURL is where listeners connect, without a slash at the end.
func (n *Node) ListenersURL() string { return n.listenersURL }

// StageURL is where speakers and hosts connect, without a slash at the end; empty where there is no stage.
func (n *Node) StageURL() string { return n.stageURL }

// BusAddr is where other nodes reach this one's bus, or nil.
func (n *Node) BusAddr() net.Addr { return n.bus.ListenAddr() }

// PrivateURL is where health and metrics are, without a slash at the end.
func (n *Node) PrivateURL() string { return "http://" + n.privateAddr }

// Failed gives the error of a part that stopped by itself: the node should be closed then.
func (n *Node) Failed() <-chan error { return n.failed }

// Close ends everything in order: nobody new, the stage, the channels to their last frame, the seats, then the state. When ctx is done
// before that, what is left is cut.
func (n *Node) Close(ctx context.Context) error {
	n.closeOnce.Do(func() { n.closeErr = n.close(ctx) })
	return n.closeErr
}

func (n *Node) close(ctx context.Context) error {
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	shut := n.shutServers(ctx)
	if n.stage != nil {
		add(n.stage.Close(ctx)) // ends the event streams, which the servers wait for
	}
	for _, unwatch := range n.unwatch {
		unwatch()
	}
	if n.counting != nil {
		n.counting()
	}
	if n.rooms != nil {
		n.rooms.close()
	}
	if n.tapes != nil {
		add(n.tapes.Close(ctx))
	}
	if n.publisher != nil {
		add(n.publisher.Close(ctx))
	}
	if n.closeStore != nil {
		n.closeStore()
	}
	if n.relay != nil {
		n.relay.Close()
	}
	if n.whep != nil {
		add(n.whep.Close(ctx))
	}
	if n.edge != nil {
		add(n.edge.Close(ctx))
	}
	add(shut())
	n.running.Wait()
	if n.acme != nil {
		n.acme.close()
	}
	if n.bus != nil {
		add(n.bus.Close())
	}
	if n.unwrite != nil {
		n.unwrite() // nothing is decided any more: what is owed is tried a last time
		n.writing.Wait()
	}
	if n.store != nil {
		add(n.store.Close())
	}
	if n.data != nil {
		add(n.data.close())
	}
	return errors.Join(errs...)
}

// shutServers closes the ports and begins to wait for the requests under way; the returned function ends the waiting.
func (n *Node) shutServers(ctx context.Context) (wait func() error) {
	var group errgroup.Group
	for _, s := range n.servers {
		group.Go(func() error {
			err := s.Shutdown(ctx)
			if err != nil {
				err = errors.Join(err, s.Close())
			}
			return err
		})
	}
	return group.Wait
}

// localURL is how this machine reaches a port of its own: by localhost, unless the port is open at another address only.
func localURL(scheme string, ln net.Listener) string {
	addr, err := netip.ParseAddrPort(ln.Addr().String())
	if err != nil {
		return scheme + "://" + ln.Addr().String()
	}
	ip, host := addr.Addr().Unmap(), "localhost"
	if !ip.IsUnspecified() && !ip.IsLoopback() {
		host = ip.String()
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(int(addr.Port())))
}

// RoomStats is what a room looks like from this node.
type RoomStats struct {
	Seats    int   // on all edges
	Speakers int   // on stage
	Frames   int64 // made, gaps included
	Gaps     int64 // frames that were declared silent
}

// RoomStats counts a room that is made here; it is zero for others.
func (n *Node) RoomStats(id room.ID) RoomStats {
	if n.rooms == nil {
		return RoomStats{}
	}
	running := n.rooms.running(id)
	if running == nil {
		return RoomStats{}
	}
	frames, gaps := running.maker.Made()
	return RoomStats{Seats: n.bus.Seats(id), Speakers: running.maker.People(), Frames: frames, Gaps: gaps}
}
