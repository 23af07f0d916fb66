//go:build race

package mix_test

// Under the race detector a tick costs ten times as much, and the long tests, which run on one goroutine, have nothing for it to find.
const slow = true
