package store

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/epidaurus-live/epidaurus/room"
)

// The key has a file of its own because the database is what people copy: for a backup, to ask a question, to look at with a
// tool. Whoever has the key is host of every room. To remove the file makes every link to a stage void; the next start makes a
// new one. Nodes that share rooms share this file.
const keyName = "stage.key"

var (
	errKeyOpen   = errors.New("others on this machine can read it")
	errKeyFormat = errors.New("it does not hold 64 hexadecimal digits")
)

// loadKey reads the key of dir, and makes one if there is none. When two processes do that at once both get the same.
func loadKey(dir string) (room.Key, error) {
	path := filepath.Join(dir, keyName)
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	err = makeKey(dir, path)
	if err != nil {
		return room.Key{}, fmt.Errorf("make the key file %s: %w", path, err)
	}
	return readKey(path)
}

func readKey(path string) (room.Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return room.Key{}, fmt.Errorf("read the key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return room.Key{}, &Error{Code: CodeKey, Err: errKeyOpen, Detail: fmt.Sprintf(
			"Others on this machine can read the key file %s, with which anybody can be host. Run: chmod 600 %q. If somebody may have read it, delete it: the next start makes a new one, and all links to stages must be sent again.", path, path)}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return room.Key{}, fmt.Errorf("read the key file: %w", err)
	}
	var key room.Key
	text = bytes.TrimSpace(text)
	n, err := hex.Decode(key[:], text[:min(len(text), hex.EncodedLen(len(key)))])
	if err != nil || n != len(key) || len(text) != hex.EncodedLen(len(key)) {
		return room.Key{}, &Error{Code: CodeKey, Err: errKeyFormat, Detail: fmt.Sprintf(
			"The key file %s is damaged. Put it back from a backup, or delete it: the next start makes a new one, and all links to stages must be sent again.", path)}
	}
	return key, nil
}

// makeKey writes a whole new key file, or leaves the one that another process made in the meantime.
func makeKey(dir, path string) error {
	var key room.Key
	_, err := rand.Read(key[:])
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, keyName+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // the link below keeps the content
	_, err = f.WriteString(hex.EncodeToString(key[:]) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	err = os.Link(f.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return errors.Join(err, syncDir(dir))
}

// syncDir makes the names in dir survive a power failure.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
