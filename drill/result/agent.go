package result

import (
	"fmt"
	"time"
)

// Limits above which an agent is the bottleneck. An agent that works as it should is below a fifth of each.
const (
	LateLimit  = 100 * time.Millisecond // of 99 in 100 arrivals, behind the plan
	LagLimit   = 200 * time.Millisecond // of 99 in 100 rounds of the event loop
	ShareLimit = 0.95                   // of the CPU that the agent may use, in its busiest ten seconds
)

// Agent is a process of the generator, and what it says about itself.
type Agent struct {
	Name  string `json:"name"` // unique within the drill
	Host  string `json:"host"`
	PID   int    `json:"pid"`
	Build Build  `json:"build"`

	Late    Histogram `json:"late"`  // how long after they were due arrivals were begun
	Lag     Histogram `json:"lag"`   // how long a ready socket waited for the loop
	Share   float64   `json:"share"` // CPU used of the CPU that it may use (its threads' cores), in the busiest ten seconds: 0 to 1
	Seconds []Usage   `json:"seconds"`

	Saturated bool     `json:"saturated"`
	Reasons   []string `json:"reasons,omitempty"`
}

// Judge sets Saturated and Reasons from the agent's own figures. Reasons that are there already, such as descriptors that ran out, stay.
func (a *Agent) Judge() {
	late, lag := a.Late.Quantile(0.99), a.Lag.Quantile(0.99)
	if late > LateLimit {
		a.reason(fmt.Sprintf("1 in 100 arrivals began %v or more behind the plan (limit %v)", late.Round(time.Millisecond), LateLimit))
	}
	if lag > LagLimit {
		a.reason(fmt.Sprintf("1 in 100 ready sockets waited %v or more for the event loop (limit %v)", lag.Round(time.Millisecond), LagLimit))
	}
	if a.Share > ShareLimit {
		a.reason(fmt.Sprintf("used %.0f %% of its CPU (limit %.0f %%)", a.Share*100, ShareLimit*100))
	}
	a.Saturated = len(a.Reasons) > 0
}

func (a *Agent) reason(text string) { a.Reasons = union(a.Reasons, []string{text}) }
