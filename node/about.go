package node

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
)

// about is what a node says of itself at its private port.
type about struct {
	Program  string `json:"program"`
	Version  string `json:"version,omitempty"`
	Revision string `json:"revision,omitempty"`
	Config   string `json:"config"` // fingerprint
	Host     string `json:"host"`
	PID      int    `json:"pid"`
}

// about says which build and configuration this is.
func (n *Node) about(w http.ResponseWriter, _ *http.Request) {
	host, _ := os.Hostname() // a machine without a name has an empty one
	a := about{Program: "epidaurus", Config: n.cfg.fingerprint(), Host: host, PID: os.Getpid()}
	info, ok := debug.ReadBuildInfo()
	if ok {
		a.Version, a.Revision = info.Main.Version, revision()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a) // the reader may be gone
}

// revision is the one that this build was made of; empty where it is not known.
var revision = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
})

// fingerprint changes when anything does that was set, wherever it was, or what the runtime may use. Who gets in by which password, and
// whom alarms and sound are told, is not in it.
func (c Config) fingerprint() string {
	var buses []string
	for s := range strings.SplitSeq(c.NATS, ",") {
		u, err := url.Parse(s)
		if err == nil {
			u.User = nil
			s = u.String()
		}
		buses = append(buses, s)
	}
	c.NATS, c.AlarmWebhook, c.IcecastPush = strings.Join(buses, ","), "", ""
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // texts and numbers always marshal
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %d %d", text, runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1))
	for _, name := range []string{"GOGC", "GODEBUG"} {
		fmt.Fprintf(sum, " %q", os.Getenv(name))
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
