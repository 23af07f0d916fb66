// Package recent remembers what was asked for lately.
package recent

import (
	ordered "container/list"
	"sync"
)

// Values are the values that were asked for last, up to a number of them. Its methods may be called from any goroutine.
type Values[K comparable, V any] struct {
	most int // immutable

	mu    sync.Mutex
	known map[K]*ordered.Element // guarded by mu; of *entry[K, V]
	order *ordered.List          // guarded by mu; what was asked for last is first
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// New remembers so many values.
func New[K comparable, V any](most int) *Values[K, V] {
	return &Values[K, V]{most: most, known: map[K]*ordered.Element{}, order: ordered.New()}
}

// Find gives the value of a key, or makes it, and forgets the one that nobody has asked for in the longest time where there are too many. To make
// one must take no time.
func (v *Values[K, V]) Find(key K, make func() V) V {
	v.mu.Lock()
	defer v.mu.Unlock()
	if at, ok := v.known[key]; ok {
		v.order.MoveToFront(at)
		return at.Value.(*entry[K, V]).value
	}
	made := &entry[K, V]{key, make()}
	v.known[key] = v.order.PushFront(made)
	for v.order.Len() > v.most {
		v.removeLocked(v.order.Back())
	}
	return made.value
}

// Forget drops the values of all keys of which that is so.
func (v *Values[K, V]) Forget(so func(K) bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key, at := range v.known {
		if so(key) {
			v.removeLocked(at)
		}
	}
}

// Len is how many values there are.
func (v *Values[K, V]) Len() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.order.Len()
}

// removeLocked drops one. The caller holds mu.
func (v *Values[K, V]) removeLocked(at *ordered.Element) {
	delete(v.known, v.order.Remove(at).(*entry[K, V]).key)
}
