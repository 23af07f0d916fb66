package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// TestUpgrade opens a database of every version that ever was, with testdata/upgrade/<version>.sql in it, and expects to find the
// same things. A new migration needs a new file there: what its version can hold.
func TestUpgrade(t *testing.T) {
	for _, version := range versions(t) {
		t.Run(fmt.Sprintf("from %d", version), func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, version)
			s := openIn(t, dir)
			rooms, err := s.Rooms(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(rooms) != 2 || rooms[0].Facts.ID != "quay-0a0a0a" || rooms[1].Facts.ID != "harbour-k3f9x2" {
				t.Fatalf("rooms = %+v", rooms)
			}
			quay, harbour := rooms[0].Facts, rooms[1].Facts
			if quay.State != room.Ended || !quay.EndedAt.Equal(noon.Add(4*time.Second)) || quay.Language != "fr" {
				t.Errorf("quay = %+v", quay)
			}
			if harbour.State != room.Live || !harbour.EndedAt.IsZero() || !harbour.LowDelay || !slices.Equal(harbour.Removed, []room.PersonID{"mallory1"}) {
				t.Errorf("harbour = %+v", harbour)
			}
			expect := 0
			if version >= 2 {
				expect = 1_000_000
			}
			if harbour.Expect != expect || quay.Expect != 0 {
				t.Errorf("%d and %d are expected, want %d and 0", harbour.Expect, quay.Expect, expect)
			}
			taped := [2]room.Taping{}
			if version >= 4 {
				taped = [2]room.Taping{room.TapeOn, room.TapeDeleted}
			}
			if got := [2]room.Taping{harbour.Tape, quay.Tape}; got != taped {
				t.Errorf("taped are %q, want %q", got, taped)
			}
			delay := 0
			if version >= 3 {
				delay = 10_000
			}
			carts, err := s.Carts(t.Context(), "harbour-k3f9x2")
			if err != nil || harbour.DelayMS != delay || len(carts[room.CartJingle]) > 0 != (version >= 3) {
				t.Errorf("a delay of %d ms, carts %q, %v", harbour.DelayMS, carts, err)
			}
			planned := harbour.Life.Plan.Zone == "Europe/Paris" && harbour.Life.Plan.ByClock && harbour.Life.Revision == 3
			if planned != (version >= 5) || quay.Planned() {
				t.Errorf("lives: %+v, %+v", harbour.Life, quay.Life)
			}
			if handed := harbour.RoleOf("grace123", room.Speaker) == room.Host; handed != (version >= 6) || harbour.IsBlocked("b10cked") != (version >= 6) {
				t.Errorf("roles are %v, blocked are %v", harbour.Roles, harbour.Blocked)
			}
			if harbour.Tracks != (version >= 10) || quay.Tracks {
				t.Errorf("taped apart are %t and %t", harbour.Tracks, quay.Tracks)
			}
			seats, err := s.Seats(t.Context(), "harbour-k3f9x2")
			if err != nil || len(seats) > 0 != (version >= 9) || version >= 9 && (seats[0].Name != "Ada" || !seats[0].Revoked.IsZero() || seats[1].Revoked.IsZero()) {
				t.Errorf("invitations to listen = %+v, %v", seats, err)
			}
			if _, err = s.Picture(t.Context(), "harbour-k3f9x2", "abcdef"); (err == nil) != (version >= 9) {
				t.Errorf("picture: %v", err)
			}
			agreed := room.Consent{Agreed: true, Text: 1, By: "p1", N: 2, At: noon.Add(10 * time.Second)}
			if got, ok := harbour.Consents["grace123"]; ok != (version >= 7) || ok && got != agreed {
				t.Errorf("consents are %+v", harbour.Consents)
			}
			invites, err := s.Invites(t.Context(), "harbour-k3f9x2")
			if err != nil || len(invites) != 2 || invites[0].Name != "Grace" || !invites[0].Removed.IsZero() || invites[1].Removed.IsZero() {
				t.Errorf("invites = %+v, %v", invites, err)
			}
			host, err := s.Session(t.Context(), room.SecretHash([]byte("\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11")), noon)
			if err != nil || host != "h0stada1" {
				t.Errorf("session = %q, %v", host, err)
			}
			colour, err := s.Setting(t.Context(), "colour")
			if err != nil || colour != "blue" {
				t.Errorf("setting = %q, %v", colour, err)
			}
		})
	}
}

// A number that was left out cannot be given later: a database that is past it refuses it.
func TestMigrationsAreNumberedWithoutAHole(t *testing.T) {
	for i, version := range versions(t) {
		if version != int64(i)+1 {
			t.Errorf("migration %d has the number %d", i+1, version)
		}
	}
}

func versions(t *testing.T) []int64 {
	t.Helper()
	s := openIn(t, t.TempDir())
	provider, err := newProvider(s.writes)
	if err != nil {
		t.Fatal(err)
	}
	var all []int64
	for _, source := range provider.ListSources() {
		all = append(all, source.Version)
	}
	return all
}

// fill makes a database of an older version.
func fill(t *testing.T, dir string, version int64) {
	t.Helper()
	db, err := connect(filepath.Join(dir, fileName), time.Second, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	provider, err := newProvider(db)
	if err != nil {
		t.Fatal(err)
	}
	_, err = provider.UpTo(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(fmt.Sprintf("testdata/upgrade/%05d.sql", version))
	if err != nil {
		t.Fatalf("say what a database of this version holds: %v", err)
	}
	_, err = db.Exec(string(content))
	if err != nil {
		t.Fatal(err)
	}
}

func TestDowngradeIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.writes.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	_, err = Open(t.Context(), dir)
	wantCode(t, err, CodeNewer)
}

func TestMigrationsGoDownToo(t *testing.T) {
	s := openIn(t, t.TempDir())
	provider, err := newProvider(s.writes)
	if err != nil {
		t.Fatal(err)
	}
	_, err = provider.DownTo(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = provider.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	addRoom(t, s, "abc")
}
