package stage

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// The backstage chat is in the memory of this node alone: it goes to the pages of the stage, and nowhere else.

// say adds a line to the backstage chat.
func (s *Stage) say(w http.ResponseWriter, r *http.Request, c caller) error {
	text, err := readJSONOf[string](w, r, maxWords)
	if err != nil {
		return err
	}
	text, err = room.CheckChatLine(text)
	if err != nil {
		return problem.New(problem.BadRequest, problem.Sentence(err))
	}
	n, err := c.scene.say(c.Grant, text, time.Now())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(struct {
		N int `json:"n"`
	}{n})
}

func (sc *scene) say(by room.Grant, text string, now time.Time) (int, error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	p := sc.profileLocked(by)
	switch {
	case sc.ended:
		return 0, errRoomEnded
	case p.sentBack:
		return 0, errSentBack
	}
	n, wait, err := sc.chat.Say(room.ChatLine{By: by.Person, Name: p.name, Role: by.Role, Text: text}, now)
	if err != nil {
		return 0, problem.Problem{Code: problem.TooMany, Detail: problem.Sentence(err), RetryAfter: wait}
	}
	sc.changed()
	return n, nil
}

// chatEvent are lines of the chat that a page does not know yet.
type chatEvent struct {
	All   bool            `json:"all,omitempty"` // these are all that are kept, whatever the page had before
	Lines []room.ChatLine `json:"lines"`
}

func (e *chatEvent) json() []byte {
	data, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings, numbers and times of this century always marshal
	}
	return data
}

// tellChatLocked gives each page the lines that it does not have. Who is back in the audience gets none until called up.
func (sc *scene) tellChatLocked(facts room.Facts) {
	for _, st := range sc.streams {
		p := sc.profiles[st.person]
		if st.chatTold == sc.chat.Last() || p.sentBack || room.May(p.role, room.ActChat, facts.State) != nil {
			continue
		}
		st.postChat(st.chatTold < 0, sc.chat.After(max(st.chatTold, 0)))
		st.chatTold = sc.chat.Last()
	}
}

// postChat adds lines to those that the page has not read yet; it never waits with more than are kept.
func (st *stream) postChat(all bool, lines []room.ChatLine) {
	st.mu.Lock()
	if st.chat == nil {
		st.chat = &chatEvent{All: all, Lines: []room.ChatLine{}}
	}
	st.chat.Lines = append(st.chat.Lines, lines...)
	if over := len(st.chat.Lines) - room.ChatKept; over > 0 {
		st.chat.Lines = st.chat.Lines[over:]
	}
	st.mu.Unlock()
	st.poke()
}
