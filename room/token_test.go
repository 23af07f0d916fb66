package room

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	testKey = Key{1, 2, 3}
	noon    = time.Unix(1_800_000_000, 0)
	ada     = Grant{Room: "harbour-k3f9x2", Person: "p1", Role: Host, Name: "Ada", Expires: noon.Unix() + 60}
)

func TestTokenIsStable(t *testing.T) {
	// Links that are out in the world must go on working: the form changes only with the version in front.
	const want = "e1.eyJyIjoiaGFyYm91ci1rM2Y5eDIiLCJwIjoicDEiLCJvIjoiaG9zdCIsIm4iOiJBZGEiLCJlIjoxODAwMDAwMDYwfQ."
	if got := testKey.Sign(ada); !strings.HasPrefix(got, want) {
		t.Errorf("Sign = %q, want it to begin with %q", got, want)
	}
}

func TestVerify(t *testing.T) {
	good := testKey.Sign(ada)
	head, mac := good[:strings.LastIndexByte(good, '.')], good[strings.LastIndexByte(good, '.')+1:]
	other := Key{9}
	signed := func(body string) string {
		head := tokenVersion + tokenEncoding.EncodeToString([]byte(body))
		return head + "." + tokenEncoding.EncodeToString(testKey.mac(head))
	}
	tests := []struct {
		name  string
		token string
		now   time.Time
		want  error
	}{
		{"good", good, noon, nil},
		{"good in its last second", good, noon.Add(59 * time.Second), nil},
		{"expired", good, noon.Add(60 * time.Second), ErrTokenExpired},
		{"expired long ago", good, noon.AddDate(10, 0, 0), ErrTokenExpired},
		{"another server's", other.Sign(ada), noon, ErrTokenForged},
		{"another server's and expired", other.Sign(ada), noon.AddDate(1, 0, 0), ErrTokenForged},
		{"another grant under this mac", testKey.Sign(Grant{Room: "other-room", Person: "p1", Role: Host, Expires: ada.Expires})[:len(good)-len(mac)-1] + "." + mac, noon, ErrTokenForged},
		{"mac of zeros", head + "." + tokenEncoding.EncodeToString(make([]byte, 32)), noon, ErrTokenForged},
		{"empty", "", noon, ErrTokenMalformed},
		{"only a version", "e1.", noon, ErrTokenMalformed},
		{"two dots", "e1..", noon, ErrTokenMalformed},
		{"no mac", head, noon, ErrTokenMalformed},
		{"empty mac", head + ".", noon, ErrTokenMalformed},
		{"half a mac", head + "." + mac[:len(mac)/2], noon, ErrTokenMalformed},
		{"mac with padding", good + "=", noon, ErrTokenMalformed},
		{"mac with a line break inside", head + "." + mac[:10] + "\n" + mac[10:], noon, ErrTokenForged},
		{"mac in standard base64", head + "." + base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\xff", 32))), noon, ErrTokenMalformed},
		{"a later version", "e2." + good[3:], noon, ErrTokenMalformed},
		{"no version", good[3:], noon, ErrTokenMalformed},
		{"white space around it", " " + good, noon, ErrTokenMalformed},
		{"endless", "e1." + strings.Repeat("A", 1<<20) + "." + mac, noon, ErrTokenMalformed},
		{"a JWT without a signature", "eyJhbGciOiJub25lIn0.eyJyIjoieCJ9.", noon, ErrTokenMalformed},
		{"signed, but not JSON", signed("hello"), noon, ErrTokenMalformed},
		{"signed, but no grant", signed(`{}`), noon, ErrTokenMalformed},
		{"signed with a room that cannot be", signed(`{"r":"../x","p":"p1","o":"host","e":9999999999}`), noon, ErrTokenMalformed},
		{"signed with a person that cannot be", signed(`{"r":"abc","p":"","o":"host","e":9999999999}`), noon, ErrTokenMalformed},
		{"signed with a role that is not known", signed(`{"r":"abc","p":"p1","o":"king","e":9999999999}`), noon, ErrTokenMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, err := testKey.Verify(tt.token, tt.now)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error = %v, want %v", err, tt.want)
			}
			if err == nil && g != ada {
				t.Errorf("grant = %+v, want %+v", g, ada)
			}
			if err != nil && g != (Grant{}) {
				t.Errorf("a refused token gave the grant %+v", g)
			}
		})
	}
}

func TestEveryBitOfATokenCounts(t *testing.T) {
	good := testKey.Sign(ada)
	for i := range len(good) {
		for bit := range 8 {
			b := []byte(good)
			b[i] ^= 1 << bit
			_, err := testKey.Verify(string(b), noon)
			if err == nil {
				t.Errorf("token with bit %d of byte %d turned is taken", bit, i)
			}
		}
		_, err := testKey.Verify(good[:i], noon)
		if !errors.Is(err, ErrTokenMalformed) && !errors.Is(err, ErrTokenForged) {
			t.Errorf("token cut to %d bytes: %v", i, err)
		}
	}
}

func grants() *rapid.Generator[Grant] {
	return rapid.Custom(func(t *rapid.T) Grant {
		name, err := CheckName(rapid.OneOf(rapid.String(), rapid.StringN(1, MaxName, -1)).Draw(t, "name"))
		if err != nil {
			name = ""
		}
		return Grant{
			Room:    ID(rapid.StringMatching(`[a-z0-9][a-z0-9-]{1,62}[a-z0-9]`).Draw(t, "room")),
			Person:  PersonID(rapid.StringMatching(`[a-z0-9]{1,32}`).Draw(t, "person")),
			Role:    rapid.SampledFrom([]Role{Host, CoHost, Producer, Speaker}).Draw(t, "role"),
			Name:    name,
			Expires: rapid.Int64().Draw(t, "expires"),
		}
	})
}

func TestEveryGrantSurvivesItsToken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := grants().Draw(t, "grant")
		key := Key(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		now := time.Unix(rapid.Int64().Draw(t, "now"), 0)
		got, err := key.Verify(key.Sign(want), now)
		if now.Unix() >= want.Expires {
			if !errors.Is(err, ErrTokenExpired) {
				t.Fatalf("at %d: error = %v, want ErrTokenExpired", now.Unix(), err)
			}
			return
		}
		if err != nil || got != want {
			t.Fatalf("Verify(Sign(%+v)) = %+v, %v", want, got, err)
		}
	})
}

func TestTheLongestTokenFits(t *testing.T) {
	// '<' becomes six bytes in JSON, and the characters beyond the first plane four: whichever is longer must fit.
	for _, r := range []string{"<", "&", "\U0001f600", "é"} {
		g := Grant{Room: ID(strings.Repeat("a", 64)), Person: PersonID(strings.Repeat("a", 32)), Role: Speaker,
			Name: strings.Repeat(r, MaxName), Expires: 1<<63 - 1}
		token := testKey.Sign(g)
		_, err := testKey.Verify(token, noon)
		if err != nil {
			t.Errorf("name of %q: token of %d bytes: %v", r, len(token), err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	good := testKey.Sign(ada)
	for _, seed := range []string{"", "e1..", good, good[:len(good)-1], good + "=", strings.ToUpper(good), "e1.e30." + strings.Repeat("A", 43)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		g, err := testKey.Verify(token, noon)
		if err != nil {
			if g != (Grant{}) {
				t.Errorf("a refused token gave the grant %+v", g)
			}
			return
		}
		if testKey.Sign(g) != token {
			t.Errorf("%q is taken, but the grant's own token is %q", token, testKey.Sign(g))
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	token := testKey.Sign(ada)
	b.ReportAllocs()
	for b.Loop() {
		_, err := testKey.Verify(token, noon)
		if err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleKey_Sign() {
	body := strings.Split(testKey.Sign(ada), ".")[1]
	raw, _ := base64.RawURLEncoding.DecodeString(body)
	fmt.Println(string(raw))
	// Output: {"r":"harbour-k3f9x2","p":"p1","o":"host","n":"Ada","e":1800000060}
}
