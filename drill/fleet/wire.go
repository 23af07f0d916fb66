package fleet

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

// Subjects. The number is that of the protocol: agents of another are not seen.
const (
	subjectIdle  = "epidaurus.drill.1.idle"
	subjectAgent = "epidaurus.drill.1.agent."
	subjectRun   = "epidaurus.drill.1.run."
)

// Times of the protocol.
const (
	idleEvery   = 250 * time.Millisecond
	reportEvery = time.Second
	patience    = 30 * time.Second // for agents to come, to be ready, and to say something
)

// partSize is well below what NATS takes at once, 1 MB.
const partSize = 256 << 10

// maxResult bounds what a run takes from one agent.
const maxResult = 512 << 20

// hello is what an idle agent says.
type hello struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// share is what an agent is to do.
type share struct {
	Run   string    `json:"run"`
	Plan  plan.Plan `json:"plan"`
	Share int       `json:"share"`
	Of    int       `json:"of"`
	Name  string    `json:"name"`
}

// reply says whether an agent is ready to.
type reply struct {
	Error string `json:"error,omitempty"`
}

// report is what an agent says while it plays, and at the end.
type report struct {
	Share    int       `json:"share"`
	Progress *Progress `json:"progress,omitempty"`
	// Of the result, which may be long.
	Part  int    `json:"part,omitempty"`
	Parts int    `json:"parts,omitempty"`
	Data  []byte `json:"data,omitempty"`
	Error string `json:"error,omitempty"`
}

// Progress is how a drill goes. It adds up over agents.
type Progress struct {
	Now        result.Second    `json:"now"` // the last whole second
	All        result.Second    `json:"all"`
	Took       result.Duration  `json:"took"`
	FirstSound result.Histogram `json:"first_sound"`
	Saturated  bool             `json:"saturated"`
}

// NewProgress says how a drill goes whose result stands like this.
func NewProgress(r result.Result) Progress {
	p := Progress{All: r.Total().Second, Took: r.Took, FirstSound: r.FirstSound}
	if n := len(r.Seconds); n > 1 {
		p.Now = r.Seconds[n-2]
	}
	for _, a := range r.Agents {
		p.Saturated = p.Saturated || a.Saturated
	}
	return p
}

// add joins what two agents say.
func (p Progress) add(o Progress) Progress {
	p.Now.At, o.Now.At, p.All.At, o.All.At = 1, 1, 1, 1 // so that they are one second, whenever they were said
	a := result.Result{Seconds: []result.Second{p.Now, {At: 2}}}
	b := result.Result{Seconds: []result.Second{o.Now, {At: 2}}}
	now, err := result.Merge(a, b)
	if err == nil {
		p.Now = now.Seconds[0]
	}
	all, err := result.Merge(result.Result{Seconds: []result.Second{p.All}}, result.Result{Seconds: []result.Second{o.All}})
	if err == nil {
		p.All = all.Seconds[0]
	}
	var first result.Histogram
	first.Add(p.FirstSound)
	first.Add(o.FirstSound)
	p.FirstSound, p.Took, p.Saturated = first, max(p.Took, o.Took), p.Saturated || o.Saturated
	return p
}

// pack cuts a result into parts.
func pack(r result.Result) ([][]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	err := r.Write(z)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("write a result: %w", err)
	}
	var parts [][]byte
	for out.Len() > 0 {
		parts = append(parts, bytes.Clone(out.Next(partSize)))
	}
	return parts, nil
}

// unpack joins the parts of a result.
func unpack(parts [][]byte) (result.Result, error) {
	z, err := gzip.NewReader(bytes.NewReader(bytes.Join(parts, nil)))
	if err != nil {
		return result.Result{}, fmt.Errorf("read an agent's result: %w", err)
	}
	return result.Read(io.LimitReader(z, maxResult))
}

func publish(conn *nats.Conn, subject string, what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return conn.Publish(subject, text)
}

// connect reaches NATS.
func connect(url, name string, more ...nats.Option) (*nats.Conn, error) {
	options := append([]nats.Option{
		nats.Name("epidaurus drill: " + name), nats.Timeout(5 * time.Second), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond),
	}, more...)
	conn, err := nats.Connect(url, options...)
	if errors.Is(err, nats.ErrAuthorization) {
		return nil, errors.New("NATS does not let us in: the address needs a user or a token, nats://user:password@host:4222")
	}
	if err != nil {
		return nil, fmt.Errorf("reach NATS: %w", err)
	}
	return conn, nil
}

func newID() string { return rand.Text() }
