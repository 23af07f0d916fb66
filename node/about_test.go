package node

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// Whatever is set changes the fingerprint, and passwords and addresses of alarms do not.
func TestFingerprint(t *testing.T) {
	base := Config{Data: "data", NATS: "tls://a:4222,tls://b:4222"}
	first := base.fingerprint()
	if len(first) != 16 || base.fingerprint() != first {
		t.Fatalf("%q, and again %q", first, base.fingerprint())
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.MaxSeats = 7 },
		func(c *Config) { c.Cadence = time.Second },
		func(c *Config) { c.Roles = []string{"edge"} },
		func(c *Config) { c.NATS = "tls://a:4222" },
	} {
		other := base
		change(&other)
		if other.fingerprint() == first {
			t.Errorf("%+v has the fingerprint of %+v", other, base)
		}
	}
	secret := base
	secret.NATS, secret.AlarmWebhook = "tls://me:secret@a:4222,tls://b:4222", "https://alarm.example.org/?key=secret"
	if secret.fingerprint() != first {
		t.Error("a secret is in the fingerprint")
	}
}

// A node says at its private port what it is, and in its folder's lock by which settings it serves.
func TestAbout(t *testing.T) {
	t.Parallel()
	n := open(t, usual(t))
	answer, err := http.Get(n.PrivateURL() + "/about")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var a about
	err = json.NewDecoder(answer.Body).Decode(&a)
	if err != nil || a.Program != "epidaurus" || a.Config != n.cfg.fingerprint() || a.PID != os.Getpid() {
		t.Errorf("%+v, %v", a, err)
	}
	lock, err := os.ReadFile(n.data.file("lock"))
	if err != nil || !strings.HasSuffix(string(lock), "\n"+a.Config+"\n") {
		t.Errorf("the lock says %q, %v", lock, err)
	}
}
