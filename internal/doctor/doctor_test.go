package doctor

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

var now = time.Unix(1795700000, 0)

// good is a machine of 16 cores, 64 GB and 10 Gbit/s on which somebody has been before.
func good() (Machine, fstest.MapFS) {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"proc/sys/fs/nr_open":                      "1048576",
		"proc/sys/fs/file-max":                     "9223372036854775807",
		"proc/sys/net/ipv4/tcp_mem":                "1000000 1500000 2000000",
		"proc/sys/net/ipv4/ip_local_port_range":    "1024\t65535",
		"proc/sys/net/ipv4/tcp_congestion_control": "bbr",
		"proc/sys/net/ipv4/tcp_max_syn_backlog":    "16384",
		"proc/sys/net/core/somaxconn":              "16384",
		"proc/meminfo":                             "MemTotal:       65536000 kB\nMemFree: 1 kB\nMemAvailable:   60000000 kB\n",
		"sys/class/net/lo/speed":                   "100000",
		"sys/class/net/eth0/speed":                 "10000",
		"sys/class/net/eth1/speed":                 "-1",
		"sys/class/net/wlan0/address":              "00",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	return Machine{
		FS:    files,
		Files: func() (uint64, uint64, error) { return 1024, 1048576, nil },
		Clock: func() (bool, error) { return true, nil },
		Disk:  func(string) (uint64, error) { return 100 << 30, nil },
		Cores: 16, Now: now,
	}, files
}

func finding(t *testing.T, r Report, name string) Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("there is no finding about %s in %+v", name, r)
	return Finding{}
}

func TestGoodMachine(t *testing.T) {
	m, _ := good()
	r := Examine(m, Options{Data: "data", Listeners: 200_000})
	if r.MustChange() || r.LimitedBy != "line" || r.Seats < 250_000 || r.Seats > 350_000 {
		t.Errorf("%+v", r)
	}
	if !strings.HasPrefix(r.Sentence, "This machine can hold ") || !strings.HasSuffix(r.Sentence,
		" seats (limited by line): enough for 200,000 listeners") {
		t.Error(r.Sentence)
	}
	for _, f := range r.Findings {
		if f.Severity != Fine || f.Fix != nil || f.Found == "" || f.Means == "" {
			t.Errorf("%+v", f)
		}
	}
	if c := finding(t, r, "conntrack"); c.Seats != 0 || c.Found != "not loaded" {
		t.Errorf("%+v", c)
	}
}

func TestFindings(t *testing.T) {
	set := func(name, text string) func(*Machine, fstest.MapFS, *Options) {
		return func(_ *Machine, files fstest.MapFS, _ *Options) { files[name] = &fstest.MapFile{Data: []byte(text)} }
	}
	gone := func(name string) func(*Machine, fstest.MapFS, *Options) {
		return func(_ *Machine, files fstest.MapFS, _ *Options) { delete(files, name) }
	}
	for _, row := range []struct {
		test, about string
		change      func(*Machine, fstest.MapFS, *Options)
		severity    Severity
		seats       int64 // -1: not looked at
		want        string
	}{
		{"FewFiles", "open files", func(m *Machine, _ fstest.MapFS, _ *Options) {
			m.Files = func() (uint64, uint64, error) { return 1024, 20_000, nil }
		}, Change, 15_851, "LimitNOFILE=206144"},
		{"UnlimitedFiles", "open files", func(m *Machine, _ fstest.MapFS, _ *Options) {
			m.Files = func() (uint64, uint64, error) { return 1 << 63, 1<<64 - 1, nil }
		}, Fine, 1_042_432, "hard unlimited"},
		{"LowNrOpen", "open files", set("proc/sys/fs/nr_open", "65536"), Change, 59_392, "sysctl -w fs.nr_open=206144"},
		{"LowFileMax", "open files", set("proc/sys/fs/file-max", "4000"), Change, 2375, "fs.file-max 4,000"},
		{"FilesUnread", "open files", func(m *Machine, _ fstest.MapFS, _ *Options) {
			m.Files = func() (uint64, uint64, error) { return 0, 0, errors.New("no") }
		}, Better, 0, "could not be read: no"},
		{"LittleTCPMemory", "tcp_mem", set("proc/sys/net/ipv4/tcp_mem", "1 2 100000"), Change, 100_000, `tcp_mem="100000 150000 200000"`},
		{"StrangeTCPMemory", "tcp_mem", set("proc/sys/net/ipv4/tcp_mem", "1 x 3"), Better, 0, `"x" is no number`},
		{"ShortTCPMemory", "tcp_mem", set("proc/sys/net/ipv4/tcp_mem", "1 2"), Better, 0, "2 numbers, not 3"},
		{"LittleMemory", "memory", set("proc/meminfo", "MemTotal: 1048576 kB\nMemAvailable: 1000000 kB\n"), Change, 0, "1 GB of it available"},
		{"ControlGroup", "memory", func(m *Machine, files fstest.MapFS, o *Options) {
			set("proc/self/cgroup", "0::/system.slice/epidaurus.service")(m, files, o)
			set("sys/fs/cgroup/system.slice/memory.max", "1073741824")(m, files, o)
			set("sys/fs/cgroup/system.slice/memory.current", "73741824")(m, files, o)
		}, Change, 0, "the control group allows 1.1 GB, 1 GB of it left"},
		{"WideControlGroup", "memory", func(m *Machine, files fstest.MapFS, o *Options) {
			set("proc/self/cgroup", "0::/")(m, files, o)
			set("sys/fs/cgroup/memory.max", "max")(m, files, o)
			set("sys/fs/cgroup/memory.current", "73741824")(m, files, o)
		}, Fine, 0, "61.4 GB of it available"},
		{"NoMemory", "memory", set("proc/meminfo", "x"), Better, 0, "names no MemTotal"},
		{"OneCore", "cores", func(m *Machine, _ fstest.MapFS, _ *Options) { m.Cores = 1 }, Change, 0, "1 that this process may use"},
		{"NoSpeed", "line", gone("sys/class/net/eth0/speed"), Better, 0, "epidaurus doctor --line 10Gbit"},
		{"SlowLine", "line", func(_ *Machine, _ fstest.MapFS, o *Options) { o.Line = 1e9 }, Change, 0, "1 Gbit/s, as told"},
		{"FullConntrack", "conntrack", func(m *Machine, files fstest.MapFS, o *Options) {
			set("proc/sys/net/netfilter/nf_conntrack_max", "262144")(m, files, o)
			set("proc/sys/net/netfilter/nf_conntrack_count", "100000")(m, files, o)
		}, Change, 162_144, "nf_conntrack_max=400000"},
		{"FewPorts", "port range", set("proc/sys/net/ipv4/ip_local_port_range", "40000 50000"), Better, 0, `ip_local_port_range="1024 65535"`},
		{"ShortQueue", "accept queue", set("proc/sys/net/core/somaxconn", "128"), Change, 0, "somaxconn=16384"},
		{"Reno", "congestion", set("proc/sys/net/ipv4/tcp_congestion_control", "reno"), Better, 0, "tcp_congestion_control=cubic"},
		{"Clock", "clock", func(m *Machine, _ fstest.MapFS, _ *Options) {
			m.Clock = func() (bool, error) { return false, nil }
		}, Change, 0, "timedatectl set-ntp true"},
		{"FullDisk", "disk", func(m *Machine, _ fstest.MapFS, _ *Options) {
			m.Disk = func(string) (uint64, error) { return 1 << 20, nil }
		}, Change, 0, "1 MB free in data"},
		{"CertificateUnread", "certificate", func(_ *Machine, _ fstest.MapFS, o *Options) {
			o.Cert = &Certificate{Error: errors.New("no such file")}
		}, Change, 0, "no such file"},
		{"StageCertificateUnread", "stage's cert.", func(_ *Machine, _ fstest.MapFS, o *Options) {
			o.StageCert = &Certificate{Error: errors.New("no such file")}
		}, Change, 0, "the server does not start with it"},
		{"NoCertificateByACMEYet", "certificate", func(_ *Machine, _ fstest.MapFS, o *Options) { o.Cert = &Certificate{Maker: ACME} },
			Better, 0, "port 443 of its name must lead to the listeners' port"},
		{"NotSelfSignedYet", "certificate", func(_ *Machine, _ fstest.MapFS, o *Options) { o.Cert = &Certificate{Maker: SelfSigned} },
			Better, 0, "it is for trying out"},
	} {
		t.Run(row.test, func(t *testing.T) {
			m, files := good()
			o := Options{Data: "data", Listeners: 200_000}
			row.change(&m, files, &o)
			r := Examine(m, o)
			f := finding(t, r, row.about)
			if f.Severity != row.severity || row.seats > 0 && f.Seats != row.seats {
				t.Errorf("%s, %d seats; want %s, %d: %+v", f.Severity, f.Seats, row.severity, row.seats, f)
			}
			if text := fmt.Sprint(f); !strings.Contains(text, row.want) {
				t.Errorf("%q is missing in %s", row.want, text)
			}
			if r.MustChange() != (row.severity == Change) {
				t.Errorf("must change: %v", r.MustChange())
			}
			if f.Severity == Change && len(f.Fix) == 0 && !strings.Contains(row.about, "cert") {
				t.Errorf("nothing says how to change it: %+v", f)
			}
		})
	}
}

// Without a goal, a small machine is fine: it holds what it holds.
func TestWithoutGoal(t *testing.T) {
	m, _ := good()
	m.Files = func() (uint64, uint64, error) { return 1024, 20_000, nil }
	r := Examine(m, Options{})
	if r.MustChange() || r.Seats != 15_851 || r.Sentence != "This machine can hold 15,851 seats (limited by open files)" {
		t.Errorf("%+v", r)
	}
}

// What is left free of memory is what the server leaves free, and not more.
func TestMemoryAsTheEdge(t *testing.T) {
	m, files := good()
	m.Cores, m.Files = 1000, func() (uint64, uint64, error) { return 1024, 1 << 20, nil }
	seat := examination{Machine: m}.model(cadence).memory
	const of = 2000 << 20
	files["proc/meminfo"] = &fstest.MapFile{Data: fmt.Appendf(nil, "MemTotal: %d kB\nMemAvailable: %d kB\n", of>>10, (of/20+100<<20)>>10)}
	f := finding(t, Examine(m, Options{}), "memory")
	if want := int64(float64(100<<20) / seat); f.Seats != want || !strings.Contains(f.Means, "with less than 104.9 MB left") {
		t.Errorf("%d seats, want %d: %+v", f.Seats, want, f)
	}
}

// TLS costs memory and CPU.
func TestTLSHoldsLess(t *testing.T) {
	m, _ := good()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	plain, tls := Examine(m, Options{}), Examine(m, Options{Cert: shown(certificate(t, key, now.Add(-time.Hour), now.Add(90*24*time.Hour)))})
	for _, name := range []string{"memory", "cores"} {
		if p, s := finding(t, plain, name).Seats, finding(t, tls, name).Seats; s >= p {
			t.Errorf("%s: %d seats with TLS, %d without", name, s, p)
		}
	}
}

// certificate makes one for live.example.org, and keeps it and its key in two files.
func certificate(t *testing.T, key crypto.Signer, from, to time.Time) (certFile, keyFile string) {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"live.example.org"}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keep := func(name, kind string, content []byte) string {
		file := filepath.Join(t.TempDir(), name)
		err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	return keep("cert.pem", "CERTIFICATE", der), keep("key.pem", "PRIVATE KEY", private)
}

func shown(certFile, keyFile string) *Certificate {
	c := LoadCertificate(certFile, keyFile, Others)
	return &c
}

func TestCertificate(t *testing.T) {
	const day = 24 * time.Hour
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		test     string
		key      crypto.Signer
		from, to time.Duration
		host     string
		maker    Maker
		severity Severity
		want     string
	}{
		{"Good", ec, -day, 90 * day, "live.example.org", Others, Fine, "valid for 90 more days"},
		{"NameNotKnown", ec, -day, 90 * day, "", Others, Fine, "valid for 90 more days"},
		{"OtherName", ec, -day, 90 * day, "e2.example.org", Others, Change, "it is not for e2.example.org, by which the server is reached"},
		{"OtherNameAndRSA", rs, -day, 90 * day, "192.0.2.7", Others, Change, "it is not for 192.0.2.7"},
		{"Soon", ec, -day, 10 * day, "", Others, Better, "it expires in 10 days"},
		{"NotRenewed", ec, -day, 10 * day, "", ACME, Better, "should have been renewed by now"},
		{"Expired", ec, -9 * day, -day, "", Others, Change, "it has expired"},
		{"NotYet", ec, day, 9 * day, "", Others, Change, "not valid yet"},
		{"RSA", rs, -day, 90 * day, "", Others, Better, "ECDSA key"},
		{"Ed25519", ed, -day, 90 * day, "", Others, Change, "browsers do not know"},
		{"MadeAgainAtTheStart", ec, -9 * day, -day, "e2.example.org", SelfSigned, Better, "browsers warn of it"},
	} {
		t.Run(row.test, func(t *testing.T) {
			m, _ := good()
			c := shown(certificate(t, row.key, now.Add(row.from), now.Add(row.to)))
			c.Host, c.Maker = row.host, row.maker
			r := Examine(m, Options{Cert: c, StageCert: c})
			for _, name := range []string{"certificate", "stage's cert."} {
				f := finding(t, r, name)
				if f.Severity != row.severity || !strings.Contains(f.Means, row.want) || !strings.Contains(f.Found, "live.example.org") {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

// What the server does not start with is no certificate, whatever the files have in them.
func TestLoadCertificate(t *testing.T) {
	first, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := certificate(t, first, now, now.Add(time.Hour))
	_, otherKey := certificate(t, second, now, now.Add(time.Hour))
	for _, row := range []struct {
		test, cert, key string
		maker           Maker
		want            string // "" is no error
	}{
		{"Good", cert, key, Others, ""},
		{"OtherKey", cert, otherKey, Others, "private key does not match"},
		{"KeyAlone", "", key, Others, "certificate and key go together"},
		{"CertificateAlone", cert, "", Others, "certificate and key go together"},
		{"Gone", "/nowhere.pem", key, Others, "/nowhere.pem"},
		{"NotMadeYet", "/nowhere.pem", key, ACME, ""},
		{"NoPEM", key, key, Others, "certificate"},
	} {
		t.Run(row.test, func(t *testing.T) {
			c := LoadCertificate(row.cert, row.key, row.maker)
			if (c.Error != nil) != (row.want != "") || c.Error != nil && !strings.Contains(c.Error.Error(), row.want) {
				t.Errorf("error %v, want one with %q", c.Error, row.want)
			}
			if (c.Leaf != nil) != (row.test == "Good") {
				t.Errorf("certificate %v", c.Leaf)
			}
		})
	}
}

// This machine can be looked at, whatever it is.
func TestHere(t *testing.T) {
	r := Examine(Here(), Options{Data: t.TempDir() + "/not/yet"})
	if r.Seats < 1 || r.LimitedBy == "" {
		t.Errorf("%+v", r)
	}
	if f := finding(t, r, "disk"); strings.Contains(f.Found, "could not be read") {
		t.Errorf("%+v", f)
	}
}
