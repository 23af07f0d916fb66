package node

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/clock"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage"
	"github.com/epidaurus-live/epidaurus/store"
)

// openStore opens what the host's side keeps.
func (n *Node) openStore(ctx context.Context) (err error) {
	n.store, err = store.Open(ctx, n.data.path)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	return nil
}

// openStage makes what hears speakers and makes the sound.
func (n *Node) openStage(p *ports) (err error) {
	hold, err := n.cfg.holdSound()
	if err != nil {
		return err
	}
	key, err := n.data.clusterKey()
	if err != nil {
		return err
	}
	n.lister = newLister(key, time.Now())
	n.stageURL = n.cfg.StageURL
	if n.stageURL == "" {
		n.stageURL = localURL("http", p.stage)
	}
	carts, err := builtInCarts()
	if err != nil {
		return err
	}
	n.alarms = newAlarms(n.cfg.AlarmWebhook, n.log.With("part", "alarm"), clock.Machine{}.Sleep)
	n.ledger = newLedger(n.log, func(id room.ID) { n.stage.Refresh(id) })
	n.rooms = &rooms{
		ledger: n.ledger,
		carts:  carts, alarms: n.alarms, apologyAfter: n.cfg.ApologyAfter, stageURL: n.stageURL,
		bus: n.bus, store: n.store, log: n.log, hold: hold, holdAfter: n.cfg.HoldAfter, complexity: n.cfg.Complexity,
		open: map[room.ID]*runningRoom{}, now: n.cfg.now(), leadRules: room.LeadRules{Grace: n.cfg.HostGrace, End: n.cfg.LeftEnd}, key: key, joinRate: n.joinRate,
	}
	n.life = newLifeClock(n.bus.Facts, n.rooms.take, func(id room.ID) bool { return n.rooms.making(id) != nil }, n.rooms.now, n.log)
	n.stage, err = stage.New(stage.Config{
		Verify: func(token string) (room.Grant, error) { return n.store.Key().Verify(token, time.Now()) },
		Rooms:  n.bus, Mix: n.rooms, People: n.rooms.people, Remove: n.rooms.remove, Frame: n.rooms.frame,
		Block: n.rooms.block, HandOver: n.rooms.handOver, Consent: n.rooms.answerConsent, TakeLead: n.rooms.takeLead, TakeHands: n.rooms.takeHands, NewPerson: newPerson, Admit: n.rooms.admit,
		ListenURL: func(id room.ID) string { return n.listenersURL + n.listenPath(id) }, Tape: n.tapeState, Unwritten: n.ledger.unwritten,
		MP3:   func(r io.Reader) (stage.Sound, error) { return codec.NewMP3(r) },
		Media: p.takeMedia(), Advertise: parseAddrs(n.cfg.Advertise), Clock: clock.Mono, Log: n.log.With("part", "stage"),
	})
	n.rooms.stage = n.stage
	return err
}
