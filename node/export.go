package node

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/replay"
	"github.com/epidaurus-live/epidaurus/replay/picture"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/store"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/disk"
	"github.com/epidaurus-live/epidaurus/web"
)

// Export writes the replay of a room as a site that needs no server, off the data folder of one that may be running: to a folder, or to a file
// that ends with .zip. What is there already is not touched, and what could not be finished is removed. It returns how many bytes the site has.
func Export(ctx context.Context, dir string, id room.ID, to string) (size int64, err error) {
	f, t, err := findReplay(ctx, dir, id)
	if err != nil {
		return 0, err
	}
	out, err := newSite(to)
	if err != nil {
		return 0, err
	}
	size, err = writeSite(ctx, out, f, taped{View: t})
	err = out.close(err)
	return size, err
}

// findReplay finds what a host has left of a tape to be heard. Whether it is posted is no matter: who has the folder has the tape.
func findReplay(ctx context.Context, dir string, id room.ID) (f room.Facts, v *disk.View, err error) {
	_, err = os.Stat(filepath.Join(dir, nameFile))
	if err != nil {
		return f, nil, fmt.Errorf("there is no server's folder at %s: name it with --data (%w)", dir, err)
	}
	s, err := store.Open(ctx, dir)
	if err != nil {
		return f, nil, fmt.Errorf("open the database: %w", err)
	}
	record, err := s.Room(ctx, id)
	err = errors.Join(err, s.Close())
	f = record.Facts
	switch {
	case errors.Is(err, room.ErrNotFound):
		return f, nil, fmt.Errorf("there is no room %q here: its name is what stands in its link behind /r/", id)
	case err != nil:
		return f, nil, err
	case f.State != room.Ended:
		return f, nil, fmt.Errorf("room %s has not ended: its replay is exported when it has", id)
	case f.Tape == room.TapeDeleted:
		return f, nil, fmt.Errorf("the tape of room %s was deleted", id)
	}
	t, err := disk.Find(filepath.Join(dir, "tape"), id, tape.Floor)
	if errors.Is(err, disk.ErrNoTape) {
		return f, nil, fmt.Errorf("room %s is not on tape in this folder", id)
	}
	if err != nil {
		return f, nil, err
	}
	v = t.Cut(tape.Number(f.Life.Edit.From), tape.Number(f.Life.Edit.To))
	if len(v.Spans()) == 0 {
		return f, nil, fmt.Errorf("of the tape of room %s its host has left nothing to be heard", id)
	}
	return f, v, nil
}

// siteFile is one file of a site.
type siteFile struct {
	name string
	body io.Reader
}

// writeSite writes what a replay consists of.
func writeSite(ctx context.Context, out site, f room.Facts, t taped) (size int64, err error) {
	index, err := replay.Exported(f, t, t.HasUnits())
	if err != nil {
		return 0, err
	}
	chapters, err := replay.Chapters(f, t)
	if err != nil {
		return 0, err
	}
	spans, frames := t.Spans(), 0
	for _, s := range spans {
		frames += s.Len()
	}
	drawn := picture.Clip{Title: f.Heading(), Length: time.Duration(frames) * tape.FrameDuration, Levels: t.Levels()}
	if epoch := t.Epoch(); !epoch.IsZero() {
		drawn.Began = epoch.Add(spans[0].From.Duration())
	}
	image, err := picture.PNG(drawn)
	if err != nil {
		return 0, err
	}
	sound, err := t.Ogg(tape.Opus48)
	if err != nil {
		return 0, err
	}
	files := []siteFile{{"sound.ogg", sound}}
	if t.HasUnits() {
		m4a, err := replay.M4A(f, t)
		if err != nil {
			return 0, err
		}
		files = append(files, siteFile{"sound.m4a", m4a})
	}
	files = append(files, []siteFile{
		{"index.json", strings.NewReader(string(index))},
		{"chapters.json", strings.NewReader(string(chapters))},
		{"waveform.png", strings.NewReader(string(image))},
	}...)
	for n, language := range replay.CaptionLanguages(f, t) {
		name := "captions.vtt"
		if n > 0 {
			name = "captions." + language + ".vtt"
		}
		files = append(files, siteFile{name, bytes.NewReader(replay.CaptionFile(f, t, language, false))})
	}
	files = append(files, siteFile{"index.html", strings.NewReader(string(web.ExportedPage(index)))}) // last: with it, all is there
	for _, file := range files {
		n, err := out.put(file.name, reader{ctx, file.body})
		size += n
		if err != nil {
			return size, fmt.Errorf("write %s: %w", file.name, err)
		}
	}
	return size, nil
}

// reader stops when ctx is done.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	err := r.ctx.Err()
	if err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

// site is where files go.
type site interface {
	put(name string, body io.Reader) (int64, error)
	close(err error) error // keeps what was written where err is nil, and returns what went wrong
}

// newSite makes a folder or a zip file, which must not be there yet.
func newSite(to string) (site, error) {
	if strings.HasSuffix(to, ".zip") {
		f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return nil, fmt.Errorf("make the zip file: %w", err)
		}
		return &zipSite{f, zip.NewWriter(f)}, nil
	}
	err := os.Mkdir(to, 0o755)
	if err != nil {
		return nil, fmt.Errorf("make the folder of the site, which must not be there yet: %w", err)
	}
	return folderSite(to), nil
}

type folderSite string

func (s folderSite) put(name string, body io.Reader) (int64, error) {
	f, err := os.Create(filepath.Join(string(s), name))
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, body)
	return n, errors.Join(err, f.Close())
}

func (s folderSite) close(err error) error {
	if err != nil {
		return errors.Join(err, os.RemoveAll(string(s)))
	}
	return nil
}

type zipSite struct {
	file *os.File
	zip  *zip.Writer
}

func (s *zipSite) put(name string, body io.Reader) (int64, error) {
	method := zip.Deflate
	if strings.HasSuffix(name, ".ogg") || strings.HasSuffix(name, ".m4a") || strings.HasSuffix(name, ".png") {
		method = zip.Store
	}
	w, err := s.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	if err != nil {
		return 0, err
	}
	return io.Copy(w, body)
}

func (s *zipSite) close(err error) error {
	if err == nil {
		err = s.zip.Close()
	}
	err = errors.Join(err, s.file.Close())
	if err != nil {
		return errors.Join(err, os.Remove(s.file.Name()))
	}
	return nil
}
