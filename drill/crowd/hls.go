//go:build linux

package crowd

// hlsState is what a listener of HLS remembers.
type hlsState struct{ path string }

func newHLS(to *place) *hlsState { return &hlsState{path: to.path} }

func (h *hlsState) restart(to *place) { h.path = to.path }

func (l *loop) fetched(*listener, *head, []byte) error { return errHead }
