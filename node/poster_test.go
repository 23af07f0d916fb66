package node

import (
	"sync"
	"testing"
)

// Two pictures do not wait for each other: each is made while the other one is. One that is kept is had meanwhile, too.
func TestPicturesDoNotWaitForEachOther(t *testing.T) {
	p := newPrinter()
	if _, ok := p.of("kept", func() ([]byte, error) { return []byte("kept"), nil }); !ok {
		t.Fatal("the first picture is not made")
	}
	begun := map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}
	var all sync.WaitGroup
	for name, other := range map[string]string{"a": "b", "b": "a"} {
		all.Go(func() {
			picture, ok := p.of(name, func() ([]byte, error) {
				close(begun[name])
				select {
				case <-begun[other]:
				case <-t.Context().Done():
				}
				kept, ok := p.of("kept", func() ([]byte, error) { panic("it is made twice") })
				if !ok || string(kept) != "kept" {
					t.Errorf("%s, %v", kept, ok)
				}
				return []byte(name), nil
			})
			if !ok || string(picture) != name {
				t.Errorf("%s: %s, %v", name, picture, ok)
			}
		})
	}
	all.Wait()
}
