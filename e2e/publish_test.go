package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/tape"
)

// nginx runs Debian's with the configuration of docs/OPERATE.md that has such a line, in which some words are others, and returns its address and
// its log of requests: status of the cache, status, path.
func nginx(t *testing.T, line string, others ...string) (origin, log string) {
	t.Helper()
	text, err := os.ReadFile("../docs/OPERATE.md")
	if err != nil {
		t.Fatal(err)
	}
	conf := ""
	for _, block := range regexp.MustCompile("(?s)```nginx\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(block[1], line) {
			conf = block[1]
		}
	}
	port := freePort(t)
	host := fmt.Sprintf("127.0.0.1:%d", port)
	replaced := strings.NewReplacer(append([]string{"listen 80;", "listen " + host + ";"}, others...)...).Replace(conf)
	if conf == "" || replaced == conf {
		t.Fatalf("docs/OPERATE.md has no configuration with %q", line)
	}
	dir := t.TempDir()
	log = filepath.Join(dir, "requests")
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // the test's folders are its own
	}
	file := filepath.Join(dir, "nginx.conf")
	err = os.WriteFile(file, fmt.Appendf(nil, `%sdaemon off; pid %s/pid; error_log stderr warn; events { worker_connections 1024; }
http {
log_format requests "$upstream_cache_status $status $uri"; access_log %s requests;
client_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy; fastcgi_temp_path %[2]s/f; uwsgi_temp_path %[2]s/u; scgi_temp_path %[2]s/s;
%[4]s
}`, user, dir, log, replaced), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	start(t, "nginx", "-e", "stderr", "-p", dir, "-c", file)
	listening(t, host)
	return "http://" + host, log
}

// What was published plays on when every process of ours is gone: of a room that is over to its end, with its page, and of one that was live to
// where it was. It is what the edge served, byte for byte.
func TestPublishedFolderOutlivesUs(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "published")
	s := serve(t, "--publish", "dir:"+dir).open("It stays", false)
	web, _ := nginx(t, "root /srv/epidaurus;", "/srv/epidaurus", dir)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	speak(t, s.invite("Grace"), writeWAV(t, tone(660)))
	s.tape("it is taped", func(i tapeIndex) bool { return i.Last-i.First >= 5*96 })
	still, err := s.client.CreateRoom(t.Context(), "Still on", "en", false)
	if err != nil {
		t.Fatal(err)
	}
	published := web + "/r/" + string(s.room.ID)
	until(t, "the beginning is published", func() bool { return len(segmentsOf(published+"/hls/floor/opus-48/dvr.m3u8")) >= 4 })
	for _, k := range segmentsOf(published + "/hls/floor/opus-12/dvr.m3u8") {
		name := "/hls/floor/opus-12/" + hls.SegmentName(k)
		if fetch(t, published+name) != fetch(t, s.room.ListenURL+name) {
			t.Errorf("%s is another one where it is published", name)
		}
	}
	err = s.client.End(t.Context(), s.room.ID)
	if err != nil {
		t.Fatal(err)
	}
	over, _ := s.tape("it is closed", func(i tapeIndex) bool { return i.Closed })
	until(t, "the end is published", func() bool {
		return strings.Contains(try(published+"/hls/master.m3u8"), "dvr.m3u8") && len(segmentsOf(web+"/r/"+string(still.ID)+"/hls/floor/opus-48/live.m3u8")) > 0
	})
	m4a := published + "/tape/floor/aac-64.m4a"
	until(t, "its M4A is published", func() bool { return strings.Contains(try(published+"/tape/index.json"), `"m4a":true`) })
	s.signal(syscall.SIGKILL)

	file := filepath.Join(t.TempDir(), "heard.wav")
	out, err := command(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-y", "-i", published+"/hls/master.m3u8", "-map", "0:a:0", "-ac", "1", "-ar", "48000", file)
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	hearsAll(t, file, time.Duration(over.Last-over.First)*tape.FrameDuration)
	out, err = command(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-y", "-i", m4a, "-map", "0:a:0", "-ac", "1", "-ar", "48000", file)
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	hearsAll(t, file, time.Duration(over.Last-over.First)*tape.FrameDuration)
	if got := segmentsOf(web + "/r/" + string(still.ID) + "/hls/floor/opus-48/live.m3u8"); len(got) == 0 {
		t.Error("nothing is there of the room that was not over")
	}
	p := openTapped(t, listeners.New(t), published)
	p.Until(`globalThis.epidaurusTape?.state === "paused" && epidaurusTape.closed`, browsertest.Body)
	p.Click("#play")
	p.Until(`epidaurusTape.state === "playing" && epidaurusTape.time > 2`, "JSON.stringify(epidaurusTape)")
	p.Do(chromedp.Click("#filestitle"))
	if got := browsertest.Eval[[]string](p, `[...document.querySelectorAll("#files a")].filter((a) => a.checkVisibility()).map((a) => a.href)`); len(got) != 1 || got[0] != m4a {
		t.Errorf("the page offers %q, and published is %s", got, m4a)
	}
	p.Do(chromedp.Navigate("about:blank"))
}

// Behind nginx as a cache, which is told nothing but where the edge is, each segment is fetched from the edge once, however many listen.
// EPIDAURUS_CACHED=2000 lets so many listen for half a minute, after a tenth of them did: nineteen of twenty requests are the cache's, and the edge is
// asked no more often than before.
func TestCacheInFront(t *testing.T) {
	audiences, hold := []int{60}, "8s"
	if v := os.Getenv("EPIDAURUS_CACHED"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		audiences, hold = []int{n / 10, n}, "30s"
	}
	s := serve(t).open("Cached", false)
	speak(t, s.invite("Ada"), hostVoice)
	web, log := nginx(t, "proxy_cache_path", "127.0.0.1:8080", strings.TrimPrefix(s.listeners, "http://"), "/var/cache/nginx/epidaurus", filepath.Join(t.TempDir(), "cache"))
	master := web + "/r/" + string(s.room.ID) + "/hls/master.m3u8"
	until(t, "there is something to hear", func() bool { return try(master) != "" })
	var before float64 // requests a second that reached the edge
	for _, n := range audiences {
		from := fileSize(t, log)
		r := drill(t, master, "--kind", "hls", "--listeners", strconv.Itoa(n), "--ramp", "2s", "--hold", hold, "--goal", fmt.Sprintf("gaps=0,wrong=0,failed=0,seated>=%d", n))
		if all := r.Total(); all.Gaps+all.Wrong+all.AllFailed != 0 {
			t.Errorf("%+v", all)
		}
		seen := readCacheLog(t, log, from)
		for name, times := range seen.fetched {
			if times != 1 {
				t.Errorf("%s was fetched %d times", name, times)
			}
		}
		seconds := time.Duration(r.Took).Seconds()
		share, reached := 100*float64(seen.all-seen.missed)/float64(max(seen.all, 1)), float64(seen.missed)/seconds
		t.Logf("%d listeners: %d requests, %.1f a second; %.2f %% of them were answered by the cache, %.2f a second reached the edge", n, seen.all, float64(seen.all)/seconds, share, reached)
		least := 80.0
		if len(audiences) > 1 {
			least = 95
		}
		if len(seen.fetched) < 3 || share < least {
			t.Errorf("%d of %d requests reached the edge, %d segments among them", seen.missed, seen.all, len(seen.fetched))
		}
		if before > 0 && reached > 1.25*before+0.2 {
			t.Errorf("%.2f requests a second reached the edge where %.2f did with a tenth of the listeners", reached, before)
		}
		before = reached
	}
}

// cacheLog is what a cache says of requests for sound.
type cacheLog struct {
	all, missed int            // missed: they reached the edge
	fetched     map[string]int // segments, by path
}

func readCacheLog(t *testing.T, log string, from int64) cacheLog {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	seen := cacheLog{fetched: map[string]int{}}
	for line := range strings.Lines(string(text[from:])) {
		of := strings.Fields(line)
		if len(of) != 3 || !strings.Contains(of[2], "/hls/") {
			continue
		}
		seen.all++
		if of[0] == "MISS" || of[0] == "EXPIRED" || of[0] == "BYPASS" || of[0] == "-" {
			seen.missed++
		}
		if of[0] == "MISS" && strings.HasSuffix(of[2], ".m4s") {
			seen.fetched[of[2]]++
		}
	}
	return seen
}

func fileSize(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// hearsAll fails unless a file is as long as it should be, and two tones are at its end.
func hearsAll(t *testing.T, file string, long time.Duration) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	got := time.Duration(info.Size()/2) * time.Second / sampleRate
	if short := long - got; short.Abs() > 200*time.Millisecond {
		t.Errorf("%v is heard of %v", got, long)
	}
	hearsBoth(t, file)
}

// try is what an address answers, or nothing.
func try(url string) string {
	resp, err := http.Get(url) //nolint:noctx // on this machine
	if err != nil {
		return ""
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(body)
}

// segmentsOf are those that a playlist lists, if there is one.
func segmentsOf(url string) (all []tape.Number) {
	for line := range strings.Lines(try(url)) {
		if k, ok := hls.ParseSegmentName(strings.TrimSpace(line)); ok {
			all = append(all, k)
		}
	}
	return all
}

// until waits for something that happens beside.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v, and still not: %s", patience, what)
		}
	}
}
