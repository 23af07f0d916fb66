//go:build !race

package mix_test

const slow = false
