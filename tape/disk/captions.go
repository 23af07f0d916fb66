package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Captions that a host has corrected lie beside the sound, as captions.{language}.json, and go where it goes.
const (
	captionsHead = "captions."
	captionsTail = ".json"
)

// Captions are those that were corrected, by language. They are never changed.
func (t *Tape) Captions() map[string][]tape.Caption {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.captions
}

func readCaptions(dir string) (map[string][]tape.Caption, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the tape in %s: %w", dir, err)
	}
	all := map[string][]tape.Caption{}
	for _, f := range files {
		language, ok := strings.CutPrefix(f.Name(), captionsHead)
		language, json := strings.CutSuffix(language, captionsTail)
		if !ok || !json {
			continue
		}
		lines, err := readCaptionFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the captions in %s: %w", dir, err)
		}
		all[language] = lines
	}
	return all, nil
}

func readCaptionFile(name string) (lines []tape.Caption, err error) {
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &lines)
	}
	return lines, err
}

// SetCaptions corrects the captions of a tape in one language, a valid tag; nil: those that were written while it was live count again. What it has answered survives a power
// cut. The error is ErrNoTape where there is none, or where it is not closed yet.
func (r *Recorder) SetCaptions(id room.ID, language string, lines []tape.Caption) error {
	t, err := r.Tape(id, tape.Floor)
	if err != nil {
		return err
	}
	r.mu.Lock() // what is deleted meanwhile is not written to
	defer r.mu.Unlock()
	if !exists(t.dir) || !t.Closed() {
		return ErrNoTape
	}
	name := filepath.Join(t.dir, captionsHead+language+captionsTail)
	if lines == nil {
		err = os.Remove(name)
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	} else {
		var text []byte
		text, err = json.Marshal(lines)
		if err == nil {
			err = writeWhole(openFile, name, append(text, '\n'))
		}
	}
	if err == nil {
		err = syncDir(t.dir)
	}
	if err != nil {
		return fmt.Errorf("write captions: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	all := maps.Clone(t.captions)
	if all == nil {
		all = map[string][]tape.Caption{}
	}
	delete(all, language)
	if lines != nil {
		all[language] = lines
	}
	t.captions = all
	return nil
}
