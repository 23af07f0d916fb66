package stage

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Two desks and an encoder: each hears the others and never itself, and the mix hears all.
func TestEverybodyHearsTheOthers(t *testing.T) {
	f := newFixture(t)
	a, b, c := f.desk("ada"), f.desk("bob"), f.encoder("cyd")
	eventually(t, "everybody is heard", func() bool {
		return mapsEqual(a.hears(), map[string]int{"bob": 50, "cyd": 50}) && mapsEqual(b.hears(), map[string]int{"ada": 50, "cyd": 50})
	})
	for _, p := range []room.PersonID{"ada", "bob", "cyd"} {
		eventually(t, "the mix hears "+string(p), func() bool { return f.mix.heard(p) >= 50 })
	}
	if len(c.hears()) != 0 {
		t.Errorf("an encoder hears %v", c.hears())
	}
	if a.gaps != 0 || b.gaps != 0 {
		t.Errorf("breaks in numbering: %d and %d", a.gaps, b.gaps)
	}
	eventually(t, "the three are on stage", func() bool { return len(f.onStage()) == 3 })
	want := room.Person{ID: "ada", Name: "ADA", Role: room.Speaker}
	if got := f.onStage()[0]; got != want {
		t.Errorf("first on stage: %+v, want %+v", got, want)
	}
	if status := c.leave(); status != http.StatusOK {
		t.Errorf("leaving: %d", status)
	}
	eventually(t, "two are left", func() bool { return len(f.onStage()) == 2 })
}

// A stage of 13: everybody hears twelve others, and the next one is told that it is full.
func TestFullStage(t *testing.T) {
	f := newFixture(t)
	var clients []*client
	for n := range room.MaxOnStage {
		clients = append(clients, f.desk(person(n)))
	}
	for n, c := range clients {
		want := make(map[string]int)
		for m := range clients {
			if m != n {
				want[string(person(m))] = 10
			}
		}
		eventually(t, "a full stage is heard", func() bool { return mapsEqual(c.hears(), want) })
	}
	late := f.offline("late", clientOptions{kind: desk, slots: slotCount})
	resp, body := f.do(http.MethodPost, "/r/"+string(testRoom)+"/desk", late.token, map[string]string{"Content-Type": typeSDP}, []byte(late.offer()))
	if resp.StatusCode != http.StatusServiceUnavailable || problemOf(t, body) != problem.StageFull || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the 14th: %d %s", resp.StatusCode, body)
	}
	again := f.desk(person(5)) // one of the 13 comes back by a new connection
	eventually(t, "who comes back is heard", func() bool { return len(again.hears()) == slotCount })
}

// A new session of the same person ends the old one at once; who listens hears on in the same slot without a break.
func TestReplace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, old := f.desk("ada"), f.desk("bob")
	f.desk("cyd")
	eventually(t, "both are heard", func() bool { return mapsEqual(a.hears(), map[string]int{"bob": 10, "cyd": 10}) })
	slot := a.slotOf("bob")
	if status := f.put("/r/"+string(testRoom)+"/stage/people/me/muted", f.token("bob", room.Speaker), "true"); status != http.StatusNoContent {
		t.Fatalf("mute: %d", status)
	}
	now := f.desk("bob")
	eventually(t, "the old one is closed", func() bool { return old.pc.ConnectionState() == webrtc.PeerConnectionStateClosed })
	if status := old.leave(); status != http.StatusNotFound {
		t.Errorf("leaving by the old session: %d", status)
	}
	eventually(t, "the new one hears", func() bool { return mapsEqual(now.hears(), map[string]int{"ada": 10, "cyd": 10}) })
	a.forget()
	eventually(t, "the others go on", func() bool { return a.hears()["cyd"] >= 20 })
	if n := a.hears()["bob"]; n != 0 {
		t.Errorf("a muted person came back and was heard: %d packets", n)
	}
	f.put("/r/"+string(testRoom)+"/stage/people/me/muted", f.token("bob", room.Speaker), "false")
	eventually(t, "he is heard again", func() bool { return a.hears()["bob"] >= 20 })
	if got := a.slotOf("bob"); got != slot {
		t.Errorf("he moved from slot %d to %d", slot, got)
	}
	if len(f.onStage()) != 3 {
		t.Errorf("on stage: %v", f.onStage())
	}
}

// A check over TCP is answered in both families.
func TestTCPCheck(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		f := newFixture(t)
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		split := f.Split(ln)
		t.Cleanup(func() { _ = split.Close() })
		c := f.offline("ada", clientOptions{kind: whip})
		offer := c.offer()
		_, body := f.do(http.MethodPost, base+"/whip", c.token, sdpType, []byte(offer))
		answer := string(body)
		check, err := stun.Build(stun.BindingRequest, stun.TransactionID,
			stun.NewUsername(credential(t, answer, "ice-ufrag")+":"+credential(t, offer, "ice-ufrag")),
			ice.AttrControlling(1), ice.PriorityAttr(1),
			stun.NewShortTermIntegrity(credential(t, answer, "ice-pwd")), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = conn.Write(append([]byte{0, byte(len(check.Raw))}, check.Raw...))
		if err != nil {
			t.Fatal(err)
		}
		err = conn.SetReadDeadline(time.Now().Add(patience))
		if err != nil {
			t.Fatal(err)
		}
		var head [4]byte
		_, err = io.ReadFull(conn, head[:])
		if err != nil || head[2] != 1 || head[3] != 1 { // a success response
			t.Errorf("%s: %x, %v", address, head, err)
		}
	}
}

func TestTCPOnly(t *testing.T) {
	f := newFixture(t)
	a := f.desk("ada")
	b := f.connect("bob", clientOptions{kind: desk, slots: slotCount, settings: func(s *webrtc.SettingEngine) {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}})
	eventually(t, "both hear each other", func() bool {
		return mapsEqual(a.hears(), map[string]int{"bob": 20}) && mapsEqual(b.hears(), map[string]int{"ada": 20})
	})
}

// A socket that is bound to no address serves both families, and its answers name every address of the machine, or those that
// the configuration tells.
func TestAddresses(t *testing.T) {
	media, err := net.ListenPacket("udp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(c *Config) {
		_ = c.Media.Close()
		c.Media = media
	})
	socket, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: socket})
	defer mux.Close()
	a := f.desk("ada")
	b := f.connect("bob", clientOptions{kind: desk, slots: slotCount, settings: func(s *webrtc.SettingEngine) {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP6})
		s.SetICEUDPMux(oneAddressMux{mux}) // pion leaves ::1 out otherwise
	}})
	eventually(t, "both families hear each other", func() bool {
		return mapsEqual(a.hears(), map[string]int{"bob": 10}) && mapsEqual(b.hears(), map[string]int{"ada": 10})
	})

	f = newFixture(t, func(c *Config) { c.Advertise = []netip.Addr{netip.MustParseAddr("203.0.113.7")} })
	c := f.encoder("cyd")
	answer := c.pc.RemoteDescription().SDP
	if strings.Count(answer, "a=candidate") != 2 || strings.Count(answer, " 203.0.113.7 ") != 2 || strings.Contains(answer, " 127.0.0.1 ") {
		t.Errorf("candidates in %s", answer)
	}
}

// Who takes nothing delays nobody: what does not fit into his queue is dropped.
func TestSlowListener(t *testing.T) {
	slow := &session{queue: make(chan slotPacket, queuePackets)}
	for range queuePackets + 10 {
		slow.enqueue(slotPacket{})
	}
	if len(slow.queue) != queuePackets || slow.dropped.Load() != 10 {
		t.Errorf("%d packets are queued, %d were dropped", len(slow.queue), slow.dropped.Load())
	}
}

// BenchmarkForward is what one packet costs the goroutine that reads a voice, on a full stage.
func BenchmarkForward(b *testing.B) {
	s := &session{}
	s.sound.open(nullVoice{}, false)
	var forwards []forward
	for slot := range slotCount {
		to := &session{queue: make(chan slotPacket, queuePackets)}
		forwards = append(forwards, forward{to: to, slot: slot})
	}
	s.forwards.Store(&forwards)
	payload := make([]byte, 160)
	b.ReportAllocs()
	for i := range b.N {
		s.forward(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i)}, Payload: payload}, 0)
		for _, f := range forwards {
			<-f.to.queue
		}
	}
}

type nullVoice struct{}

func (nullVoice) Push(uint16, uint32, []byte, time.Duration) {}
func (nullVoice) Mute(bool)                                  {}
func (nullVoice) Close()                                     {}
