package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/bus"
)

// The parts of which a node runs one or both.
const (
	roleStage = "stage" // speakers, mix, makers of channels, the host's side, the database
	roleEdge  = "edge"  // seats
)

// has reports whether a part runs here. Without any named, all do.
func (c *Config) has(role string) bool { return len(c.Roles) == 0 || slices.Contains(c.Roles, role) }

// maxDrain bounds how long a node that was told to stop may go on.
const maxDrain = time.Hour

// checkCluster says what is wrong with what concerns several nodes.
func (c *Config) checkCluster(check func(name string, err error)) {
	for _, r := range c.Roles {
		switch r {
		case roleStage, roleEdge:
		case "control":
			check("roles", errors.New("control is part of stage: write stage"))
		default:
			check("roles", fmt.Errorf("%q is no part of a node: write stage, edge or both", r))
		}
	}
	if !c.has(roleStage) && c.NATS == "" {
		check("roles", errors.New("an edge alone needs the bus of a stage: name it with nats, such as tls://stage.example.org:4222"))
	}
	if !c.has(roleEdge) && c.PublicURL == "" {
		check("public-url", errors.New("a stage alone has to know where its listeners go: write one such as https://live.example.org"))
	}
	if c.DrainOver < 0 || c.DrainOver > maxDrain {
		check("drain-over", fmt.Errorf("%v is no time to drain: write one from 0s to 1h", c.DrainOver))
	}
	c.checkBusListen(check)
	c.checkNATS(check)
}

func (c *Config) checkBusListen(check func(name string, err error)) {
	if c.BusListen == "" {
		if c.BusCert != "" || c.BusKey != "" {
			check("bus-cert", errors.New("a certificate is given, and the bus does not listen: set bus-listen, or leave it out"))
		}
		return
	}
	check("bus-listen", checkAddress(c.BusListen))
	if c.NATS != "" {
		check("bus-listen", errors.New("the bus is elsewhere (nats) and here: leave out one of them"))
	}
	if (c.BusCert == "") != (c.BusKey == "") {
		check("bus-cert", errors.New("certificate and key go together: set both bus-cert and bus-key"))
	}
}

func (c *Config) checkNATS(check func(name string, err error)) {
	if c.NATS == "" {
		if c.NATSCA != "" || c.NATSCert != "" || c.NATSKey != "" || c.NATSCreds != "" {
			check("nats", errors.New("there are certificates or credentials for a bus elsewhere, and no address of it: set nats"))
		}
		return
	}
	err := bus.CheckURL(c.NATS)
	check("nats", err)
	if (c.NATSCert == "") != (c.NATSKey == "") {
		check("nats-cert", errors.New("certificate and key go together: set both nats-cert and nats-key"))
	}
	if err == nil {
		err = bus.CheckIdentity(c.NATS, c.ClusterSecretFile != "" || c.NATSCert != "" || c.NATSCreds != "")
		check("cluster-secret-file", err)
	}
}
