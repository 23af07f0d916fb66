package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/epidaurus-live/epidaurus/drill/capacity"
	"github.com/epidaurus-live/epidaurus/internal/doctor"
	"github.com/epidaurus-live/epidaurus/node"
)

type doctorCommand struct {
	Listeners string `help:"How many shall listen at this machine: 300k. Default: no goal." placeholder:"N"`
	Line      string `help:"Speed of the line, such as 10Gbit. Default: what the interfaces say." placeholder:"RATE"`
	JSON      bool   `name:"json" help:"Print JSON."`

	// What serve has too means what it means there.
	Data          string `help:"The server's data folder. Default: ${default}." default:"data" placeholder:"DIR"`
	PublicURL     string `name:"public-url" help:"How listeners reach the server: its certificate has to be for this name." placeholder:"URL"`
	ListenTLS     string `name:"listen-tls" help:"As for serve: auto, self-signed or off." default:"auto" enum:"auto,self-signed,off"`
	ListenTLSCert string `name:"listen-tls-cert" help:"Certificate of the listeners' port (PEM)." placeholder:"FILE"`
	ListenTLSKey  string `name:"listen-tls-key" help:"Key of that certificate (PEM)." placeholder:"FILE"`
	ACMEDomain    string `name:"acme-domain" help:"The server gets the listeners' certificate for this name by ACME." placeholder:"NAME"`
	ACMECA        string `name:"acme-ca" help:"Directory of the authority. Default: Let's Encrypt." placeholder:"URL"`
	StageURL      string `name:"stage-url" help:"How speakers reach the stage." placeholder:"URL"`
	StageTLS      string `name:"stage-tls" help:"As for serve: auto or off." default:"auto" enum:"auto,off"`
	TLSCert       string `name:"tls-cert" help:"Certificate of the stage's port (PEM)." placeholder:"FILE"`
	TLSKey        string `name:"tls-key" help:"Key of the certificate (PEM)." placeholder:"FILE"`
}

// Help is shown by doctor --help.
func (doctorCommand) Help() string {
	return `Look at this machine before the day: what was found, how many seats it allows, and the command that changes it.
Run it as the user, and under the limits, under which the server will run, with the server's configuration file or environment: what serve
has too is called the same here. Nothing is changed. Exit code 1: something must be changed.

Examples:
  epidaurus doctor
  epidaurus doctor --config /etc/epidaurus.toml --listeners 300k
  epidaurus doctor --listeners 300k --line 10Gbit --data /var/lib/epidaurus --public-url https://live.example.org \
    --listen-tls-cert cert.pem --listen-tls-key key.pem`
}

func (c *doctorCommand) options() (o doctor.Options, err error) {
	o.Data = c.Data
	if c.Listeners != "" {
		o.Listeners, err = capacity.ParseCount(c.Listeners)
		if err != nil {
			return o, fmt.Errorf("listeners: %w", err)
		}
	}
	if c.Line != "" {
		o.Line, err = capacity.ParseBits(c.Line)
		if err == nil && o.Line < 1e6 {
			err = fmt.Errorf("%q is no line: write one such as 10Gbit", c.Line)
		}
		if err != nil {
			return o, fmt.Errorf("line: %w", err)
		}
	}
	return o, nil
}

// Validate is called by the parser.
func (c *doctorCommand) Validate() error {
	_, err := c.options()
	return err
}

// Run looks, and tells.
func (c *doctorCommand) Run(p *program) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	o.Cert, o.StageCert = c.listenersCertificate(), c.stageCertificate()
	r := doctor.Examine(doctor.Here(), o)
	if c.JSON {
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", " ")
		err = out.Encode(r)
	} else {
		err = writeReport(p.stdout, r)
	}
	if err == nil && r.MustChange() {
		return exitError(exitFailure)
	}
	return err
}

// listenersCertificate is what serve would show listeners; nil where it speaks plain with them.
func (c *doctorCommand) listenersCertificate() *doctor.Certificate {
	as := node.Config{Data: c.Data, ListenTLS: c.ListenTLS, ListenTLSCert: c.ListenTLSCert, ListenTLSKey: c.ListenTLSKey}
	as.ACMEDomain, as.ACMECA = c.ACMEDomain, c.ACMECA
	cert, key := as.ListenersCertificate()
	maker, host := doctor.SelfSigned, hostOf(c.PublicURL)
	switch {
	case c.ListenTLS == "off":
		return nil
	case c.ListenTLSCert != "" || c.ListenTLSKey != "":
		cert, key, maker = c.ListenTLSCert, c.ListenTLSKey, doctor.Others // half of a pair is refused
	case c.ACMEDomain != "":
		maker, host = doctor.ACME, cmp.Or(host, c.ACMEDomain)
	case cert == "":
		return nil
	}
	found := doctor.LoadCertificate(cert, key, maker)
	found.Host = host
	return &found
}

// stageCertificate is what serve would show speakers; nil where that is its own.
func (c *doctorCommand) stageCertificate() *doctor.Certificate {
	if c.StageTLS == "off" || c.TLSCert == "" && c.TLSKey == "" {
		return nil
	}
	found := doctor.LoadCertificate(c.TLSCert, c.TLSKey, doctor.Others)
	found.Host = hostOf(c.StageURL)
	return &found
}

// hostOf is the host that an address names; "" where it names none.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func writeReport(w io.Writer, r doctor.Report) error {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-7s %-13s %s\n%21s %s\n", f.Severity, f.Name, f.Found, "", f.Means)
		for _, fix := range f.Fix {
			fmt.Fprintf(&b, "%21s → %s\n", "", fix)
		}
	}
	fmt.Fprintf(&b, "\n%s.\n", r.Sentence)
	_, err := io.WriteString(w, b.String())
	return err
}
