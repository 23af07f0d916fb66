package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// ports are opened first, so that a taken one is told before anything else happens. Those of parts that do not run here are nil.
type ports struct {
	listen  net.Listener
	stage   net.Listener
	private net.Listener
	media   net.PacketConn
	whep    net.PacketConn
}

func openPorts(cfg Config) (_ *ports, err error) {
	p := &ports{}
	defer func() {
		if err != nil {
			p.closeUnused()
		}
	}()
	if cfg.has(roleEdge) {
		p.listen, err = openTCP("listen", cfg.Listen)
		if err == nil && cfg.WHEPMax > 0 {
			err = p.openWHEP(cfg)
		}
		if err != nil {
			return nil, err
		}
	}
	if cfg.has(roleStage) {
		err = p.openStage(cfg)
		if err != nil {
			return nil, err
		}
	}
	p.private, err = openTCP("private", cfg.Private)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// openStage opens what speakers and hosts connect to.
func (p *ports) openStage(cfg Config) (err error) {
	p.stage, err = openTCP("stage", cfg.Stage)
	if err != nil {
		return err
	}
	media := cfg.Media
	if media == "" {
		media, err = mediaAddress(cfg.Stage, p.stage)
		if err != nil {
			return err
		}
	}
	p.media, err = net.ListenPacket("udp", media)
	if err != nil {
		return portError("media", media, err)
	}
	return nil
}

// openWHEP opens what listeners by WHEP are sent their sound from. Where no address was named and the listeners' is taken, it stays closed: who
// listens otherwise should not go without for it.
func (p *ports) openWHEP(cfg Config) (err error) {
	media := cfg.WHEPMedia
	if media == "" {
		media = cfg.Listen // where that is any port, this is one of its own: UDP's and TCP's are given independently
	}
	p.whep, err = net.ListenPacket("udp", media)
	if err != nil && cfg.WHEPMedia != "" {
		return portError("whep-media", media, err)
	}
	return nil
}

// mediaAddress is the stage's address, with the port that it really got.
func mediaAddress(stage string, ln net.Listener) (string, error) {
	host, _, err := net.SplitHostPort(stage)
	if err != nil {
		return "", fmt.Errorf("stage: %w", err)
	}
	tcp, ok := ln.Addr().(*net.TCPAddr)
	if !ok {
		return "", fmt.Errorf("stage: %v is no TCP address", ln.Addr())
	}
	return net.JoinHostPort(host, strconv.Itoa(tcp.Port)), nil
}

func openTCP(flag, addr string) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // a seat's socket is plain TCP: nothing stands between it and the section that writes to it
	ln, err := config.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, portError(flag, addr, err)
	}
	return ln, nil
}

func portError(flag, addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("another program uses %s: stop it, or choose another address with --%s", addr, flag)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("this user may not open %s: choose a port above 1023 with --%s, or allow it (setcap cap_net_bind_service)", addr, flag)
	}
	return fmt.Errorf("open %s (--%s): %w", addr, flag, err)
}

// takeMedia gives the media socket to its new owner.
func (p *ports) takeMedia() net.PacketConn {
	m := p.media
	p.media = nil
	return m
}

// takeWHEP gives the listeners' media socket to its new owner.
func (p *ports) takeWHEP() net.PacketConn {
	m := p.whep
	p.whep = nil
	return m
}

// take gives a listener to its new owner.
func take(ln *net.Listener) net.Listener {
	l := *ln
	*ln = nil
	return l
}

// closeUnused closes what was given to nobody.
func (p *ports) closeUnused() {
	for _, ln := range []net.Listener{p.listen, p.stage, p.private} {
		if ln != nil {
			_ = ln.Close()
		}
	}
	for _, conn := range []net.PacketConn{p.media, p.whep} {
		if conn != nil {
			_ = conn.Close()
		}
	}
}
