//go:build linux

// Package child lets a bench command be several processes: it starts itself again in a role and gives that process orders, one JSON
// object at a time. A child ends when its parent does.
package child

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const roleVariable = "EPIDAURUS_BENCH_ROLE"

// Order does what a parent asks for.
type Order func(args json.RawMessage) (any, error)

// Role makes a child ready by its configuration and returns what it can do.
type Role func(config json.RawMessage) (map[string]Order, error)

// Do makes an order of a function with a typed argument.
func Do[A, R any](f func(A) (R, error)) Order {
	return func(raw json.RawMessage) (any, error) {
		var args A
		if len(raw) > 0 {
			err := json.Unmarshal(raw, &args)
			if err != nil {
				return nil, err
			}
		}
		return f(args)
	}
}

// Make makes a role of a function with a typed configuration.
func Make[C any](f func(C) (map[string]Order, error)) Role {
	return func(raw json.RawMessage) (map[string]Order, error) {
		var config C
		err := json.Unmarshal(raw, &config)
		if err != nil {
			return nil, err
		}
		return f(config)
	}
}

type question struct {
	Order string          `json:"order"`
	Args  json.RawMessage `json:"args"`
}

type reply struct {
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// Main does not return in a process that was started as a child.
func Main(roles map[string]Role) {
	name := os.Getenv(roleVariable)
	if name == "" {
		return
	}
	err := serve(roles[name])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve works off orders until the parent is gone, and then ends the process even if it is busy.
func serve(role Role) error {
	if role == nil {
		return errors.New("there is no such role")
	}
	questions := make(chan question)
	go func() { // ends with the process
		in := json.NewDecoder(os.Stdin)
		for {
			var q question
			err := in.Decode(&q)
			if err != nil {
				os.Exit(0)
			}
			questions <- q
		}
	}()
	out := json.NewEncoder(os.Stdout)
	first := <-questions
	orders, err := role(first.Args)
	if err != nil {
		return errors.Join(err, out.Encode(reply{Error: err.Error()}))
	}
	err = out.Encode(reply{})
	for err == nil {
		err = out.Encode(work(orders, <-questions))
	}
	return err
}

func work(orders map[string]Order, q question) reply {
	order := orders[q.Order]
	if order == nil {
		return reply{Error: "there is no order " + q.Order}
	}
	answer, err := order(q.Args)
	if err != nil {
		return reply{Error: err.Error()}
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return reply{Error: err.Error()}
	}
	return reply{Answer: raw}
}

// Child is a process in a role. Ask may be called by one goroutine at a time.
type Child struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
	once sync.Once
}

// Start starts this program again in a role and waits until it is ready.
func Start(role string, config any) (*Child, error) { return start(role, config, false) }

// start starts one of many, which share the machine's cores, or one that has them for itself.
func start(role string, config any, many bool) (*Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	begin := cmd.Start
	if many {
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1") // idle threads would look for work at the expense of the others
		begin = func() error { return patiently(cmd.Start) }
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	err = begin()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	c := &Child{name: role, cmd: cmd, in: in, out: json.NewDecoder(out)}
	err = c.Ask("", config, nil)
	if err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// slack is how late the kernel may wake what sleeps in one of many processes: Go's monitor thread naps for 20 µs at a time, and dozens
// of them keep a machine awake. A service unit says TimerSlackNSec=4ms.
const slack = 4 * time.Millisecond

// patiently calls begin on a thread whose children inherit the slack.
func patiently(begin func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return fmt.Errorf("timer slack: %w", err)
	}
	err = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0)
	if err != nil {
		return fmt.Errorf("timer slack: %w", err)
	}
	return errors.Join(begin(), unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(before), 0, 0, 0))
}

// PID names the child's process.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Ask gives an order and waits for its answer.
func (c *Child) Ask(order string, args, answer any) error {
	raw, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("%s %s: %w", c.name, order, err)
	}
	err = json.NewEncoder(c.in).Encode(question{Order: order, Args: raw})
	if err != nil {
		return fmt.Errorf("%s %s: %w", c.name, order, err)
	}
	var r reply
	err = c.out.Decode(&r)
	if err != nil {
		return fmt.Errorf("%s %s: the process does not answer: %w", c.name, order, err)
	}
	if r.Error != "" {
		return fmt.Errorf("%s %s: %s", c.name, order, r.Error)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(r.Answer, answer)
}

// Stop ends the child and waits for it.
func (c *Child) Stop() {
	c.once.Do(func() {
		_ = c.in.Close()
		late := time.AfterFunc(10*time.Second, func() { _ = c.cmd.Process.Kill() })
		defer late.Stop()
		_ = c.cmd.Wait() // how it ended does not matter any more
	})
}

// Group is children in the same role.
type Group []*Child

// StartAll starts n children at once; config makes the configuration of each.
func StartAll(role string, n int, config func(i int) any) (Group, error) {
	g := make(Group, n)
	many := n > runtime.NumCPU()
	err := at(n, func(i int) (err error) {
		g[i], err = start(role, config(i), many)
		return err
	})
	if err != nil {
		g.Stop()
		return nil, err
	}
	return g, nil
}

// Stop ends all children.
func (g Group) Stop() {
	_ = at(len(g), func(i int) error {
		if g[i] != nil {
			g[i].Stop()
		}
		return nil
	})
}

// Tell gives all children an order at once, with arguments by args (which may be nil), and returns their answers in order.
func Tell[R any](g Group, order string, args func(i int) any) ([]R, error) {
	answers := make([]R, len(g))
	err := at(len(g), func(i int) error {
		var a any
		if args != nil {
			a = args(i)
		}
		return g[i].Ask(order, a, &answers[i])
	})
	return answers, err
}

func at(n int, f func(i int) error) error {
	failed := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { failed[i] = f(i) })
	}
	wait.Wait()
	return errors.Join(failed...)
}
