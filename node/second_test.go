package node

import (
	"errors"
	"log/slog"
	"net/url"
	"testing"
)

// Who starts the same server again is told so, and not merely that its ports are taken.
func TestSecondStart(t *testing.T) {
	cfg := usual(t)
	first := open(t, cfg)
	u, err := url.Parse(first.PrivateURL())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Private = u.Host
	_, err = Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if !errors.Is(err, ErrDataInUse) {
		t.Errorf("error %v, want ErrDataInUse", err)
	}
}
