//go:build linux

package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Home is a NATS server of this process's own, on loopback, behind a secret.
type Home struct {
	server *server.Server
	secret string
}

// OpenHome starts it.
func OpenHome() (*Home, error) {
	h := &Home{secret: newID()}
	var err error
	h.server, err = server.NewServer(&server.Options{
		ServerName: "drill", Host: "127.0.0.1", Port: server.RANDOM_PORT, Authorization: h.secret, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return nil, fmt.Errorf("set up NATS: %w", err)
	}
	h.server.Start()
	if !h.server.ReadyForConnections(10 * time.Second) {
		h.Close()
		return nil, errors.New("NATS on loopback did not start within 10 s")
	}
	return h, nil
}

// URL is where it is, with the secret.
func (h *Home) URL() string {
	u := url.URL{Scheme: "nats", User: url.User(h.secret), Host: h.server.Addr().String()}
	return u.String()
}

// Close ends it, and waits.
func (h *Home) Close() {
	h.server.Shutdown()
	h.server.WaitForShutdown()
}

// AddressVariable is the environment variable by which agents that were started learn where NATS is: command lines are for all to see.
const AddressVariable = "EPIDAURUS_NATS"

// Started is agents that this process has started.
type Started struct{ commands []*exec.Cmd }

// Start starts n agents: this program with arguments that make an agent of it which plays once, and so ends when NATS does.
func Start(ctx context.Context, address string, n int, arguments ...string) (*Started, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	s := &Started{}
	for range n {
		c := exec.CommandContext(ctx, self, arguments...)
		c.Env = append(os.Environ(), AddressVariable+"="+address)
		c.Stderr = os.Stderr
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for the run, which tells the agents
		err = c.Start()
		if err != nil {
			s.Kill()
			return nil, errors.Join(fmt.Errorf("start an agent: %w", err), s.Wait())
		}
		s.commands = append(s.commands, c)
	}
	return s, nil
}

// Kill ends them at once.
func (s *Started) Kill() {
	for _, c := range s.commands {
		_ = c.Process.Kill() // it may have ended
	}
}

// Wait returns when all have ended, and how.
func (s *Started) Wait() error {
	var err error
	for _, c := range s.commands {
		err = errors.Join(err, c.Wait())
	}
	if err != nil {
		return fmt.Errorf("an agent: %w", err)
	}
	return nil
}
