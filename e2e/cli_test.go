package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/api/client"
)

// What the command line answers without a server: the exit code, and words that help.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		err := os.WriteFile(path, []byte(text), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	text, sound := file("talk.txt", "once upon a time"), writeWAV(t, make([]float32, sampleRate/10))
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<!doctype html><p>Hello")) }))
	t.Cleanup(page.Close)
	const desk = "http://127.0.0.1:1/desk/harbour-k3f9x2"
	for _, row := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"Version", []string{"version"}, 0, []string{"epidaurus ", "commit ", "linux/"}},
		{"Help", []string{"--help"}, 0, []string{"One live conversation", "demo", "serve", "speak", "listen", "host-link", "version", "Exit codes"}},
		{"CommandHelp", []string{"speak", "--help"}, 0, []string{"Examples:", "--ca=FILE"}},
		{"Nothing", nil, 2, []string{"epidaurus: expected one of", "See: epidaurus --help"}},
		{"UnknownCommand", []string{"sing"}, 2, []string{"unexpected argument sing", "See: epidaurus --help"}},
		{"UnknownFlag", []string{"serve", "--privte", ":1"}, 2, []string{"unknown flag --privte", `did you mean "--private"`, "See: epidaurus --help"}},
		{"ConfigUnknownKey", []string{"serve", "--config", file("key.toml", `lisen = ":1"`)}, 2, []string{`there is no setting "lisen"`}},
		{"ConfigNoTOML", []string{"serve", "--config", file("no.toml", `listen = `)}, 2, []string{"no.toml: toml: line 1"}},
		{"ConfigBadValue", []string{"serve", "--config", file("value.toml", `complexity = 11`)}, 2, []string{"complexity: 11 is outside 0 to 10"}},
		{"ConfigMissing", []string{"serve", "--config", filepath.Join(dir, "none.toml")}, 2, []string{"none.toml: no such file"}},
		{"HostLinkWithoutServer", []string{"host-link", "--data", filepath.Join(dir, "none")}, 1, []string{"there is no server's folder at", "--data"}},
		{"HostLinkElsewhere", []string{"host-link", "--data", dir}, 1, []string{"there is no server's folder at", "--data"}},
		{"SpeakNoLink", []string{"speak", "harbour", sound}, 1, []string{`"harbour" is no link to a stage`}},
		{"SpeakCutLink", []string{"speak", desk, sound}, 1, []string{"has no token behind #: copy the whole link again"}},
		{"SpeakDamagedToken", []string{"speak", desk + "#e1.ey J", sound}, 1, []string{"the token behind # is damaged"}},
		{"SpeakMissingFile", []string{"speak", desk + "#e1.x", filepath.Join(dir, "none.wav")}, 1, []string{"none.wav: no such file"}},
		{"SpeakNoSound", []string{"speak", desk + "#e1.x", text}, 1, []string{"talk.txt: it is neither WAV nor Ogg Opus", "ffmpeg -i"}},
		{"SpeakNoCertificate", []string{"speak", desk + "#e1.x", sound, "--ca", text}, 1, []string{"there is no certificate in", "talk.txt"}},
		{"ListenNoLink", []string{"listen", "harbour"}, 1, []string{`"harbour" is not the address of a room`}},
		{"ListenToAPage", []string{"listen", page.URL + "/r/harbour", "--for", "5s"}, 1, []string{"the address answers with a web page", "give the link of a room"}},
		{"ListenToNobody", []string{"listen", "http://127.0.0.1:1/r/harbour", "--for", "1500ms"}, 1, []string{"connection refused", "again in", "0 frames"}},
		{"ListenIntoNowhere", []string{"listen", page.URL + "/r/harbour", "--out", filepath.Join(dir, "none", "x.ogg")}, 1, []string{"no such file or directory"}},
		{"ListenIntoText", []string{"listen", page.URL + "/r/harbour", "--out", filepath.Join(dir, "x.txt")}, 1, []string{".ogg", ".wav"}},
	} {
		t.Run(row.name, func(t *testing.T) { says(t, row.code, row.says, row.args...) })
	}
	left, err := os.ReadDir(dir)
	if len(left) != 4 || err != nil {
		t.Errorf("something was left in %v (%v)", left, err)
	}
}

// says runs the program and checks how it ends, and that its words contain what they should.
func says(t *testing.T, code int, words []string, args ...string) (output string) {
	t.Helper()
	output, err := command(t, program, args...)
	if got := exitCode(err); got != code {
		t.Errorf("exit code %d, want %d: %s", got, code, output)
	}
	for _, w := range words {
		if !strings.Contains(output, w) {
			t.Errorf("it does not say %q: %s", w, output)
		}
	}
	if strings.Contains(output, "panic:") || strings.Contains(output, "goroutine ") {
		t.Errorf("it fell: %s", output)
	}
	return output
}

// nowhere is the flags of a server on ports of its own.
var nowhere = []string{"--listen", "127.0.0.1:0", "--stage", "127.0.0.1:0", "--private", "127.0.0.1:0"}

// A server says where it is, gives links beside, refuses a second one on its folder or ports, and ends in order.
func TestServeFromTheCommandLine(t *testing.T) {
	t.Parallel()
	s := serve(t)
	data := filepath.Join(s.dir, "data")
	t.Run("SecondOnTheFolder", func(t *testing.T) {
		says(t, 1, []string{"another epidaurus serves from this folder", fmt.Sprintf("(process %d)", s.cmd.Process.Pid), "--data"},
			append([]string{"serve", "--data", data}, nowhere...)...)
	})
	for _, port := range []struct{ flag, of string }{{"--listen", s.listeners}, {"--stage", s.stage}, {"--private", s.private}} {
		t.Run("TakenPort"+port.flag, func(t *testing.T) {
			u, err := url.Parse(port.of)
			if err != nil {
				t.Fatal(err)
			}
			args := append([]string{"serve", "--data", filepath.Join(t.TempDir(), "data")}, nowhere...)
			says(t, 1, []string{"another program uses 127.0.0.1:" + u.Port(), "another address with " + port.flag}, append(args, port.flag, "127.0.0.1:"+u.Port())...)
		})
	}
	t.Run("HostLink", func(t *testing.T) {
		for _, more := range [][]string{nil, {"--new"}} {
			link := says(t, 0, []string{s.stage + "/desk/#claim="}, append([]string{"host-link", "--data", data, "--stage-url", s.stage + "/"}, more...)...)
			_, err := client.Claim(t.Context(), strings.TrimSpace(link))
			if err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("ListenToAnUnknownRoom", func(t *testing.T) {
		says(t, 1, []string{"There is no such room here. Check the link."}, "listen", s.listeners+"/r/none")
	})
	t.Run("SpeakWithAForgedToken", func(t *testing.T) {
		says(t, 1, []string{"The link's token is damaged: copy the whole link again."}, "speak", s.stage+"/desk/none#e1.x.x", writeWAV(t, make([]float32, sampleRate/10)))
	})
	s.signal(syscall.SIGTERM) // checks for exit code 0
	s.claim = ""
	s.restart()
	if s.claim != "" {
		t.Error("a host has come in, and there is a link for the first one")
	}
	s.signal(syscall.SIGINT)
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("after SIGINT it ends with %d: %s", code, s.log())
	}
}

// A stage's own certificate is trusted where it is named, and not otherwise.
func TestOwnCertificate(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Own certificate", true)
	certificate := filepath.Join(s.dir, "data", "stage-cert.pem")
	sound := writeWAV(t, make([]float32, sampleRate/2))
	desk := strings.Replace(s.invite("Ada").DeskURL, "http://", "https://", 1)
	says(t, 0, []string{"25 packets sent", "1 connections"}, "speak", desk, sound, "--ca", certificate)
	secure := strings.Replace(s.stage, "http://", "https://", 1) + "/r/" + string(s.room.ID) + "/live.ogg"
	says(t, 0, []string{" 0 gaps"}, "listen", secure, "--for", "3s", "--ca", certificate)
	says(t, 1, []string{"certificate", "0 frames"}, "listen", secure, "--for", "5s")
}

var demoLine = regexp.MustCompile(`^\s+(Listen|Walk on it)\s+(http\S+)$`)

// The demo says both links, is heard without a gap, ends in order and leaves nothing behind.
func TestDemo(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), program, append([]string{"demo"}, nowhere...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	var log strings.Builder
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(2*patience, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	links := map[string]string{}
	lines := bufio.NewScanner(stdout)
	for len(links) < 2 && lines.Scan() {
		if m := demoLine.FindStringSubmatch(lines.Text()); m != nil {
			links[m[1]] = m[2]
		}
	}
	if len(links) < 2 {
		_ = cmd.Wait()
		t.Fatalf("the demo says no more than %v: %s", links, &log)
	}
	says(t, 0, []string{" 0 gaps", " 0 undecodable"}, "listen", links["Listen"], "--for", "3s")
	resp, err := http.Get(links["Walk on it"])
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !strings.Contains(links["Walk on it"], "#e1.") {
		t.Errorf("%s answers %s", links["Walk on it"], resp.Status)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	for lines.Scan() { // Wait closes the pipe
	}
	err = cmd.Wait()
	if err != nil {
		t.Errorf("it ends with %v: %s", err, &log)
	}
	left, err := os.ReadDir(temp)
	if len(left) != 0 || err != nil {
		t.Errorf("it leaves %v (%v)", left, err)
	}
}
