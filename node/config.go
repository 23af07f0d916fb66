package node

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/cast"
	"github.com/epidaurus-live/epidaurus/drill/capacity"
	"github.com/epidaurus-live/epidaurus/edge"
)

// Config is everything that can be set. A value comes from, in rising order of strength: its default, the configuration file (TOML,
// same names), the environment (EPIDAURUS_ and the name in capitals), the command line.
type Config struct {
	// Data holds all state: database, bus, keys, certificates. Default "data".
	Data string `help:"Folder that holds all state. Default: ${default}." default:"data" placeholder:"DIR"`

	// Roles are the parts that run here: stage (hears speakers, makes the sound, keeps rooms) and edge (seats listeners). Default both.
	Roles []string `help:"Parts that run here: stage, edge. Default: ${default}." default:"stage,edge" placeholder:"ROLE"`

	// Listen is where listeners connect. Default ":8080".
	Listen string `help:"Address of the listeners' port. Default: ${default}." default:":8080" placeholder:"ADDR"`
	// Stage is where speakers and hosts connect: pages, WHIP, and media over TCP. Default ":8081".
	Stage string `help:"Address of the stage's port: desk, WHIP, ICE over TCP. Default: ${default}." default:":8081" placeholder:"ADDR"`
	// Media is the UDP address of all media. Default: the address of Stage.
	Media string `help:"UDP address of all media. Default: the stage's." placeholder:"ADDR"`
	// Private serves health, metrics and profiles. It must not be reachable from outside. Default "127.0.0.1:8082".
	Private string `help:"Address of health, metrics and profiles; keep it private. Default: ${default}." default:"127.0.0.1:8082" placeholder:"ADDR"`

	// PublicURL is how listeners reach Listen: it stands in links and, on several machines, in the list of edges. Default: the name of
	// ACME, else localhost, or the one address of Listen, with its port; https where Listen speaks TLS; in no list then.
	PublicURL string `name:"public-url" help:"How listeners reach us, as it stands in links and in the list of edges." placeholder:"URL"`
	// StageURL is how speakers reach Stage, as it stands in links. Default: http://localhost, or the one address of Stage, and its port.
	StageURL string `name:"stage-url" help:"How speakers reach the stage, as it stands in links." placeholder:"URL"`
	// Advertise lists the IP addresses at which speakers' media reach this machine. Default: the machine's own.
	Advertise []string `help:"IP addresses for speakers' media, where they differ from the machine's own (NAT)." placeholder:"IP"`

	// StageTLS is "auto" (plain for localhost, TLS for everybody else: a browser gives no microphone without) or "off" (a proxy in front
	// speaks TLS). Default "auto".
	StageTLS string `name:"stage-tls" help:"auto: TLS for everybody but localhost; off: a proxy in front does it." default:"auto" enum:"auto,off"`
	// TLSCert and TLSKey are PEM files. Default: a self-signed certificate in Data.
	TLSCert string `name:"tls-cert" help:"Certificate of the stage's port (PEM). Default: self-signed." placeholder:"FILE"`
	TLSKey  string `name:"tls-key" help:"Key of the certificate (PEM)." placeholder:"FILE"`

	// ListenTLS is "auto" (TLS on Listen with a certificate or by ACME, else plain HTTP), "self-signed" (TLS for trying it out) or "off".
	// Default "auto".
	ListenTLS string `name:"listen-tls" help:"auto: TLS on the listeners' port with a certificate or by ACME, else plain; self-signed; off." default:"auto" enum:"auto,self-signed,off"`
	// ListenTLSCert and ListenTLSKey are PEM files for the listeners' port. They are read again within a minute when they change. Default: none.
	ListenTLSCert string `name:"listen-tls-cert" help:"Certificate of the listeners' port (PEM), read again when it changes." placeholder:"FILE"`
	ListenTLSKey  string `name:"listen-tls-key" help:"Key of that certificate (PEM)." placeholder:"FILE"`
	// ACMEDomain is the name for which the listeners' port gets a certificate by ACME (RFC 8555), by the challenge tls-alpn-01: port 443 of
	// that name must lead to Listen. Default: none.
	ACMEDomain string `name:"acme-domain" help:"Get the listeners' certificate for this name by ACME; its port 443 must lead to the listeners' port." placeholder:"NAME"`
	// ACMEEmail is where the authority writes to when something is wrong. Default: none.
	ACMEEmail string `name:"acme-email" help:"Where the authority may write to." placeholder:"ADDR"`
	// ACMECA is the directory of the authority. Default: Let's Encrypt.
	ACMECA string `name:"acme-ca" help:"Directory of the authority. Default: Let's Encrypt." placeholder:"URL"`

	// HoldSound is what listeners hear before the first word: a WAV or Ogg Opus file. Default: one that comes with the program.
	HoldSound string `help:"What is heard before the first word: WAV or Ogg Opus." placeholder:"FILE"`
	// HoldAfter is how long the stage has to be empty before the hold sound returns. Default 30s.
	HoldAfter time.Duration `help:"How long the stage is empty before the hold sound returns." default:"30s"`
	// ApologyAfter is how long the stage of a live room has to be empty and silent before the apology cart plays. Default 15s; 0: never.
	ApologyAfter time.Duration `help:"How long the stage of a live room is empty and silent before the apology plays; 0: never." default:"15s"`
	// HostGrace is how long a live room without host and co-host stays its host's, before a co-host or producer may take it. Default 2m; 0: not at all.
	HostGrace time.Duration `help:"How long a live room without host and co-host stays its host's before another may take it." default:"2m"`
	// LeftEnd is how long after that a live room goes on in which nobody is on stage or leads. Default 15m; 0: until somebody ends it.
	LeftEnd time.Duration `help:"How long after that a live room goes on in which nobody is left; 0: until somebody ends it." default:"15m"`
	// AlarmWebhook is told by POST when a live room has been silent for 8 s, and when that is over. Default: nobody is told but the desk.
	AlarmWebhook string `help:"Address that is told by POST when a live room has been silent for 8 s." placeholder:"URL"`
	// Complexity of the Opus encoder, 0 to 10: 10 for few rooms, 5 for many. Default 10.
	Complexity int `help:"Of the Opus encoder, 0 to 10: 10 for few rooms, 5 for many." default:"10"`
	// Expect is how many listeners a room expects, where its host gave no figure: their depth is granted for the crowd. Default 0: unknown.
	Expect Count `help:"Listeners that a room expects on all edges, where its host gives no figure: 1e6, 300k." default:"0" placeholder:"N"`
	// Line is what this edge may send to seats: when it is full, listeners get a smaller variant. Default: unknown.
	Line string `help:"What this edge may send, such as 10Gbit: when it is full, listeners get a smaller variant." placeholder:"RATE"`
	// Cadence is the shortest time between two writes to a seat, 240ms times a power of two. Default 240ms.
	Cadence time.Duration `help:"Shortest time between two writes to a seat: 240ms, 480ms, 960ms, 1.92s, 3.84s, 7.68s or 15.36s." default:"240ms"`
	// MaxSeats bounds the seats of this edge. Default 0: by the limit of open files.
	MaxSeats Count `help:"Most seats on this edge; 0: by the limit of open files." default:"0"`
	// WHEPMax bounds the listeners of this edge by WHEP, of all rooms whose hosts let anybody hear them so. One costs the CPU of about twenty
	// seats (docs/BENCHMARKS.md): 200 are a fifth of a core. Default 200; 0: none, and no UDP port is open.
	WHEPMax int `name:"whep-max" help:"Most listeners by WHEP on this edge, in rooms whose hosts want any; 0: none, and no UDP port." default:"200" placeholder:"N"`
	// WHEPMedia is the UDP address of their sound. Default: the address of Listen.
	WHEPMedia string `name:"whep-media" help:"UDP address of listeners by WHEP. Default: the listeners' port." placeholder:"ADDR"`
	// WHEPAdvertise lists the IP addresses at which they reach it. Default: the one at which a listener made its request.
	WHEPAdvertise []string `name:"whep-advertise" help:"IP addresses at which listeners by WHEP reach it, where they differ from that of the listeners' port (NAT, a proxy)." placeholder:"IP"`
	// PerAddress bounds the seats of one IPv4 address, or of one /56 of IPv6. Default 2000, for carriers that put thousands of people
	// behind one address; 0: no limit.
	PerAddress int `help:"Most seats of one IPv4 address or IPv6 /56; 0: no limit." default:"2000"`
	// JoinRate bounds the seats given per second, counted with their bursts. Default 0: 6000 per core.
	JoinRate int `help:"Most seats given per second; 0: 6000 per core." default:"0"`

	// Tape is "auto" (a node with a stage tapes the rooms whose hosts want it), "on" (this node does: a second one beside the stage's, or an edge
	// that offers rewind and replay) or "off". Default "auto".
	Tape string `help:"auto: a node with a stage tapes rooms; on: this node does; off." default:"auto" enum:"auto,on,off"`
	// TapeKeep is how long tapes are kept after their room has ended. Default 0: until somebody deletes them.
	TapeKeep time.Duration `help:"Delete tapes so long after their room has ended; 0: never." default:"0s" placeholder:"TIME"`
	// TapeMax is what all tapes may take: beyond it the oldest are deleted. A live hour takes about 40 MB. Default: no limit.
	TapeMax string `help:"What tapes may take, such as 100GB: the oldest are deleted." placeholder:"SIZE"`

	// Publish is where rooms are written to as HLS, page and all, so that any web server or file host serves them while no node can be reached:
	// "dir:" and a folder, or "s3://" and a bucket with a prefix, if any. Default: nowhere.
	Publish string `help:"Write rooms as HLS to where others serve them from: dir:/path, or s3://bucket/prefix." placeholder:"PLACE"`
	// PublishEndpoint is the store that has the bucket of Publish. Default: Amazon's.
	PublishEndpoint string `help:"Store that has the bucket, such as https://s3.example.org. Default: Amazon's." placeholder:"URL"`
	// PublishRegion is the region of that bucket. Default: the one that Amazon says; elsewhere us-east-1.
	PublishRegion string `help:"Region of the bucket. Default: what the store says." placeholder:"NAME"`
	// PublishPathStyle puts the bucket into the path of addresses, as many stores but Amazon's want it. Default: false.
	PublishPathStyle bool `help:"The bucket is in the path of addresses, not in the name of the host."`
	// PublishCredentials is a file with the bucket's key, as Amazon's tools write it. Default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
	PublishCredentials string `help:"File with the bucket's key ([default], aws_access_key_id, aws_secret_access_key). Default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment." placeholder:"FILE"`

	// IcecastPush is the mount of an Icecast server to which rooms are pushed as Ogg Opus while they are live; {room} in it stands for the room. Default: none.
	IcecastPush string `help:"Push rooms while live to an Icecast server: icecast://source:password@host:8000/{room}.opus, icecasts:// with TLS." placeholder:"URL"`

	// ProxyFrom are the balancers that are believed in what they say of a client's address. Default: none.
	ProxyFrom []string `help:"Prefixes of balancers that are believed in what they say of a client's address." placeholder:"PREFIX,..."`
	// ProxyHeader is the field in which they say it, such as X-Forwarded-For. Default: none.
	ProxyHeader string `help:"Field in which they name the client, such as X-Forwarded-For." placeholder:"FIELD"`
	// ProxyProtocol says that they speak the PROXY protocol, version 1 or 2, on the listeners' port. Default: false.
	ProxyProtocol bool `help:"They speak the PROXY protocol on the listeners' port, version 1 or 2."`

	// DrainOver is how long SIGTERM takes to send the listeners of this edge to others before it ends. Default 0: they are cut at once.
	DrainOver time.Duration `help:"On SIGTERM, send listeners to other edges over so long; 0: cut them." default:"0s" placeholder:"TIME"`

	// BusListen lets other nodes reach the bus of this one, by TLS and with the cluster's secret. Default: nobody reaches it.
	BusListen string `help:"Address at which other nodes reach this one's bus, by TLS and with the secret." placeholder:"ADDR"`
	// BusCert and BusKey are PEM files. Default: made by the cluster's own authority, cluster-ca.pem in Data.
	BusCert string `help:"Certificate of bus-listen (PEM). Default: by the cluster's own authority." placeholder:"FILE"`
	BusKey  string `help:"Key of that certificate (PEM)." placeholder:"FILE"`
	// ClusterSecretFile holds what nodes show to the bus. Default: made in Data as cluster.secret where BusListen is set.
	ClusterSecretFile string `help:"File of the secret that nodes show to the bus. Default: cluster.secret in data." placeholder:"FILE"`

	// NATS is a bus elsewhere: another node's BusListen, or NATS servers with JetStream. Default: the bus in this process.
	NATS string `name:"nats" help:"The bus elsewhere, such as tls://stage.example.org:4222; several with commas." placeholder:"URL"`
	// NATSCA is a PEM file. Default: the system's certificates.
	NATSCA string `name:"nats-ca" help:"Certificates that vouch for it (PEM), such as another node's cluster-ca.pem." placeholder:"FILE"`
	// NATSCert and NATSKey are PEM files, where the bus asks for a certificate. Default: none.
	NATSCert string `name:"nats-cert" help:"This node's certificate for it (PEM), where it asks for one." placeholder:"FILE"`
	NATSKey  string `name:"nats-key" help:"Key of that certificate (PEM)." placeholder:"FILE"`
	// NATSCreds is a NATS credentials file. Default: none.
	NATSCreds string `name:"nats-creds" help:"NATS credentials file for it." placeholder:"FILE"`

	acmeRoots *x509.CertPool   // whom to believe that he is the authority; a test's own, else the system's
	acmeRenew time.Duration    // how often to look whether a certificate has to be renewed; a test's own, else the library's ten minutes
	stageMost int              // connections of the stage's port; a test's own, else stageMost
	wall      func() time.Time // the time of day; a test's own, else time.Now
}

// Count is a number of people, which is written as such numbers are: 1e6, 300000, 300k.
type Count int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Count) UnmarshalText(text []byte) error {
	n, err := capacity.ParseCount(string(text))
	if err != nil {
		return err
	}
	*c = Count(n)
	return nil
}

// Validate says what is wrong, before anything is opened.
func (c *Config) Validate() error {
	var errs []error
	check := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if c.Data == "" {
		check("data", errors.New("name a folder"))
	}
	c.checkAddresses(check)
	c.checkCluster(check)
	c.checkStageTLS(check)
	c.validateListenTLS(check)
	c.checkFiles(check)
	c.checkAmounts(check)
	c.checkTimes(check)
	_, err := c.publishTo()
	check("publish", err)
	if c.IcecastPush != "" {
		_, err = cast.ParseIcecastMount(c.IcecastPush)
		check("icecast-push", err)
	}
	check("alarm-webhook", checkWebhook(c.AlarmWebhook))
	_, err = c.balancers()
	check("proxy-from", err)
	check("proxy-header", c.checkProxyHeader())
	if c.ProxyProtocol && len(c.ProxyFrom) == 0 {
		check("proxy-protocol", errNoBalancer)
	}
	return errors.Join(errs...)
}

// checkAddresses looks at where the node listens, and at where others are told to find it.
func (c *Config) checkAddresses(check func(name string, err error)) {
	for _, a := range []struct {
		name, addr string
		needed     bool
	}{
		{"listen", c.Listen, c.has(roleEdge)}, {"stage", c.Stage, c.has(roleStage)}, {"private", c.Private, true}, {"media", c.Media, false},
		{"whep-media", c.WHEPMedia, false},
	} {
		if a.addr != "" || a.needed {
			check(a.name, checkAddress(a.addr))
		}
	}
	check("public-url", checkURL(c.PublicURL))
	check("stage-url", checkURL(c.StageURL))
	for _, list := range []struct {
		name  string
		addrs []string
	}{{"advertise", c.Advertise}, {"whep-advertise", c.WHEPAdvertise}} {
		for _, a := range list.addrs {
			_, err := netip.ParseAddr(a)
			if err != nil {
				check(list.name, fmt.Errorf("%q is no IP address: write one such as 203.0.113.7", a))
			}
		}
	}
}

func (c *Config) checkStageTLS(check func(name string, err error)) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		check("tls-cert", errors.New("certificate and key go together: set both tls-cert and tls-key"))
	}
	switch {
	case c.StageTLS != "auto" && c.StageTLS != "off":
		check("stage-tls", fmt.Errorf("%q is neither auto nor off", c.StageTLS))
	case c.StageTLS == "off" && c.TLSCert != "":
		check("stage-tls", errors.New("it is off, and a certificate is given: leave out one of them"))
	}
}

// checkFiles asks whether the files that are named are there.
func (c *Config) checkFiles(check func(name string, err error)) {
	for _, f := range []struct{ name, file string }{
		{"tls-cert", c.TLSCert}, {"tls-key", c.TLSKey}, {"hold-sound", c.HoldSound},
		{"listen-tls-cert", c.ListenTLSCert}, {"listen-tls-key", c.ListenTLSKey},
		{"bus-cert", c.BusCert}, {"bus-key", c.BusKey}, {"cluster-secret-file", c.ClusterSecretFile},
		{"nats-ca", c.NATSCA}, {"nats-cert", c.NATSCert}, {"nats-key", c.NATSKey}, {"nats-creds", c.NATSCreds}, {"publish-credentials", c.PublishCredentials},
	} {
		if f.file != "" {
			_, err := os.Stat(f.file)
			check(f.name, err)
		}
	}
}

// checkAmounts looks at whatever is counted.
func (c *Config) checkAmounts(check func(name string, err error)) {
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"expect", int64(c.Expect)}, {"max-seats", int64(c.MaxSeats)}, {"per-address", int64(c.PerAddress)}, {"join-rate", int64(c.JoinRate)},
		{"whep-max", int64(c.WHEPMax)},
	} {
		if n.value < 0 {
			check(n.name, fmt.Errorf("%d: write 0 or more", n.value))
		}
	}
	_, err := c.tapeMax()
	check("tape-max", err)
	_, err = c.line()
	check("line", err)
	if c.Complexity < 0 || c.Complexity > 10 {
		check("complexity", fmt.Errorf("%d is outside 0 to 10", c.Complexity))
	}
}

func (c *Config) checkTimes(check func(name string, err error)) {
	if c.Cadence != 0 {
		check("cadence", edge.CheckCadence(c.Cadence))
	}
	if c.TapeKeep < 0 {
		check("tape-keep", fmt.Errorf("%v: write 0s, or how long such as 720h", c.TapeKeep))
	}
	if c.HoldAfter <= 0 {
		check("hold-after", fmt.Errorf("%v is not a time to wait: write one such as 30s", c.HoldAfter))
	}
	if c.HostGrace < 0 {
		check("host-grace", fmt.Errorf("%v: write a time such as 2m, or 0 for none", c.HostGrace))
	}
	if c.LeftEnd < 0 {
		check("left-end", fmt.Errorf("%v: write a time such as 15m, or 0 for never", c.LeftEnd))
	}
	if c.ApologyAfter < 0 {
		check("apology-after", fmt.Errorf("%v: write a time such as 15s, or 0 for never", c.ApologyAfter))
	}
}

// line is Line in bits per second; 0: unknown.
func (c *Config) line() (int64, error) {
	text := strings.ToLower(strings.TrimSuffix(c.Line, "/s"))
	if text == "" {
		return 0, nil
	}
	for _, unit := range []struct {
		name string
		bits float64
	}{{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"tbit", 1e12}} {
		number, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err == nil && n > 0 && n*unit.bits >= 1 && n*unit.bits < 1e16 {
			return int64(n * unit.bits), nil
		}
	}
	return 0, fmt.Errorf("%q is no rate: write one such as 10Gbit or 500Mbit", c.Line)
}

func checkAddress(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" {
		return fmt.Errorf("%q is no address: write one such as :8080 or 127.0.0.1:8080", addr)
	}
	return nil
}

func checkURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(strings.TrimRight(s, "/"))
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") || *u != (url.URL{Scheme: u.Scheme, Host: u.Host}) {
		return fmt.Errorf("%q is no address of ours: write one such as https://live.example.org, without a path", s)
	}
	return nil
}

func checkWebhook(s string) error {
	u, err := url.Parse(s)
	if s != "" && (err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%q is no address: write one such as https://alarm.example.org/epidaurus", s)
	}
	return nil
}

// parseAddrs is the parsed form of a list that was checked.
func parseAddrs(list []string) []netip.Addr {
	var addrs []netip.Addr
	for _, a := range list {
		if ip, err := netip.ParseAddr(a); err == nil {
			addrs = append(addrs, ip)
		}
	}
	return addrs
}

var errNoBalancer = errors.New("nobody is believed: name the balancers with proxy-from")

func (c *Config) checkProxyHeader() error {
	switch {
	case c.ProxyHeader == "":
		return nil
	case len(c.ProxyFrom) == 0:
		return errNoBalancer
	case c.ProxyProtocol:
		return errors.New("proxy-protocol tells the client's address already: leave out one of them")
	case !fieldName.MatchString(c.ProxyHeader) || strings.EqualFold(c.ProxyHeader, "Forwarded"):
		return fmt.Errorf("%q is no field with addresses alone: write one such as X-Forwarded-For", c.ProxyHeader)
	}
	return nil
}

var fieldName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// balancers is the parsed form of ProxyFrom. A single address stands for itself.
func (c *Config) balancers() (prefixes []netip.Prefix, err error) {
	for _, s := range c.ProxyFrom {
		prefix, err := netip.ParsePrefix(s)
		if addr, single := netip.ParseAddr(s); single == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || prefix.Addr().Is4In6() || prefix.Addr().Zone() != "" {
			return nil, fmt.Errorf("%q is no prefix: write one such as 10.0.0.0/8 or 2001:db8::/32", s)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}

// now is the time of day.
func (c *Config) now() func() time.Time {
	if c.wall != nil {
		return c.wall
	}
	return time.Now
}
