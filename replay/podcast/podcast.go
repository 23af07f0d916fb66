// Package podcast writes the feed of those who are to be heard: RSS 2.0 with an enclosure for each replay, and of Podcasting 2.0 the namespace's
// chapters and live items. It is pure.
package podcast

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"time"
	"unicode"
)

// Show is what a feed is about.
type Show struct {
	Title       string
	Link        string // a page about it
	Self        string // the feed's own address
	Description string
	Language    string
	Built       time.Time // when anything of it changed last; zero where nothing is in it
	Episodes    []Episode // the newest first
	Live        []Live
}

// Episode is a replay.
type Episode struct {
	ID          string // never changes
	Title       string
	Description string
	Link        string
	Published   time.Time
	Length      time.Duration
	Sound       Enclosure
	Others      []Enclosure // the same in other forms, for players that can choose
	Chapters    string      // their address; empty: none
	Captions    []string    // languages
}

// Live is a conversation that is announced, or on.
type Live struct {
	ID          string
	Title       string
	Description string
	Link        string
	Start       time.Time
	End         time.Time // zero where that is not known
	On          bool      // it has begun
	Sound       Enclosure
}

// Enclosure is a file, or a stream of no known size.
type Enclosure struct {
	URL  string
	Type string
	Size int64

	Title   string // what an app calls it, where there are several
	Bitrate int64  // bit/s, where there are several; 0: not known
}

type rss struct {
	XMLName xml.Name `xml:"rss"`
	Version string   `xml:"version,attr"`
	ITunes  string   `xml:"xmlns:itunes,attr"`
	Podcast string   `xml:"xmlns:podcast,attr"`
	Atom    string   `xml:"xmlns:atom,attr"`
	Channel channel  `xml:"channel"`
}

type channel struct {
	Title       string     `xml:"title"`
	Link        string     `xml:"link"`
	Self        atomLink   `xml:"atom:link"`
	Description string     `xml:"description"`
	Language    string     `xml:"language,omitempty"`
	Generator   string     `xml:"generator"`
	Built       string     `xml:"lastBuildDate,omitempty"`
	Author      string     `xml:"itunes:author"`
	Explicit    bool       `xml:"itunes:explicit"`
	Category    category   `xml:"itunes:category"`
	Live        []liveItem `xml:"podcast:liveItem"`
	Items       []item     `xml:"item"`
}

type atomLink struct {
	Href string `xml:"href,attr"`
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
}

type category struct {
	Text string `xml:"text,attr"`
}

type item struct {
	Title       string       `xml:"title"`
	Link        string       `xml:"link"`
	GUID        guid         `xml:"guid"`
	Published   string       `xml:"pubDate,omitempty"`
	Description string       `xml:"description"`
	Enclosure   enclosure    `xml:"enclosure"`
	Others      []other      `xml:"podcast:alternateEnclosure"`
	Duration    int64        `xml:"itunes:duration,omitempty"` // seconds
	Chapters    *chapters    `xml:"podcast:chapters"`
	Transcripts []transcript `xml:"podcast:transcript"`
}

type liveItem struct {
	Status string `xml:"status,attr"`
	Start  string `xml:"start,attr"`
	End    string `xml:"end,attr,omitempty"`
	item
	Content contentLink `xml:"podcast:contentLink"`
}

type contentLink struct {
	Href string `xml:"href,attr"`
	Text string `xml:",chardata"`
}

type guid struct {
	Permanent bool   `xml:"isPermaLink,attr"`
	Text      string `xml:",chardata"`
}

type enclosure struct {
	URL    string `xml:"url,attr"`
	Length string `xml:"length,attr"`
	Type   string `xml:"type,attr"`
}

// other is an alternateEnclosure of the podcast namespace.
type other struct {
	Type    string `xml:"type,attr"`
	Length  int64  `xml:"length,attr,omitempty"`
	Bitrate int64  `xml:"bitrate,attr,omitempty"`
	Title   string `xml:"title,attr,omitempty"`
	Source  source `xml:"podcast:source"`
}

type source struct {
	URI string `xml:"uri,attr"`
}

type chapters struct {
	URL  string `xml:"url,attr"`
	Type string `xml:"type,attr"`
}

// transcript is the captions of an episode.
type transcript struct {
	URL      string `xml:"url,attr"`
	Type     string `xml:"type,attr"`
	Language string `xml:"language,attr"`
	Rel      string `xml:"rel,attr"`
}

// Feed writes a feed.
func Feed(s Show) ([]byte, error) {
	c := channel{
		Title: clean(s.Title), Link: s.Link, Self: atomLink{s.Self, "self", "application/rss+xml"}, Description: clean(s.Description), Language: s.Language,
		Generator: "Epidaurus", Built: date(s.Built), Author: clean(s.Title), Category: category{"Society & Culture"},
	}
	for _, e := range s.Episodes {
		i := itemOf(e.ID, e.Title, e.Link, e.Description, e.Sound)
		i.Published, i.Duration = date(e.Published), int64(e.Length.Seconds())
		for _, o := range e.Others {
			i.Others = append(i.Others, other{o.Type, o.Size, o.Bitrate, clean(o.Title), source{o.URL}})
		}
		if e.Chapters != "" {
			i.Chapters = &chapters{e.Chapters, "application/json+chapters"}
		}
		for _, l := range e.Captions {
			i.Transcripts = append(i.Transcripts, transcript{e.Link + "/tape/captions." + l + ".vtt", "text/vtt", l, "captions"})
		}
		c.Items = append(c.Items, i)
	}
	for _, l := range s.Live {
		status, end := "pending", ""
		if l.On {
			status = "live"
		}
		if !l.End.IsZero() {
			end = l.End.UTC().Format(time.RFC3339)
		}
		c.Live = append(c.Live, liveItem{
			Status: status, Start: l.Start.UTC().Format(time.RFC3339), End: end, item: itemOf(l.ID, l.Title, l.Link, l.Description, l.Sound),
			Content: contentLink{l.Link, clean(l.Title)},
		})
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	e := xml.NewEncoder(&out)
	e.Indent("", " ")
	err := e.Encode(rss{
		Version: "2.0", ITunes: "http://www.itunes.com/dtds/podcast-1.0.dtd", Podcast: "https://podcastindex.org/namespace/1.0",
		Atom: "http://www.w3.org/2005/Atom", Channel: c,
	})
	if err != nil {
		return nil, fmt.Errorf("write the feed: %w", err)
	}
	return append(out.Bytes(), '\n'), nil
}

func itemOf(id, title, link, description string, sound Enclosure) item {
	return item{
		Title: clean(title), Link: link, GUID: guid{false, id}, Description: clean(description),
		Enclosure: enclosure{sound.URL, strconv.FormatInt(sound.Size, 10), sound.Type},
	}
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC1123Z)
}

// clean leaves out what XML cannot hold.
func clean(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if r == '\t' || r == '\n' || !unicode.IsControl(r) && r != unicode.ReplacementChar && r != '\ufffe' && r != '\uffff' {
			out = append(out, r)
		}
	}
	return string(out)
}
