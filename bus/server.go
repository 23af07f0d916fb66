package bus

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// ServerConfig is what a Server needs.
type ServerConfig struct {
	Name   string       // required
	Dir    string       // of its store; required
	Log    *slog.Logger // required
	Listen string       // address for other nodes; default: none
	TLS    *tls.Config  // required with Listen
	Token  string       // what other nodes must show; required with Listen
}

// Server is a NATS server in this process. Its methods may be called from any goroutine.
type Server struct {
	nats *server.Server
}

const (
	startTimeout = 10 * time.Second
	// serverPing is how often the server asks a silent node whether it is there; after two questions without an answer it lets go of it.
	serverPing = 10 * time.Second
	// greetTimeout is how long a stranger may take to show who he is.
	greetTimeout = 5 * time.Second
)

// StartServer returns when the server takes connections.
func StartServer(c ServerConfig) (*Server, error) {
	opts := &server.Options{
		ServerName:             c.Name,
		DontListen:             true,
		JetStream:              true,
		StoreDir:               c.Dir,
		SyncInterval:           time.Second, // a power cut may cost the last second of lease renewals, never a room
		NoSigs:                 true,
		DisableJetStreamBanner: true,
		PingInterval:           serverPing,
	}
	if c.Listen != "" {
		err := listen(opts, c)
		if err != nil {
			return nil, err
		}
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("set up the bus in %s: %w", c.Dir, err)
	}
	logs := newServerLog(c.Log)
	srv.SetLoggerV2(logs, false, false, false)
	srv.Start()
	s := &Server{srv}
	err = logs.why()
	if err == nil && !srv.ReadyForConnections(startTimeout) {
		err = cmp.Or(logs.why(), errSlowStart)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("start the bus in %s: %w", c.Dir, err)
	}
	return s, nil
}

// listen opens the server to other nodes.
func listen(opts *server.Options, c ServerConfig) error {
	if c.TLS == nil || c.Token == "" {
		return errors.New("a bus that listens needs a certificate and a secret")
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("the bus cannot listen: %w", err)
	}
	opts.DontListen, opts.Host = false, cmp.Or(host, "0.0.0.0")
	opts.Port, err = strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("the bus cannot listen at port %q: %w", port, err)
	}
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	opts.TLS, opts.TLSConfig, opts.TLSTimeout = true, c.TLS, greetTimeout.Seconds()
	opts.Authorization, opts.AuthTimeout = c.Token, (2 * greetTimeout).Seconds()
	return nil
}

// InProcessConn is how this process reaches the server, without a socket.
func (s *Server) InProcessConn() (net.Conn, error) { return s.nats.InProcessConn() }

// Addr is where the server listens for other nodes, or nil.
func (s *Server) Addr() net.Addr { return s.nats.Addr() }

// Close ends the server and waits for it. What is stored stays.
func (s *Server) Close() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}
