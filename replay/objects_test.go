package replay

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

func objectOf(id room.ID, k tape.Number) objectName {
	return objectName{id, tape.Floor, tape.Variants[0], tape.Stretch{From: k * tape.SegmentFrames, To: (k + 1) * tape.SegmentFrames}}
}

func TestObjectsAreMadeOnceForAllWhoAsk(t *testing.T) {
	m := newMadeObjects(1 << 20)
	var made atomic.Int32
	begun, end := make(chan struct{}), make(chan struct{})
	work := func() ([]byte, error) {
		made.Add(1)
		close(begun)
		<-end
		return []byte("sound"), nil
	}
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() {
			body, err := m.get(objectOf("harbour", 7), work)
			if string(body) != "sound" || err != nil {
				t.Errorf("got %q (%v)", body, err)
			}
		})
	}
	<-begun
	close(end)
	asking.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times for 20 who asked", made.Load())
	}
}

func TestObjectsStayWithinTheirBound(t *testing.T) {
	const each = 1000
	m := newMadeObjects(10 * (each + objectCost))
	made := map[tape.Number]int{}
	get := func(k tape.Number) {
		t.Helper()
		body, err := m.get(objectOf("harbour", k), func() ([]byte, error) {
			made[k]++
			return bytes.Repeat([]byte{byte(k)}, each), nil
		})
		if err != nil || len(body) != each || body[0] != byte(k) {
			t.Fatalf("object %d: %d bytes (%v)", k, len(body), err)
		}
	}
	for k := range tape.Number(10) {
		get(k)
	}
	get(0)  // asked for again
	get(10) // in the place of 1
	get(0)
	get(1)
	if made[0] != 1 || made[1] != 2 || made[10] != 1 {
		t.Errorf("made 0, 1 and 10 %d, %d and %d times; want 1, 2 and 1", made[0], made[1], made[10])
	}
	if m.size > m.most || len(m.known) != m.order.Len() || m.rooms["harbour"] != 10 {
		t.Errorf("%d of %d bytes, %d known, %d in order, %d of the room", m.size, m.most, len(m.known), m.order.Len(), m.rooms["harbour"])
	}
}

func TestObjectsThatFailAreTriedAgain(t *testing.T) {
	m := newMadeObjects(1 << 20)
	failed := errors.New("the disk is gone")
	_, err := m.get(objectOf("harbour", 1), func() ([]byte, error) { return nil, failed })
	if !errors.Is(err, failed) {
		t.Fatalf("got %v", err)
	}
	body, err := m.get(objectOf("harbour", 1), func() ([]byte, error) { return []byte("sound"), nil })
	if string(body) != "sound" || err != nil {
		t.Errorf("after a failure: %q (%v)", body, err)
	}
}

// What is deleted is not served from memory, and does not stay there.
func TestObjectsOfADeletedTapeAreForgotten(t *testing.T) {
	var gone atomic.Bool
	m := &memoryTape{spans: []tape.Stretch{{From: 96, To: 960}}, closed: true}
	h := New(Config{
		M4A:   true,
		Facts: func(id room.ID) (room.Facts, bool) { return room.Facts{ID: id, State: room.Ended}, true },
		Tape: func(id room.ID, _ tape.Channel) (Tape, error) {
			if id == "harbour" && gone.Load() {
				return nil, room.ErrNotFound
			}
			return m, nil
		},
	})
	get := func(path string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code
	}
	for _, path := range []string{
		"/r/harbour/tape/floor/opus-48/2.m4s", "/r/harbour/tape/floor/opus-48/3.m4s", "/r/quay/tape/floor/opus-48/2.m4s",
		"/r/harbour/clip/200-300/sound.m4a", "/r/quay/clip/200-300/sound.m4a",
	} {
		if code := get(path); code != http.StatusOK {
			t.Fatalf("%s: %d", path, code)
		}
	}
	check := func(when string, all, ofHarbour, clips int) {
		t.Helper()
		if n, of := len(h.objects.known), h.objects.rooms["harbour"]; n != all || of != ofHarbour || h.clips.known.Len() != clips {
			t.Errorf("%s, %d objects are remembered, %d of them of the room, and %d clips", when, n, of, h.clips.known.Len())
		}
	}
	check("before", 3, 2, 2)
	h.Forget("harbour")
	check("after", 1, 0, 1)
	get("/r/harbour/tape/floor/opus-48/2.m4s")
	get("/r/harbour/clip/200-300/sound.m4a")
	check("asked again", 2, 1, 2)
	gone.Store(true)
	if code := get("/r/harbour/tape/floor/opus-48/2.m4s"); code != http.StatusNotFound {
		t.Errorf("an object of a deleted tape: %d", code)
	}
	check("deleted by another node", 1, 0, 1)
}

// BenchmarkObject serves an object that was made before, and one that was not.
func BenchmarkObject(b *testing.B) {
	m := &memoryTape{spans: []tape.Stretch{{From: 0, To: 9600}}, closed: true}
	for name, most := range map[string]int{"Remembered": keptObjects, "Made": 0} {
		b.Run(name, func(b *testing.B) {
			h := New(Config{
				Facts: func(id room.ID) (room.Facts, bool) { return room.Facts{ID: id, State: room.Ended}, true },
				Tape:  func(room.ID, tape.Channel) (Tape, error) { return m, nil },
			})
			h.objects.most = most
			r := httptest.NewRequest(http.MethodGet, "/r/harbour/tape/floor/opus-48/7.m4s", nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
