package plan

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func read(t *testing.T, file string) (Plan, error) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(text)
	if err == nil {
		err = p.Validate()
	}
	return p, err
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	return names
}

// A good plan survives the way to an agent.
func TestGoodPlans(t *testing.T) {
	for _, file := range files(t, "testdata/good/*.toml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			p, err := read(t, file)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			var back Plan
			err = json.Unmarshal(text, &back)
			if err != nil || !reflect.DeepEqual(back, p) {
				t.Errorf("it came as %+v, %v", back, err)
			}
		})
	}
}

// The first line of a bad plan is what its error says.
func TestBadPlans(t *testing.T) {
	for _, file := range files(t, "testdata/bad/*.toml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			line, _, _ := strings.Cut(string(text), "\n")
			want := strings.TrimPrefix(line, "# ")
			_, err = read(t, file)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one with %q", err, want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.toml", "testdata/bad/*.toml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil || p.Validate() != nil {
			return
		}
		s := p.Script()
		if s.Duration < 0 || s.Duration > MaxDuration || s.Arrivals > MaxListeners || s.Peak > s.Arrivals {
			t.Errorf("a valid plan lays out as %+v", s)
		}
	})
}
