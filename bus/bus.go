package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/epidaurus-live/epidaurus/room"
)

// Bus is this node's connection. All methods may be called from any goroutine.
type Bus struct {
	// immutable once open
	node      string
	log       *slog.Logger
	leaseTTL  time.Duration
	server    *Server // nil where the server is another's
	conn      *nats.Conn
	leases    jetstream.KeyValue
	facts     jetstream.KeyValue
	presence  *presences
	unwatch   context.CancelFunc
	watched   sync.WaitGroup
	reconnect chan struct{} // holds the news of a new connection, for the watcher
	peers     peerBook      // who answers for what this node missed

	mu        sync.RWMutex
	rooms     map[room.ID]room.Facts   // guarded by mu
	rests     map[room.ID]rest         // guarded by mu; of rooms, what this version does not know
	revisions map[room.ID]uint64       // guarded by mu; of rooms, in the store
	watching  map[int]func(room.Facts) // guarded by mu
	nextID    int                      // guarded by mu

	made time.Time // owned by the watcher; when the store of facts was made, by which a new one is known
}

const (
	// clientPing is how often a silent connection is tried; after two tries without an answer it is given up, so that a pulled cable is
	// noticed within the depth of a seat or two.
	clientPing = 2 * time.Second

	firstRetry, lastRetry = 100 * time.Millisecond, 2 * time.Second
)

// Open starts the server of this process, or reaches the one elsewhere, and returns when every fact of every room is known.
func Open(ctx context.Context, cfg Config) (*Bus, error) {
	err := cfg.check()
	if err != nil {
		return nil, err
	}
	b := newBus(cfg)
	if cfg.URL != "" {
		err = b.connectTo(ctx, cfg)
	} else {
		b.server, err = StartServer(ServerConfig{
			Name: cfg.Node, Dir: cfg.Dir, Log: cfg.Log, Listen: cfg.Listen, TLS: cfg.TLS, Token: cfg.Token,
		})
		if err != nil {
			return nil, err
		}
		err = b.connect(ctx, "", nats.InProcessServer(b.server), nats.Token(cfg.Token))
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func newBus(cfg Config) *Bus {
	return &Bus{
		node: cfg.Node, log: cfg.Log, leaseTTL: LeaseTTL, reconnect: make(chan struct{}, 1),
		rooms: map[room.ID]room.Facts{}, rests: map[room.ID]rest{}, revisions: map[room.ID]uint64{}, watching: map[int]func(room.Facts){},
	}
}

// connectTo reaches a server elsewhere.
func (b *Bus) connectTo(ctx context.Context, cfg Config) error {
	var opts []nats.Option
	if cfg.Token != "" {
		opts = append(opts, nats.Token(cfg.Token))
	}
	if cfg.Creds != "" {
		opts = append(opts, nats.UserCredentials(cfg.Creds))
	}
	if cfg.encrypted() {
		t, err := cfg.clientTLS()
		if err != nil {
			return err
		}
		opts = append(opts, nats.Secure(t))
	}
	err := b.connect(ctx, cfg.URL, opts...)
	return explain(err, cfg.URL)
}

// connect reaches a server. Whatever happens to it later, the connection comes back by itself, and so do its subscriptions.
func (b *Bus) connect(ctx context.Context, servers string, opts ...nats.Option) (err error) {
	b.conn, err = nats.Connect(servers, append(opts,
		nats.Name(b.node), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(), nats.CustomReconnectDelay(retryDelay),
		nats.PingInterval(clientPing), nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(b.lost), nats.ReconnectHandler(b.found), nats.ErrorHandler(b.complain))...)
	if err != nil {
		return fmt.Errorf("connect to the bus: %w", err)
	}
	return b.openStores(ctx)
}

// retryDelay is how long to wait before the servers are tried again, so that not all nodes come back at the same moment.
func retryDelay(attempts int) time.Duration {
	longest := min(firstRetry<<min(attempts, 10), lastRetry)
	return longest/2 + rand.N(longest/2)
}

func (b *Bus) lost(_ *nats.Conn, err error) {
	if err != nil {
		b.log.Warn("the bus is lost; trying for ever to reach it again", "error", err)
	}
}

func (b *Bus) found(*nats.Conn) {
	b.log.Info("the bus is back")
	select {
	case b.reconnect <- struct{}{}:
	default: // the watcher has not seen the last one yet
	}
}

func (b *Bus) complain(_ *nats.Conn, sub *nats.Subscription, err error) {
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	b.log.Warn("the bus lost something", "subject", subject, "error", err)
}

func (b *Bus) openStores(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	js, err := jetstream.New(b.conn)
	if err != nil {
		return fmt.Errorf("reach the bus's store: %w", err)
	}
	b.leases, err = openBucket(ctx, js, jetstream.KeyValueConfig{Bucket: "leases", Description: "who makes a channel"})
	if err != nil {
		return fmt.Errorf("open the leases: %w", err)
	}
	b.facts, err = openBucket(ctx, js, jetstream.KeyValueConfig{Bucket: factsBucket, Description: "what every node knows about a room"})
	if err != nil {
		return fmt.Errorf("open the facts of rooms: %w", err)
	}
	b.presence, err = newPresences(b.conn)
	if err != nil {
		return err
	}
	return b.watchFacts(ctx, js)
}

// openBucket leaves a bucket that is there as it is: a node of another version may have made it.
func openBucket(ctx context.Context, js jetstream.JetStream, cfg jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	kv, err := js.KeyValue(ctx, cfg.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, cfg)
	}
	if errors.Is(err, jetstream.ErrBucketExists) { // another node was faster
		kv, err = js.KeyValue(ctx, cfg.Bucket)
	}
	return kv, err
}

// Connected reports whether this node can hear and speak to others now.
func (b *Bus) Connected() bool { return b.conn.IsConnected() }

// ListenAddr is where this process's server listens for other nodes, or nil.
func (b *Bus) ListenAddr() net.Addr {
	if b.server == nil {
		return nil
	}
	return b.server.Addr()
}

// Close ends the connection and the server of this process, and waits for both.
func (b *Bus) Close() error {
	if b.unwatch != nil {
		b.unwatch()
	}
	if b.conn != nil {
		b.conn.Close()
	}
	b.watched.Wait()
	if b.server != nil {
		b.server.Close()
	}
	return nil
}

// explain says what an operator can do about a bus that cannot be reached.
func explain(err error, servers string) error {
	at := withoutPasswords(servers)
	said := ""
	if err != nil {
		said = err.Error()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrAuthorization):
		return fmt.Errorf("the bus at %s refuses this node: its secret, user or credentials are not the ones of the cluster (%w)", at, err)
	case errors.Is(err, nats.ErrSecureConnWanted):
		return fmt.Errorf("the bus at %s does not encrypt: open it with TLS (%w)", at, err)
	case strings.Contains(said, "x509:"):
		return fmt.Errorf("the bus at %s is not known by its certificate: give the file that vouches for it, "+
			"and call it by a name that stands in it (%w)", at, err)
	case errors.Is(err, nats.ErrNoServers) || strings.Contains(said, "connection refused"):
		return fmt.Errorf("there is no bus at %s: see whether it runs and whether the port is open (%w)", at, err)
	}
	return fmt.Errorf("the bus at %s: %w", at, err)
}

// withoutPasswords are the servers as they may stand in a log.
func withoutPasswords(servers string) string {
	all := strings.Split(servers, ",")
	for i, s := range all {
		scheme, rest, _ := strings.Cut(s, "://")
		if _, host, ok := strings.Cut(rest, "@"); ok {
			all[i] = scheme + "://" + host
		}
	}
	return strings.Join(all, ",")
}
