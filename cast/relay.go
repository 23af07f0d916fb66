package cast

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Relay pushes rooms to an Icecast server while they are live, each to a mount of its own: what radios and other houses already know how to pass on.
// All its methods may be called from any goroutine.
type Relay struct {
	source source
	to     IcecastMount
	retry  time.Duration // the first pause

	failing atomic.Int64

	open    context.Context // done when the relay closes
	shut    context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	rooms map[room.ID]bool // guarded by mu; those that are pushed
}

// IcecastMount is where an Icecast server takes sound. The mount may have {room} in it.
type IcecastMount struct {
	host           string // with its port
	mount          string
	user, password string
	secure         bool
}

const (
	relayDial  = 5 * time.Second
	relayWrite = 10 * time.Second // for a segment
)

// ParseIcecastMount reads icecast://user:password@host:port/mount, or icecasts:// for TLS.
func ParseIcecastMount(s string) (m IcecastMount, err error) {
	const how = "write one such as icecast://source:password@radio.example.org:8000/{room}.opus"
	u, err := url.Parse(s)
	if err != nil {
		return m, errors.New("this is no address of an Icecast server: " + how) // the error would tell the password
	}
	password, _ := u.User.Password()
	m = IcecastMount{host: u.Host, mount: u.Path, user: u.User.Username(), password: password, secure: u.Scheme == "icecasts"}
	switch {
	case u.Scheme != "icecast" && u.Scheme != "icecasts" || u.Hostname() == "" || len(u.Path) < 2 || u.RawQuery != "":
		return m, errors.New("this is no address of an Icecast server: " + how)
	case password == "":
		return m, errors.New("there is no password for the Icecast server: " + how)
	}
	if m.user == "" {
		m.user = "source"
	}
	if u.Port() == "" {
		m.host = net.JoinHostPort(u.Hostname(), "8000")
	}
	return m, nil
}

// NewRelay makes a relay. Close ends it.
func NewRelay(cfg Config, to IcecastMount) (*Relay, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Relay{source: newSource(cfg), to: to, retry: firstRetry, rooms: map[room.ID]bool{}}
	r.open, r.shut = context.WithCancel(context.Background())
	return r, nil
}

// pushed reports whether a room's sound goes to the server: to those who listen there anybody is let in.
func pushed(f *room.Facts) bool {
	return f.State == room.Live && f.IsOpen()
}

// Follow learns what has become of a room: it is pushed while it is live, unless it is by invitation or a run-through. It does not wait.
func (r *Relay) Follow(f room.Facts) {
	if !pushed(&f) || !f.ID.Valid() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rooms[f.ID] || r.open.Err() != nil {
		return
	}
	r.rooms[f.ID] = true
	r.running.Go(func() {
		r.push(r.open, f.ID)
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.rooms, f.ID)
	})
}

// Failing is how many rooms do not reach the server now.
func (r *Relay) Failing() int64 { return r.failing.Load() }

// Close ends all pushing, and waits.
func (r *Relay) Close() {
	r.mu.Lock()
	r.shut() // with mu: no room begins behind the wait
	r.mu.Unlock()
	r.running.Wait()
}

// push brings a room to the server, again and again, until it is over.
func (r *Relay) push(ctx context.Context, id room.ID) {
	log := r.source.Log.With("room", id)
	retry, failing := r.retry, false
	set := func(now bool) {
		if now != failing {
			failing = now
			r.failing.Add(map[bool]int64{true: 1, false: -1}[now])
		}
	}
	defer set(false)
	for {
		f, known := r.source.Facts(id)
		if !known || !pushed(&f) {
			return
		}
		began := time.Now()
		over, err := r.once(ctx, f, func() { set(false) })
		if over || ctx.Err() != nil {
			return
		}
		if time.Since(began) > lastRetry {
			retry = r.retry // it was well for a while
		}
		if !failing {
			log.Error("the room does not reach the Icecast server; the conversation goes on. It is tried again until it does", "error", err)
		}
		set(true)
		select {
		case <-time.After(retry):
		case <-ctx.Done():
			return
		}
		retry = min(2*retry, lastRetry)
	}
}

// once pushes a room over one connection. It is over when the room's sound is; well is called when the server has taken some.
func (r *Relay) once(ctx context.Context, f room.Facts, well func()) (over bool, err error) {
	conn, err := r.to.connect(ctx, f)
	if err != nil {
		return false, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = conn.Close()
	}()
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(f.ID)) // it never fails
	out, err := ogg.NewWriter(conn, sum.Sum32(), ogg.Head{PreSkip: r.source.PreSkip, Vendor: "Epidaurus", Comments: []string{"TITLE=" + oneLine(f.Title)}})
	if err != nil {
		return false, err
	}
	next := tape.Number(-1)
	for {
		now, known := r.source.Facts(f.ID)
		reach, heard := r.source.Live.Segments(f.ID, tape.Floor, tape.Opus48)
		if !heard || known && !now.IsOpen() { // it may have become one by invitation
			return true, nil
		}
		if next < reach.First {
			next = max(reach.First, reach.End-1) // the newest; what is gone is gone
		}
		for ; next < reach.End; next++ {
			packets, _, ok := r.source.Live.Segment(f.ID, tape.Floor, tape.Opus48, next)
			if !ok {
				continue
			}
			err = write(conn, out, packets)
			if err != nil {
				return false, fmt.Errorf("send to the Icecast server: %w", err)
			}
			well()
		}
		if reach.Over {
			_ = conn.SetWriteDeadline(time.Now().Add(relayWrite)) // a connection that is gone says so when it is written to
			return true, out.Close()
		}
		select {
		case <-reach.Moved:
		case <-time.After(hls.SegmentDuration): // should nothing move any more
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

func write(conn net.Conn, out *ogg.Writer, packets [][]byte) error {
	err := conn.SetWriteDeadline(time.Now().Add(relayWrite))
	for _, p := range packets {
		if err != nil {
			break
		}
		err = out.WritePacket(p)
	}
	return err
}

// connect opens a mount for a room, by PUT as Icecast has it since 2.4.
func (m IcecastMount) connect(ctx context.Context, f room.Facts) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, relayDial)
	defer cancel()
	var dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = &net.Dialer{}
	if m.secure {
		dialer = &tls.Dialer{}
	}
	conn, err := dialer.DialContext(ctx, "tcp", m.host)
	if err != nil {
		return nil, err
	}
	err = m.ask(ctx, conn, f)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (m IcecastMount) ask(ctx context.Context, conn net.Conn, f room.Facts) error {
	deadline, _ := ctx.Deadline()
	err := conn.SetDeadline(deadline)
	if err != nil {
		return err
	}
	mount := (&url.URL{Path: strings.ReplaceAll(m.mount, "{room}", string(f.ID))}).EscapedPath()
	_, err = fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nUser-Agent: Epidaurus\r\nContent-Type: application/ogg\r\nIce-Public: 0\r\nIce-Name: %s\r\nExpect: 100-continue\r\n\r\n",
		mount, m.host, base64.StdEncoding.EncodeToString([]byte(m.user+":"+m.password)), oneLine(f.Title))
	if err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, 16<<10)), nil)
	if err != nil {
		return fmt.Errorf("the Icecast server does not answer as one: %w", err)
	}
	_ = answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusContinue, http.StatusOK:
		return conn.SetDeadline(time.Time{})
	case http.StatusUnauthorized:
		return errors.New("the Icecast server does not take this user and password")
	case http.StatusForbidden:
		return fmt.Errorf("the Icecast server refuses the mount %s: somebody else may be on it (%s)", mount, answer.Status)
	}
	return fmt.Errorf("the Icecast server answers %s", answer.Status)
}

// oneLine is a text that ends no header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
