package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// drill runs the program's drill and reads what it kept. A busy machine may make a run invalid; here that is no failure.
func drill(t testing.TB, args ...string) result.Result {
	t.Helper()
	data := t.TempDir()
	text, err := command(t, program, append([]string{"drill", "--data", data, "--out", data + "/out.json"}, args...)...)
	const invalid = 3
	if code := exitCode(err); err != nil && code != invalid {
		t.Fatalf("the drill ended with %v:\n%s", err, text)
	}
	kept, err := filepath.Glob(data + "/drills/*.json")
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept %q, %v:\n%s", kept, err, text)
	}
	file, err := os.Open(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := result.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.Stat(strings.TrimSuffix(kept[0], ".json") + ".html")
	if err != nil || page.Size() < 10_000 {
		t.Errorf("the report: %v, %v", page, err)
	}
	return r
}

// heard fails the test unless so many heard whole sound. Frames that the maker of the sound declared silent, since the machine was late, are
// no fault of who passes them on.
func heard(t testing.TB, r result.Result, n int64) {
	t.Helper()
	all := r.Total()
	if all.Due != n || all.Seated != n || all.Gaps+all.Wrong+all.Cuts+all.AllFailed+all.AllRefused != 0 || r.Listeners.Parsed != n {
		t.Errorf("%+v, %d parsed, %q", all, r.Listeners.Parsed, r.Notes)
	}
}

// start starts a helper that is ended, by its number, with the test.
func start(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	cmd.Dir = t.TempDir()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	err = cmd.Start()
	if err != nil {
		t.Fatalf("%v (packages of Debian: scripts/test)", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		_ = log.Close()
		if t.Failed() {
			said, _ := os.ReadFile(log.Name())
			t.Logf("%s said:\n%s", name, said)
		}
	})
	return cmd
}

// answers waits for an address to give sound.
func answers(t testing.TB, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
			err = errors.New(answer.Status)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s gives no sound: %v", url, err)
		case <-tick.C:
		}
	}
}

// sine is what an encoder is fed with: at the pace of the clock, without end.
var sine = []string{"-hide_banner", "-loglevel", "warning", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"}

// A drill of Debian's Icecast: its pages are followed one by one.
func TestDrillOfIcecast(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	owner := ""
	if os.Getuid() == 0 { // which Icecast does not want to be
		u, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		g, err := user.LookupGroupId(u.Gid)
		if err != nil {
			t.Fatal(err)
		}
		owner = fmt.Sprintf("<changeowner><user>%s</user><group>%s</group></changeowner>", u.Username, g.Name)
	}
	config := filepath.Join(t.TempDir(), "icecast.xml")
	err := os.WriteFile(config, fmt.Appendf(nil, `<icecast><limits><clients>500</clients><sources>2</sources></limits>
<authentication><source-password>hackme</source-password><admin-user>admin</admin-user><admin-password>hackme</admin-password></authentication>
<hostname>localhost</hostname><listen-socket><port>%d</port><bind-address>127.0.0.1</bind-address></listen-socket>
<paths><logdir>/tmp</logdir><webroot>/usr/share/icecast2/web</webroot><adminroot>/usr/share/icecast2/admin</adminroot></paths>
<logging><accesslog>-</accesslog><errorlog>-</errorlog><loglevel>2</loglevel></logging><security><chroot>0</chroot>%s</security></icecast>`,
		port, owner), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	icecast := start(t, "icecast2", "-c", config)
	host := fmt.Sprintf("127.0.0.1:%d", port)
	listening(t, host)
	start(t, "ffmpeg", append(sine, "-c:a", "libopus", "-b:a", "32k", "-f", "ogg", "-content_type", "application/ogg",
		"icecast://source:hackme@"+host+"/stream.ogg")...)
	stream := "http://" + host + "/stream.ogg"
	answers(t, stream)
	r := drill(t, stream, "--kind", "http", "--listeners", "200", "--ramp", "1s", "--hold", "4s", "--sample", "1",
		"--watch", strconv.Itoa(icecast.Process.Pid), "--goal", "gaps=0,wrong=0,failed=0,seated>=200")
	heard(t, r, 200)
	if !strings.HasPrefix(r.Server.Program, "icecast") || len(r.Servers) != 1 || len(r.Servers[0].Seconds) == 0 || r.Wire.Heads == 0 {
		t.Errorf("%+v, %+v", r.Server, r.Servers)
	}
}

// A drill of HLS as ffmpeg makes it: its playlists and segments are followed while they move on.
func TestDrillOfHLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, "ffmpeg", append(sine, "-c:a", "aac", "-b:a", "48k", "-f", "hls", "-hls_time", "1", "-hls_list_size", "6",
		"-hls_flags", "delete_segments+temp_file", "-hls_delete_threshold", "10", filepath.Join(dir, "live.m3u8"))...)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	answers(t, server.URL+"/live.m3u8")
	r := drill(t, server.URL+"/live.m3u8", "--kind", "hls", "--listeners", "50", "--ramp", "1s", "--hold", "6s",
		"--goal", "gaps=0,wrong=0,failed=0,seated>=50")
	heard(t, r, 50)
	if all := r.Total(); all.Frames < 50*4*50 || r.Wire.Events == 0 { // four seconds each, of 20 ms; playlists count as events
		t.Errorf("%+v, %+v", all, r.Wire)
	}
}

// A drill of our own edge under TLS, whose certificate is nobody's but its own: full handshakes and resumed ones, and beside the crowd's
// figures what the edge counted.
func TestDrillUnderTLS(t *testing.T) {
	t.Parallel()
	s := serve(t, "--listen-tls", "self-signed").open("Drill", false)
	speak(t, s.invite("Ada"), hostVoice)
	ca := filepath.Join(s.dir, "data", "listen-cert.pem")
	for _, mode := range []string{"full", "resumed"} {
		t.Run(mode, func(t *testing.T) {
			r := drill(t, s.room.ListenURL, "--tls", mode, "--ca", ca, "--private", s.private, "--listeners", "200", "--ramp", "2s",
				"--hold", "4s", "--sample", "1", "--goal", "gaps=0,wrong=0,failed=0,seated>=200,edge_gaps=0,edge_joins_per_second>0")
			heard(t, r, 200)
			full, resumed := int64(200), int64(0)
			if mode == "resumed" {
				full, resumed = 0, 200
			}
			if r.Handshakes.Full != full || r.Handshakes.Resumed != resumed || r.Target.TLS != mode {
				t.Errorf("%d full, %d resumed, %+v", r.Handshakes.Full, r.Handshakes.Resumed, r.Target)
			}
			if e := r.EdgeTotal(); e.Seated != 200 || e.Offered < 200 || e.Seats < 200 || e.BytesOut < r.Total().Frames || e.Refused != 0 {
				t.Errorf("the edge counted %+v", e)
			}
			if r.Config == "" || len(r.Servers) != 1 {
				t.Errorf("the server is not named: %q, %d", r.Config, len(r.Servers))
			}
		})
	}
	// Without the certificate nobody is seated, and a goal is missed: exit 1.
	text, err := command(t, program, "drill", s.room.ListenURL, "--no-keep", "--listeners", "3", "--ramp", "100ms", "--hold", "1s",
		"--goal", "seated>=3")
	if code := exitCode(err); code != 1 || !strings.Contains(text, "missed: seated>=3") {
		t.Errorf("exit %d:\n%s", code, text)
	}
}

// Good listeners among slow and stuck ones miss nothing.
func TestDrillWithBadListeners(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Drill", false)
	speak(t, s.invite("Ada"), hostVoice)
	file := filepath.Join(t.TempDir(), "bad.toml")
	err := os.WriteFile(file, fmt.Appendf(nil, `name = "bad"
target = %q
private = %q
sample = 1
slow = 0.2
slow_rate = 200
stuck = 0.1
phase = [{ shape = "storm", listeners = 300, over = "2s" }, { shape = "hold", over = "5s" }]
`, s.room.ListenURL, s.private), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	r := drill(t, file, "--goal", "gaps=0,wrong=0,failed=0,seated>=210")
	heard(t, r, 210)
	if r.Slow.Seated != 60 || r.Stuck.Seated != 30 {
		t.Errorf("slow %+v, stuck %+v", r.Slow, r.Stuck)
	}
	if e := r.EdgeTotal(); e.Seated != 300 {
		t.Errorf("the edge counted %+v", e)
	}
}

// freePort is one that nobody has at the moment.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// listening waits until a server accepts connections.
func listening(t testing.TB, host string) {
	t.Helper()
	until := time.Now().Add(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(until) {
			t.Fatalf("nobody listens at %s: %v", host, err)
		}
		<-tick.C
	}
}
