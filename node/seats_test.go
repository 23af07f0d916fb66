package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	_ "image/jpeg"
	"image/png"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/listener"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/poster"
	"github.com/epidaurus-live/epidaurus/room"
)

// logged is what a node said.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// try makes a request and returns its answer's head, and the code of its refusal. Redirects are not followed.
func try(t *testing.T, method, url, token string) (status int, h http.Header, code problem.Code) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode >= 400 && method == "GET" {
		var p struct {
			Code   problem.Code
			Detail string
		}
		err = json.NewDecoder(resp.Body).Decode(&p)
		if err != nil || p.Detail == "" || resp.Header.Get("Content-Type") != problem.ContentType {
			t.Errorf("%s: a refusal that explains nothing: %v", url, err)
		}
		code = p.Code
	}
	return resp.StatusCode, resp.Header, code
}

// Each address of a room by invitation is tried without a token and with bad ones in every way that there is, at an edge that came after the room
// was made and never saw a listener of it; with a good one each answers, and no cache that others use may keep what it says.
func TestEveryGatedAddress(t *testing.T) {
	t.Parallel()
	h := openFirst(t)
	r := h.room()
	err := h.host.SetVisibility(t.Context(), r.ID, room.ByInvitation)
	if err != nil {
		t.Fatal(err)
	}
	ada, err := h.host.InviteListener(t.Context(), r.ID, "Ada")
	if err != nil {
		t.Fatal(err)
	}
	bob, err := h.host.InviteListener(t.Context(), r.ID, "Bob")
	if err == nil {
		err = h.host.WithdrawListener(t.Context(), r.ID, bob.Seat)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.rooms.goLive(r.ID)
	hearAt(t, h.RoomURL(r.ID)+"/live.mp4?seat="+ada.Token)
	until(t, "something is on tape", func() bool {
		status, _, _ := try(t, "HEAD", h.RoomURL(r.ID)+"/tape/index.json?seat="+ada.Token, "")
		return status == http.StatusOK
	})

	said := &logged{}
	edge, err := Open(t.Context(), h.edgeOf(), slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, edge) })
	until(t, "the edge knows the room", func() bool { f, _ := edge.bus.Facts(r.ID); return f.Life.Access.Gated() })

	f, _ := edge.bus.Facts(r.ID)
	key := h.store.Key().SeatKey(r.ID)
	sign := func(change func(*room.SeatGrant)) string {
		g := room.SeatGrant{Room: r.ID, Seat: ada.Seat, Generation: f.Life.Access.Generation, Expires: time.Now().Add(time.Hour).Unix()}
		change(&g)
		return room.SignSeat(key, g)
	}
	var forger room.Key
	forger[5] = 5
	bad := []struct {
		name, token string
		status      int
		code        problem.Code
	}{
		{"none", "", 401, problem.InvitationNeeded},
		{"cut", ada.Token[:len(ada.Token)-3], 401, problem.TokenMalformed},
		{"forged", room.SignSeat(forger.SeatKey(r.ID), room.SeatGrant{Room: r.ID, Seat: ada.Seat, Expires: time.Now().Add(time.Hour).Unix()}), 401, problem.TokenForged},
		{"expired", sign(func(g *room.SeatGrant) { g.Expires = time.Now().Unix() - 1 }), 401, problem.TokenExpired},
		{"withdrawn", bob.Token, 403, problem.InvitationVoid},
		{"of another room", sign(func(g *room.SeatGrant) { g.Room = "elsewhere" }), 403, problem.TokenWrongRoom},
		{"of the stage", h.store.Key().Sign(room.Grant{Room: r.ID, Person: "p1", Role: room.Host, Expires: time.Now().Add(time.Hour).Unix()}), 401, problem.TokenMalformed},
	}
	addresses := []struct {
		node   *Node
		path   string
		header bool // whose header may have the token
		good   int
	}{
		{edge, "live.mp4", true, 200}, {edge, "live.ogg", true, 200}, {edge, "live.aac", true, 200}, {edge, "floor/live.mp4", true, 200}, {edge, "floor/live.ogg", true, 200},
		{edge, "seat.json", true, 200}, {edge, "listen.m3u", true, 200}, {edge, "listen.pls", true, 200},
		{edge, "hls/master.m3u8", true, 200}, {edge, "hls/floor/opus-48/live.m3u8", true, 200}, {edge, "hls/floor/opus-48/init.mp4", true, 200}, {edge, "hls/floor/events.json", true, 200},
		{edge, "hls/floor/opus-48/seg-1.m4s", true, 0}, {edge, "hls/nothing", true, 404}, {edge, "hand", false, 200}, {edge, "hand/mine", false, 401},
		{h.Node, "tape/index.json", true, 200}, {h.Node, "tape/floor/opus-48.ogg", true, 200}, {h.Node, "tape/floor/opus-48.mp4", true, 200}, {h.Node, "tape/floor/aac-64.m4a", true, 0},
		{h.Node, "tape/floor/opus-48/init.mp4", true, 200}, {h.Node, "tape/floor/opus-48/0.m4s", true, 0}, {h.Node, "hls/dvr.m3u8", true, 200}, {h.Node, "live.mp4", true, 200},
		{h.Node, "tape/chapters.json", true, 0}, {h.Node, "tape/captions.vtt", true, 404}, {h.Node, "tape/captions.srt", true, 404}, {h.Node, "tape/captions.en.vtt", true, 404},
		{edge, "beacon.json", true, 200}, {edge, "hls/low.m3u8", true, 0},
		{h.Node, "clip/65000-65500/clip.json", true, 404}, {h.Node, "clip/65000-65500/sound.ogg", true, 404}, {h.Node, "clip/65000-65500/sound.m4a", true, 404},
	}
	for _, a := range addresses {
		at := a.node.RoomURL(r.ID)
		for _, b := range bad {
			if status, head, code := try(t, "GET", at+"/"+a.path+"?seat="+b.token, ""); status != b.status || code != b.code || head.Get("Cache-Control") != "no-store" {
				t.Errorf("%s, a token that is %s: %d %s, %q", a.path, b.name, status, code, head.Get("Cache-Control"))
			}
			if b.token != "" {
				if status, _, code := try(t, "GET", at+"/seat/"+b.token+"/"+a.path, ""); status != b.status || code != b.code {
					t.Errorf("%s, a token that is %s, in the path: %d %s", a.path, b.name, status, code)
				}
			}
			if a.header && b.token != "" {
				if status, _, code := try(t, "GET", at+"/"+a.path, b.token); status != b.status || code != b.code {
					t.Errorf("%s, a token that is %s, in the header: %d %s", a.path, b.name, status, code)
				}
			}
		}
		good := func(way, url, token string) {
			t.Helper()
			status, head, _ := try(t, "HEAD", url, token)
			if status == http.StatusTemporaryRedirect {
				status, head, _ = try(t, "HEAD", a.node.ListenersURL()+head.Get("Location"), "")
			}
			if a.good != 0 && status != a.good {
				t.Errorf("%s, by %s, with a good token: %d, want %d", a.path, way, status, a.good)
			}
			if cache := head.Get("Cache-Control"); !strings.Contains(cache, "private") && cache != "no-store" || strings.Contains(cache, "public") {
				t.Errorf("%s, by %s: Cache-Control %q", a.path, way, cache)
			}
		}
		good("query", at+"/"+a.path+"?seat="+ada.Token, "")
		good("path", at+"/seat/"+ada.Token+"/"+a.path, "")
		if a.header {
			good("header", at+"/"+a.path, ada.Token)
		}
	}
	if status, head, _ := try(t, "GET", edge.RoomURL(r.ID)+"/event.json", ""); status != 200 || head.Get("Cache-Control") != "no-store" {
		t.Errorf("what is announced: %d", status)
	}
	for _, b := range bad { // what a browser posts without asking first
		if status, head, _ := try(t, "POST", edge.RoomURL(r.ID)+"/beacon?seat="+b.token, ""); status != b.status || head.Get("Cache-Control") != "no-store" {
			t.Errorf("a beacon, a token that is %s: %d %q", b.name, status, head.Get("Cache-Control"))
		}
	}
	if status, _, _ := try(t, "POST", edge.RoomURL(r.ID)+"/beacon?seat="+ada.Token, ""); status != http.StatusBadRequest { // let in, it says nothing
		t.Errorf("an empty beacon of who is invited: %d", status)
	}
	// The page of a clip has a gate for whoever shows no token in what a server is told; its sound is by invitation.
	clip := h.RoomURL(r.ID) + "/clip/65000-65500"
	if status, body := h.ask(t, "GET", clip, ""); status != 200 || !strings.Contains(body, "/gate.js") || strings.Contains(body, "og:") || strings.Contains(body, "Harbour") {
		t.Errorf("the page of a clip without a token: %d", status)
	}
	for _, below := range []string{"/clip.json", "/sound.ogg", "/sound.m4a", "/picture.png"} {
		if status, _, code := try(t, "GET", clip+below, ""); status != 401 || code != problem.InvitationNeeded {
			t.Errorf("%s without a token: %d %s", below, status, code)
		}
	}
	if status, _, code := try(t, "GET", clip, bob.Token); status != 403 || code != problem.InvitationVoid {
		t.Errorf("the page of a clip with a token that is void: %d %s", status, code)
	}
	if text := said.String(); strings.Contains(text, "s1.") || strings.Contains(text, ada.Token) {
		t.Error("a token is in the log")
	}
	for range 3 { // nested paths lead nowhere else
		if status, _, _ := try(t, "GET", edge.RoomURL(r.ID)+"/seat/a/seat/b/live.mp4", ""); status != 401 && status != 404 {
			t.Errorf("nested: %d", status)
		}
	}
	hearAt(t, edge.RoomURL(r.ID)+"/live.mp4?seat="+ada.Token)
	// All withdrawn, by the generation: the good one is void at both.
	_, err = h.rooms.ChangeLife(t.Context(), r.ID, func(f *room.Facts) error { f.RevokeSeats(); return nil })
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the edge knows", func() bool {
		status, _, code := try(t, "GET", edge.RoomURL(r.ID)+"/live.mp4?seat="+ada.Token, "")
		return status == 403 && code == problem.InvitationVoid
	})
}

// hearAt hears a second at an address.
func hearAt(t *testing.T, url string) {
	t.Helper()
	const frames = 50
	ctx, stop := contextOf(t)
	defer stop()
	r, err := listener.Listen(ctx, listener.Config{URL: url}, func(e listener.Event) {
		if e.Report.Frames >= frames {
			stop()
		}
	})
	if err != nil || r.Frames < frames {
		t.Fatalf("heard %+v (%v)", r, err)
	}
}

// What the people of a room hear, and the light of the sound, need no invitation of anybody.
func TestTheTeamHearsAnInvitedRoom(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	r := h.room()
	err := h.host.SetVisibility(t.Context(), r.ID, room.ByInvitation)
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.host.Token(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	status, body := h.ask(t, "POST", h.StageURL()+"/api/rooms/"+string(r.ID)+"/seats/mine", token)
	var own struct{ Token string }
	if json.Unmarshal([]byte(body), &own) != nil || status != http.StatusOK || own.Token == "" {
		t.Fatalf("a seat of one's own: %d %s", status, body)
	}
	hearAt(t, h.StageURL()+"/r/"+string(r.ID)+"/live.mp4?seat="+own.Token)
	until(t, "the light of the sound is green", func() bool { return h.lightsOf(r.ID)["sound"].State == "green" })
}

// The foyer lists public rooms only, wherever they are made, and forgets them when they are not public any more.
func TestFoyer(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	open, hidden := h.room(), h.room()
	listed := func() (ids []room.ID) {
		status, body := h.ask(t, "GET", h.ListenersURL()+"/rooms.json", "")
		var list struct {
			Rooms []struct {
				ID      room.ID
				Path    string
				Picture string
			}
		}
		if status != http.StatusOK || json.Unmarshal([]byte(body), &list) != nil {
			t.Fatalf("%d %s", status, body)
		}
		for _, r := range list.Rooms {
			ids = append(ids, r.ID)
			if status, head, _ := try(t, "GET", h.ListenersURL()+r.Picture, ""); status != 200 || head.Get("Content-Type") != "image/png" {
				t.Errorf("the picture of %s: %d", r.ID, status)
			}
		}
		return ids
	}
	if ids := listed(); len(ids) != 0 {
		t.Errorf("rooms that nobody made public are listed: %v", ids)
	}
	for _, step := range []struct {
		visibility room.Visibility
		want       string
	}{{room.Public, fmt.Sprint([]room.ID{open.ID})}, {room.ByInvitation, "[]"}, {room.Public, fmt.Sprint([]room.ID{open.ID})}, {room.Unlisted, "[]"}} {
		err := h.host.SetVisibility(t.Context(), open.ID, step.visibility)
		if err != nil {
			t.Fatal(err)
		}
		until(t, "the foyer follows to "+step.visibility.Word(), func() bool { return fmt.Sprint(listed()) == step.want })
		_, head, _ := try(t, "GET", h.RoomURL(open.ID), "")
		if got := head.Get("X-Robots-Tag") == ""; got != (step.visibility == room.Public) {
			t.Errorf("%s: indexed: %t", step.visibility.Word(), got)
		}
	}
	if _, head, _ := try(t, "GET", h.RoomURL(hidden.ID), ""); head.Get("X-Robots-Tag") != "noindex" {
		t.Error("an unlisted room may be indexed")
	}
	_, head, _ := try(t, "GET", h.ListenersURL()+"/rooms.json", "")
	if !strings.Contains(head.Get("Cache-Control"), "public") || head.Get("ETag") == "" {
		t.Errorf("the list is not for caches: %v", head)
	}
	if status, page := h.ask(t, "GET", h.ListenersURL()+"/", ""); status != 200 || !strings.Contains(page, "Epidaurus") {
		t.Errorf("the foyer: %d", status)
	}
}

// A room's picture has a name that changes with what it shows; the host's own is taken where there is one, and comes over the bus; a flood draws
// few of them.
func TestPicturesAreFew(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	r := h.room()
	at := h.RoomURL(r.ID) + "/card/"
	name := func() string {
		f, _ := h.bus.Facts(r.ID)
		return pictureOf(&f)
	}
	decode := func(url string) (image.Image, string) {
		t.Helper()
		status, body := h.ask(t, "GET", url, "")
		img, kind, err := image.Decode(strings.NewReader(body))
		if status != 200 || err != nil || img.Bounds() != image.Rect(0, 0, poster.Width, poster.Height) {
			t.Fatalf("%s: %d, %v", url, status, err)
		}
		return img, kind
	}
	first := name()
	if _, kind := decode(at + first); kind != "png" {
		t.Errorf("it is a %s", kind)
	}
	if status, head, _ := try(t, "GET", at+"whatever.png", ""); status != http.StatusFound || !strings.HasSuffix(head.Get("Location"), first) {
		t.Errorf("another name: %d, to %s", status, head.Get("Location"))
	}
	if _, page := h.ask(t, "GET", h.RoomURL(r.ID), ""); !strings.Contains(page, `property="og:image"`) || !strings.Contains(page, first) {
		t.Error("the page does not name its picture")
	}
	red := image.NewNRGBA(image.Rect(0, 0, 400, 400))
	for i := range red.Pix {
		red.Pix[i] = [4]uint8{0xff, 0, 0, 0xff}[i%4]
	}
	var file bytes.Buffer
	err := png.Encode(&file, red)
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.rooms.SetPicture(t.Context(), r.ID, file.Bytes())
	if err == nil {
		_, err = h.rooms.ChangeLife(t.Context(), r.ID, func(f *room.Facts) error { f.Life.Picture = p; f.Life.Revision++; return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	img, kind := decode(at + name())
	if red, green, _, _ := img.At(600, 300).RGBA(); kind != "jpeg" || red < 0xe000 || green > 0x2000 {
		t.Errorf("the host's own is a %s with %v in its middle", kind, img.At(600, 300))
	}
	// By invitation, neither is shown.
	err = h.host.SetVisibility(t.Context(), r.ID, room.ByInvitation)
	if err != nil {
		t.Fatal(err)
	}
	if n := name(); n != (poster.Bill{Invited: true}).Sum()+".png" {
		t.Errorf("by invitation its picture is %s", n)
	}
	drawn := 0
	for i := range 1000 {
		_, ok := h.printer.of(fmt.Sprint(i), func() ([]byte, error) { drawn++; return []byte("x"), nil })
		if !ok && drawn == 0 {
			t.Fatal("not one was drawn")
		}
	}
	if drawn > drawnAtOnce+5 || len(h.printer.made) > keptPictures {
		t.Errorf("%d were drawn, %d are kept", drawn, len(h.printer.made))
	}
	if status, head, _ := try(t, "GET", at+name(), ""); status != 200 || head.Get("Cache-Control") != pictureForNow {
		t.Errorf("while too many are wanted: %d, %q", status, head.Get("Cache-Control"))
	}
}

func TestPrivately(t *testing.T) {
	for cache, want := range map[string]string{
		"": "private", "public, max-age=31536000, immutable": "private, max-age=31536000, immutable", "no-cache": "private, no-cache",
		"public, max-age=60, s-maxage=600, stale-while-revalidate=86400": "private, max-age=60",
	} {
		if got := privately(cache); got != want {
			t.Errorf("%q: %q, want %q", cache, got, want)
		}
	}
}
