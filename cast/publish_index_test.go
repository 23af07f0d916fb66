package cast

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// The M4A of a replay is published before the index says that it is there: once it is made, anew with other words, also when it was made while all
// else was published, and whatever the store failed at; with the cut it is that of the cut, and taken back it is gone.
func TestPublishTheM4A(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := aRoom(), newShelf(t)
		m.tape, m.state, m.closed, m.taped = room.TapeOn, room.Ended, true, []tape.Stretch{{From: 100 * 96, To: 120 * 96}}
		m.to(120, true)
		title, made := "Harbour", false
		what := func() []byte {
			return fmt.Appendf(nil, `{"title":%q,"m4a":%v,"closed":true,"spans":[[%d,%d]]}`, title, made, m.taped[0].From, m.taped[0].To)
		}
		give := func(f func() []byte) func(room.ID) ([]byte, error) {
			return func(room.ID) ([]byte, error) {
				m.mu.Lock()
				defer m.mu.Unlock()
				if m.taped == nil {
					return nil, room.ErrNotFound
				}
				return f(), nil
			}
		}
		p, err := NewPublisher(m.config(0), Publication{Store: s, Page: []byte("<page>"), Index: give(what), M4A: give(func() []byte {
			if !made {
				return nil
			}
			return append([]byte("M4A of "), what()...)
		})})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Close(context.Background()) }()
		follow := func() {
			facts, _ := m.config(0).Facts("harbour")
			p.Follow(facts)
		}
		is := func(when string) {
			t.Helper()
			pass(2 * lastRetry)
			want := ""
			if made {
				want = "M4A of " + string(what())
			}
			if got := s.text(m4aFile); got != want || s.text(indexFile) != string(what()) || p.Stats().Rooms != 0 {
				t.Errorf("%s there is %q with %q", when, got, s.text(indexFile))
			}
		}
		follow()
		is("before it is made")
		fails := 3
		s.let(func(op, name string) (before, after error) {
			if fails > 0 && strings.HasSuffix(name, m4aFile) {
				fails--
				if strings.Contains(s.text(indexFile), `"m4a":true`) {
					t.Error("the index says that there is what is not")
				}
				return errors.New("the store is away"), nil
			}
			return nil, nil
		})
		m.set(func() { made = true })
		follow()
		is("made")
		if fails > 0 {
			t.Error("the store has not failed")
		}
		m.set(func() { title = "Sea talk" })
		follow()
		follow() // again, before it is done with
		is("with another title")
		m.set(func() {
			m.life.Edit = room.Edit{From: 105*96 + 5}
			m.taped = []tape.Stretch{{From: 105*96 + 5, To: 120 * 96}}
		})
		follow()
		is("cut")
		m.set(func() { m.life.Withdrawn, m.taped = time.Unix(1, 0), nil })
		follow()
		pass(time.Second)
		if left := s.files(); len(left) != 0 {
			t.Errorf("taken back, there is %v", left)
		}
	})
}
