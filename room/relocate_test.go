package room

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var stageKey = ClusterKey{ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, ok!!"))}

func TestFindPlace(t *testing.T) {
	for in, want := range map[string]string{
		"harbour-k3f9x2":                              "/r/harbour-k3f9x2",
		" https://b.example/r/harbour-k3f9x2/ ":       "https://b.example/r/harbour-k3f9x2",
		"https://B.Example/r/harbour-k3f9x2?lang=fr":  "https://b.example/r/harbour-k3f9x2",
		"https://a.example/r/harbour-k3f9x2#play":     "/r/harbour-k3f9x2",
		"https://b.example:8443/r/harbour-k3f9x2":     "https://b.example:8443/r/harbour-k3f9x2",
		"http://b.example/r/harbour-k3f9x2":           "",
		"ftp://b.example/r/harbour-k3f9x2":            "",
		"https://b.example/r/harbour-k3f9x2/live.mp4": "",
		"https://b.example/desk/harbour-k3f9x2":       "",
		"https://b.example/r/../r/harbour-k3f9x2":     "",
		"https://me@b.example/r/harbour-k3f9x2":       "",
		"//b.example/r/harbour-k3f9x2":                "",
		"/r/harbour-k3f9x2":                           "",
		"javascript:alert(1)":                         "",
		"https://b.example\n/r/harbour-k3f9x2":        "",
		"":                                            "",
	} {
		p, err := FindPlace(in, "https://a.example")
		if got := p.String(); err == nil && got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
		if err != nil && !errors.Is(err, ErrPlace) {
			t.Errorf("%q: %v is no ErrPlace", in, err)
		}
	}
	if p, err := FindPlace("http://b.example/r/harbour-k3f9x2", "http://a.example"); err != nil || p.Origin != "http://b.example" {
		t.Errorf("from a server without TLS to another one: %+v, %v", p, err)
	}
}

// Whatever comes out of ParsePlace goes into a redirect: it is a room's page and nothing else.
func FuzzParsePlace(f *testing.F) {
	for _, s := range []string{"/r/abc", "https://a.example/r/abc-def", "http://[::1]:80/r/x-1", "//evil/r/abc", "https://a@b/r/abc", "https://a/r/abc\r\nX: y", "/r/r/r/abc"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePlace(s)
		if err != nil {
			return
		}
		if p.String() != s || strings.ContainsAny(s, "\r\n@?#\\ ") || strings.HasPrefix(s, "//") || !p.Room.Valid() {
			t.Errorf("%q is taken as %+v", s, p)
		}
	})
}

func TestWhoMayMoveTheListeners(t *testing.T) {
	to := Place{Room: "another-k3f9x2"}
	for _, state := range states {
		for _, by := range causes {
			f := at(state, true)
			before := f
			err := f.Relocate(to, by, 0, 10*time.Second, evening)
			want := (state == Doors || state == Live) && by == By(Host)
			if (err == nil) != want || err != nil && !reflect.DeepEqual(f, before) {
				t.Errorf("%s, by %s: %v, %+v", state, by, err, f.Life)
			}
			if err != nil {
				continue
			}
			for _, back := range causes {
				g := f
				err = g.Remain(back, evening.Add(9*time.Second))
				if (err == nil) != (back == By(Host)) || err == nil && g.Life.Relocate != nil || err != nil && !reflect.DeepEqual(g, f) {
					t.Errorf("%s, taken back by %s: %v, %+v", state, back, err, g.Life)
				}
			}
			if err = f.Remain(by, evening.Add(10*time.Second)); !errors.Is(err, ErrStep) {
				t.Errorf("taken back when its moment had come: %v", err)
			}
		}
	}
	f := Facts{ID: "this-k3f9x2", State: Live}
	if err := f.Relocate(Place{Room: f.ID}, By(Host), 0, 0, evening); !errors.Is(err, ErrPlaceSame) {
		t.Errorf("to itself: %v", err)
	}
	if err := errors.Join(f.Relocate(to, By(Host), 0, 0, evening), f.Relocate(to, By(Host), f.Life.Revision+1, 0, evening)); !errors.Is(err, ErrChanged) {
		t.Errorf("by who has not seen the first order: %v", err)
	}
}

// An order is told at its moment and once, and by nothing but the clock; neither voices, doors nor an end that was asked for change that, but for an
// end that comes first.
func TestTheListenersAreMovedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Facts{ID: "this-k3f9x2", State: rapid.SampledFrom([]State{Doors, Live}).Draw(t, "state")}
		now, ordered := evening, time.Time{}
		t.Repeat(map[string]func(*rapid.T){
			"time": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "s")) * time.Second) },
			"order": func(t *rapid.T) {
				if f.Relocate(Place{Room: "another-k3f9x2"}, By(Host), f.Life.Revision, 10*time.Second, now) == nil {
					ordered = now
				}
			},
			"take back": func(t *rapid.T) {
				if f.Remain(By(Host), now) == nil {
					ordered = time.Time{}
				}
			},
			"end": func(t *rapid.T) { _ = f.AskEnd(By(Host), 5*time.Second, now) },
			"":    func(*rapid.T) {},
			"clock": func(t *rapid.T) {
				for m := f.Due(now); m != ""; m = f.Due(now) {
					moved := f.Life.Moved
					if err := f.Take(m, ByClock, now); err != nil {
						t.Fatalf("%s is due and refused: %v", m, err)
					}
					if m == MoveAway && (moved != nil || ordered.IsZero() || now.Before(ordered.Add(10*time.Second))) {
						t.Fatalf("moved at %v, ordered at %v, before that: %+v", now, ordered, moved)
					}
					if moved != nil && f.Life.Moved != moved {
						t.Fatal("who was moved was moved again")
					}
				}
				if f.State == Live && !ordered.IsZero() && !now.Before(ordered.Add(10*time.Second)) && f.Life.Moved == nil {
					t.Fatal("its moment has passed, and nobody was told")
				}
				if f.State == Ended && f.Life.Relocate != nil {
					t.Fatal("an order outlives the room")
				}
			},
		})
	})
}

func TestSignMoved(t *testing.T) {
	order := MovedOrder{Room: "this-k3f9x2", To: "https://b.example/r/another-k3f9x2", Made: evening.Unix(), SpreadMS: 1500}
	e, err := SignMoved(stageKey.PrivateKey, order)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseMoved(data)
	if err != nil {
		t.Fatal(err)
	}
	order.Version = 1
	public := stageKey.Public().(ed25519.PublicKey)
	if got, err := VerifyMoved(read, order.Room, public); err != nil || got != order {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := VerifyMoved(read, "other-k3f9x2", public); !errors.Is(err, ErrMovedMalformed) {
		t.Errorf("an order of another room: %v", err)
	}
	other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	if _, err := VerifyMoved(read, order.Room, other.Public().(ed25519.PublicKey)); !errors.Is(err, ErrMovedForged) {
		t.Errorf("of another cluster: %v", err)
	}
	forged := read
	forged.Signed = edgesEncoding.EncodeToString([]byte(`{"v":1,"room":"this-k3f9x2","to":"https://evil.example/r/another-k3f9x2","made":1,"spread_ms":0}`))
	if _, err := VerifyMoved(forged, order.Room, public); !errors.Is(err, ErrMovedForged) {
		t.Errorf("with other words: %v", err)
	}
	// A signature of a list of edges is none of an order, nor the other way round.
	list, err := SignEdges(stageKey.PrivateKey, NewEdgeList([]string{"https://a.example"}, evening))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyMoved(MovedEvent{Kind: KindMoved, Signed: list.Signed, Sig: list.Sig, Key: list.Key}, order.Room, public); !errors.Is(err, ErrMovedForged) {
		t.Errorf("a list of edges as an order: %v", err)
	}
	if _, err := VerifyEdges(EdgesEvent{Kind: KindEdges, Signed: e.Signed, Sig: e.Sig, Key: e.Key}, public, evening); !errors.Is(err, ErrEdgesForged) {
		t.Errorf("an order as a list of edges: %v", err)
	}
	for _, bad := range []MovedOrder{
		{Room: order.Room, To: "//evil.example/r/abc"}, {Room: order.Room, To: "https://b.example/"}, {Room: "UP", To: "/r/abc"},
		{Room: order.Room, To: "/r/abc", SpreadMS: -1}, {Room: order.Room, To: "/r/abc", SpreadMS: 60_001},
	} {
		if _, err := SignMoved(stageKey.PrivateKey, bad); err == nil {
			t.Errorf("%+v is signed", bad)
		}
	}
}

func FuzzVerifyMoved(f *testing.F) {
	e, err := SignMoved(stageKey.PrivateKey, MovedOrder{Room: "this-k3f9x2", To: "/r/another-k3f9x2"})
	if err != nil {
		f.Fatal(err)
	}
	data, err := json.Marshal(e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"t":"moved","signed":"","sig":"","key":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseMoved(data)
		if err != nil {
			return
		}
		o, err := VerifyMoved(e, "this-k3f9x2", stageKey.Public().(ed25519.PublicKey))
		if err == nil && o.To != "/r/another-k3f9x2" {
			t.Errorf("what nobody signed is believed: %+v", o)
		}
	})
}

func TestSpreadOf(t *testing.T) {
	for _, tt := range []struct {
		listeners, rate int
		want            time.Duration
	}{{0, 100, 0}, {200, 12000, 33 * time.Millisecond}, {6000, 6000, 2 * time.Second}, {1_000_000, 6000, MaxSpread}, {5, 0, 10 * time.Second}} {
		if got := SpreadOf(tt.listeners, tt.rate).Truncate(time.Millisecond); got != tt.want {
			t.Errorf("%d listeners at %d a second: %v, want %v", tt.listeners, tt.rate, got, tt.want)
		}
	}
}

// A run-through begins before the doors, by the host, once; and when it is over the room is as it was but for its revision. What opens the doors
// ends it.
func TestRunThroughLeavesNothing(t *testing.T) {
	for _, state := range states {
		for _, by := range causes {
			f := at(state, true)
			f.ID = "this-k3f9x2"
			before := f
			err := f.StartRun("run-k3f9x2", by)
			want := (state == Draft || state == Announced) && by == By(Host)
			if (err == nil) != want || err != nil && !reflect.DeepEqual(f, before) {
				t.Fatalf("%s, by %s: %v, %+v", state, by, err, f.Life)
			}
			if err != nil {
				continue
			}
			if f.State != before.State || f.Stage() != before.Stage() || f.NextDue() != before.NextDue() {
				t.Errorf("%s: a run-through changes the evening: %+v", state, f)
			}
			if again := f.StartRun("other-k3f9x2", by); !errors.Is(again, ErrStep) {
				t.Errorf("a second one beside it: %v", again)
			}
			f.EndRun("other-k3f9x2")
			if f.Life.Run == "" {
				t.Error("the end of another one ended it")
			}
			opened := f
			for _, m := range []Move{MoveAnnounce, MoveDoors} {
				_ = opened.Take(m, by, evening)
			}
			if opened.State != Doors || opened.Life.Run != "" {
				t.Errorf("the doors are open, and the run-through goes on: %+v", opened.Life)
			}
			f.EndRun("run-k3f9x2")
			f.Life.Revision = before.Life.Revision
			if !reflect.DeepEqual(f, before) {
				t.Errorf("it left %+v, before it was %+v", f, before)
			}
		}
	}
}

func TestRunRoom(t *testing.T) {
	f := at(Announced, true)
	f.ID, f.Title, f.DelayMS, f.Expect, f.Removed = "this-k3f9x2", "Harbour talk", 7000, 1_000_000, []PersonID{"p1"}
	run := f.RunRoom(evening, []byte("key"))
	if run.RunOf != f.ID || !run.IsRun() || !run.Curtained() || run.Expect != 0 || run.DelayMS != 7000 || !run.IsRemoved("p1") || run.Tape != TapeOn {
		t.Errorf("%+v", run)
	}
	if !run.NextDue().IsZero() {
		t.Errorf("the clock does something to a run-through at %v", run.NextDue())
	}
	if err := run.StartRun("x-k3f9x2", By(Host)); !errors.Is(err, ErrStep) {
		t.Errorf("a run-through of a run-through: %v", err)
	}
	if err := run.Relocate(Place{Room: "x-k3f9x2"}, By(Host), 0, 0, evening); !errors.Is(err, ErrStep) {
		t.Errorf("a run-through is moved: %v", err)
	}
	run.Removed = append(run.Removed, "p2")
	if slices.Contains(f.Removed, "p2") {
		t.Error("they share what changes")
	}
}

func TestPasses(t *testing.T) {
	public := stageKey.Public().(ed25519.PublicKey)
	token := SignPass(stageKey.PrivateKey, "run-k3f9x2", evening)
	for name, tt := range map[string]struct {
		token string
		of    ID
		now   time.Time
		key   ed25519.PublicKey
		want  error
	}{
		"good":            {token, "run-k3f9x2", evening.Add(-time.Second), public, nil},
		"expired":         {token, "run-k3f9x2", evening, public, ErrTokenExpired},
		"of another room": {token, "other-k3f9x2", evening.Add(-time.Second), public, ErrTokenForged},
		"of another key":  {token, "run-k3f9x2", evening.Add(-time.Second), make([]byte, 32), ErrTokenForged},
		"without a key":   {token, "run-k3f9x2", evening.Add(-time.Second), nil, ErrTokenForged},
		"cut":             {token[:len(token)-1], "run-k3f9x2", evening.Add(-time.Second), public, ErrTokenMalformed},
		"longer life":     {"vvvvvv" + token[6:], "run-k3f9x2", evening.Add(-time.Second), public, ErrTokenForged},
		"empty":           {"", "run-k3f9x2", evening, public, ErrTokenMalformed},
	} {
		if err := VerifyPass(tt.token, tt.of, tt.key, tt.now); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if strings.ContainsAny(token, "/?#%~+. ") || len(token) > 120 {
		t.Errorf("%q cannot stand in an address", token)
	}
}

func FuzzVerifyPass(f *testing.F) {
	f.Add(SignPass(stageKey.PrivateKey, "run-k3f9x2", evening))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		if VerifyPass(token, "other-k3f9x2", stageKey.Public().(ed25519.PublicKey), evening) == nil {
			t.Errorf("%q lets somebody in whom nobody invited", token)
		}
	})
}
