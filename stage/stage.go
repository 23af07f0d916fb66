package stage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/epidaurus-live/epidaurus/internal/beacon"
	"github.com/epidaurus-live/epidaurus/room"
)

// Stage is the stages of all rooms of a node. Its methods may be called from any goroutine.
type Stage struct {
	// immutable
	cfg         Config
	network     *network
	handler     http.Handler
	negotiating chan struct{} // one token for each offer that is being answered

	mu     sync.Mutex
	closed bool               // guarded by mu
	scenes map[room.ID]*scene // guarded by mu; ended ones stay, and refuse
}

// New makes a stage. Nothing is listened to but Config.Media; the handler is served by the caller. It takes over Config.Media
// even where it fails.
func New(cfg Config) (*Stage, error) {
	err := cfg.complete()
	if err != nil {
		return nil, err
	}
	_, ok := cfg.Media.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, errors.Join(fmt.Errorf("stage: Config.Media is no UDP socket but %T", cfg.Media), cfg.Media.Close())
	}
	n, err := newNetwork(cfg.Media, cfg.Advertise, cfg.Log)
	if err != nil {
		return nil, errors.Join(err, ignoreClosed(cfg.Media.Close()))
	}
	s := &Stage{
		cfg: cfg, network: n, negotiating: make(chan struct{}, maxNegotiating), scenes: make(map[room.ID]*scene),
	}
	s.handler = s.routes()
	return s, nil
}

// Handler serves everything under /r/{room}/whip, /r/{room}/desk and /r/{room}/stage.
func (s *Stage) Handler() http.Handler { return s.handler }

// SetLevels tells who is how loud, about five times a second.
func (s *Stage) SetLevels(id room.ID, levels []Level) {
	if sc := s.existing(id); sc != nil {
		sc.setLevels(levels)
	}
}

// SetListening tells how many seats are taken, and how many are estimated to listen behind caches; nil: nobody is known to.
func (s *Stage) SetListening(id room.ID, n int, behind *beacon.Estimate) {
	if sc := s.existing(id); sc != nil {
		sc.setListening(n, behind)
	}
}

// Refresh tells the people on stage again how things are, after the room's facts changed.
func (s *Stage) Refresh(id room.ID) {
	if sc := s.existing(id); sc != nil {
		sc.changed()
	}
}

// EndRoom tells everybody that the room has ended and closes all its sessions. It returns when they are closed.
func (s *Stage) EndRoom(id room.ID) {
	sc, err := s.scene(id)
	if err != nil {
		return // the stage is closing, and ends all rooms' sessions anyhow
	}
	_ = sc.close(context.Background(), &event{name: "ended", data: []byte("{}")}, true) // no deadline, no error
	s.cfg.Log.Info("room ended", "room", id)
}

// Close closes all sessions and event streams, then the media socket. What is open when ctx ends is left behind, with an error.
func (s *Stage) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	scenes := make([]*scene, 0, len(s.scenes))
	for _, sc := range s.scenes {
		scenes = append(scenes, sc)
	}
	s.mu.Unlock()
	errs := make([]error, len(scenes))
	var wg sync.WaitGroup
	for i, sc := range scenes {
		wg.Go(func() { errs[i] = sc.close(ctx, nil, false) })
	}
	wg.Wait()
	for range maxNegotiating { // offers that are still being answered find their scene closed
		select {
		case s.negotiating <- struct{}{}:
		case <-ctx.Done():
			errs = append(errs, ctx.Err())
		}
	}
	err := errors.Join(append(errs, s.network.close())...)
	if err != nil {
		return fmt.Errorf("close stage: %w", err)
	}
	return nil
}

func (s *Stage) existing(id room.ID) *scene {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scenes[id]
}

// scene returns the room's scene. The caller has checked that the room exists.
func (s *Stage) scene(id room.ID) (*scene, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errShuttingDown
	}
	sc := s.scenes[id]
	if sc == nil {
		sc = newScene(id, &s.cfg)
		s.scenes[id] = sc
		sc.wg.Go(sc.run)
	}
	return sc, nil
}
