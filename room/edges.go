package room

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"time"
)

// MaxEdges is how many edges one list names at most.
const MaxEdges = 16

// EdgesLife is how long a list is good. Seats are told a list when it changes and every few minutes, so it outlives several tellings.
const EdgesLife = 15 * time.Minute

// EdgeList names places where this cluster seats listeners. A listener who lost his edge goes to another of them.
type EdgeList struct {
	Version int      `json:"v"`       // 1
	Edges   []string `json:"edges"`   // origins, such as https://e1.example.org
	Made    int64    `json:"made"`    // Unix seconds
	Expires int64    `json:"expires"` // Unix seconds
}

// EdgesEvent is a signed list as it rides in band. It concerns the edge that tells it, and is not part of the channel. Edges is for people who
// look: a client reads the list from Signed, after it has verified it.
type EdgesEvent struct {
	Kind   string   `json:"t"`
	Edges  []string `json:"edges"`
	Signed string   `json:"signed"` // an EdgeList as JSON, in base64url
	Sig    string   `json:"sig"`    // Ed25519, over the decoded bytes of Signed, in base64url
	Key    string   `json:"key"`    // public, in base64url
}

// Reasons why a list of edges is not believed.
var (
	ErrEdgesMalformed = errors.New("the list of edges is damaged")
	ErrEdgesForged    = errors.New("the list of edges is not signed by this cluster")
	ErrEdgesExpired   = errors.New("the list of edges has expired")
)

const (
	edgesVersion   = 1
	maxEdgesEvent  = 16 << 10
	maxEdgesOrigin = 256
)

var edgesEncoding = base64.RawURLEncoding.Strict()

// NewEdgeList makes a list of the origins given, sorted and each once. Of more than MaxEdges it takes some at random: the same ones
// whoever makes the list, for a minute, so that it does not change with every making.
func NewEdgeList(origins []string, now time.Time) EdgeList {
	edges := slices.Clone(origins)
	slices.Sort(edges)
	edges = slices.Compact(edges)
	if len(edges) > MaxEdges {
		minute := now.Unix() / 60
		slices.SortFunc(edges, func(a, b string) int {
			return cmp.Or(cmp.Compare(lot(minute, a), lot(minute, b)), cmp.Compare(a, b))
		})
		edges = edges[:MaxEdges]
		slices.Sort(edges)
	}
	return EdgeList{Version: edgesVersion, Edges: edges, Made: now.Unix(), Expires: now.Add(EdgesLife).Unix()}
}

// lot is what an origin draws in a minute.
func lot(minute int64, origin string) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s", minute, origin) // a hash never fails
	// FNV's last byte hardly reaches the high bits: the finalizer of MurmurHash3 spreads it.
	x := h.Sum64()
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// ValidOrigin reports whether s can stand in a list: http or https, a host, perhaps a port, and nothing else.
func ValidOrigin(s string) bool {
	host, ok := strings.CutPrefix(s, "https://")
	if !ok {
		host, ok = strings.CutPrefix(s, "http://")
	}
	if !ok || len(s) > maxEdgesOrigin {
		return false
	}
	allowed := func(c rune) bool {
		return c < 0x80 && (isLetterOrDigit(byte(c)) || c >= 'A' && c <= 'Z' || c == '-' || c == '.')
	}
	port := ""
	if inside, isIP := strings.CutPrefix(host, "["); isIP {
		host, port, ok = strings.Cut(inside, "]")
		allowed = func(c rune) bool { return strings.ContainsRune("0123456789abcdefABCDEF:.", c) }
	} else if at := strings.IndexByte(host, ':'); at >= 0 {
		host, port = host[:at], host[at:]
	}
	if !ok || host == "" || strings.ContainsFunc(host, func(c rune) bool { return !allowed(c) }) {
		return false
	}
	digits, hasPort := strings.CutPrefix(port, ":")
	if !hasPort {
		return port == ""
	}
	return len(digits) > 0 && len(digits) <= 5 && !strings.ContainsFunc(digits, func(c rune) bool { return c < '0' || c > '9' })
}

// SignEdges signs a list, and makes of it what is told to listeners.
func SignEdges(key ed25519.PrivateKey, l EdgeList) (EdgesEvent, error) {
	err := l.check()
	if err != nil {
		return EdgesEvent{}, err
	}
	signed, err := json.Marshal(l)
	if err != nil {
		return EdgesEvent{}, fmt.Errorf("write the list of edges: %w", err)
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return EdgesEvent{}, errors.New("the key of the cluster is none of Ed25519")
	}
	return EdgesEvent{
		Kind: KindEdges, Edges: l.Edges,
		Signed: edgesEncoding.EncodeToString(signed),
		Sig:    edgesEncoding.EncodeToString(ed25519.Sign(key, signed)),
		Key:    edgesEncoding.EncodeToString(public),
	}, nil
}

// VerifyEdges returns the list that e's signature is over. Key is the first one that the reader ever saw; nil takes the one that e names,
// which says only that e is whole. It returns the list beside ErrEdgesExpired, too: an old list is better than none to who has lost his edge.
func VerifyEdges(e EdgesEvent, key ed25519.PublicKey, now time.Time) (EdgeList, error) {
	signed, err := edgesEncoding.DecodeString(e.Signed)
	if err != nil || len(e.Signed) > maxEdgesEvent {
		return EdgeList{}, ErrEdgesMalformed
	}
	sig, err := edgesEncoding.DecodeString(e.Sig)
	if err != nil || len(sig) != ed25519.SignatureSize {
		return EdgeList{}, ErrEdgesMalformed
	}
	named, err := edgesEncoding.DecodeString(e.Key)
	if err != nil || len(named) != ed25519.PublicKeySize {
		return EdgeList{}, ErrEdgesMalformed
	}
	if key == nil {
		key = named
	}
	if !key.Equal(ed25519.PublicKey(named)) || !ed25519.Verify(key, signed, sig) {
		return EdgeList{}, ErrEdgesForged
	}
	var l EdgeList
	err = json.Unmarshal(signed, &l)
	if err != nil {
		return EdgeList{}, fmt.Errorf("%w: %w", ErrEdgesMalformed, err)
	}
	err = l.check()
	if err != nil {
		return EdgeList{}, err
	}
	if now.Unix() >= l.Expires {
		return l, ErrEdgesExpired
	}
	return l, nil
}

// ParseEdges reads an event. Members that it does not know are passed over.
func ParseEdges(data []byte) (EdgesEvent, error) {
	if len(data) > maxEdgesEvent {
		return EdgesEvent{}, ErrEdgesMalformed
	}
	var e EdgesEvent
	err := json.Unmarshal(bytes.TrimSpace(data), &e)
	if err != nil || e.Kind != KindEdges {
		return EdgesEvent{}, ErrEdgesMalformed
	}
	return e, nil
}

func (l *EdgeList) check() error {
	if l.Version != edgesVersion || len(l.Edges) > MaxEdges {
		return ErrEdgesMalformed
	}
	for _, o := range l.Edges {
		if !ValidOrigin(o) {
			return fmt.Errorf("%w: %q is no origin", ErrEdgesMalformed, o)
		}
	}
	return nil
}

// ClusterKey signs the lists of edges. It is kept as a line of text: a seed of 32 bytes in base64url.
type ClusterKey struct{ ed25519.PrivateKey }

// NewClusterKey makes a key from 32 bytes of random.
func NewClusterKey(random io.Reader) (ClusterKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	_, err := io.ReadFull(random, seed)
	if err != nil {
		return ClusterKey{}, fmt.Errorf("read random bytes: %w", err)
	}
	return ClusterKey{ed25519.NewKeyFromSeed(seed)}, nil
}

// ParseClusterKey reads what Text wrote.
func ParseClusterKey(text string) (ClusterKey, error) {
	seed, err := edgesEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(seed) != ed25519.SeedSize {
		return ClusterKey{}, errors.New("this is no key of a cluster: it must be a line of 43 characters")
	}
	return ClusterKey{ed25519.NewKeyFromSeed(seed)}, nil
}

// Text is the key's secret form.
func (k ClusterKey) Text() string { return edgesEncoding.EncodeToString(k.Seed()) }
