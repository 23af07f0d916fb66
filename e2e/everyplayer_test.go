package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/wav"
)

// aPlayer is somebody's player, which sounds through a loudspeaker of its own.
type aPlayer struct {
	name    string
	of      string                                // the package whose version it has
	command func(dir, page, room string) []string // plays; page is the room's page with a finger on its button, room its address
	env     []string
}

// everyPlayer are the players of docs/DEVICES.md. They are installed by:
//
//	apt-get install firefox-esr webkit2gtk-driver xvfb chromium pulseaudio ffmpeg mpv vlc-bin vlc-plugin-base \
//	  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-pulseaudio gstreamer1.0-libav
var everyPlayer = []aPlayer{
	{name: "Firefox", of: "firefox-esr", command: func(dir, page, _ string) []string {
		return []string{"firefox-esr", "--headless", "--no-remote", "--profile", dir, page}
	}},
	{name: "WebKitGTK", of: "webkit2gtk-driver", command: func(_, page, _ string) []string {
		return []string{"xvfb-run", "-a", miniBrowser, "--autoplay-policy=allow", page}
	}, env: []string{"WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS=1", "LIBGL_ALWAYS_SOFTWARE=1"}},
	{name: "Chromium", of: "chromium", command: func(dir, page, _ string) []string {
		return []string{"chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--user-data-dir=" + dir, page}
	}},
	{name: "ChromiumHLS", of: "chromium", command: func(dir, page, _ string) []string {
		return []string{"chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--user-data-dir=" + dir, page + "?plain"}
	}},
	{name: "HLSjs", of: "chromium", command: func(dir, page, _ string) []string {
		return []string{"chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required", "--user-data-dir=" + dir, strings.Replace(page, "/r/", "/hlsjs/", 1)}
	}},
	{name: "GStreamerOgg", of: "gstreamer1.0-tools", command: func(_, _, room string) []string {
		return []string{"gst-launch-1.0", "-q", "playbin", "uri=" + room + "/live.ogg", "audio-sink=pulsesink"}
	}},
	{name: "GStreamerAAC", of: "gstreamer1.0-tools", command: func(_, _, room string) []string {
		return []string{"gst-launch-1.0", "-q", "playbin", "uri=" + room + "/live.aac", "audio-sink=pulsesink"}
	}},
	{name: "GStreamerHLS", of: "gstreamer1.0-tools", command: func(_, _, room string) []string {
		return []string{"gst-launch-1.0", "-q", "playbin3", "uri=" + room + "/hls/master.m3u8", "audio-sink=pulsesink"}
	}},
	{name: "ffmpeg", of: "ffmpeg", command: func(_, _, room string) []string {
		return []string{"ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-i", room + "/live.mp4", "-f", "pulse", "room"}
	}},
	{name: "mpv", of: "mpv", command: func(_, _, room string) []string {
		return []string{"mpv", "--no-config", "--no-video", "--ao=pulse", "--really-quiet", room + "/live.ogg"}
	}},
	{name: "VLC", of: "vlc-bin", command: func(_, _, room string) []string {
		return []string{"cvlc", "--no-video", "--quiet", "--aout=pulse", room + "/hls/master.m3u8"}
	}},
}

const hlsJS = "1.7.4"

const miniBrowser = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"

// One room is heard at the same time by every player that is installed, through a real sound server, and each hears both tones of the two who speak.
// It needs a minute, and players that nobody else here needs: EPIDAURUS_PLAYERS=1 go test ./e2e -run TestEveryPlayer -v
func TestEveryPlayer(t *testing.T) {
	if os.Getenv("EPIDAURUS_PLAYERS") == "" {
		t.Skip("set EPIDAURUS_PLAYERS=1: it needs Firefox, WebKitGTK, GStreamer and PulseAudio (docs/DEVICES.md)")
	}
	s := serve(t).open("Every player", false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	speak(t, s.invite("Grace"), writeWAV(t, tone(660)))
	until(t, "there are segments", func() bool { return len(segmentsOf(s.room.ListenURL+"/hls/floor/opus-48/live.m3u8")) >= 4 })
	page, said := tapping(t, s)
	speaker := pulse(t)
	var all sync.WaitGroup
	heard := make([]string, len(everyPlayer))
	for i, p := range everyPlayer {
		p.plays(t, speaker, page+"&player="+p.name, s.room.ListenURL)
		all.Go(func() { heard[i] = speaker.waitFor(t.Context(), p.name, 2*patience) })
	}
	all.Wait()
	t.Log("pages say:\n" + said())
	for i := range heard { // now all at the same time
		if heard[i] != "" {
			t.Errorf("%s: %s", everyPlayer[i].name, heard[i])
			continue
		}
		all.Go(func() { heard[i] = speaker.waitFor(t.Context(), everyPlayer[i].name, patience/4) })
	}
	all.Wait()
	for i, p := range everyPlayer {
		if heard[i] != "" {
			t.Errorf("%s, beside all others: %s", p.name, heard[i])
			continue
		}
		version, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", p.of).Output()
		if err != nil {
			t.Errorf("the version of %s is not known: %v", p.of, err)
		}
		t.Logf("| %s | %s %s | both tones |", p.name, p.of, version)
	}
}

// plays starts a player whose sound goes to the loudspeaker of its name.
func (p aPlayer) plays(t *testing.T, speaker *loudspeaker, page, room string) {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
		err := os.Chmod(d, 0o777)
		if err != nil {
			t.Fatal(err)
		}
	}
	// Firefox: sound without a touch.
	err := os.WriteFile(filepath.Join(dir, "user.js"), []byte(`user_pref("media.autoplay.default", 0); user_pref("media.autoplay.blocking_policy", 0);
user_pref("browser.shell.checkDefaultBrowser", false); user_pref("datareporting.policy.dataSubmissionEnabled", false); user_pref("app.update.enabled", false);`), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	args := p.command(dir, page, room)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "PULSE_SERVER=unix:"+speaker.socket, "PULSE_SINK="+p.name), p.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a browser is many processes
	if os.Geteuid() == 0 {                                // VLC refuses to be root
		const nobody = 65534
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	err = cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = log.Close()
		if text, _ := os.ReadFile(log.Name()); t.Failed() && len(text) > 0 {
			t.Logf("%s said:\n%s", p.name, text[max(0, len(text)-1500):])
		}
	})
}

// tapping serves the room's page as it is, but for a finger that presses its button; with ?plain to a browser without MediaSource. It returns the page, and what
// the pages said of themselves.
func tapping(t *testing.T, s *show) (page string, said func() string) {
	t.Helper()
	to, err := url.Parse(s.listeners)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	states := map[string]string{}
	const finger = `<script>
		if (location.search.includes("plain")) { delete window.MediaSource; delete window.ManagedMediaSource }
		setInterval(() => {
			if (globalThis.epidaurus?.state === "ready") document.getElementById("listen").click();
			fetch("/said?" + location.search + "&" + globalThis.epidaurus?.state + " " + audio.currentTime + " " + audio.currentSrc + " " + audio.error?.message);
		}, 1000)</script><style>`
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if r.In.URL.Path == "/r/"+string(s.room.ID) {
				r.Out.Header.Del("Accept-Encoding")
				r.Out.Header.Set("Accept-Encoding", "identity")
			}
		},
	}
	proxy.ModifyResponse = func(r *http.Response) error {
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			return nil
		}
		return putIn(r, "<style>", finger)
	}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.HandleFunc("/hlsjs/{room}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><audio id="audio" autoplay></audio><script src="/hls.min.js"></script><script>
			const hls = new Hls(); hls.loadSource("/r/%s/hls/master.m3u8"); hls.attachMedia(audio)</script>%s`, r.PathValue("room"), strings.TrimSuffix(finger, "<style>"))
	})
	script := npm(t, "hls.js@"+hlsJS, "hls.js/dist/hls.min.js")
	mux.HandleFunc("/hls.min.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, script) })
	mux.HandleFunc("/said", func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		states[r.URL.Query().Get("player")] = r.URL.RawQuery
	})
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	return front.URL + "/r/" + string(s.room.ID) + "?lang=en", func() string {
		mu.Lock()
		defer mu.Unlock()
		var b strings.Builder
		for name, state := range states {
			text, _ := url.QueryUnescape(state)
			fmt.Fprintf(&b, "%s: %s\n", name, text)
		}
		return b.String()
	}
}

// npm is a file of a package from the registry.
func npm(t *testing.T, name, file string) string {
	t.Helper()
	dir := t.TempDir()
	out, err := command(t, "npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--loglevel=error", name)
	if err != nil {
		t.Fatalf("npm install %s: %v\n%s", name, err, out)
	}
	return filepath.Join(dir, "node_modules", file)
}

// loudspeaker is a PulseAudio with a sink for each player.
type loudspeaker struct{ socket string }

func pulse(t *testing.T) *loudspeaker {
	t.Helper()
	dir := t.TempDir()
	l := &loudspeaker{socket: filepath.Join(dir, "speaker")}
	args := []string{"-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes", "-L", "module-native-protocol-unix socket=" + l.socket + " auth-anonymous=1"}
	for _, p := range everyPlayer {
		args = append(args, "-L", "module-null-sink rate=48000 channels=2 sink_name="+p.name)
	}
	cmd := exec.Command("pulseaudio", args...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir)
	err := cmd.Start()
	if err != nil {
		t.Fatalf("start PulseAudio: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	until(t, "the loudspeakers are there", func() bool {
		_, err := os.Stat(l.socket)
		return err == nil
	})
	// It keeps its folder to itself, and players are other users.
	for d := dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
		err := os.Chmod(d, 0o777)
		if err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// waitFor records a player's loudspeaker until both tones are in it. It returns what is wrong; empty: nothing.
func (l *loudspeaker) waitFor(ctx context.Context, name string, most time.Duration) (wrong string) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	dir, err := os.MkdirTemp("", "heard")
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	file := filepath.Join(dir, "heard.wav")
	wrong = "nothing was recorded"
	for ctx.Err() == nil {
		cmd := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-f", "pulse", "-i", name+".monitor", "-t", "3", "-ac", "1", "-ar", "48000", file)
		cmd.Env = append(os.Environ(), "PULSE_SERVER=unix:"+l.socket)
		out, err := cmd.CombinedOutput()
		if err != nil {
			wrong = fmt.Sprintf("ffmpeg: %v %s", err, out)
			continue
		}
		wrong = tonesOf(file)
		if wrong == "" {
			return ""
		}
	}
	return wrong
}

// tonesOf says what is wrong with the two tones in a file; empty: nothing, in some second of it.
func tonesOf(file string) (wrong string) {
	f, err := os.Open(file)
	if err != nil {
		return err.Error()
	}
	defer f.Close() //nolint:errcheck // it was read only
	pcm, err := wav.Read(f)
	if err != nil {
		return err.Error()
	}
	for ; len(pcm) >= sampleRate; pcm = pcm[sampleRate/2:] {
		hertz := spectrum(pcm[:sampleRate])
		low, high := peak(hertz, 440), peak(hertz, 660)
		other, at := rest(hertz, 440, 660)
		wrong = fmt.Sprintf("440 Hz at %.1f dB, 660 Hz at %.1f dB, the strongest other at %.1f dB and %d Hz", low, high, other, at)
		if min(low, high) > -50 && other < min(low, high)-6 {
			return ""
		}
	}
	return wrong
}

// putIn puts a text in front of the first mark of a page, which may do then what it says.
func putIn(r *http.Response, mark, text string) error {
	all, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	page := strings.Replace(string(all), mark, strings.TrimSuffix(text, mark)+mark, 1)
	r.Body = io.NopCloser(strings.NewReader(page))
	r.ContentLength = int64(len(page))
	r.Header.Set("Content-Length", itoa(len(page)))
	r.Header.Del("Content-Security-Policy")
	return nil
}
