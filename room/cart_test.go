package room

import "testing"

func TestCheckDelay(t *testing.T) {
	for ms, fine := range map[int]bool{-1: false, 0: true, 10000: true, 30000: true, 30001: false} {
		if err := CheckDelay(ms); (err == nil) != fine {
			t.Errorf("CheckDelay(%d) = %v", ms, err)
		}
	}
}

func TestCartsAndRoles(t *testing.T) {
	for _, c := range Carts {
		if !c.Valid() || c == FillHold || c == FillNone {
			t.Errorf("%q is no good name", c)
		}
	}
	if Cart("hold").Valid() || Cart("").Valid() {
		t.Error("a cart is valid that is none")
	}
	for role, directs := range map[Role]bool{Host: true, CoHost: true, Speaker: false, "": false, "listener": false} {
		if role.Directs() != directs {
			t.Errorf("%q directs: %t, want %t", role, role.Directs(), directs)
		}
	}
}
