package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/epidaurus-live/epidaurus/room"
)

// Config says where the bus lives.
type Config struct {
	Dir  string       // of the embedded server's store; required
	Node string       // this node's name; leases are held under it; required
	Log  *slog.Logger // required
}

// Bus is this node's connection. All methods may be called from any goroutine.
type Bus struct {
	// immutable once open
	node     string
	log      *slog.Logger
	leaseTTL time.Duration
	server   *server.Server // nil where the server is another's
	conn     *nats.Conn
	leases   jetstream.KeyValue
	facts    jetstream.KeyValue
	counts   *seatCounts
	watcher  jetstream.KeyWatcher
	watched  sync.WaitGroup
	peers    peerBook // who answers for what this node missed

	mu        sync.RWMutex
	rooms     map[room.ID]room.Facts   // guarded by mu
	revisions map[room.ID]uint64       // guarded by mu; of rooms, in the store
	watching  map[int]func(room.Facts) // guarded by mu
	nextID    int                      // guarded by mu
}

const startTimeout = 10 * time.Second

// Open starts the embedded server and returns when every fact of every room is known.
func Open(ctx context.Context, cfg Config) (*Bus, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName:             cfg.Node,
		DontListen:             true,
		JetStream:              true,
		StoreDir:               cfg.Dir,
		SyncInterval:           time.Second, // a power cut may cost the last second of lease renewals, never a room
		NoSigs:                 true,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the bus in %s: %w", cfg.Dir, err)
	}
	logs := newServerLog(cfg.Log)
	srv.SetLoggerV2(logs, false, false, false)
	srv.Start()
	b := newBus(cfg)
	b.server = srv
	err = logs.why()
	if err == nil && !srv.ReadyForConnections(startTimeout) {
		err = cmp.Or(logs.why(), errSlowStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the bus in %s: %w", cfg.Dir, err), b.Close())
	}
	err = b.connect(ctx, srv)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func newBus(cfg Config) *Bus {
	return &Bus{
		node: cfg.Node, log: cfg.Log, leaseTTL: LeaseTTL,
		rooms: map[room.ID]room.Facts{}, revisions: map[room.ID]uint64{}, watching: map[int]func(room.Facts){},
	}
}

func (b *Bus) connect(ctx context.Context, srv nats.InProcessConnProvider) (err error) {
	b.conn, err = nats.Connect("", nats.InProcessServer(srv), nats.Name(b.node),
		nats.MaxReconnects(-1), nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			b.log.Warn("the bus lost something", "subject", subject, "error", err)
		}))
	if err != nil {
		return fmt.Errorf("connect to the bus: %w", err)
	}
	return b.openStores(ctx)
}

func (b *Bus) openStores(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	js, err := jetstream.New(b.conn)
	if err != nil {
		return fmt.Errorf("reach the bus's store: %w", err)
	}
	b.leases, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "leases", Description: "who makes a channel"})
	if err != nil {
		return fmt.Errorf("open the leases: %w", err)
	}
	b.facts, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "rooms", Description: "what every node knows about a room"})
	if err != nil {
		return fmt.Errorf("open the facts of rooms: %w", err)
	}
	b.counts, err = newSeatCounts(b.conn)
	if err != nil {
		return err
	}
	return b.watchFacts(ctx)
}

// Connected reports whether this node can hear and speak to others now.
func (b *Bus) Connected() bool { return b.conn.IsConnected() }

// Close ends the connection and the embedded server, and waits for both.
func (b *Bus) Close() error {
	var err error
	if b.watcher != nil {
		err = b.watcher.Stop()
	}
	if b.conn != nil {
		b.conn.Close()
	}
	b.watched.Wait()
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
	return err
}
