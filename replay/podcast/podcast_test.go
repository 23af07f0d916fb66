package podcast

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"
)

func someShow() Show {
	noon := time.Date(2027, 1, 15, 12, 0, 0, 0, time.UTC)
	return Show{
		Title: "Talks & <more>", Link: "https://e.example", Self: "https://e.example/feed/h.xml", Description: "All of them", Language: "en", Built: noon,
		Episodes: []Episode{{
			ID: "harbour-k3f9x2", Title: "Harbour \"talk\"", Description: "What the sea remembers", Link: "https://e.example/r/harbour-k3f9x2", Published: noon,
			Length: 3723 * time.Second, Sound: Enclosure{URL: "https://e.example/r/harbour-k3f9x2/tape/floor/aac-64.m4a", Type: "audio/x-m4a", Size: 30_000_000},
			Others:   []Enclosure{{URL: "https://e.example/r/harbour-k3f9x2/tape/floor/opus-48.ogg", Type: "audio/ogg", Size: 22_000_000, Title: "Ogg Opus", Bitrate: 48_000}},
			Chapters: "https://e.example/r/harbour-k3f9x2/tape/chapters.json", Captions: []string{"en", "pt-BR"},
		}},
		Live: []Live{
			{ID: "quay-0a0a0a", Title: "Quay", Link: "https://e.example/r/quay-0a0a0a", Start: noon, On: true, Sound: Enclosure{URL: "https://e.example/r/quay-0a0a0a/live.ogg", Type: "audio/ogg"}},
			{ID: "pier-0a0a0a", Title: "Pier", Link: "https://e.example/r/pier-0a0a0a", Start: noon.Add(time.Hour)},
		},
	}
}

func TestFeed(t *testing.T) {
	feed, err := Feed(someShow())
	if err != nil {
		t.Fatal(err)
	}
	// Readers know the names of namespaces, and not their prefixes.
	var got struct {
		Version string `xml:"version,attr"`
		Channel struct {
			Title string `xml:"title"`
			Items []struct {
				Title     string `xml:"title"`
				GUID      string `xml:"guid"`
				Date      string `xml:"pubDate"`
				Duration  int    `xml:"http://www.itunes.com/dtds/podcast-1.0.dtd duration"`
				Enclosure struct {
					URL    string `xml:"url,attr"`
					Length int64  `xml:"length,attr"`
					Type   string `xml:"type,attr"`
				} `xml:"enclosure"`
				Others []struct {
					Type    string `xml:"type,attr"`
					Length  int64  `xml:"length,attr"`
					Bitrate int64  `xml:"bitrate,attr"`
					Source  struct {
						URI string `xml:"uri,attr"`
					} `xml:"https://podcastindex.org/namespace/1.0 source"`
				} `xml:"https://podcastindex.org/namespace/1.0 alternateEnclosure"`
				Chapters struct {
					URL string `xml:"url,attr"`
				} `xml:"https://podcastindex.org/namespace/1.0 chapters"`
				Transcripts []struct {
					URL      string `xml:"url,attr"`
					Type     string `xml:"type,attr"`
					Language string `xml:"language,attr"`
				} `xml:"https://podcastindex.org/namespace/1.0 transcript"`
			} `xml:"item"`
			Live []struct {
				Status string `xml:"status,attr"`
				Start  string `xml:"start,attr"`
				GUID   string `xml:"guid"`
			} `xml:"https://podcastindex.org/namespace/1.0 liveItem"`
		} `xml:"channel"`
	}
	err = xml.Unmarshal(feed, &got)
	if all := got.Channel.Items[0].Transcripts; len(all) != 2 || all[1].URL != "https://e.example/r/harbour-k3f9x2/tape/captions.pt-BR.vtt" || all[1].Type != "text/vtt" || all[1].Language != "pt-BR" {
		t.Errorf("its captions are %+v", all)
	}
	if err != nil || got.Version != "2.0" || got.Channel.Title != "Talks & <more>" || len(got.Channel.Items) != 1 || len(got.Channel.Live) != 2 {
		t.Fatalf("%v: %s", err, feed)
	}
	i := got.Channel.Items[0]
	if i.Title != `Harbour "talk"` || i.GUID != "harbour-k3f9x2" || i.Date != "Fri, 15 Jan 2027 12:00:00 +0000" || i.Duration != 3723 ||
		!strings.HasSuffix(i.Enclosure.URL, "/aac-64.m4a") || i.Enclosure.Length != 30_000_000 || i.Enclosure.Type != "audio/x-m4a" || !strings.HasSuffix(i.Chapters.URL, "chapters.json") {
		t.Errorf("an episode is %+v", i)
	}
	if o := i.Others; len(o) != 1 || o[0].Type != "audio/ogg" || o[0].Length != 22_000_000 || o[0].Bitrate != 48_000 || !strings.HasSuffix(o[0].Source.URI, "/opus-48.ogg") {
		t.Errorf("beside it there are %+v", o)
	}
	if l := got.Channel.Live; l[0].Status != "live" || l[1].Status != "pending" || l[1].Start != "2027-01-15T13:00:00Z" || l[1].GUID != "pier-0a0a0a" {
		t.Errorf("live are %+v", l)
	}
}

// FuzzFeed: whatever hosts write, the feed is XML.
func FuzzFeed(f *testing.F) {
	f.Add("Harbour", "a\x00b")
	f.Add("]]>", "\xff\ufffe<")
	f.Fuzz(func(t *testing.T, title, description string) {
		s := someShow()
		s.Title, s.Episodes[0].Title, s.Live[0].Title, s.Episodes[0].Description = title, title, title, description
		feed, err := Feed(s)
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(strings.NewReader(string(feed)))
		for {
			_, err := d.Token()
			if err == io.EOF { //nolint:errorlint // it is never wrapped
				break
			}
			if err != nil {
				t.Fatalf("%v: %s", err, feed)
			}
		}
	})
}
