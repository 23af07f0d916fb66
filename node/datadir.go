package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// dataDir is the folder that holds all state, locked against a second process.
type dataDir struct {
	path string
	lock *os.File
}

// ErrDataInUse says that another process serves from the same folder.
var ErrDataInUse = errors.New("another epidaurus serves from this folder")

// openDataDir makes the folder if need be and locks it. The lock goes with the process, however it ends.
func openDataDir(path string) (_ *dataDir, err error) {
	err = os.MkdirAll(path, 0o700)
	if err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := lockFile(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	d := &dataDir{path: path, lock: lock}
	err = lock.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(lock, os.Getpid())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write the data folder's lock: %w", err), d.close())
	}
	return d, nil
}

// describe writes behind the process's number by which configuration it serves: who reads drills compares theirs with it.
func (d *dataDir) describe(config string) error {
	_, err := fmt.Fprintln(d.lock, config)
	if err != nil {
		return fmt.Errorf("write the data folder's lock: %w", err)
	}
	return nil
}

// lockFile takes the lock of a data folder.
func lockFile(path string, flags int) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(path, "lock"), flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data folder's lock: %w", err)
	}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return lock, nil
	}
	text, _ := os.ReadFile(lock.Name())
	pid, _, _ := strings.Cut(string(text), "\n")
	_ = lock.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s: %w (process %s): stop it, or give this one a folder of its own with --data", path, ErrDataInUse, pid)
	}
	return nil, fmt.Errorf("lock the data folder %s: %w", path, err)
}

// dataInUse is the error of a second start on a folder, and nil otherwise. It leaves no trace.
func dataInUse(path string) error {
	lock, err := lockFile(path, os.O_RDWR)
	if err == nil {
		return lock.Close()
	}
	if errors.Is(err, ErrDataInUse) {
		return err
	}
	return nil
}

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

func (d *dataDir) close() error { return d.lock.Close() }

// nameFile holds the node's name. It is in every server's folder.
const nameFile = "node"

// nodeName is this node's name among others: made once, kept in the folder.
func (d *dataDir) nodeName() (string, error) {
	name, err := os.ReadFile(d.file(nameFile))
	if err == nil && strings.TrimSpace(string(name)) != "" {
		return strings.TrimSpace(string(name)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the node's name: %w", err)
	}
	fresh := "node-" + strings.ToLower(rand.Text()[:10])
	err = os.WriteFile(d.file(nameFile), []byte(fresh+"\n"), 0o600)
	if err != nil {
		return "", fmt.Errorf("keep the node's name: %w", err)
	}
	return fresh, nil
}
