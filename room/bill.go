package room

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Billed is somebody who is announced: a host or an expected guest. Nobody is let on stage by it.
type Billed struct {
	Name  string `json:"name"`
	About string `json:"about,omitempty"` // a line
	Host  bool   `json:"host,omitempty"`
}

// Limits of what is announced of people.
const (
	MaxBilled = 20
	MaxAbout  = 140 // characters
)

// CheckBill returns whom a plan names as it is kept, hosts first, or an error that says what to change.
func CheckBill(people []Billed) ([]Billed, error) {
	if len(people) > MaxBilled {
		return nil, fmt.Errorf("%d people are named: at most %d can be", len(people), MaxBilled)
	}
	var kept []Billed
	for _, p := range people {
		var err error
		p.Name, err = CheckName(p.Name)
		if err == nil && strings.TrimSpace(p.About) != "" {
			p.About, err = checkText("line about "+p.Name, p.About, MaxAbout)
		} else {
			p.About = ""
		}
		if err != nil {
			return nil, err
		}
		kept = append(kept, p)
	}
	slices.SortStableFunc(kept, func(a, b Billed) int {
		switch {
		case a.Host == b.Host:
			return 0
		case a.Host:
			return -1
		}
		return 1
	})
	return kept, nil
}

// Billing is the people of a plan as lines of text, such as "Ada Lovelace, on machines that think".
func (p *Plan) Billing() string {
	var lines []string
	for _, b := range p.People {
		line := b.Name
		if b.About != "" {
			line += ", " + b.About
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// Names of the people of a plan, in one line.
func (p *Plan) Names() string {
	names := make([]string, len(p.People))
	for i, b := range p.People {
		names[i] = b.Name
	}
	return strings.Join(names, ", ")
}

// Picture is one that a host gave a room. What it shows is not in the facts: who wants it asks the node that has it.
type Picture struct {
	Sum string `json:"sum,omitempty"` // of its bytes, by which two are told apart
}

// MaxPicture is the largest file that is taken for a picture, in bytes.
const MaxPicture = 5 << 20

// ErrPicture refuses a file that is no picture.
var ErrPicture = errors.New("the picture cannot be used")
