package web

import (
	"testing"
	"time"
)

func TestPlaysAfterOneTap(t *testing.T) {
	e := newFakeEdge(t, false)
	p := open(t, browser(t), e.url())
	if n := len(e.requests()); n != 0 {
		t.Fatalf("%d seats taken before the tap", n)
	}
	p.listen()
	p.plays(2 * time.Second)
	t.Log(p.status())
}
