package crowd

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash/maphash"
	"time"
)

// maxEdges bounds the places that a listener remembers.
const maxEdges = 256

var errEdges = errors.New("the list of edges is not signed as it should be")

// readEvent returns the kind and the data of an emsg's contents, when it is of our scheme.
func readEvent(b []byte) (kind string, data []byte, ok bool) {
	const fixed = 4 + 4 + 8 + 4 + 4
	if len(b) < fixed || b[0] != 1 {
		return "", nil, false
	}
	scheme, rest, ok := bytes.Cut(b[fixed:], []byte{0})
	if !ok || string(scheme) != "urn:epidaurus:event:1" {
		return "", nil, false
	}
	value, data, ok := bytes.Cut(rest, []byte{0})
	return string(value), data, ok
}

// edgeList is a list of other places, as a listener heard it in band. It is immutable.
type edgeList struct {
	origins []string
	expires time.Time
}

// edgeKeeper verifies lists of edges, each text of one once. The first key that it saw is the one that counts.
type edgeKeeper struct {
	seed  maphash.Seed
	known map[uint64]*edgeList // nil: it was wrong
	key   ed25519.PublicKey
}

func newEdgeKeeper() *edgeKeeper {
	return &edgeKeeper{seed: maphash.MakeSeed(), known: map[uint64]*edgeList{}}
}

// read returns the list in the data of an edges event. The error says that it must not be believed.
func (k *edgeKeeper) read(data []byte) (*edgeList, error) {
	sum := maphash.Bytes(k.seed, data)
	list, seen := k.known[sum]
	if !seen {
		list = k.verify(data)
		if len(k.known) >= 4*maxEdges {
			clear(k.known)
		}
		k.known[sum] = list
	}
	if list == nil {
		return nil, errEdges
	}
	return list, nil
}

// verify reads a list from its signed bytes only.
func (k *edgeKeeper) verify(data []byte) *edgeList {
	var said struct {
		Signed string `json:"signed"`
		Sig    string `json:"sig"`
		Key    string `json:"key"`
	}
	if json.Unmarshal(data, &said) != nil {
		return nil
	}
	signed, err1 := base64.RawURLEncoding.DecodeString(trimPadding(said.Signed))
	sig, err2 := base64.RawURLEncoding.DecodeString(trimPadding(said.Sig))
	key, err3 := base64.RawURLEncoding.DecodeString(trimPadding(said.Key))
	if errors.Join(err1, err2, err3) != nil || len(key) != ed25519.PublicKeySize {
		return nil
	}
	trusted := k.key
	if trusted == nil {
		trusted = key
	}
	if !ed25519.Verify(trusted, signed, sig) {
		return nil
	}
	var list struct {
		V       int      `json:"v"`
		Edges   []string `json:"edges"`
		Expires int64    `json:"expires"`
	}
	if json.Unmarshal(signed, &list) != nil || list.V != 1 || len(list.Edges) > maxEdges {
		return nil
	}
	k.key = trusted
	return &edgeList{origins: list.Edges, expires: time.Unix(list.Expires, 0)}
}

func trimPadding(s string) string {
	for len(s) > 0 && s[len(s)-1] == '=' {
		s = s[:len(s)-1]
	}
	return s
}
