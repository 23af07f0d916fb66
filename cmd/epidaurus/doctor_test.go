package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/doctor"
)

func runDoctor(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var c cli
	_, err := parserFor(t, &c).Parse(append([]string{"doctor", "--data", t.TempDir()}, args...))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = c.Doctor.Run(&program{ctx: t.Context(), stdout: &out})
	return out.String(), err
}

// No machine holds ten billion: there is something to change, with a command, and the exit code says so.
func TestDoctor(t *testing.T) {
	out, err := runDoctor(t, "--listeners", "10000M", "--line", "10Gbit")
	var code exitError
	if !errors.As(err, &code) || int(code) != exitFailure {
		t.Errorf("error %v", err)
	}
	for _, want := range []string{"change  open files", "→ systemctl edit epidaurus", "This machine can hold ",
		"too few for 10,000,000,000 listeners."} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	out, _ = runDoctor(t, "--json", "--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key")
	var r doctor.Report
	err = json.Unmarshal([]byte(out), &r)
	if err != nil || !r.MustChange() || !strings.Contains(out, "/nowhere.pem") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, row := range [][2]string{{"--listeners=few", "listeners: \"few\""}, {"--line=5", "is no line"}} {
		_, err = runDoctor(t, row[0])
		if err == nil || !strings.Contains(err.Error(), row[1]) {
			t.Errorf("%s: error %v", row[0], err)
		}
	}
}

// Doctor looks at the certificates that serve would use, by the same settings.
func TestDoctorFindsTheCertificates(t *testing.T) {
	for _, row := range []struct{ test, env, flags, about, want string }{
		{"Plain", "", "", "", ""},
		{"Files", "EPIDAURUS_LISTEN_TLS_CERT=/l.pem", "--listen-tls-key=/l.key", "certificate", "/l.pem with /l.key"},
		{"KeyAlone", "EPIDAURUS_LISTEN_TLS_KEY=/l.key", "", "certificate", "go together"},
		{"Off", "EPIDAURUS_LISTEN_TLS_KEY=/l.key", "--listen-tls=off", "", ""},
		{"ACME", "EPIDAURUS_ACME_DOMAIN=live.example.org", "", "certificate", "none yet"},
		{"SelfSigned", "EPIDAURUS_LISTEN_TLS=self-signed", "", "certificate", "none yet"},
		{"Stage", "EPIDAURUS_TLS_CERT=/s.pem", "--tls-key=/s.key", "stage's cert.", "/s.pem with /s.key"},
		{"StageOff", "EPIDAURUS_TLS_CERT=/s.pem", "--stage-tls=off", "", ""},
	} {
		t.Run(row.test, func(t *testing.T) {
			if name, value, ok := strings.Cut(row.env, "="); ok {
				t.Setenv(name, value)
			}
			out, err := runDoctor(t, append(strings.Fields(row.flags), "--json")...)
			var r doctor.Report
			if broken := json.Unmarshal([]byte(out), &r); broken != nil {
				t.Fatalf("%v, %v\n%s", broken, err, out)
			}
			found := map[string]string{}
			for _, f := range r.Findings {
				if strings.Contains(f.Name, "cert") {
					found[f.Name] = f.Found
				}
			}
			if row.about == "" && len(found) > 0 || row.about != "" && (len(found) != 1 || !strings.Contains(found[row.about], row.want)) {
				t.Errorf("found %v", found)
			}
		})
	}
}
