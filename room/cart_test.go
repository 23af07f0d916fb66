package room

import "testing"

func TestCheckDelay(t *testing.T) {
	for ms, fine := range map[int]bool{-1: false, 0: true, 10000: true, 30000: true, 30001: false} {
		if err := CheckDelay(ms); (err == nil) != fine {
			t.Errorf("CheckDelay(%d) = %v", ms, err)
		}
	}
}

func TestCarts(t *testing.T) {
	for _, c := range Carts {
		if !c.Valid() || c == FillHold || c == FillNone {
			t.Errorf("%q is no good name", c)
		}
	}
	if Cart("hold").Valid() || Cart("").Valid() {
		t.Error("a cart is valid that is none")
	}
}
