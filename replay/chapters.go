package replay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// podcastChapters is the JSON chapters format of Podcasting 2.0, version 1.2.0: times are those of the sound file.
type podcastChapters struct {
	Version  string           `json:"version"`
	Title    string           `json:"title"`
	Chapters []podcastChapter `json:"chapters"`
}

type podcastChapter struct {
	Start float64 `json:"startTime"`
	Title string  `json:"title"`
}

// Chapters are the chapters of a tape for players of podcasts.
func Chapters(f room.Facts, t Tape) ([]byte, error) {
	i := indexOf(f, t)
	all := podcastChapters{Version: "1.2.0", Title: f.Heading(), Chapters: []podcastChapter{}}
	for n, c := range i.Chapters {
		title := c.Title
		if title == "" {
			title = fmt.Sprint(n + 1)
		}
		all.Chapters = append(all.Chapters, podcastChapter{i.time(c.At).Seconds(), title})
	}
	body, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("write the chapters: %w", err)
	}
	return body, nil
}

// time is where a frame is on the timeline that is shown: span after span.
func (i *index) time(n tape.Number) time.Duration {
	before := tape.Number(0)
	for _, s := range i.Spans {
		if n < s[1] {
			before += max(0, n-s[0])
			break
		}
		before += s[1] - s[0]
	}
	return before.Duration()
}

func (h *Handler) chapters(w http.ResponseWriter, r *http.Request, t Tape) error {
	f, _ := h.cfg.Facts(room.ID(r.PathValue("room")))
	body, err := Chapters(f, t)
	if err != nil {
		return err
	}
	return h.small(w, r, "application/json+chapters", "public, max-age=60", body)
}
