//go:build linux

package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// icecast is Icecast as Debian packs it, with one stream that this program makes.
type icecast struct {
	cmd    *exec.Cmd
	folder string
	at     string
	source net.Conn
	done   chan error // of the source
}

const configuration = `<icecast>
 <limits><clients>19500</clients><sources>2</sources><queue-size>524288</queue-size><client-timeout>30</client-timeout>
  <header-timeout>15</header-timeout><source-timeout>10</source-timeout><burst-on-connect>1</burst-on-connect>
  <burst-size>16384</burst-size></limits>
 <authentication><source-password>bench</source-password><admin-user>admin</admin-user><admin-password>bench</admin-password>
 </authentication>
 <hostname>localhost</hostname>
 <listen-socket><port>%d</port><bind-address>127.0.0.1</bind-address></listen-socket>
 <fileserve>0</fileserve>
 <paths><basedir>%[2]s</basedir><logdir>%[2]s</logdir><webroot>%[2]s</webroot><adminroot>%[2]s</adminroot></paths>
 <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>2</loglevel></logging>
 <security><chroot>0</chroot></security>
</icecast>
`

const mount = "/live.ogg"

// nobody is the user that Icecast runs as when this program runs as root, which Icecast refuses to.
const nobody = 65534

// startIcecast starts it and a source of one page every cadence.
func startIcecast(program string, port int, book *frames.Book, cadence time.Duration) (*icecast, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("there is no %s here: apt-get install icecast2 (and keep its service stopped): %w", program, err)
	}
	folder, err := os.MkdirTemp("", "bench-icecast")
	if err != nil {
		return nil, err
	}
	c := &icecast{folder: folder, at: fmt.Sprintf("127.0.0.1:%d", port), done: make(chan error, 1)}
	config := filepath.Join(folder, "icecast.xml")
	err = os.WriteFile(config, fmt.Appendf(nil, configuration, port, folder), 0o644)
	if err == nil {
		err = os.Chmod(folder, 0o755)
	}
	c.cmd = exec.Command(path, "-c", config)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err == nil && os.Getuid() == 0 {
		c.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		err = os.Chown(folder, nobody, nobody)
	}
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	err = c.connect(book, cadence)
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("icecast: %w", err)
	}
	return c, nil
}

func (c *icecast) connect(book *frames.Book, cadence time.Duration) (err error) {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		c.source, err = net.Dial("tcp", c.at)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			return err
		}
	}
	_, err = fmt.Fprintf(c.source, "SOURCE %s HTTP/1.0\r\nAuthorization: Basic %s\r\nContent-Type: audio/ogg\r\n\r\n",
		mount, base64.StdEncoding.EncodeToString([]byte("source:bench")))
	if err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c.source), nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the source is answered %s", resp.Status)
	}
	go func() { c.done <- play(c.source, book, tape.Number(cadence/tape.FrameDuration)) }() // stop waits for it
	return nil
}

// play writes a page of n frames whenever they are over, until the connection ends.
func play(to net.Conn, book *frames.Book, n tape.Number) error {
	const serial = 7
	_, err := to.Write(ogg.AppendHeaders(nil, serial, ogg.Head{PreSkip: 312, Vendor: "bench"}))
	if err != nil {
		return err
	}
	ticker := time.NewTicker(tape.FrameDuration)
	defer ticker.Stop()
	next := frames.Now() / n * n
	page := []byte(nil)
	for number := uint32(2); ; number++ {
		page = appendPage(page[:0], serial, number, next, n, book)
		_, err := to.Write(page)
		if err != nil {
			return err
		}
		for next += n; frames.Now() < next+n; {
			<-ticker.C
		}
	}
}

func (c *icecast) pid() int { return c.cmd.Process.Pid }

// stop ends it.
func (c *icecast) stop() {
	if c.source != nil {
		_ = c.source.Close()
		select {
		case <-c.done:
		case <-time.After(time.Second): // it was never begun
		}
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(5*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer late.Stop()
	_ = c.cmd.Wait()           // how it ended does not matter any more
	_ = os.RemoveAll(c.folder) // a folder of /tmp
}
