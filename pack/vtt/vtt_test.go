package vtt_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/vtt"
)

var two = []vtt.Cue{
	{From: 1500 * time.Millisecond, To: 4 * time.Second, Text: "Good evening,\nall <of> you & more --> here"},
	{From: time.Hour + 2*time.Minute + 3*time.Second, To: time.Hour + 2*time.Minute + 5*time.Second, Text: "Bonsoir."},
}

const twoVTT = `WEBVTT

00:00:01.500 --> 00:00:04.000
Good evening,
all &lt;of&gt; you &amp; more --&gt; here

01:02:03.000 --> 01:02:05.000
Bonsoir.
`

func TestAppend(t *testing.T) {
	if got := string(vtt.Append(nil, two)); got != twoVTT {
		t.Errorf("written:\n%s", got)
	}
	want := "1\n00:00:01,500 --> 00:00:04,000\nGood evening,\nall <of> you & more --> here\n\n2\n01:02:03,000 --> 01:02:05,000\nBonsoir.\n\n"
	if got := string(vtt.AppendSRT(nil, two)); got != want {
		t.Errorf("written:\n%s", got)
	}
}

func TestParse(t *testing.T) {
	for name, file := range map[string]string{
		"AsWritten": twoVTT,
		"AsOthersWriteIt": "\ufeffWEBVTT - Harbour talk\r\nKind: captions\r\n\r\nNOTE by hand\r\nof two lines\r\n\r\nSTYLE\r\n::cue { color: red }\r\n\r\n1\r\n00:01.500 --> 00:04.000 align:start line:0%\r\n" +
			"<v Ada>Good evening,</v>\r\n<i>all</i> &lt;of&gt; you &amp; more --&gt; here\r\n\r\n\r\n01:02:03.000 --> 01:02:05.000\r\nBonsoir.\r\n\r\n01:02:06.000 --> 01:02:07.000\r\n",
	} {
		got, err := vtt.Parse([]byte(file))
		if err != nil || !reflect.DeepEqual(got, two) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for file, want := range map[string]string{
		"":                                     "line 1: a WebVTT file begins with WEBVTT",
		"1\n00:00:01,000 --> 2":                "line 1: a WebVTT file begins with WEBVTT", // SubRip
		"WEBVTT\n00:01.000 --> 00:02.000\na":   "line 2: an empty line is missing between the head and the first cue",
		"WEBVTT\n\n00:01,000 --> 00:02.000\na": `line 3: "00:01,000" is no time such as 00:01:02.500`,
		"WEBVTT\n\n00:01.000 --> \na":          `line 3: "" is no time such as 00:01:02.500`,
		"WEBVTT\n\n00:61.000 --> 00:62.000\na": `line 3: "00:61.000" is no time such as 00:01:02.500`,
		"WEBVTT\n\n00:02.000 --> 00:02.000\na": "line 3: the cue ends before it begins",
		"WEBVTT\n\n00:02.000 --> 00:03.000\na\n\n00:01.000 --> 00:03.000\nb": "line 6: the cue begins before the one above it",
		"WEBVTT\n\n00:02.000 --> 00:03.000\na\n00:04.000 --> 00:05.000\nb":   "line 5: an empty line is missing above this cue",
		"WEBVTT\n\nhello\nworld": `line 3: "hello" is no cue: a line with two times is missing below it`,
		"WEBVTT\n\n00:02.000 --> 00:03.000\n" + strings.Repeat("a", vtt.MaxText+1): "line 4: the text of a cue has at most 2000 bytes",
		"WEBVTT\n\n\xff": "line 3: it is not UTF-8 text",
		"WEBVTT" + strings.Repeat("\n", vtt.MaxSize):                                 "line 1: the file has more than 2097152 bytes",
		"WEBVTT\n" + strings.Repeat("\n00:02.000 --> 00:03.000\na\n", vtt.MaxCues+1): "line 60003: there are more than 20000 cues",
	} {
		_, err := vtt.Parse([]byte(file))
		var e vtt.Error
		if !errors.As(err, &e) || err.Error() != want {
			t.Errorf("%.60q: %v, want %s", file, err, want)
		}
	}
}

// What Parse takes it takes again when it is written, and is then the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(twoVTT))
	f.Add([]byte("WEBVTT x\n\nNOTE a\n\nid\n00:01.000 --> 00:02.000 line:0\n<b>a</b>&amp;&lt;\r\n\n"))
	f.Add([]byte("\ufeffWEBVTT\r\r00:00.000 --> 99:59:59.999\r\x00<"))
	f.Add([]byte("WEBVTT\n\n00:01.000 --> 00:02.000\n&amp;lt;b&amp;gt;"))
	f.Fuzz(func(t *testing.T, file []byte) {
		cues, err := vtt.Parse(file)
		if err != nil {
			var e vtt.Error
			if !errors.As(err, &e) || e.Line < 1 {
				t.Fatalf("the error names no line: %v", err)
			}
			return
		}
		again, err := vtt.Parse(vtt.Append(nil, cues))
		if err != nil || !reflect.DeepEqual(cues, again) && len(cues)+len(again) > 0 {
			t.Fatalf("%q\nbecame %q, %v", cues, again, err)
		}
	})
}
