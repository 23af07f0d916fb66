package cast

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder is a Store that a web server serves as it is. Its files may be read by everybody.
type Folder struct{ root string }

// NewFolder makes a folder if need be.
func NewFolder(root string) (Folder, error) {
	root, err := filepath.Abs(root)
	if err == nil {
		err = os.MkdirAll(root, 0o755)
	}
	if err != nil {
		return Folder{}, fmt.Errorf("make the folder to publish to: %w", err)
	}
	return Folder{root}, nil
}

// path is where a name is. Names that lead out of the folder are none.
func (f Folder) path(name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q is no name", name)
	}
	return filepath.Join(f.root, name), nil
}

// Put implements Store. A file is on disk before it has its name. What others may keep is for the web server to say.
func (f Folder) Put(_ context.Context, name string, body []byte, _ string) (err error) {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	err = os.MkdirAll(filepath.Dir(path), 0o755)
	if err != nil {
		return err
	}
	// A web server serves no name that begins with a dot, if it is told so, and nobody asks for this one.
	draft, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(draft.Name()))
		}
	}()
	_, err = draft.Write(body)
	if err == nil {
		err = draft.Chmod(0o644)
	}
	if err == nil {
		err = draft.Sync()
	}
	err = errors.Join(err, draft.Close())
	if err != nil {
		return err
	}
	return os.Rename(draft.Name(), path)
}

// Get implements Store.
func (f Folder) Get(_ context.Context, name string) ([]byte, error) {
	path, err := f.path(name)
	if err != nil {
		return nil, err
	}
	body, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return body, err
}

// Has implements Store.
func (f Folder) Has(_ context.Context, name string) (bool, error) {
	path, err := f.path(name)
	if err != nil {
		return false, err
	}
	_, err = os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// List implements Store.
func (f Folder) List(_ context.Context, dir string) (names []string, err error) {
	root, err := f.path(dir)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(f.root, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // or not any more
		return names, nil
	}
	return names, err
}

// Remove implements Store.
func (f Folder) Remove(_ context.Context, name string) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	return os.RemoveAll(path)
}
