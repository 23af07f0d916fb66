package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

//go:generate go test -run TestCLIDocument -update .

// The help of every command is docs/cli.md, word for word.
func TestCLIDocument(t *testing.T) {
	var doc bytes.Buffer
	doc.WriteString("# Command line\n\nMade from the program's own help by `go generate ./cmd/epidaurus`.\n")
	commands := []string{""}
	for _, leaf := range parserFor(t, &cli{}).Model.Leaves(true) {
		commands = append(commands, strings.TrimPrefix(leaf.Path(), "epidaurus "))
	}
	for _, command := range commands {
		fmt.Fprintf(&doc, "\n## epidaurus %s\n\n```\n%s```\n", command, help(t, command))
	}
	text := strings.ReplaceAll(doc.String(), "## epidaurus \n", "## epidaurus\n")
	const file = "../../docs/cli.md"
	if *update {
		err := os.WriteFile(file, []byte(text), 0o644)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != text {
		t.Error("docs/cli.md is not what the program says: run go generate ./cmd/epidaurus")
	}
}

func help(t *testing.T, command string) string {
	t.Helper()
	t.Setenv("COLUMNS", "110") // the width does not depend on who asks
	var out bytes.Buffer
	var c cli
	parser, err := newParser(&c, &out)
	if err != nil {
		t.Fatal(err)
	}
	type done struct{}
	parser.Exit = func(int) { panic(done{}) } // help ends the program; here it ends only the parser
	func() {
		defer func() {
			if r := recover(); r != nil && r != (done{}) {
				panic(r)
			}
		}()
		_, err = parser.Parse(append(strings.Fields(command), "--help"))
	}()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.TrimRight(line, " \n")+"\n")
	}
	return strings.Join(lines, "")
}

// A setting comes from its default, the file, the environment and the command line, in rising order of strength.
func TestConfigurationOrder(t *testing.T) {
	file := t.TempDir() + "/epidaurus.toml"
	err := os.WriteFile(file, []byte("listen = \":1001\"\nstage = \":1002\"\nprivate = \":1003\"\nhold-after = \"7s\"\nadvertise = [\"192.0.2.1\"]\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("EPIDAURUS_STAGE", ":2002")
	t.Setenv("EPIDAURUS_PRIVATE", ":2003")
	var c cli
	_, err = parserFor(t, &c).Parse([]string{"serve", "--config", file, "--private", ":3003"})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.Serve.Data, c.Serve.Listen, c.Serve.Stage, c.Serve.Private, c.Serve.HoldAfter, c.Serve.Advertise)
	if want := "data:1001:2002:30037s[192.0.2.1]"; strings.ReplaceAll(got, " ", "") != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Numbers of people are written in serve as in plan, wherever a setting may stand.
func TestCounts(t *testing.T) {
	for _, row := range []struct{ name, file, env, flags string }{
		{"Flags", "", "", "--expect=1e6 --max-seats=300k"},
		{"Digits", "", "", "--expect=1000000 --max-seats=300000"},
		{"Environment", "max-seats = 1", "1e6", "--max-seats=0.3m"},
		{"File", "expect = 1e6\nmax-seats = 300000", "", ""},
		{"FileAsText", "expect = \"1M\"\nmax-seats = \"300k\"", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := t.TempDir() + "/epidaurus.toml"
			err := os.WriteFile(file, []byte(row.file), 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if row.env != "" {
				t.Setenv("EPIDAURUS_EXPECT", row.env)
			}
			var c cli
			_, err = parserFor(t, &c).Parse(append([]string{"serve", "--config", file}, strings.Fields(row.flags)...))
			if err != nil || c.Serve.Expect != 1_000_000 || c.Serve.MaxSeats != 300_000 {
				t.Errorf("expect %d, max-seats %d (%v)", c.Serve.Expect, c.Serve.MaxSeats, err)
			}
		})
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	for _, row := range []struct{ name, file, flags, want string }{
		{"UnknownKey", "lisen = \":1\"", "", `there is no setting "lisen"`},
		{"NotTOML", "listen = ", "", "epidaurus.toml: toml: line 1"},
		{"BadAddress", "", "--listen=8080", `listen: "8080" is no address`},
		{"BadURL", "", "--public-url=live.example.org", `public-url: "live.example.org" is no address of ours`},
		{"BadAdvertise", "", "--advertise=here", `advertise: "here" is no IP address`},
		{"HalfACertificate", "", "--tls-cert=/dev/null", "certificate and key go together"},
		{"Complexity", "", "--complexity=11", "complexity: 11 is outside 0 to 10"},
		{"NoCount", "", "--expect=many", `"many" is no number of listeners: write one such as 1e6 or 300k`},
		{"NegativeCount", "", "--max-seats=-1", `"-1" is no number of listeners`},
		{"HalfAListener", "expect = 1.5", "", `"1.5" is no number of listeners`},
		{"UnknownTLS", "", "--stage-tls=maybe", "must be one of"},
		{"HoldSoundMissing", "", "--hold-sound=/nowhere.wav", "hold-sound: stat /nowhere.wav"},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := append([]string{"serve"}, strings.Fields(row.flags)...)
			if row.file != "" {
				file := t.TempDir() + "/epidaurus.toml"
				err := os.WriteFile(file, []byte(row.file), 0o600)
				if err != nil {
					t.Fatal(err)
				}
				args = append(args, "--config", file)
			}
			var c cli
			_, err := parserFor(t, &c).Parse(args)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
		})
	}
}

func parserFor(t *testing.T, c *cli) *kong.Kong {
	t.Helper()
	parser, err := newParser(c, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	return parser
}
