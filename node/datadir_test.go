package node

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// holdFolder makes this test binary another process that holds a data folder until its input ends.
const holdFolder = "EPIDAURUS_TEST_HOLD_FOLDER"

func TestHelperHoldsFolder(t *testing.T) {
	path := os.Getenv(holdFolder)
	if path == "" {
		return // it is the other process of TestFolderLock
	}
	d, err := openDataDir(path)
	fmt.Println("held:", err)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	_ = d
}

func TestFolderLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperHoldsFolder$")
	other.Env = append(os.Environ(), holdFolder+"="+path)
	_, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := other.StdoutPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "held: <nil>\n" {
		t.Fatalf("the other process says %q (%v)", line, err)
	}
	_, err = openDataDir(path)
	if !errors.Is(err, ErrDataInUse) {
		t.Errorf("error %v, want ErrDataInUse", err)
	}
	fails(t, err, "(process "+strconv.Itoa(other.Process.Pid)+"): stop it, or give this one a folder of its own with --data")

	_ = other.Process.Kill() // the lock goes with the process, however it ends
	_ = other.Wait()
	d, err := openDataDir(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := os.ReadFile(d.file("lock"))
	if strings.TrimSpace(string(pid)) != strconv.Itoa(os.Getpid()) {
		t.Errorf("the lock names %q (%v)", pid, err)
	}
	err = d.close()
	if err != nil {
		t.Error(err)
	}
}

func TestSecondNodeOnTheSameFolder(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	n := open(t, cfg)
	_, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if !errors.Is(err, ErrDataInUse) {
		t.Errorf("error %v, want ErrDataInUse", err)
	}
	shut(t, n)
	shut(t, open(t, cfg))
}

func TestNodeNameIsKept(t *testing.T) {
	d := folder(t)
	first, err := d.nodeName()
	if err != nil || !strings.HasPrefix(first, "node-") || len(first) != 15 {
		t.Fatalf("name %q (%v)", first, err)
	}
	second, err := d.nodeName()
	if second != first || err != nil {
		t.Errorf("name %q, then %q (%v)", first, second, err)
	}
	write(t, d.file("node"), "\n") // a disk that was full
	third, err := d.nodeName()
	if third == "" || third == first || err != nil {
		t.Errorf("after an empty file name %q (%v)", third, err)
	}
}

func folder(t testing.TB) *dataDir {
	t.Helper()
	d, err := openDataDir(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close() })
	return d
}

// A mistyped folder is not made a server's: its links would open nothing.
func TestHostLink(t *testing.T) {
	t.Parallel()
	elsewhere := t.TempDir()
	for _, dir := range []string{elsewhere, filepath.Join(elsewhere, "none")} {
		_, err := HostLink(t.Context(), dir, "http://localhost:8081", false, time.Now())
		fails(t, err, "there is no server's folder at "+dir+": name it with --data")
	}
	left, err := os.ReadDir(elsewhere)
	if len(left) != 0 || err != nil {
		t.Errorf("it left %v (%v)", left, err)
	}
	cfg := usual(t)
	n := open(t, cfg)
	link, err := HostLink(t.Context(), cfg.Data, n.StageURL(), true, time.Now()) // beside the running server
	if err != nil || !strings.HasPrefix(link, n.StageURL()+"/desk/#claim=") {
		t.Errorf("link %q (%v)", link, err)
	}
}
