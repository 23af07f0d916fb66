package store

import (
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

func TestSession(t *testing.T) {
	s := openIn(t, t.TempDir())
	cookie := room.SecretHash{7}
	host, err := s.Redeem(t.Context(), addLink(t, s).Hash(), cookie, noon)
	if err != nil {
		t.Fatal(err)
	}
	at := noon
	// A session that is used lives on, and one that is not ends.
	for _, step := range []struct {
		name string
		wait time.Duration
		want Code
	}{
		{"at once", 0, ""},
		{"a minute later", time.Minute, ""},
		{"on the last day", SessionIdle - time.Minute, ""},
		{"on the last day again", SessionIdle, ""},
		{"too late", SessionIdle + time.Millisecond, CodeNotFound},
		{"and for good", time.Hour, CodeNotFound},
	} {
		at = at.Add(step.wait)
		got, err := s.Session(t.Context(), cookie, at)
		if CodeOf(err) != step.want || (err == nil) != (got == host) {
			t.Errorf("%s: Session = %q, %v, want code %q", step.name, got, err, step.want)
		}
	}
	_, err = s.Session(t.Context(), room.SecretHash{8}, noon)
	wantCode(t, err, CodeNotFound)
}

func TestASessionNeedsNoWrite(t *testing.T) {
	s := openIn(t, t.TempDir())
	cookie := room.SecretHash{7}
	host, err := s.Redeem(t.Context(), addLink(t, s).Hash(), cookie, noon)
	if err != nil {
		t.Fatal(err)
	}
	failing(s, "session seen", beforeWrite)
	got, err := s.Session(t.Context(), cookie, noon.Add(24*time.Hour))
	if err != nil || got != host {
		t.Errorf("Session = %q, %v, want %q", got, err, host)
	}
}
