package node

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/internal/throttle"
	"github.com/epidaurus-live/epidaurus/replay"
	"github.com/epidaurus-live/epidaurus/replay/podcast"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// mostEpisodes is how many replays a feed lists: the newest ones.
const mostEpisodes = 200

// feedTimeout bounds what a feed waits for the database.
const feedTimeout = 2 * time.Second

// feeds serves the feeds of hosts at GET /feed/{host}.xml. An edge that has no database has none.
func (n *Node) feeds() http.Handler {
	making := make(throttle.Throttle, 2) // each asks the database, and looks at tapes
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, ok := strings.CutSuffix(r.PathValue("feed"), ".xml")
		if !ok || n.store == nil {
			problem.Write(w, problem.New(problem.NotFound, "There is no such feed here."))
			return
		}
		var records []room.Record
		ctx, cancel := context.WithTimeout(r.Context(), feedTimeout)
		defer cancel()
		var body []byte
		err := making.Do(ctx, func() (err error) {
			records, err = n.store.RoomsOf(ctx, room.HostID(host))
			if err == nil && len(records) > 0 {
				body, err = podcast.Feed(n.show(records, n.listenersAt(r), r.URL.Path))
			}
			return err
		})
		switch {
		case r.Context().Err() != nil:
			return // there is nobody to tell
		case err != nil:
			n.log.Warn("a feed cannot be made", "host", host, "error", err)
			p := problem.New(problem.Busy, "The feed cannot be made at this moment. Come again.")
			p.RetryAfter = time.Minute
			problem.Write(w, p)
			return
		case body == nil:
			problem.Write(w, problem.New(problem.NotFound, "There is no such feed here."))
			return
		}
		sum := sha256.Sum256(body)
		h := w.Header()
		h.Set("Content-Type", "application/rss+xml; charset=utf-8")
		h.Set("Cache-Control", "public, max-age=60")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:9])+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

// show is what a host's rooms are to who follows them by a feed.
func (n *Node) show(records []room.Record, origin, self string) podcast.Show {
	s := podcast.Show{
		Title: "Conversations at " + strings.TrimPrefix(strings.TrimPrefix(origin, "https://"), "http://"), Link: origin, Self: origin + self,
		Description: "Conversations that were live here, to be heard again, and those that are to come.", Language: records[0].Facts.Language,
	}
	for _, r := range records {
		f, ok := n.bus.Facts(r.Facts.ID)
		if !ok {
			f = r.Facts
		}
		if f.IsPrivate() || f.Life.Access.Visibility != room.Public {
			continue // who follows a host is told of what is listed anyhow
		}
		if l, ok := liveOf(f, origin); ok {
			s.Live = append(s.Live, l)
		} else if e, ok := n.episode(f, origin); ok && len(s.Episodes) < mostEpisodes {
			s.Episodes = append(s.Episodes, e)
			s.Built = latest(s.Built, e.Published)
		}
	}
	slices.SortStableFunc(s.Episodes, func(a, b podcast.Episode) int { return b.Published.Compare(a.Published) })
	slices.SortStableFunc(s.Live, func(a, b podcast.Live) int { return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.ID, b.ID)) })
	return s
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// liveOf is a room that is announced, or on.
func liveOf(f room.Facts, origin string) (l podcast.Live, ok bool) {
	if f.State == room.Draft || f.State == room.Ended {
		return l, false
	}
	address := origin + "/r/" + string(f.ID)
	l = podcast.Live{
		ID: string(f.ID), Title: f.Title, Description: f.Life.Plan.Description, Link: address, Start: f.Life.Plan.Start, On: f.State == room.Live,
		Sound: podcast.Enclosure{URL: address + "/live.ogg", Type: "audio/ogg"},
	}
	if l.Start.IsZero() {
		l.Start = f.Created
	}
	if l.On && !f.Life.LiveAt.IsZero() {
		l.Start = f.Life.LiveAt
	}
	return l, true
}

// episode is a replay that can be heard here.
func (n *Node) episode(f room.Facts, origin string) (e podcast.Episode, ok bool) {
	if !n.hasReplay(f.ID) {
		return e, false
	}
	t, err := n.tapeOf(f.ID, tape.Floor)
	if err != nil || !t.Closed() {
		return e, false
	}
	sound, err := t.Ogg(tape.Opus48)
	if err != nil {
		return e, false
	}
	frames := 0
	for _, s := range t.Spans() {
		frames += s.Len()
	}
	address := origin + "/r/" + string(f.ID)
	e = podcast.Episode{
		ID: string(f.ID), Title: f.Heading(), Description: f.Life.Plan.Description, Link: address, Published: f.Life.Posted,
		Length: time.Duration(frames) * tape.FrameDuration,
		Sound:  podcast.Enclosure{URL: address + "/tape/floor/opus-48.ogg", Type: "audio/ogg", Size: sound.Size(), Title: "Ogg Opus", Bitrate: 48_000},
	}
	if e.Published.IsZero() {
		e.Published = f.EndedAt
	}
	tp := n.tapedOf(f.ID, t)
	switch m4a, err := replay.M4A(f, tp); {
	case err == nil: // what plays everywhere comes first
		e.Others = []podcast.Enclosure{e.Sound}
		e.Sound = podcast.Enclosure{URL: address + "/tape/floor/" + replay.M4AFile, Type: replay.M4AType, Size: m4a.Size()}
	case n.waitsForM4A(f):
		return e, false
	}
	if len(f.Life.Chapters) > 0 {
		e.Chapters = address + "/tape/chapters.json"
	}
	e.Captions = replay.CaptionLanguages(f, tp)
	return e, true
}

// awaitM4A is how long after the end of a room its M4A is waited for: apps that take no Ogg would keep what they see first.
const awaitM4A = 30 * time.Minute

// waitsForM4A reports whether a replay is not told yet, because its M4A is being made.
func (n *Node) waitsForM4A(f room.Facts) bool {
	p := n.tapes.Press(f.ID)
	return p.Waiting && p.Err == nil && time.Since(f.EndedAt) < awaitM4A
}
