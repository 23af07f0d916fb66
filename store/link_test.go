package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

func addLink(t *testing.T, s *Store) room.Secret {
	t.Helper()
	link, err := s.AddLink(t.Context(), firstHost(t, s), noon, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func TestRedeem(t *testing.T) {
	s := openIn(t, t.TempDir())
	host := firstHost(t, s)
	used, late := addLink(t, s), addLink(t, s)
	tests := []struct {
		name string
		link room.Secret
		at   time.Time
		want error
	}{
		{"good", used, noon.Add(time.Hour - time.Millisecond), nil},
		{"used", used, noon, room.ErrLinkUsed},
		{"used and expired", used, noon.Add(2 * time.Hour), room.ErrLinkUsed},
		{"expired", late, noon.Add(time.Hour), room.ErrLinkExpired},
		{"expired, and still not used up", late, noon.Add(time.Hour), room.ErrLinkExpired},
		{"good after all, by a clock that was wrong", late, noon, nil},
		{"unknown", "nobody made this secret, and yet", noon, room.ErrLinkUnknown},
		{"empty", "", noon, room.ErrLinkUnknown},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			session := room.SecretHash{byte(i + 1)}
			got, err := s.Redeem(t.Context(), tt.link.Hash(), session, tt.at)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error = %v, want %v", err, tt.want)
			}
			seen, sessionErr := s.Session(t.Context(), session, tt.at)
			if tt.want == nil && (got != host || seen != host) {
				t.Errorf("host = %q, session of %q (%v), want %q", got, seen, sessionErr, host)
			}
			if tt.want != nil && (got != "" || !errors.Is(sessionErr, room.ErrNotFound)) {
				t.Errorf("refused, and yet host = %q, session of %q", got, seen)
			}
		})
	}
}

// Of many that try one link at the same moment, through two stores on one folder as two processes have it, one gets in.
func TestRedeemIsExactlyOnce(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{openIn(t, dir), openIn(t, dir)}
	for round := range 5 {
		link := addLink(t, stores[0]).Hash()
		const each = 8
		errs := make([]error, each*len(stores))
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = stores[i%len(stores)].Redeem(t.Context(), link, room.SecretHash{byte(round + 1), byte(i)}, noon)
			})
		}
		wg.Wait()
		in := 0
		for _, err := range errs {
			switch {
			case err == nil:
				in++
			case !errors.Is(err, room.ErrLinkUsed):
				t.Errorf("error = %v, want ErrLinkUsed", err)
			}
		}
		if in != 1 {
			t.Fatalf("%d got in by one link", in)
		}
	}
}

func TestLinksOfNobody(t *testing.T) {
	s := openIn(t, t.TempDir())
	_, err := s.AddLink(t.Context(), "nobody", noon, time.Hour)
	wantCode(t, err, CodeNotFound)
}

func TestOldLinksAreForgotten(t *testing.T) {
	s := openIn(t, t.TempDir())
	old := addLink(t, s)
	at := noon.Add(time.Hour + linkMemory)
	_, err := s.Redeem(t.Context(), old.Hash(), room.SecretHash{1}, at)
	wantCode(t, err, CodeLinkExpired)
	_, err = s.AddLink(t.Context(), firstHost(t, s), at.Add(time.Millisecond), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Redeem(t.Context(), old.Hash(), room.SecretHash{1}, at)
	wantCode(t, err, CodeLinkUnknown)
}

func TestClaimed(t *testing.T) {
	s := openIn(t, t.TempDir())
	link := addLink(t, s)
	for _, want := range []bool{false, true} {
		got, err := s.Claimed(t.Context())
		if err != nil || got != want {
			t.Errorf("Claimed = %v, %v, want %v", got, err, want)
		}
		_, err = s.Redeem(t.Context(), link.Hash(), room.SecretHash{1}, noon)
		if !want && err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever gets a copy of the database gets nobody's rights with it.
func TestNoSecretIsOnDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	link, cookie, key := addLink(t, s), room.Secret("the-cookie-of-a-session-32-chars"), *s.Key()
	_, err = s.Redeem(t.Context(), link.Hash(), cookie.Hash(), noon)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	b, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	hash := link.Hash()
	if !bytes.Contains(b, hash[:]) {
		t.Error("the hash of the link is not in the file: what is this test looking at?")
	}
	for name, secret := range map[string][]byte{"link": []byte(link), "cookie": []byte(cookie), "key": key[:]} {
		if bytes.Contains(b, secret) {
			t.Errorf("the %s is in the database", name)
		}
	}
}
