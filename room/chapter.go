package room

import (
	"fmt"
	"slices"
	"strings"
)

// Chapter is a place in the conversation that whoever runs the desk has marked.
type Chapter struct {
	ID    int    `json:"id"` // from 1, and never given again
	At    int64  `json:"at"` // the frame at which it begins, for listeners
	Title string `json:"title,omitempty"`
}

// Bounds of chapters: an evening has a few dozen, and every node knows them.
const (
	MaxChapters     = 100
	MaxChapterTitle = 80
)

// CheckChapterTitle returns a chapter's title as it is kept, or an error that says what to change. It may be empty: a title may be given later.
func CheckChapterTitle(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", nil
	}
	return checkText("title", s, MaxChapterTitle)
}

// Mark begins a chapter at a frame. Twice at the same frame is one chapter.
func (f *Facts) Mark(at int64, title string) (Chapter, error) {
	switch {
	case f.State != Live && f.State != Ended:
		return Chapter{}, fmt.Errorf("%w: it is not live yet", ErrStep)
	case at < 0:
		return Chapter{}, fmt.Errorf("%w: no frame has the number %d", ErrFrame, at)
	}
	l := &f.Life
	i := slices.IndexFunc(l.Chapters, func(c Chapter) bool { return c.At == at })
	if i >= 0 {
		return l.Chapters[i], nil
	}
	if len(l.Chapters) >= MaxChapters {
		return Chapter{}, ErrManyChapters
	}
	l.ChapterIDs++
	c := Chapter{ID: l.ChapterIDs, At: at, Title: title}
	f.setChapters(append(slices.Clone(l.Chapters), c))
	return c, nil
}

// ChangeChapter gives a chapter another title or another place; nil leaves it. The error is ErrNotFound where there is no such chapter.
func (f *Facts) ChangeChapter(id int, title *string, at *int64) (Chapter, error) {
	all := slices.Clone(f.Life.Chapters) // readers of facts may hold the old ones
	i := slices.IndexFunc(all, func(c Chapter) bool { return c.ID == id })
	if i < 0 {
		return Chapter{}, ErrNotFound
	}
	c := all[i]
	if title != nil {
		c.Title = *title
	}
	if at != nil {
		c.At = *at
	}
	switch {
	case c.At < 0:
		return Chapter{}, fmt.Errorf("%w: no frame has the number %d", ErrFrame, c.At)
	case slices.ContainsFunc(all, func(o Chapter) bool { return o.ID != id && o.At == c.At }):
		return Chapter{}, fmt.Errorf("%w: another chapter begins there", ErrFrame)
	}
	if c != all[i] {
		all[i] = c
		f.setChapters(all)
	}
	return c, nil
}

// DropChapter takes a chapter away. Where there is none it is no error.
func (f *Facts) DropChapter(id int) {
	all := slices.DeleteFunc(slices.Clone(f.Life.Chapters), func(c Chapter) bool { return c.ID == id })
	if len(all) != len(f.Life.Chapters) {
		f.setChapters(all)
	}
}

func (f *Facts) setChapters(all []Chapter) {
	slices.SortFunc(all, func(a, b Chapter) int { return int(min(max(a.At-b.At, -1), 1)) })
	f.Life.Chapters = all
	f.Life.Revision++
}

// ChapterAt is the chapter that a frame lies in: false before the first.
func (l *Life) ChapterAt(frame int64) (c Chapter, ok bool) {
	for _, next := range l.Chapters {
		if next.At > frame {
			break
		}
		c, ok = next, true
	}
	return c, ok
}
