package stage

import "strings"

// fragment is what a PATCH says (application/trickle-ice-sdpfrag, RFC 8840): the credentials of the ICE session it is about, and
// candidates. A lite agent has no use for candidates, so they are only counted.
type fragment struct {
	ufrag, pwd string
	candidates int
}

// parseFragment reads a fragment. It is not trusted: lines of other kinds are skipped, what it needs is checked.
func parseFragment(body string) (fragment, error) {
	var f fragment
	lines := 0
	for line := range strings.SplitSeq(body, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' || line[0] < 'a' || line[0] > 'z' {
			return fragment{}, clientError("The body is not an SDP fragment: each line of it is a letter, an equals sign and a value.")
		}
		lines++
		key, value, _ := strings.Cut(line[2:], ":")
		if line[0] != 'a' {
			continue
		}
		switch key {
		case "ice-ufrag":
			err := setOnce(&f.ufrag, value)
			if err != nil {
				return fragment{}, err
			}
		case "ice-pwd":
			err := setOnce(&f.pwd, value)
			if err != nil {
				return fragment{}, err
			}
		case "candidate":
			f.candidates++
		}
	}
	switch {
	case lines == 0:
		return fragment{}, clientError("The fragment is empty.")
	case f.ufrag == "" && f.pwd == "" && f.candidates == 0 && !strings.Contains(body, "a=end-of-candidates"):
		return fragment{}, clientError("The fragment has neither candidates nor new ICE credentials.")
	case (f.ufrag != "" || f.pwd != "") && !validCredentials(f.ufrag, f.pwd):
		return fragment{}, clientError("The fragment has no usable a=ice-ufrag and a=ice-pwd.")
	}
	return f, nil
}

// setOnce takes a value that each section of a bundle may repeat, but not change.
func setOnce(field *string, value string) error {
	if *field != "" && *field != value {
		return clientError("The fragment has ICE credentials that differ between its sections.")
	}
	*field = value
	return nil
}
