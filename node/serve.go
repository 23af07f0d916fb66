package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/epidaurus-live/epidaurus/api"
	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/internal/proxyproto"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/web"
)

// Limits of all ports. A seat leaves the server's hands with its first byte, so the idle times do not concern it.
const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 30 * time.Second
	maxHeader     = 8 << 10

	// strangerTimeout bounds a whole request on the listeners' port, and its answer, where that is no seat: more than a listener waits
	// for the first frame of a channel.
	strangerTimeout = 15 * time.Second
)

// serve opens the ports to the world.
func (n *Node) serve(p *ports) error {
	n.privateAddr = p.private.Addr().String()
	if n.stage != nil {
		err := n.serveStage(p)
		if err != nil {
			return err
		}
	}
	if p.listen != nil {
		listen, err := n.openToListeners(p)
		if err != nil {
			return err
		}
		n.start("listeners", listen, n.listenersHandler(), func(s *http.Server) {
			s.ConnState = n.edge.ConnState
			s.ReadTimeout, s.WriteTimeout = strangerTimeout, strangerTimeout
		})
	}
	n.start("private", take(&p.private), n.privateHandler())
	return nil
}

// openToListeners is the listeners' port as the server accepts from it: behind balancers, below TLS.
func (n *Node) openToListeners(p *ports) (net.Listener, error) {
	secure, err := n.listenersTLS(p.listen.Addr())
	if err != nil {
		return nil, err
	}
	listen := take(&p.listen)
	if tcp, ok := listen.(*net.TCPListener); ok && secure == nil && !n.cfg.ProxyProtocol {
		return n.edge.Front(tcp)
	}
	listen = n.behindBalancers(n.edge.Meter(listen))
	if secure != nil {
		listen = edge.NewTLSListener(listen, secure, 0)
	}
	return listen, nil
}

func (n *Node) serveStage(p *ports) error {
	stage := n.stage.Split(take(&p.stage))
	if n.cfg.StageTLS == "auto" {
		cert, err := n.cfg.certificate(n.data, time.Now())
		if err != nil {
			return errors.Join(err, stage.Close())
		}
		stage = tlsOrPlain{stage, edge.TLSServers(&tls.Config{
			Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		}, 0)}
	}
	n.stageDoor = n.edge.NewDoor(cmp.Or(n.cfg.stageMost, stageMost))
	n.start("stage", stage, n.stageHandler(), func(s *http.Server) {
		s.ConnState = n.stageDoor.ConnState
		s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		}
	})
	return nil
}

// stageMost is how many connections the stage's port may have, beside those on which the people on stage follow it: half of the descriptors
// that the edge leaves to the rest of the process.
const stageMost = 512

// connKey is the key of a request's connection in its context.
type connKey struct{}

// lasting marks a request that lasts as long as somebody is on stage, so that a crowd at the port cannot end it. Who may make it was asked
// for his token by the time that it lasts.
func (n *Node) lasting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
			n.stageDoor.Keep(conn)
		}
		next.ServeHTTP(w, r)
	})
}

// refuseEncoder tells a radio encoder on the listeners' port where it is taken.
func refuseEncoder(w http.ResponseWriter, _ *http.Request) {
	problem.Write(w, problem.New(problem.NotOffered, "This port is the listeners'. A radio encoder sends to the stage's: its host and port stand in the invitation."))
}

// behindBalancers takes the word of balancers that speak the PROXY protocol on a client's address.
func (n *Node) behindBalancers(ln net.Listener) net.Listener {
	if !n.cfg.ProxyProtocol {
		return ln
	}
	n.proxied = proxyproto.NewListener(ln, n.balancers)
	return n.proxied
}

func (n *Node) start(name string, ln net.Listener, h http.Handler, change ...func(*http.Server)) {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(n.log.With("port", name).Handler(), slog.LevelDebug),
		Protocols:         new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	for _, c := range change {
		c(s)
	}
	n.servers = append(n.servers, s)
	n.running.Go(func() {
		err := s.Serve(ln)
		if !errors.Is(err, http.ErrServerClosed) {
			n.failed <- fmt.Errorf("the %s port stopped: %w", name, err)
		}
	})
}

// listenersHandler serves pages, seats, and what may be pulled. Nothing it says names the stage, but to a listener who is invited there.
func (n *Node) listenersHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/r/", n.edge.Handler())
	for _, mount := range []string{"/r/{room}/source", "/r/{room}/source.ogg", "/r/{room}/source.opus", "/r/{room}/source.mp3"} {
		mux.HandleFunc(mount, refuseEncoder)
	}
	tapes := n.invited(seatOf, n.replay)
	mux.Handle("/r/{room}/tape/", tapes)
	mux.Handle("/r/{room}/clip/", tapes)
	mux.Handle("GET /r/{room}/clip/{clip}", n.clipPage())
	whep := n.whepHandler()
	mux.Handle("/r/{room}/whep", whep)
	mux.Handle("/r/{room}/whep/{session}", whep)
	hls := n.invited(seatOf, bySeatPath(n.cast))
	mux.Handle("/r/{room}/hls/", hls)
	mux.Handle("/r/{room}/seat/{token}/{rest...}", seatPath(mux))
	address := func(r *http.Request, id room.ID) string { return n.listenersAt(r) + "/r/" + string(id) }
	listen, replay := web.ListenPage(n.bus.Facts, n.ogImage), web.ReplayPage(n.bus.Facts)
	foyer := web.Foyer(web.FoyerConfig{Rooms: n.foyer.list, Picture: picturePath})
	mux.Handle("GET /{$}", foyer)
	mux.Handle("GET /rooms.json", foyer)
	mux.Handle("GET /gate.js", web.Gate())
	mux.HandleFunc("GET /r/{room}/card/{file}", n.servePicture)
	event := web.Event(web.EventConfig{Facts: n.bus.Facts, Now: n.cfg.now(), Picture: picturePath, URL: address})
	for _, file := range []string{"event.json", "event.ics", "before.js", "moved.js", "more.js", "whep.js"} {
		mux.Handle("GET /r/{room}/"+file, event)
	}
	mux.HandleFunc("GET /r/{room}/status.json", n.status)
	mux.Handle("GET /r/{room}/beacon.json", n.invited(seatOf, http.HandlerFunc(n.beaconRules)))
	mux.Handle("POST /r/{room}/beacon", n.invited(seatOf, http.HandlerFunc(n.takeBeacon)))
	for _, master := range []string{"/hls/master.m3u8", "/hls/low.m3u8"} {
		mux.Handle("GET /r/{room}"+master, n.invited(seatOf, n.away(master, hls)))
	}
	elsewhere := web.Elsewhere(n.isShown, address)
	for _, file := range []string{"qr.svg", "elsewhere.js", "plain.js", "pull.js", "captions.js"} {
		mux.Handle("GET /r/{room}/"+file, elsewhere)
	}
	embed := web.Embed(web.EmbedConfig{Facts: n.openly, Base: n.listenersAt})
	for _, path := range []string{"/r/{room}/embed", "/r/{room}/embed.js", "/oembed"} {
		mux.Handle("GET "+path, embed)
	}
	mux.Handle("GET /r/{room}/tape/{$}", replay)
	radio := web.RadioLists(n.bus.Facts, n.listenersAt, n.radioFiles()...)
	mux.Handle("GET /r/{room}/listen.m3u", n.invited(seatOf, n.away("/listen.m3u", radio)))
	mux.Handle("GET /r/{room}/listen.pls", n.invited(seatOf, n.away("/listen.pls", radio)))
	// A raised hand has a secret of its own in the header.
	hands := n.invited(func(r *http.Request) string { return r.URL.Query().Get("seat") }, n.handsHandler(n.isShown))
	mux.Handle("/r/{room}/hand", hands)
	mux.Handle("/r/{room}/hand/", hands)
	mux.Handle("GET /feed/{feed}", n.feeds())
	mux.Handle("GET /r/{room}", n.away("", n.again(replay, listen)))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, problem.New(problem.NotFound, "There is nothing at this address. A room's link looks like "+n.listenersURL+"/r/its-name."))
	})
	return n.guarded(mux)
}

// again serves the page of a room that is over and can be heard again, and before that the other one.
func (n *Node) again(over, before http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.hasReplay(room.ID(r.PathValue("room"))) {
			over.ServeHTTP(w, r)
			return
		}
		before.ServeHTTP(w, r)
	})
}

// writeCached answers with JSON that a cache may keep for so long.
func writeCached(w http.ResponseWriter, r *http.Request, v any, life time.Duration) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of strings and numbers always marshal
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(life.Seconds())))
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone, and nobody is left to be told
	}
}

// isShown reports whether a room has a page.
func (n *Node) isShown(id room.ID) bool {
	_, ok := n.shown(id)
	return ok
}

// shown is the facts of a room as strangers are answered by. Of a draft they are not told that it is there.
func (n *Node) shown(id room.ID) (room.Facts, bool) {
	f, ok := n.bus.Facts(id)
	return f, ok && id.Valid() && f.State != room.Draft
}

// openly is the facts of a room that may be shown to anybody who asks.
func (n *Node) openly(id room.ID) (room.Facts, bool) {
	f, ok := n.bus.Facts(id)
	return f, ok && f.IsOpen()
}

// stageHandler serves the desk, the stage, the host's side, and the room itself for who wants to hear what listeners hear.
func (n *Node) stageHandler() http.Handler {
	host := api.New(api.Config{
		Sessions: n.store, Records: n.store, Rooms: n.rooms, Air: n.rooms, Life: n.rooms, Lights: &lights{node: n}, Pictures: n.rooms, Publishes: n.publisher != nil, Key: n.store.Key(), PassKey: n.rooms.key.PrivateKey, Clock: n.cfg.now(), Rand: rand.Reader,
		Log:       n.log.With("part", "api"),
		ListenURL: n.listenersAt,
		Own:       n.origins,
		StageURL:  func(r *http.Request) string { return sameHost(n.cfg.StageURL, n.stageURL, scheme(r), r.Host) },
	})
	mux := http.NewServeMux()
	mux.Handle("/r/", n.stage.Handler())
	mux.Handle("GET /r/{room}/stage/events", n.lasting(n.stage.Handler()))
	mux.Handle("/admin/metadata", n.stage.Metadata())
	mux.Handle("/r/{room}/live.mp4", n.edge.Handler())
	mux.Handle("/r/{room}/live.ogg", n.edge.Handler())
	mux.Handle("/api/", host)
	mux.Handle("/desk/", web.Desk())
	mux.Handle("/captions/", web.Desk())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/desk/", http.StatusSeeOther)
			return
		}
		problem.Write(w, problem.New(problem.NotFound, "There is nothing at this address. The desk is at "+n.stageURL+"/desk/."))
	})
	if n.cfg.StageTLS == "off" {
		return mux
	}
	return onlyLocalInPlain(mux)
}

// onlyLocalInPlain sends everybody but localhost to TLS: a browser gives a page no microphone without, and tokens would travel in the open.
func onlyLocalInPlain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil || fromLoopback(r.RemoteAddr) {
			next.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			http.Redirect(w, r, "https://"+r.Host+r.URL.RequestURI(), http.StatusTemporaryRedirect)
			return
		}
		problem.Write(w, problem.New(problem.Forbidden,
			"The stage speaks TLS with everybody but its own machine: a browser gives no microphone without. Use https:// in the link."))
	})
}

// listenersAt is where listeners reach the node, for who reached it at the host of a request.
func (n *Node) listenersAt(r *http.Request) string {
	return sameHost(n.cfg.PublicURL, n.listenersURL, n.cfg.listenScheme(), r.Host)
}

func fromLoopback(remote string) bool {
	addr, err := netip.ParseAddrPort(remote)
	return err == nil && addr.Addr().Unmap().IsLoopback()
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// sameHost is the configured address; without one it is our port at the host by which the client reached us, so that a link made
// at 192.0.2.7 works for those who are there too.
func sameHost(configured, own, scheme, asked string) string {
	if configured != "" {
		return configured
	}
	host, _, err := net.SplitHostPort(asked)
	if err != nil {
		host = asked
	}
	u, err := url.Parse(own)
	if err != nil || host == "" {
		return own
	}
	return scheme + "://" + net.JoinHostPort(strings.Trim(host, "[]"), u.Port())
}

// privateHandler serves health, metrics, profiles, what this node is, and who empties it.
func (n *Node) privateHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", n.ready)
	mux.HandleFunc("GET /drain", n.serveDrain)
	mux.Handle("POST /drain", http.NewCrossOriginProtection().Handler(http.HandlerFunc(n.serveDrain)))
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics(), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /edge/seconds", n.seconds)
	mux.HandleFunc("GET /about", n.about)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// ready answers whether this node can seat listeners and carry a stage now.
func (n *Node) ready(w http.ResponseWriter, _ *http.Request) {
	if !n.bus.Connected() {
		problem.Write(w, problem.Problem{Status: http.StatusServiceUnavailable, Code: problem.Internal, Detail: "The bus is not connected."})
		return
	}
	if n.draining() {
		problem.Write(w, problem.New(problem.Draining, "This node sends its listeners elsewhere."))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// seconds tells what the edge counted in each of the last seconds, one JSON object a line.
func (n *Node) seconds(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/jsonl")
	lines := json.NewEncoder(w)
	for _, s := range n.edge.Seconds() {
		err := lines.Encode(s)
		if err != nil {
			return // the reader is gone
		}
	}
}
