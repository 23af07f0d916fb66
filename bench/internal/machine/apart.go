//go:build linux

package machine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// apart is set in the environment of the program that runs in there.
const apart = "EPIDAURUS_BENCH_APART"

// bucketsOf is how many buckets a connection is given: both its ends are on this machine, and short buckets are what this is about.
const bucketsOf = 4

// Apart runs this program again in a network namespace of its own, whose table of established connections has room for so many, and
// exits as that does; in there it returns. The kernel sizes the machine's table at boot by its memory, and where several connections
// share a bucket every packet walks past all of them. It needs root.
func Apart(connections int) error {
	if os.Getenv(apart) != "" {
		return loopbackUp()
	}
	size := sysctl("net.ipv4.tcp_child_ehash_entries") // of the next namespace; since Linux 6.1
	before := read(size)
	err := os.WriteFile(size, []byte(strconv.Itoa(bucketsOf*connections)), 0)
	if err != nil {
		return fmt.Errorf("ask for a table of %d connections (as root, Linux 6.1 or later): %w", connections, err)
	}
	c := exec.Command(os.Args[0], os.Args[1:]...) //nolint:gosec // this program
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), apart+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	err = errors.Join(c.Start(), os.WriteFile(size, []byte(before), 0))
	if err != nil {
		return fmt.Errorf("a network namespace: %w", err)
	}
	err = c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	os.Exit(c.ProcessState.ExitCode())
	return nil
}

// loopbackUp lets the namespace talk to itself.
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s) //nolint:errcheck // nothing was written
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	err = unix.IoctlIfreq(s, unix.SIOCGIFFLAGS, lo)
	if err != nil {
		return fmt.Errorf("look at lo: %w", err)
	}
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	err = unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo)
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}
