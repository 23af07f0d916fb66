package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/api"
	"github.com/epidaurus-live/epidaurus/cast"
	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/replay"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/web"
)

// unpublishTimeout is how long a host who deletes a tape waits for its published copy to be gone. It is tried again after that.
const unpublishTimeout = 5 * time.Second

// publishTo is where Publish says; a function that opens it, nil: nowhere.
func (c *Config) publishTo() (open func() (cast.Store, error), err error) {
	const how = "write dir: and the path of a folder, such as dir:/srv/epidaurus, or s3://bucket/prefix"
	if c.Publish == "" {
		return nil, nil
	}
	if folder, ok := strings.CutPrefix(c.Publish, "dir:"); ok && folder != "" {
		return func() (cast.Store, error) { return cast.NewFolder(folder) }, nil
	}
	place, ok := strings.CutPrefix(c.Publish, "s3://")
	if !ok {
		return nil, fmt.Errorf("%q is no place: %s", c.Publish, how)
	}
	bucket, prefix, _ := strings.Cut(strings.TrimSuffix(place, "/"), "/")
	cfg := cast.BucketConfig{
		Bucket: bucket, Prefix: prefix, Endpoint: c.PublishEndpoint, Region: c.PublishRegion, PathStyle: c.PublishPathStyle, Credentials: c.PublishCredentials,
	}
	return func() (cast.Store, error) { return cast.NewBucket(cfg) }, cfg.Check()
}

// openPublisher makes what writes rooms to where others serve them from.
func (n *Node) openPublisher() error {
	open, err := n.cfg.publishTo()
	if err != nil || open == nil {
		return err
	}
	store, err := open()
	if err != nil {
		return err
	}
	if s, ok := store.(interface{ Close() }); ok {
		n.closeStore = s.Close
	}
	n.publisher, err = cast.NewPublisher(n.castConfig(), cast.Publication{Store: store, Page: web.ReplayFile(), Index: n.publishedIndex, M4A: n.publishedM4A, Beacon: n.publishedBeacon})
	if n.rooms != nil {
		n.rooms.publisher = n.publisher
	}
	return err
}

// openRelay makes what pushes rooms to an Icecast server.
func (n *Node) openRelay() error {
	if n.cfg.IcecastPush == "" {
		return nil
	}
	to, err := cast.ParseIcecastMount(n.cfg.IcecastPush)
	if err != nil {
		return err
	}
	n.relay, err = cast.NewRelay(n.castConfig(), to)
	return err
}

// publishLate is how much of a room may not be published yet before somebody should look: three segments.
const publishLate = 3 * hls.SegmentDuration

// lightOfPublishing asks whether what is said reaches those who are not served by us.
func (n *Node) lightOfPublishing(f room.Facts) api.Light {
	const name = "publish"
	if n.publisher == nil {
		return light(name, api.Dark, "off")
	}
	behind, failing, ok := n.publisher.Lag(f.ID)
	late := int64(behind / time.Second)
	switch {
	case !ok && f.State.Open():
		return light(name, api.Dark, "not_yet")
	case !ok:
		return light(name, api.Dark, "not_open")
	case failing:
		return light(name, api.Red, "failed", late)
	case behind > publishLate:
		return light(name, api.Amber, "behind", late)
	}
	return light(name, api.Green, "on")
}

// publishedIndex is what the published page of a room reads.
func (n *Node) publishedIndex(id room.ID) ([]byte, error) {
	f, ok := n.bus.Facts(id)
	if !ok {
		return nil, room.ErrNotFound
	}
	t, err := n.tapeOf(id, tape.Floor)
	if err != nil {
		return nil, err
	}
	taped := n.tapedOf(id, t)
	m4a := false
	if taped.HasUnits() {
		file, err := replay.M4A(f, taped)
		if err != nil {
			return nil, err
		}
		m4a = file.Size() <= mostPublished
	}
	return replay.Published(f, taped, m4a)
}

// mostPublished is how long an M4A is published at most, since it is held in memory while it is written: nine hours.
const mostPublished = 256 << 20

// publishedM4A is the M4A that publishedIndex says is there; nil: none.
func (n *Node) publishedM4A(id room.ID) ([]byte, error) {
	f, ok := n.bus.Facts(id)
	t, err := n.tapeOf(id, tape.Floor)
	if !ok || errors.Is(err, room.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	taped := n.tapedOf(id, t)
	if !taped.HasUnits() {
		return nil, nil
	}
	file, err := replay.M4A(f, taped)
	if err != nil || file.Size() > mostPublished {
		return nil, err
	}
	return io.ReadAll(file)
}

// publishUnits publishes the M4A of a replay, now that it is made.
func (n *Node) publishUnits(id room.ID) {
	f, ok := n.bus.Facts(id)
	if ok && n.publisher != nil && !f.IsRun() {
		n.publisher.Follow(f)
	}
}

// unpublish removes what was published of a room whose tape is gone. It does not wait.
func (n *Node) unpublish(id room.ID) {
	if n.publisher == nil {
		return
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	err := n.publisher.Delete(gone, id)
	if err != nil && !errors.Is(err, context.Canceled) {
		n.log.Error("what was published cannot be removed", "room", id, "error", err)
	}
}
