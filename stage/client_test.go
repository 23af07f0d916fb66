package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// do makes a request with a token and returns the answer with its body read.
func (f *fixture) do(method, path, token string, header map[string]string, body []byte) (*http.Response, []byte) {
	f.t.Helper()
	req, err := http.NewRequest(method, f.url+path, bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := f.http.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp, answer
}

// put sends a JSON value.
func (f *fixture) put(path, token, value string) int {
	f.t.Helper()
	resp, _ := f.do(http.MethodPut, path, token, map[string]string{"Content-Type": "application/json"}, []byte(value))
	return resp.StatusCode
}

func problemOf(t *testing.T, body []byte) problem.Code {
	t.Helper()
	var p struct {
		Code   problem.Code `json:"code"`
		Detail string       `json:"detail"`
	}
	err := json.Unmarshal(body, &p)
	if err != nil {
		t.Fatalf("%v in %.200q", err, body)
	}
	if p.Detail == "" {
		t.Errorf("problem %s without a sentence", p.Code)
	}
	return p.Code
}

// client is a browser or an encoder as the stage sees it: its voice says its name in each packet, and it remembers what it hears.
type client struct {
	f        *fixture
	person   room.PersonID
	token    string
	pc       *webrtc.PeerConnection
	track    *webrtc.TrackLocalStaticRTP
	location string
	etag     string

	wg   sync.WaitGroup
	stop context.CancelFunc

	mu    sync.Mutex
	heard map[int]map[string]int // slot → payload → packets
	gaps  int                    // breaks in a slot's numbering
}

// clientOptions is how a test client differs from a desk on UDP.
type clientOptions struct {
	kind     kind
	slots    int
	settings func(*webrtc.SettingEngine)
	role     room.Role
}

func (f *fixture) desk(person room.PersonID) *client {
	return f.connect(person, clientOptions{kind: desk, slots: slotCount})
}

func (f *fixture) encoder(person room.PersonID) *client {
	return f.connect(person, clientOptions{kind: whip})
}

// backstage is a page that can talk backstage. Its microphone is closed there, as everybody's at first.
func (f *fixture) backstage(person room.PersonID, role room.Role) *client {
	return f.connect(person, clientOptions{kind: backstage, slots: backstageSlots + 1, role: role})
}

// withEar is a desk that can be spoken to alone.
func (f *fixture) withEar(person room.PersonID, role room.Role) *client {
	return f.connect(person, clientOptions{kind: desk, slots: slotCount + 1, role: role})
}

// connect puts a client on stage. It talks from when it is connected.
func (f *fixture) connect(person room.PersonID, o clientOptions) *client {
	f.t.Helper()
	c := f.offline(person, o)
	offer := c.offer()
	resp, body := f.do(http.MethodPost, "/r/"+string(testRoom)+"/"+o.kind.path(), c.token, map[string]string{"Content-Type": typeSDP}, []byte(offer))
	if resp.StatusCode != http.StatusCreated {
		f.t.Fatalf("%s: %d %s", person, resp.StatusCode, body)
	}
	c.location, c.etag = resp.Header.Get("Location"), resp.Header.Get("ETag")
	err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// offline makes a client that has not spoken to the stage.
func (f *fixture) offline(person room.PersonID, o clientOptions) *client {
	f.t.Helper()
	if o.role == "" {
		o.role = room.Speaker
	}
	c := &client{f: f, person: person, token: f.token(person, o.role), heard: make(map[int]map[string]int)}
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() && ip.To4() != nil })
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICETimeouts(2*time.Second, 10*time.Second, 200*time.Millisecond)
	if o.settings != nil {
		o.settings(&s)
	}
	engine := &webrtc.MediaEngine{}
	err := engine.RegisterDefaultCodecs()
	if err != nil {
		f.t.Fatal(err)
	}
	c.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(engine)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	f.t.Cleanup(c.vanish)
	c.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "mic", "mic")
	if err != nil {
		f.t.Fatal(err)
	}
	send := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
	_, err = c.pc.AddTransceiverFromTrack(c.track, send)
	if err != nil {
		f.t.Fatal(err)
	}
	var receivers []*webrtc.RTPTransceiver
	for range o.slots {
		tr, err := c.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err != nil {
			f.t.Fatal(err)
		}
		receivers = append(receivers, tr)
	}
	c.pc.OnTrack(func(track *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		for slot, tr := range receivers {
			if tr.Receiver() == r {
				c.listen(slot, track)
			}
		}
	})
	connected := sync.OnceFunc(func() { c.wg.Go(func() { c.talk(ctx) }) })
	c.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			connected()
		}
	})
	return c
}

func (c *client) offer() string {
	c.f.t.Helper()
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		c.f.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	err = c.pc.SetLocalDescription(offer)
	if err != nil {
		c.f.t.Fatal(err)
	}
	<-gathered
	return c.pc.LocalDescription().SDP
}

// talk says the person's name 50 times a second.
func (c *client) talk(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for seq := uint16(0); ; seq++ {
		select {
		case <-tick.C:
			_ = c.track.WriteRTP(&rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * packetSamples},
				Payload: []byte(c.person),
			})
		case <-ctx.Done():
			return
		}
	}
}

func (c *client) listen(slot int, track *webrtc.TrackRemote) {
	first, last := true, uint16(0)
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		c.mu.Lock()
		if c.heard[slot] == nil {
			c.heard[slot] = make(map[string]int)
		}
		c.heard[slot][string(p.Payload)]++
		if !first && p.SequenceNumber != last+1 {
			c.gaps++
		}
		first, last = false, p.SequenceNumber
		c.mu.Unlock()
	}
}

// hears is how many packets of each person came, in all slots.
func (c *client) hears() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := make(map[string]int)
	for _, slot := range c.heard {
		for who, n := range slot {
			sum[who] += n
		}
	}
	return sum
}

// slotOf is the slot by which a person is heard, or -1.
func (c *client) slotOf(person room.PersonID) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for slot, heard := range c.heard {
		if heard[string(person)] > 0 {
			return slot
		}
	}
	return -1
}

func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.heard)
	c.gaps = 0
}

func (c *client) leave() int {
	c.f.t.Helper()
	resp, _ := c.f.do(http.MethodDelete, c.location, c.token, nil, nil)
	return resp.StatusCode
}

// vanish ends the client without a word by HTTP.
func (c *client) vanish() {
	c.stop()
	_ = c.pc.GracefulClose()
	c.wg.Wait()
}

// page is a reader of the event stream.
type page struct {
	wg     sync.WaitGroup
	cancel context.CancelFunc
	status int

	mu     sync.Mutex
	state  pageState
	levels map[room.PersonID]float64
	hands  string // the queue as told last
	cues   string // likewise
	chat   []string
	beats  int
	last   string // name of the last event
	data   string // of the last event
	ended  bool
}

// pageState is the state event as a stranger reads it.
type pageState struct {
	You struct {
		ID, Name, Role string
		SentBack       bool `json:"sent_back"`
		Consent        string
	}
	Backstage []struct {
		ID, Name, Role        string
		SentBack              bool `json:"sent_back"`
		Here, Open, Away, Ear bool
	}
	Ear *struct {
		ID, Name, Role string
		All            bool
	}
	Talk *struct{ To []string }
	Room struct {
		ID, Title, State string
		ListenURL        string `json:"listen_url"`
		ConsentText      int    `json:"consent_text"`
		Lead             struct {
			State  string
			LeftMS int64 `json:"left_ms"`
		}
	}
	Consents, Checks map[string]string
	People           []struct {
		ID, Name, Role     string
		Muted, Heard, Away bool
		MutedBy            string `json:"muted_by"`
		Ear                bool
	}
	Slots     []*string
	Listening int
	Frame     int
}

func (f *fixture) watch(token string) *page {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &page{cancel: cancel}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/r/"+string(testRoom)+"/stage/events", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := f.http.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	p.status = resp.StatusCode
	p.wg.Go(func() {
		defer resp.Body.Close()
		p.read(f.t, resp.Body)
	})
	f.t.Cleanup(p.close)
	return p
}

func (p *page) close() {
	p.cancel()
	p.wg.Wait()
}

func (p *page) read(t *testing.T, body io.Reader) {
	var pending string
	buf := make([]byte, 4096)
	for {
		n, err := body.Read(buf)
		pending += string(buf[:n])
		for {
			block, rest, ok := strings.Cut(pending, "\n\n")
			if !ok {
				break
			}
			pending = rest
			p.take(t, block)
		}
		if err != nil {
			p.mu.Lock()
			p.ended = true
			p.mu.Unlock()
			return
		}
	}
}

func (p *page) take(t *testing.T, block string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.HasPrefix(block, ":") {
		p.beats++
		return
	}
	name, data, _ := strings.Cut(strings.TrimPrefix(block, "event: "), "\ndata: ")
	p.last, p.data = name, data
	var err error
	switch name {
	case "state":
		p.state = pageState{}
		err = json.Unmarshal([]byte(data), &p.state)
	case "hands":
		p.hands = data
	case "cues":
		p.cues = data
	case "chat":
		var c chatEvent
		err = json.Unmarshal([]byte(data), &c)
		if c.All {
			p.chat = nil
		}
		for _, l := range c.Lines {
			p.chat = append(p.chat, l.Name+": "+l.Text)
		}
	case "levels":
		p.levels = nil
		err = json.Unmarshal([]byte(data), &p.levels)
	}
	if err != nil {
		t.Errorf("event %s: %v", name, err)
	}
}

// is reports whether the page's state is as wanted.
func (p *page) is(holds func(pageState) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return holds(p.state)
}

func (p *page) lastEvent() (name, data string, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, p.data, p.ended
}

// onStage is whom the page shows, in order.
func (s pageState) onStage() string {
	var ids []string
	for _, p := range s.People {
		ids = append(ids, p.ID)
	}
	return strings.Join(ids, " ")
}

func person(n int) room.PersonID { return room.PersonID("p" + strconv.Itoa(n)) }

func mapsEqual(got, want map[string]int) bool {
	return maps.EqualFunc(got, want, func(g, w int) bool { return g >= w })
}
