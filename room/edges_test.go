package room

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func clusterKey(t testing.TB, seed byte) ClusterKey {
	t.Helper()
	key, err := NewClusterKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signEdges(t testing.TB, key ClusterKey, origins ...string) EdgesEvent {
	t.Helper()
	e, err := SignEdges(key.PrivateKey, NewEdgeList(origins, noon))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEdges(t *testing.T) {
	key, other := clusterKey(t, 1), clusterKey(t, 2)
	public := key.Public().(ed25519.PublicKey)
	good := signEdges(t, key, "https://e2.example", "https://e1.example", "https://e2.example")
	signRaw := func(text string) EdgesEvent {
		e := good
		e.Signed = edgesEncoding.EncodeToString([]byte(text))
		e.Sig = edgesEncoding.EncodeToString(ed25519.Sign(key.PrivateKey, []byte(text)))
		return e
	}
	with := func(change func(*EdgesEvent)) EdgesEvent {
		e := good
		change(&e)
		return e
	}
	for _, row := range []struct {
		name  string
		event EdgesEvent
		key   ed25519.PublicKey
		after time.Duration
		want  error
	}{
		{"Good", good, public, 0, nil},
		{"NoKeySeenYet", good, nil, 0, nil},
		{"ShownEdgesDoNotCount", with(func(e *EdgesEvent) { e.Edges = []string{"https://evil.example"} }), public, 0, nil},
		{"LastSecond", good, public, EdgesLife - time.Second, nil},
		{"Expired", good, public, EdgesLife, ErrEdgesExpired},
		{"AnotherClusters", signEdges(t, other, "https://e1.example"), public, 0, ErrEdgesForged},
		{"AnotherClustersUnderOurName", with(func(e *EdgesEvent) {
			o := signEdges(t, other, "https://evil.example")
			e.Signed, e.Sig = o.Signed, o.Sig
		}), public, 0, ErrEdgesForged},
		{"AnotherList", with(func(e *EdgesEvent) { e.Signed = signEdges(t, key, "https://e3.example").Signed }), public, 0, ErrEdgesForged},
		{"NoSignature", with(func(e *EdgesEvent) { e.Sig = "" }), public, 0, ErrEdgesMalformed},
		{"NoKey", with(func(e *EdgesEvent) { e.Key = "" }), nil, 0, ErrEdgesMalformed},
		{"NotBase64", with(func(e *EdgesEvent) { e.Signed = "*" }), public, 0, ErrEdgesMalformed},
		{"NotJSON", signRaw("junk"), public, 0, ErrEdgesMalformed},
		{"LaterVersion", signRaw(`{"v":2,"edges":[],"made":1,"expires":9999999999}`), public, 0, ErrEdgesMalformed},
		{"NewMembers", signRaw(`{"v":1,"edges":["https://e1.example"],"made":1,"expires":9999999999,"load":[1]}`), public, 0, nil},
		{"Script", signRaw(`{"v":1,"edges":["javascript:alert(1)"],"made":1,"expires":9999999999}`), public, 0, ErrEdgesMalformed},
		{"TooMany", signRaw(`{"v":1,"edges":["https://e` + strings.Repeat(`","https://e`, MaxEdges) + `"],"made":1,"expires":9999999999}`), public, 0, ErrEdgesMalformed},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, err := VerifyEdges(row.event, row.key, noon.Add(row.after))
			if !errors.Is(err, row.want) {
				t.Fatalf("error %v, want %v", err, row.want)
			}
			if believed := err == nil || errors.Is(err, ErrEdgesExpired); believed != (len(l.Edges) > 0) {
				t.Errorf("%+v beside %v", l, err)
			}
		})
	}
	if !slices.Equal(good.Edges, []string{"https://e1.example", "https://e2.example"}) {
		t.Errorf("the list is %q", good.Edges)
	}
	_, err := SignEdges(key.PrivateKey, EdgeList{Version: 1, Edges: []string{"e1"}})
	if !errors.Is(err, ErrEdgesMalformed) {
		t.Errorf("signed what nobody takes: %v", err)
	}
}

// Of many edges some are drawn: the same by whoever draws, others in another minute, and each as likely as the next.
func TestManyEdgesAreDrawn(t *testing.T) {
	var all []string
	for i := range 40 {
		all = append(all, fmt.Sprintf("https://edge-%d.example", i))
	}
	first := NewEdgeList(all, noon)
	slices.Reverse(all)
	if again := NewEdgeList(all, noon.Add(time.Duration(59-noon.Unix()%60)*time.Second)); !slices.Equal(again.Edges, first.Edges) {
		t.Error("within a minute the draw changed")
	}
	drawn := map[string]int{}
	const minutes = 1000
	for m := range minutes {
		l := NewEdgeList(all, noon.Add(time.Duration(m)*time.Minute))
		if len(l.Edges) != MaxEdges || !slices.IsSorted(l.Edges) {
			t.Fatalf("%q", l.Edges)
		}
		for _, e := range l.Edges {
			drawn[e]++
		}
	}
	for _, e := range all {
		if n := drawn[e]; n < minutes*MaxEdges/40*3/4 || n > minutes*MaxEdges/40*5/4 {
			t.Errorf("%s was drawn %d times of %d", e, n, minutes)
		}
	}
}

func TestValidOrigin(t *testing.T) {
	for s, want := range map[string]bool{
		"https://e1.example": true, "http://192.0.2.7:8080": true, "https://[2001:db8::7]:8443": true, "https://[::1]": true, "https://E-1": true,
		"": false, "e1": false, "https://": false, "https://e1/": false, "https://e1?x": false, "https://e1#x": false, "https://u@e1": false,
		"ftp://e1": false, "javascript:alert(1)": false, "https://e1:": false, "https://e1:123456": false, "https://e1:8a": false, "https://e 1": false,
		"https://[::1": false, "https://[x]": false, "https://é": false, "https://e\u212a": false, "https://a\\b": false, "https://a\x10": false, "https://" + strings.Repeat("a", 300): false,
	} {
		if ValidOrigin(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func TestClusterKeySurvivesItsText(t *testing.T) {
	key := clusterKey(t, 7)
	again, err := ParseClusterKey(key.Text() + "\n")
	if err != nil || !again.Equal(key.PrivateKey) {
		t.Errorf("%v", err)
	}
	for _, text := range []string{"", "junk", key.Text()[:42], key.Text() + "A"} {
		if _, err := ParseClusterKey(text); err == nil {
			t.Errorf("%q is a key", text)
		}
	}
	if _, err := NewClusterKey(strings.NewReader("short")); err == nil {
		t.Error("a key of five bytes")
	}
}

func FuzzEdges(f *testing.F) {
	key := clusterKey(f, 1)
	good := signEdges(f, key, "https://e1.example")
	data, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, []byte("{}"), data, data[:len(data)-2], bytes.Replace(data, []byte("e1"), []byte("e2"), 1), []byte(`{"t":"edges","signed":"e30","sig":"","key":""}`)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseEdges(data)
		if err != nil {
			return
		}
		l, err := VerifyEdges(e, key.Public().(ed25519.PublicKey), noon)
		if err == nil && (e.Signed != good.Signed || !slices.Equal(l.Edges, good.Edges)) {
			t.Errorf("%q is believed", data)
		}
		l, err = VerifyEdges(e, nil, noon)
		if err != nil {
			return
		}
		for _, o := range l.Edges {
			if !ValidOrigin(o) {
				t.Errorf("%q stands in a list", o)
			}
		}
	})
}

func FuzzParseClusterKey(f *testing.F) {
	f.Add(clusterKey(f, 1).Text())
	f.Add("short")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseClusterKey(text)
		if err != nil {
			return
		}
		again, err := ParseClusterKey(key.Text())
		if err != nil || !bytes.Equal(again.Seed(), key.Seed()) {
			t.Errorf("%q does not come back: %v", text, err)
		}
	})
}
