package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// Three people speak, two of whom agreed to a track: each tone of these is on its own track and on no other, at the moment at which the mix has
// all three, and whoever agreed to be recorded only has no track.
func TestTracksOfThreeTones(t *testing.T) {
	t.Parallel()
	server := serve(t)
	host := server.host()
	made, err := host.CreateRoomApart(t.Context(), "Three tones", "en", true)
	if err != nil {
		t.Fatal(err)
	}
	s := editor{&show{server, host, made}, ""}
	s.pass = s.hostToken() // which is given while the room is open
	hertz := map[string]int{}
	for name, tune := range map[string]int{"Ada": 440, "Grace": 660} {
		i, err := host.InviteApart(t.Context(), made.ID, name, room.Speaker)
		if err != nil {
			t.Fatal(err)
		}
		hertz[string(i.Person)] = tune
		speak(t, i, writeWAV(t, tone(tune)))
	}
	speak(t, s.invite("Bob"), writeWAV(t, tone(880)))
	s.tape("it is taped", func(i tapeIndex) bool { return i.Last-i.First >= 8*96 })
	err = host.End(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	list := s.tracks()
	if len(list.Tracks) != 2 {
		t.Fatalf("there are the tracks %+v", list)
	}
	mix := played(t, s.zipped(list.ZipURL, "mix.ogg"))
	if len(mix) != list.Frames*960 {
		t.Errorf("the mix has %d samples, and the list says %d frames", len(mix), list.Frames)
	}
	hears(t, "the mix", mix, 440, 660, 880)
	for _, track := range list.Tracks {
		sound := played(t, s.fetched(track.URL))
		if len(sound) != len(mix) {
			t.Errorf("the track of %s has %d samples, the mix %d", track.Name, len(sound), len(mix))
		}
		hears(t, "the track of "+track.Name, sound, hertz[track.Person])
	}
}

// editor downloads tracks by the host's token.
type editor struct {
	*show
	pass string
}

// hears checks which of the tones are in the last second but one.
func hears(t *testing.T, what string, pcm []float32, tones ...int) {
	t.Helper()
	if len(pcm) < 3*sampleRate {
		t.Fatalf("%s has %d samples", what, len(pcm))
	}
	found := spectrum(pcm[len(pcm)-2*sampleRate:][:sampleRate])
	there := map[int]bool{}
	for _, tune := range tones {
		there[tune] = true
	}
	for _, tune := range []int{440, 660, 880} {
		if level := peak(found, tune); level > -40 != there[tune] || !there[tune] && level > -70 {
			t.Errorf("%s has %d Hz at %.1f dB", what, tune, level)
		}
	}
}

type trackList struct {
	Ready  bool
	Frames int
	Tracks []struct{ Person, Name, URL string }
	ZipURL string `json:"zip_url"`
}

// tracks waits until the tracks can be downloaded.
func (s editor) tracks() (list trackList) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) { // between two requests
		resp := s.do("GET", "/api/rooms/"+string(s.room.ID)+"/tracks", s.pass, "", "")
		err := json.NewDecoder(resp.Body).Decode(&list)
		if err != nil {
			s.t.Fatal(err)
		}
		if list.Ready {
			return list
		}
	}
	s.t.Fatalf("waited in vain for the tracks: %+v", list)
	return list
}

func (s editor) fetched(path string) []byte {
	s.t.Helper()
	resp := s.do("GET", path, s.pass, "", "")
	all, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s %v", path, resp.Status, err)
	}
	return all
}

// zipped is a file in a zip file.
func (s editor) zipped(path, name string) []byte {
	s.t.Helper()
	all := s.fetched(path)
	z, err := zip.NewReader(bytes.NewReader(all), int64(len(all)))
	if err != nil {
		s.t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		s.t.Fatal(err)
	}
	sound, err := io.ReadAll(f)
	if err != nil {
		s.t.Fatal(err)
	}
	return sound
}

// played is what ffmpeg makes of a file.
func played(t *testing.T, file []byte) []float32 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", "-", "-f", "f32le", "-ac", "1", "-ar", "48000", "-")
	cmd.Stdin = bytes.NewReader(file)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]float32, len(out)/4)
	for i := range pcm {
		pcm[i] = math.Float32frombits(binary.LittleEndian.Uint32(out[4*i:]))
	}
	return pcm
}
