package cast

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Low latency: a segment is given in parts while it is made, and playlists are held until they list what a player asks for.

const (
	// partSegments is how many whole segments are listed in parts too: those within three target durations of the playlist's end (§6.2.2).
	partSegments = 3

	// aheadParts is how many parts behind the last one a playlist may be asked for: three seconds (§6.2.5.2).
	aheadParts = int(3 * time.Second / hls.PartDuration)

	// cacheHeld is how long caches may keep a playlist that was waited for: it is the answer to a question that is asked once.
	cacheHeld = "public, max-age=6"
)

// position names a part: of a segment, its number in it.
type position struct {
	segment tape.Number
	part    int
}

// index counts parts from the first of segment 0 on.
func (p position) index() int { return int(p.segment)*hls.SegmentParts + p.part }

// making is how far a rendition has come.
type making struct {
	first, end tape.Number // segments first (inclusive) to end (exclusive) are whole
	frames     int         // of the segment behind them
	last       int         // frames of the last segment, where it is the last of all
	over       bool
	moved      <-chan struct{}
}

// making looks at how far a rendition has come. Here a segment is whole when its frames are: who has its parts has no use for it, and its seal
// comes in a moment. It is not ok where nothing is heard, or nothing yet.
func (c *channel) making(r hls.Rendition) (m making, ok bool) {
	reach, heard := c.reach(r)
	m = making{first: reach.First, end: max(reach.End, reach.Head/tape.SegmentFrames), over: reach.Over, moved: reach.Moved, last: tape.SegmentFrames}
	if reach.Over {
		m.end = reach.End
		m.last = min(m.last, int(reach.Head-(m.end-1)*tape.SegmentFrames))
	} else {
		m.frames = int(max(0, reach.Head-m.end*tape.SegmentFrames))
	}
	return m, heard && reach.End > reach.First
}

// newest is the last part that is listed of a rendition.
func (m making) newest(r hls.Rendition) position {
	if parts := m.frames / hls.PartFrames; parts > 0 {
		return position{m.end, parts - 1}
	}
	return position{m.end - 1, len(r.Parts(r.Count(m.last))) - 1}
}

// low is the playlist of a rendition in parts.
func (c *channel) low(ctx context.Context, r hls.Rendition, m making) hls.Media {
	from, to := hls.Window(m.first, m.end)
	last := 0
	if m.last < tape.SegmentFrames {
		last = r.Count(m.last)
	}
	media := hls.Media{First: from, Segments: r.Whole(int(to-from), last), Begin: c.begin(ctx, r, from), Over: m.over, Low: &hls.Making{}}
	for k := max(from, to-partSegments); k < to; k++ {
		packets := r.Packets
		if k == to-1 && last > 0 {
			packets = last
		}
		media.Segments[k-from].Parts = r.Parts(packets)
	}
	media.Low.Parts = r.Parts(m.frames / hls.PartFrames * r.PartPackets())
	for _, other := range c.renditions() {
		if there, ok := c.making(other); ok && other.Variant != r.Variant {
			at := there.newest(other)
			media.Low.Reports = append(media.Low.Reports, hls.Report{Variant: other.Variant, Segment: at.segment, Part: at.part})
		}
	}
	return media
}

// asked is what a playlist has to list before it is sent.
type asked struct {
	position
	any   bool // whatever there is
	whole bool // a segment, as a whole
}

// parseAsked reads the delivery directives of a request (§6.2.5.2). Its errors are problems.
func parseAsked(query url.Values) (a asked, err error) {
	const wrong = `"_HLS_msn" and "_HLS_part" must be numbers, the second together with the first.`
	if !query.Has("_HLS_msn") {
		if query.Has("_HLS_part") {
			return a, problem.New(problem.BadRequest, wrong)
		}
		return asked{any: true}, nil
	}
	msn, err := strconv.ParseUint(query.Get("_HLS_msn"), 10, 40)
	if err != nil {
		return a, problem.New(problem.BadRequest, wrong)
	}
	a.segment, a.part, a.whole = tape.Number(msn), hls.SegmentParts-1, true
	if query.Has("_HLS_part") {
		part, err := strconv.ParseUint(query.Get("_HLS_part"), 10, 31)
		if err != nil {
			return a, problem.New(problem.BadRequest, wrong)
		}
		a.part, a.whole = int(part), false
	}
	if a.part >= hls.SegmentParts { // there is none: the first of the next segment is meant
		a.segment, a.part = a.segment+1, 0
	}
	return a, nil
}

// listed reports whether the playlist lists what was asked for.
func (a asked) listed(m making, r hls.Rendition) bool {
	return a.any || m.over || a.index() <= m.newest(r).index()
}

// tooFar reports whether nobody who has read a playlist asks for that.
func (a asked) tooFar(m making, r hls.Rendition) bool {
	return !a.any && (a.segment > m.end+1 || !a.whole && a.index() > m.newest(r).index()+aheadParts)
}

// Answers to those who ask for parts too early.
var (
	errTooFar = problem.New(problem.BadRequest, "The playlist will not list that for a while. Read it without \"_HLS_msn\" first.")
	errLate   = problem.Problem{
		Code: problem.Busy, RetryAfter: time.Second, Detail: "Nothing new has come for a while. Try again in a moment.",
	}
)

// low serves the playlist of a rendition in parts, as soon as it lists what was asked for.
func (h *Handler) low(w http.ResponseWriter, r *http.Request, c channel, rendition hls.Rendition) error {
	asked, err := parseAsked(r.URL.Query())
	if err != nil {
		return err
	}
	var m making
	var ended *list
	err = h.wait(r.Context(), h.held, func() (<-chan struct{}, error) {
		var ok bool
		m, ok = c.making(rendition)
		switch {
		case !ok:
			l, moved, taped := c.live(r.Context(), rendition)
			if taped {
				ended = &l
				return nil, nil
			}
			if moved == nil && c.facts.State == room.Ended {
				return nil, errEnded
			}
			return moved, errNotOpen
		case asked.listed(m, rendition):
			return nil, nil
		case asked.tooFar(m, rendition):
			return nil, errTooFar
		}
		return m.moved, errLate
	})
	switch {
	case err != nil:
		return err
	case ended != nil:
		return h.media(w, r, *ended)
	}
	cache := cacheHeld
	if asked.any {
		cache = cacheShort
	}
	return h.text(w, r, playlistType, hls.AppendMedia(nil, c.low(r.Context(), rendition, m)), cache)
}

// part serves a part of a segment, as soon as it is there.
func (h *Handler) part(w http.ResponseWriter, r *http.Request, c channel, rendition hls.Rendition, k tape.Number, part int) error {
	at := position{k, part}
	err := h.wait(r.Context(), h.held, func() (<-chan struct{}, error) {
		m, ok := c.making(rendition)
		newest := m.newest(rendition)
		switch {
		case !ok || k < m.first || m.over && at.index() > newest.index():
			return nil, errNotYet
		case at.index() <= newest.index():
			return nil, nil
		case at.index() <= newest.index()+ahead:
			return m.moved, errNotYet
		}
		return nil, errNotYet
	})
	if err != nil {
		return err
	}
	body, proven, ok, err := c.part(r.Context(), rendition, at)
	if err != nil {
		return err
	}
	if !ok {
		return errNotYet
	}
	cache := cacheShort
	if proven {
		cache = cacheForEver
	}
	h.parts.Add(1)
	return h.object(w, r, body, cache)
}

// part makes a part that is there. Proven is one of a segment that is.
func (c *channel) part(ctx context.Context, r hls.Rendition, p position) (body []byte, proven, ok bool, err error) {
	sound, whole := c.remembered(r, p.segment)
	if !whole {
		sound, ok = c.unsealed(r, p)
		if !ok {
			return nil, false, false, nil
		}
	}
	first, packets := p.part*r.PartPackets(), sound.packets
	if r.Made() {
		if whole && len(packets) > (p.part+1)*hls.PartFrames && len(packets) == tape.SegmentFrames {
			packets = packets[:(p.part+1)*hls.PartFrames] // no more than is asked for is made
		}
		ends := whole && len(sound.packets) < tape.SegmentFrames
		packets, err = c.units.get(ctx, unitsOf{c.facts.ID, c.name, p.segment}, sound.before, packets, ends)
		if err != nil {
			return nil, false, false, err
		}
	}
	if first >= len(packets) {
		return nil, false, false, nil
	}
	packets = packets[first:min(first+r.PartPackets(), len(packets))]
	return r.Append(nil, p.segment, first, packets), sound.proven, true, nil
}

// unsealed finds what the first parts of a segment are made of that is not given as a whole yet.
func (c *channel) unsealed(r hls.Rendition, p position) (s sound, ok bool) {
	from := p.segment * tape.SegmentFrames
	at := tape.Stretch{From: from - tape.Number(r.Before), To: from + tape.Number(p.part+1)*hls.PartFrames}
	packets, ok := c.Live.Packets(c.facts.ID, c.name, r.Source, at)
	if !ok {
		return s, false
	}
	return sound{before: packets[:r.Before], packets: packets[r.Before:]}, true
}
