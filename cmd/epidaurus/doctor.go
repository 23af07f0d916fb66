package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/epidaurus-live/epidaurus/drill/capacity"
	"github.com/epidaurus-live/epidaurus/internal/doctor"
)

type doctorCommand struct {
	Listeners string `help:"How many shall listen at this machine: 300k. Default: no goal." placeholder:"N"`
	Data      string `help:"The server's data folder. Default: ${default}." default:"data" placeholder:"DIR"`
	TLSCert   string `name:"tls-cert" help:"The certificate that listeners will see (PEM)." placeholder:"FILE"`
	Line      string `help:"Speed of the line, such as 10Gbit. Default: what the interfaces say." placeholder:"RATE"`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Help is shown by doctor --help.
func (doctorCommand) Help() string {
	return `Look at this machine before the day: what was found, how many seats it allows, and the command that changes it.
Run it as the user, and under the limits, under which the server will run. Nothing is changed. Exit code 1: something must be changed.

Examples:
  epidaurus doctor
  epidaurus doctor --listeners 300k --line 10Gbit --data /var/lib/epidaurus --tls-cert cert.pem`
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
	if c.TLSCert != "" {
		var text []byte
		text, o.CertError = os.ReadFile(c.TLSCert)
		if o.CertError == nil {
			o.Cert, o.CertError = doctor.ParseCertificates(text)
		}
	}
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
