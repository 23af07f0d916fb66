package problem_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

func TestOfToken(t *testing.T) {
	for _, row := range []struct {
		err  error
		code problem.Code
	}{
		{room.ErrTokenForged, problem.TokenForged},
		{fmt.Errorf("verify: %w", room.ErrTokenExpired), problem.TokenExpired},
		{room.ErrTokenMalformed, problem.TokenMalformed},
		{errors.New("another"), problem.TokenMalformed},
	} {
		if p := problem.OfToken(row.err); p.Code != row.code || p.Detail == "" {
			t.Errorf("%v: %+v, want %s", row.err, p, row.code)
		}
	}
}

func TestSentence(t *testing.T) {
	if s := problem.Sentence(errors.New("the name is empty")); s != "The name is empty." {
		t.Error(s)
	}
}
