package recent

import "testing"

// What was asked for the longest ago goes first; what is forgotten is made again.
func TestValues(t *testing.T) {
	v, made := New[int, string](3), ""
	find := func(key int) string {
		return v.Find(key, func() string { made += string(rune('a' + key)); return made })
	}
	for _, key := range []int{0, 1, 2, 0, 3} { // 1 goes
		find(key)
	}
	if got := find(0); made != "abcd" || got != "a" || v.Len() != 3 {
		t.Errorf("made are %q, the first is %q, %d are kept", made, got, v.Len())
	}
	if got := find(1); got != "abcdb" { // 2 goes
		t.Errorf("what had gone is %q", got)
	}
	v.Forget(func(key int) bool { return key != 3 })
	if v.Len() != 1 || len(v.known) != 1 {
		t.Errorf("%d are kept, %d known", v.Len(), len(v.known))
	}
	if find(3); made != "abcdb" {
		t.Errorf("what was kept is made again: %q", made)
	}
}
