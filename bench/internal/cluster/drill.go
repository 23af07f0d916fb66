//go:build linux

package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// Drill is a process of listeners. It is for one goroutine.
type Drill struct {
	cmd  *exec.Cmd // nil once it has ended
	out  string
	said bytes.Buffer
}

// StartDrill starts `epidaurus drill run` with these arguments, which writes what it finds to the file out. Of more than one, each has an
// environment with GOMAXPROCS=1: it is one event loop. It ends with this process.
func StartDrill(program, out string, env []string, args ...string) (*Drill, error) {
	d := &Drill{out: out}
	d.cmd = exec.Command(program, append(append([]string{"drill", "run"}, args...), "--out", out, "--no-keep")...)
	d.cmd.Env = append(os.Environ(), env...)
	d.cmd.Stdout, d.cmd.Stderr = &d.said, &d.said
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	err := d.cmd.Start()
	if err != nil {
		return nil, fmt.Errorf("start a drill: %w", err)
	}
	return d, nil
}

// End stops it, and reads what it found (docs/DRILL.md) into findings. A drill that calls itself invalid has found something, too.
func (d *Drill) End(findings any) error {
	err := d.cmd.Process.Signal(os.Interrupt)
	if err != nil {
		return fmt.Errorf("a drill has ended by itself: %s", d.said.Bytes())
	}
	err = d.cmd.Wait()
	d.cmd = nil
	const invalid = 3
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != invalid) {
		return fmt.Errorf("a drill: %w: %s", err, d.said.Bytes())
	}
	text, err := os.ReadFile(d.out)
	if err == nil {
		err = json.Unmarshal(text, findings)
	}
	if err != nil {
		return fmt.Errorf("read what a drill found: %w", err)
	}
	return nil
}

// Kill ends it where nobody wants to know what it found. Where it has ended that does nothing.
func (d *Drill) Kill() {
	if d.cmd != nil {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait() // it was killed
		d.cmd = nil
	}
}
