package plans

import (
	"slices"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/drill/plan"
)

// Every plan that comes with the program can be played, and is called like its file.
func TestPlansAreGood(t *testing.T) {
	names := Names()
	for _, want := range []string{"steady", "ramp", "storm", "leave", "reconnect"} {
		if !slices.Contains(names, want) {
			t.Errorf("there is no %s", want)
		}
	}
	for _, name := range names {
		text, err := Read(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Parse(text)
		if err == nil {
			err = p.Validate()
		}
		if err != nil || p.Name != name {
			t.Errorf("%s, named %q: %v", name, p.Name, err)
		}
	}
	_, err := Read("tsunami")
	if err == nil || !strings.Contains(err.Error(), "storm") {
		t.Errorf("error %v, want one that names the plans", err)
	}
}
