package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/epidaurus-live/epidaurus/cast"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/tape"
)

// What an object may be kept for, as edges say it.
const forEver, short = "public, max-age=31536000, immutable", "public, max-age=1"

// s3server builds the store of e2e/s3server, once.
var s3server = sync.OnceValues(func() (string, error) {
	file := program + "-s3server"
	out, err := exec.Command("go", "build", "-C", "s3server", "-o", file, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the S3 server: %w\n%s", err, out)
	}
	return file, nil
})

// A fault of the line to a store.
type fault int32

const (
	passes      fault = iota
	refuses           // the request is answered with 503, and not done
	losesAnswer       // the request is done, and the connection cut
)

// s3 is a real S3 server with a bucket from which anybody may read, behind a line that can be bad.
type s3 struct {
	url    string // through the line
	key    string // file with its key
	client *minio.Client
	fault  func(*http.Request) fault
	failed atomic.Int64
}

// serveS3 runs a store. The buckets' names are live, and kept, which keeps what was replaced.
func serveS3(t *testing.T, faults func(*http.Request) fault) *s3 {
	t.Helper()
	file, err := s3server()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{}
	for _, name := range []string{"root", "sidecar", "versions"} {
		args = append(args, "-"+name, filepath.Join(dir, name))
		err := os.Mkdir(filepath.Join(dir, name), 0o755)
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(file, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the S3 server says nothing: %v", err)
	}
	address = strings.TrimSpace(address)
	listening(t, address)
	s := &s3{key: filepath.Join(dir, "key"), fault: faults}
	err = os.WriteFile(s.key, []byte("[default]\naws_access_key_id = epidaurus\naws_secret_access_key = epidaurus-secret\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	s.url = s.line(t, "http://"+address)
	s.client, err = minio.New(address, &minio.Options{Creds: credentials.NewStaticV4("epidaurus", "epidaurus-secret", ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"live", "kept"} {
		s.make(t, bucket)
	}
	err = s.client.EnableVersioning(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// make makes a bucket as docs/OPERATE.md says.
func (s *s3) make(t *testing.T, bucket string) {
	t.Helper()
	err := s.client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{})
	if err == nil {
		err = s.client.SetBucketPolicy(t.Context(), bucket, fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::%s/*"]}]}`, bucket))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// line is a bad line to a server.
func (s *s3) line(t *testing.T, to string) string {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.Host = r.In.Host // which is signed
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := passes
		if s.fault != nil {
			f = s.fault(r)
		}
		switch f {
		case refuses:
			s.failed.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		case losesAnswer:
			s.failed.Add(1)
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	return front.URL
}

func (s *s3) bucket(t *testing.T, name string) *cast.Bucket {
	t.Helper()
	b, err := cast.NewBucket(cast.BucketConfig{Bucket: name, Prefix: "a/b", Endpoint: s.url, PathStyle: true, Credentials: s.key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// all are the objects of a bucket with what it keeps of them.
func (s *s3) all(t *testing.T, bucket string) (keys []string) {
	t.Helper()
	for o := range s.client.ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

// A bucket is a store as a folder is, and what is removed from it is nowhere, though the bucket keeps what is replaced. What a bad line does to a
// write, done or not, is made good.
func TestBucket(t *testing.T) {
	t.Parallel()
	var bad atomic.Int32
	s := serveS3(t, func(r *http.Request) fault {
		if r.Method == http.MethodPut && bad.Load() != 0 {
			return fault(bad.Swap(0))
		}
		return passes
	})
	for _, name := range []string{"live", "kept"} {
		b, ctx := s.bucket(t, name), t.Context()
		for i, f := range []fault{passes, refuses, losesAnswer} {
			bad.Store(int32(f))
			body := fmt.Appendf(nil, "#EXTM3U %d", i)
			err := b.Put(ctx, "r/harbour/hls/live.m3u8", body, short)
			got, getErr := b.Get(ctx, "r/harbour/hls/live.m3u8")
			if err != nil || getErr != nil || string(got) != string(body) || bad.Load() != 0 {
				t.Errorf("%s, fault %d: %q (%v, %v)", name, f, got, err, getErr)
			}
		}
		for _, file := range []string{"seg-1.m4s", "seg-10.m4s"} {
			err := b.Put(ctx, "r/harbour/hls/"+file, []byte("sound"), forEver)
			if err != nil {
				t.Fatal(err)
			}
		}
		s.serves(t, name+"/a/b/r/harbour/hls/live.m3u8", "application/vnd.apple.mpegurl", short)
		s.serves(t, name+"/a/b/r/harbour/hls/seg-1.m4s", "audio/mp4", forEver)
		names, err := b.List(ctx, "r/harbour/")
		slices.Sort(names)
		if err != nil || !slices.Equal(names, []string{"r/harbour/hls/live.m3u8", "r/harbour/hls/seg-1.m4s", "r/harbour/hls/seg-10.m4s"}) {
			t.Errorf("%s lists %v (%v)", name, names, err)
		}
		err = b.Put(ctx, "r/other/index.html", []byte("<page>"), short)
		if err == nil {
			err = b.Remove(ctx, "r/harbour/hls/seg-1.m4s")
		}
		one, hasErr := b.Has(ctx, "r/harbour/hls/seg-1.m4s")
		ten, tenErr := b.Has(ctx, "r/harbour/hls/seg-10.m4s")
		if err != nil || hasErr != nil || tenErr != nil || one || !ten {
			t.Errorf("%s: one is %v, ten is %v (%v, %v, %v)", name, one, ten, err, hasErr, tenErr)
		}
		err = b.Remove(ctx, "r/harbour/")
		if left := s.all(t, name); err != nil || !slices.Equal(left, []string{"a/b/r/other/index.html"}) {
			t.Errorf("%s still has %v (%v)", name, left, err)
		}
		none, err := b.Get(ctx, "r/harbour/hls/live.m3u8")
		if err != nil || none != nil || b.Remove(ctx, "r/harbour/") != nil {
			t.Errorf("%s: what is removed is %q (%v)", name, none, err)
		}
	}
	if s.failed.Load() != 4 {
		t.Errorf("the line failed %d times", s.failed.Load())
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.bucket(t, "live").Put(gone, "x", nil, short); err == nil {
		t.Error("nobody waits for it any more, and it is written")
	}
	if err := s.bucket(t, "none-such").Remove(t.Context(), "r/harbour/"); err == nil {
		t.Error("in a bucket that is not there all is removed")
	}
}

// serves fails unless anybody gets an object with this type, and may keep it so long.
func (s *s3) serves(t *testing.T, name, mediaType, keep string) {
	t.Helper()
	resp, err := http.Get(s.url + "/" + name) //nolint:noctx // on this machine
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != mediaType || resp.Header.Get("Cache-Control") != keep {
		t.Errorf("%s: %s, %q, %q", name, resp.Status, got, resp.Header.Get("Cache-Control"))
	}
}

// A room is published to a bucket over a line that loses every seventh write, or its answer. No playlist is ever there before what it lists; and when
// every process of ours is gone, players play on from the bucket to the end.
func TestPublishedBucketOutlivesUs(t *testing.T) {
	t.Parallel()
	var puts, early atomic.Int64
	var there sync.Map
	s3 := serveS3(t, func(r *http.Request) fault {
		if r.Method != http.MethodPut {
			return passes
		}
		if strings.HasSuffix(r.URL.Path, ".m3u8") {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return refuses
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			for line := range strings.Lines(string(body)) {
				name := strings.TrimSpace(line)
				if _, ok := there.Load(filepath.Join(filepath.Dir(r.URL.Path), name)); strings.HasSuffix(name, ".m4s") && !ok {
					early.Add(1)
				}
			}
		}
		n := puts.Add(1)
		if n%14 == 7 {
			return refuses
		}
		there.Store(r.URL.Path, true)
		if n%14 == 0 {
			return losesAnswer
		}
		return passes
	})
	s := serve(t, "--publish", "s3://live/evening", "--publish-endpoint", s3.url, "--publish-path-style", "--publish-credentials", s3.key).open("In a bucket", false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	speak(t, s.invite("Grace"), writeWAV(t, tone(660)))
	s.tape("it is taped", func(i tapeIndex) bool { return i.Last-i.First >= 5*96 })
	base := s3.url + "/live/evening/r/" + string(s.room.ID) + "/"
	until(t, "the beginning is published", func() bool { return len(segmentsOf(base+"hls/floor/opus-48/dvr.m3u8")) >= 4 })
	for _, k := range segmentsOf(base + "hls/floor/opus-12/dvr.m3u8") {
		name := "hls/floor/opus-12/" + hls.SegmentName(k)
		if fetch(t, base+name) != fetch(t, s.room.ListenURL+"/"+name) {
			t.Errorf("%s is another one where it is published", name)
		}
	}
	err := s.client.End(t.Context(), s.room.ID)
	if err != nil {
		t.Fatal(err)
	}
	over, _ := s.tape("it is closed", func(i tapeIndex) bool { return i.Closed })
	until(t, "the end is published", func() bool { return strings.Contains(try(base+"hls/master.m3u8"), "dvr.m3u8") })
	s.signal(syscall.SIGKILL)
	if early.Load() != 0 || s3.failed.Load() == 0 {
		t.Errorf("%d names were listed before they were there; the line failed %d times", early.Load(), s3.failed.Load())
	}
	file := filepath.Join(t.TempDir(), "heard.wav")
	out, err := command(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-y", "-i", base+"hls/master.m3u8", "-map", "0:a:0", "-ac", "1", "-ar", "48000", file)
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	hearsAll(t, file, time.Duration(over.Last-over.First)*tape.FrameDuration)
	page := "live/evening/r/" + string(s.room.ID) + "/index.html"
	s3.serves(t, page, "text/html; charset=utf-8", short)
	p := openTapped(t, listeners.New(t), s3.url+"/"+page)
	p.Until(`globalThis.epidaurusTape?.state === "paused" && epidaurusTape.closed`, browsertest.Body)
	p.Click("#play")
	p.Until(`epidaurusTape.state === "playing" && epidaurusTape.time > 2`, "JSON.stringify(epidaurusTape)")
	p.Do(chromedp.Navigate("about:blank"))
}

// A room that is live is heard at another Icecast server, Debian's own, which breaks down and comes back.
func TestPushedToIcecast(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	stop := icecast(t, port)
	s := serve(t, "--icecast-push", fmt.Sprintf("icecast://source:hackme@127.0.0.1:%d/{room}.opus", port)).open("On the radio", false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	speak(t, s.invite("Grace"), writeWAV(t, tone(660)))
	mount := fmt.Sprintf("http://127.0.0.1:%d/%s.opus", port, s.room.ID)
	hears := func() bool {
		file := filepath.Join(t.TempDir(), "heard.wav")
		_, err := command(t, "ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-i", mount, "-t", "4", "-ac", "1", "-ar", "48000", file)
		return err == nil && tonesOf(file) == ""
	}
	until(t, "both tones come from there", hears)
	stop()
	icecast(t, port)
	until(t, "they come again", hears)
}

// icecast runs Debian's Icecast.
func icecast(t *testing.T, port int) (stop func()) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "icecast.xml")
	err := os.WriteFile(config, fmt.Appendf(nil, `<icecast><limits><clients>10</clients><sources>2</sources><burst-on-connect>1</burst-on-connect><burst-size>16384</burst-size></limits>
<authentication><source-password>hackme</source-password><admin-user>admin</admin-user><admin-password>hackme</admin-password></authentication>
<hostname>localhost</hostname><listen-socket><port>%d</port><bind-address>127.0.0.1</bind-address></listen-socket><fileserve>0</fileserve>
<paths><basedir>%[2]s</basedir><logdir>%[2]s</logdir><webroot>%[2]s</webroot><adminroot>%[2]s</adminroot></paths>
<logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>2</loglevel></logging><security><chroot>0</chroot></security></icecast>`, port, dir), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("icecast2", "-c", config)
	if os.Geteuid() == 0 { // it refuses to be root
		const nobody = 65534
		for d := dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
			err = errors.Join(err, os.Chmod(d, 0o777))
		}
		if err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	err = cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	listening(t, fmt.Sprintf("127.0.0.1:%d", port))
	return stop
}
