package node

import (
	"path/filepath"
	"testing"
	"time"
)

// Each setting is refused by a sentence that says what to write instead.
func TestValidate(t *testing.T) {
	t.Parallel()
	file := write(t, filepath.Join(t.TempDir(), "file.pem"), "")
	for _, row := range []struct {
		name string
		set  func(*Config)
		want string // "" accepts
	}{
		{"Usual", func(*Config) {}, ""},
		{"DataEmpty", func(c *Config) { c.Data = "" }, "data: name a folder"},
		{"ListenWithoutHost", func(c *Config) { c.Listen = ":8080" }, ""},
		{"ListenIPv6", func(c *Config) { c.Listen = "[::1]:8080" }, ""},
		{"ListenPortOnly", func(c *Config) { c.Listen = "8080" }, `listen: "8080" is no address: write one such as :8080 or 127.0.0.1:8080`},
		{"ListenHostOnly", func(c *Config) { c.Listen = "localhost:" }, `listen: "localhost:" is no address: write one such as :8080 or 127.0.0.1:8080`},
		{"StageEmpty", func(c *Config) { c.Stage = "" }, `stage: "" is no address: write one such as :8080 or 127.0.0.1:8080`},
		{"PrivateEmpty", func(c *Config) { c.Private = "" }, `private: "" is no address: write one such as :8080 or 127.0.0.1:8080`},
		{"Media", func(c *Config) { c.Media = ":9000" }, ""},
		{"MediaPortOnly", func(c *Config) { c.Media = "9000" }, `media: "9000" is no address: write one such as :8080 or 127.0.0.1:8080`},
		{"PublicURL", func(c *Config) { c.PublicURL = "https://live.example.org/" }, ""},
		{"PublicURLOfAnAddress", func(c *Config) { c.PublicURL = "http://[2001:db8::7]:8080" }, ""},
		{"PublicURLWithoutScheme", func(c *Config) { c.PublicURL = "live.example.org" }, `public-url: "live.example.org" is no address of ours: write one such as https://live.example.org, without a path`},
		{"PublicURLOfAnotherScheme", func(c *Config) { c.PublicURL = "ftp://x" }, `public-url: "ftp://x" is no address of ours`},
		{"PublicURLWithPath", func(c *Config) { c.PublicURL = "https://x/live" }, `public-url: "https://x/live" is no address of ours`},
		{"PublicURLWithQuery", func(c *Config) { c.PublicURL = "https://x/?a" }, `public-url: "https://x/?a" is no address of ours`},
		{"PublicURLWithFragment", func(c *Config) { c.PublicURL = "https://x/#a" }, `public-url: "https://x/#a" is no address of ours`},
		{"PublicURLWithUser", func(c *Config) { c.PublicURL = "https://u:p@x" }, `public-url: "https://u:p@x" is no address of ours`},
		{"PublicURLWithoutHost", func(c *Config) { c.PublicURL = "http://:8080" }, `public-url: "http://:8080" is no address of ours`},
		{"StageURL", func(c *Config) { c.StageURL = "https://stage.example.org:8081" }, ""},
		{"StageURLWithoutScheme", func(c *Config) { c.StageURL = "stage" }, `stage-url: "stage" is no address of ours: write one such as https://live.example.org, without a path`},
		{"Advertise", func(c *Config) { c.Advertise = []string{"203.0.113.7", "2001:db8::7"} }, ""},
		{"AdvertiseName", func(c *Config) { c.Advertise = []string{"203.0.113.7", "here"} }, `advertise: "here" is no IP address: write one such as 203.0.113.7`},
		{"StageTLSOff", func(c *Config) { c.StageTLS = "off" }, ""},
		{"StageTLSUnknown", func(c *Config) { c.StageTLS = "" }, `stage-tls: "" is neither auto nor off`},
		{"StageTLSOffWithCertificate", func(c *Config) { c.StageTLS, c.TLSCert, c.TLSKey = "off", file, file }, "stage-tls: it is off, and a certificate is given: leave out one of them"},
		{"Certificate", func(c *Config) { c.TLSCert, c.TLSKey = file, file }, ""},
		{"CertificateWithoutKey", func(c *Config) { c.TLSCert = file }, "tls-cert: certificate and key go together: set both tls-cert and tls-key"},
		{"KeyWithoutCertificate", func(c *Config) { c.TLSKey = file }, "tls-cert: certificate and key go together: set both tls-cert and tls-key"},
		{"CertificateMissing", func(c *Config) { c.TLSCert, c.TLSKey = "/nowhere", file }, "tls-cert: stat /nowhere: no such file or directory"},
		{"KeyMissing", func(c *Config) { c.TLSCert, c.TLSKey = file, "/nowhere" }, "tls-key: stat /nowhere: no such file or directory"},
		{"ListenTLSSelfSigned", func(c *Config) { c.ListenTLS = "self-signed" }, ""},
		{"ListenTLSUnknown", func(c *Config) { c.ListenTLS = "on" }, `listen-tls: "on" is neither auto nor self-signed nor off`},
		{"ListenCertificate", func(c *Config) { c.ListenTLSCert, c.ListenTLSKey = file, file }, ""},
		{"ListenCertificateWithoutKey", func(c *Config) { c.ListenTLSCert = file }, "listen-tls-cert: certificate and key go together: set both listen-tls-cert and listen-tls-key"},
		{"ListenKeyMissing", func(c *Config) { c.ListenTLSCert, c.ListenTLSKey = file, "/nowhere" }, "listen-tls-key: stat /nowhere: no such file or directory"},
		{"ListenTLSOffWithCertificate", func(c *Config) { c.ListenTLS, c.ListenTLSCert, c.ListenTLSKey = "off", file, file }, "listen-tls: it is off, and a certificate or an ACME domain is given: leave out one of them"},
		{"ListenTLSTwice", func(c *Config) { c.ListenTLS, c.ACMEDomain = "self-signed", "live.example.org" }, "listen-tls: there is more than one certificate for the port: choose listen-tls-cert, acme-domain or self-signed"},
		{"Crowd", func(c *Config) { c.Expect, c.Line, c.Cadence = 1e6, "2.5 Gbit/s", 3840*time.Millisecond }, ""},
		{"ExpectNegative", func(c *Config) { c.Expect = -1 }, "expect: -1: write 0 or more"},
		{"LineWithoutUnit", func(c *Config) { c.Line = "10" }, `line: "10" is no rate: write one such as 10Gbit or 500Mbit`},
		{"LineNegative", func(c *Config) { c.Line = "-1Gbit" }, `line: "-1Gbit" is no rate`},
		{"LineNaN", func(c *Config) { c.Line = "NaNGbit" }, `line: "NaNGbit" is no rate`},
		{"CadenceBetween", func(c *Config) { c.Cadence = time.Second }, "cadence: 1s is no cadence: it must be 240ms"},
		{"ACME", func(c *Config) {
			c.ACMEDomain, c.ACMEEmail, c.ACMECA = "live.example.org", "me@example.org", "https://acme.example.org/directory"
		}, ""},
		{"ACMEWithCertificate", func(c *Config) { c.ACMEDomain, c.ListenTLSCert, c.ListenTLSKey = "x", file, file }, "listen-tls: there is more than one certificate"},
		{"ACMEDomainIsAnAddress", func(c *Config) { c.ACMEDomain = "https://live.example.org" }, `acme-domain: "https://live.example.org" is no name of a host: write one such as live.example.org`},
		{"ACMEDomainWithPort", func(c *Config) { c.ACMEDomain = "live.example.org:443" }, `acme-domain: "live.example.org:443" is no name of a host`},
		{"ACMEWithoutDomain", func(c *Config) { c.ACMEEmail = "me@example.org" }, "acme-domain: acme-email and acme-ca are given, and no name to get a certificate for: set it, or leave them out"},
		{"ACMECAInPlain", func(c *Config) { c.ACMEDomain, c.ACMECA = "x", "http://acme" }, `acme-ca: "http://acme" is no directory: write its address, which begins with https://`},
		{"HoldSoundMissing", func(c *Config) { c.HoldSound = "/nowhere" }, "hold-sound: stat /nowhere: no such file or directory"},
		{"HoldAfterZero", func(c *Config) { c.HoldAfter = 0 }, "hold-after: 0s is not a time to wait: write one such as 30s"},
		{"HoldAfterNegative", func(c *Config) { c.HoldAfter = -time.Second }, "hold-after: -1s is not a time to wait: write one such as 30s"},
		{"ComplexityTooLow", func(c *Config) { c.Complexity = -1 }, "complexity: -1 is outside 0 to 10"},
		{"ComplexityTooHigh", func(c *Config) { c.Complexity = 11 }, "complexity: 11 is outside 0 to 10"},
		{"PerAddressNegative", func(c *Config) { c.PerAddress = -1 }, "per-address: -1: write 0 or more"},
		{"JoinRateNegative", func(c *Config) { c.JoinRate = -1 }, "join-rate: -1: write 0 or more"},
		{"ProxyFrom", func(c *Config) { c.ProxyFrom = []string{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1"} }, ""},
		{"ProxyFromName", func(c *Config) { c.ProxyFrom = []string{"balancer"} }, `proxy-from: "balancer" is no prefix: write one such as 10.0.0.0/8 or 2001:db8::/32`},
		{"ProxyFromMapped", func(c *Config) { c.ProxyFrom = []string{"::ffff:10.0.0.0/104"} }, `proxy-from: "::ffff:10.0.0.0/104" is no prefix`},
		{"ProxyHeader", func(c *Config) { c.ProxyFrom, c.ProxyHeader = []string{"10.0.0.0/8"}, "X-Real-IP" }, ""},
		{"ProxyHeaderOfNobody", func(c *Config) { c.ProxyHeader = "X-Real-IP" }, "proxy-header: nobody is believed: name the balancers with proxy-from"},
		{"ProxyHeaderForwarded", func(c *Config) { c.ProxyFrom, c.ProxyHeader = []string{"10.0.0.0/8"}, "Forwarded" }, `proxy-header: "Forwarded" is no field with addresses alone: write one such as X-Forwarded-For`},
		{"ProxyHeaderWithColon", func(c *Config) { c.ProxyFrom, c.ProxyHeader = []string{"10.0.0.0/8"}, "X:" }, `proxy-header: "X:" is no field with addresses alone`},
		{"ProxyProtocol", func(c *Config) { c.ProxyFrom, c.ProxyProtocol = []string{"10.0.0.0/8"}, true }, ""},
		{"ProxyProtocolOfNobody", func(c *Config) { c.ProxyProtocol = true }, "proxy-protocol: nobody is believed: name the balancers with proxy-from"},
		{"ProxyBoth", func(c *Config) {
			c.ProxyFrom, c.ProxyProtocol, c.ProxyHeader = []string{"10.0.0.0/8"}, true, "X-Real-IP"
		}, "proxy-header: proxy-protocol tells the client's address already: leave out one of them"},
		{"MaxSeatsNegative", func(c *Config) { c.MaxSeats = -1 }, "max-seats: -1: write 0 or more"},
		{"BothRoles", func(c *Config) { c.Roles = []string{"stage", "edge"} }, ""},
		{"UnknownRole", func(c *Config) { c.Roles = []string{"gate"} }, `roles: "gate" is no part of a node: write stage, edge or both`},
		{"Control", func(c *Config) { c.Roles = []string{"control"} }, "roles: control is part of stage: write stage"},
		{"EdgeWithoutBus", func(c *Config) { c.Roles = []string{"edge"} }, "roles: an edge alone needs the bus of a stage"},
		{"Edge", func(c *Config) { c.Roles, c.Stage, c.NATS = []string{"edge"}, "", "nats://localhost:4222" }, ""},
		{"EdgeWithoutPort", func(c *Config) { c.Roles, c.Listen, c.NATS = []string{"edge"}, "", "nats://[::1]:4222" }, `listen: "" is no address`},
		{"StageWithoutListeners", func(c *Config) { c.Roles = []string{"stage"} }, "public-url: a stage alone has to know where its listeners go"},
		{"Stage", func(c *Config) { c.Roles, c.Listen, c.PublicURL = []string{"stage"}, "", "https://live.example.org" }, ""},
		{"BusListen", func(c *Config) { c.BusListen = ":4222" }, ""},
		{"BusListenPortOnly", func(c *Config) { c.BusListen = "4222" }, `bus-listen: "4222" is no address`},
		{"BusHereAndElsewhere", func(c *Config) { c.BusListen, c.NATS = ":4222", "nats://localhost" }, "bus-listen: the bus is elsewhere (nats) and here"},
		{"BusCertificateWithoutBus", func(c *Config) { c.BusCert, c.BusKey = file, file }, "bus-cert: a certificate is given, and the bus does not listen"},
		{"BusCertificateWithoutKey", func(c *Config) { c.BusListen, c.BusCert = ":4222", file }, "bus-cert: certificate and key go together"},
		{"NATSPlain", func(c *Config) { c.NATS, c.ClusterSecretFile = "nats://10.0.0.1:4222", file }, "nats: nats://10.0.0.1:4222 is not encrypted"},
		{"NATSNobody", func(c *Config) { c.NATS = "tls://10.0.0.1:4222" }, "the bus on 10.0.0.1 must know who comes"},
		{"NATSUser", func(c *Config) { c.NATS = "tls://user:pass@10.0.0.1:4222" }, ""},
		{"NATSSecret", func(c *Config) { c.NATS, c.ClusterSecretFile = "tls://10.0.0.1:4222,tls://10.0.0.2:4222", file }, ""},
		{"NATSCreds", func(c *Config) { c.NATS, c.NATSCreds = "tls://10.0.0.1:4222", file }, ""},
		{"NATSNoAddress", func(c *Config) { c.NATS = "10.0.0.1" }, "nats: this is no address of a bus: write one such as tls://"},
		{"NATSCertificateWithoutKey", func(c *Config) { c.NATS, c.NATSCert = "tls://10.0.0.1", file }, "nats-cert: certificate and key go together"},
		{"NATSCAWithoutBus", func(c *Config) { c.NATSCA = file }, "nats: there are certificates or credentials for a bus elsewhere, and no address of it"},
		{"SecretMissing", func(c *Config) { c.NATS, c.ClusterSecretFile = "tls://10.0.0.1", "/nowhere" }, "cluster-secret-file: stat /nowhere"},
		{"IcecastPush", func(c *Config) { c.IcecastPush = "icecasts://:hackme@radio.example.org/{room}" }, ""},
		{"IcecastPushInPlainWords", func(c *Config) { c.IcecastPush = "radio.example.org" }, "icecast-push: this is no address of an Icecast server: write one such as icecast://"},
		{"PublishFolder", func(c *Config) { c.Publish = "dir:/srv/epidaurus" }, ""},
		{"PublishBucket", func(c *Config) {
			c.Publish, c.PublishEndpoint, c.PublishCredentials = "s3://live/evening/2027", "http://127.0.0.1:9000", file
		}, ""},
		{"PublishNowhere", func(c *Config) { c.Publish = "/srv/epidaurus" }, `publish: "/srv/epidaurus" is no place: write dir: and the path of a folder`},
		{"PublishNoBucket", func(c *Config) { c.Publish = "s3:///evening" }, `publish: "" is no name of a bucket: write s3://bucket or s3://bucket/prefix`},
		{"PublishUp", func(c *Config) { c.Publish = "s3://live/../x" }, `publish: "../x" is no prefix`},
		{"PublishEndpointWithoutScheme", func(c *Config) { c.Publish, c.PublishEndpoint = "s3://live", "s3.example.org" }, `publish: "s3.example.org" is no address of a store: write one such as https://s3.example.org`},
		{"PublishCredentialsMissing", func(c *Config) { c.Publish, c.PublishCredentials = "s3://live", "/nowhere" }, "publish-credentials: stat /nowhere: no such file or directory"},
		{"DrainOver", func(c *Config) { c.DrainOver = time.Minute }, ""},
		{"DrainOverNegative", func(c *Config) { c.DrainOver = -time.Second }, "drain-over: -1s is no time to drain"},
		{"DrainOverADay", func(c *Config) { c.DrainOver = 24 * time.Hour }, "drain-over: 24h0m0s is no time to drain"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := usual(t)
			row.set(&cfg)
			err := cfg.Validate()
			if row.want != "" {
				fails(t, err, row.want)
			} else if err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
	t.Run("AllAtOnce", func(t *testing.T) {
		cfg := Config{}
		for _, setting := range []string{"data", "listen", "stage", "private", "stage-tls", "hold-after"} {
			fails(t, cfg.Validate(), setting+": ")
		}
	})
}
