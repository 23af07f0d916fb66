//go:build linux

package crowd

import (
	"fmt"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
)

// Crowds is several client processes, as the bench's own process sees them.
type Crowds struct{ child.Group }

// Start starts n client processes. Each has an index of its own from c.Index on; change may fit the configuration of each.
func Start(n int, c Config, change func(i int, c *Config)) (Crowds, error) {
	g, err := child.StartAll(Role, n, func(i int) any {
		mine := c
		mine.Index += i
		if change != nil {
			change(i, &mine)
		}
		return mine
	})
	return Crowds{g}, err
}

// Report sums up.
func (c Crowds) Report() (sum Report, err error) {
	all, err := child.Tell[Report](c.Group, "report", nil)
	for _, r := range all {
		sum = sum.Plus(r)
	}
	return sum, err
}

// Firsts are the times to first sound since the last call, in microseconds.
func (c Crowds) Firsts() ([]int32, error) {
	all, err := child.Tell[[]int32](c.Group, "firsts", nil)
	return slices.Concat(all...), err
}

// Ask lets listeners come, as many as j says altogether, dealt out evenly.
func (c Crowds) Ask(j Join) error {
	n := len(c.Group)
	_, err := child.Tell[bool](c.Group, "join", func(i int) any {
		mine := j
		mine.Count = j.Count/n + btoi(i < j.Count%n)
		mine.Rate, mine.Taper = j.Rate/float64(n), j.Taper/float64(n)
		if j.Connectors > 0 {
			mine.Connectors = max(1, j.Connectors/n)
		}
		return mine
	})
	return err
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Join lets listeners come and waits until each is seated or has failed. Time is what it took at most.
func (c Crowds) Join(j Join, most time.Duration) (r Report, took time.Duration, err error) {
	return c.Watch(j, most, nil)
}

// Watch is Join, and tells how it goes every 20 ms.
func (c Crowds) Watch(j Join, most time.Duration, tell func(time.Duration, Report)) (r Report, took time.Duration, err error) {
	begin := time.Now()
	err = c.Ask(j)
	for err == nil {
		r, err = c.Report()
		took = time.Since(begin)
		if err == nil && tell != nil {
			tell(took, r)
		}
		switch {
		case err != nil || r.Settled():
			return r, took, err
		case took > most:
			return r, took, fmt.Errorf("after %v only %d of %d are seated, %d failed: %v", most, r.Seated, r.Asked, r.Failed, r.Errors)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return r, took, err
}
