package room

import (
	"errors"
	"maps"
	"time"
)

// ConsentText is the version of the question that is asked now where the conversation is recorded, and TracksText where each speaker is also
// recorded apart. An answer is kept with the version that was read.
const (
	ConsentText = 1
	TracksText  = 2
)

// ConsentTexts are all questions that were ever asked, by version and language: what somebody agreed to must not be lost when the words get
// better.
var ConsentTexts = map[int]map[string]string{
	1: {
		"en": "This conversation is recorded and may be heard again.",
		"fr": "Cette conversation est enregistrée et pourra être réécoutée.",
	},
	2: {
		"en": "This conversation is recorded and may be heard again. Your voice is also kept as a track of its own, for the editor.",
		"fr": "Cette conversation est enregistrée et pourra être réécoutée. Votre voix est aussi gardée sur une piste à part, pour le montage.",
	},
}

// MaxAnswers is how often one person may answer whether they may be recorded: each answer is kept.
const MaxAnswers = 20

// Reasons why an answer is not taken.
var (
	ErrConsentText = errors.New("this question was never asked: load the page again")
	ErrManyAnswers = errors.New("this question was answered very often already: tell the host how it shall be")
)

// Consent is somebody's answer to whether they may be recorded.
type Consent struct {
	Agreed bool      `json:"agreed"`
	Text   int       `json:"text"`         // version of the question
	At     time.Time `json:"at"`           // to the millisecond, in UTC
	By     PersonID  `json:"by,omitempty"` // who vouched for it, where it was not the person
	N      int       `json:"n,omitempty"`  // how many answers there were, with this one
}

// ConsentState is how somebody stands to being recorded.
type ConsentState string

// The states that there are.
const (
	ConsentFree     ConsentState = ""         // nothing is asked: the room is not taped, or the host's own, or it is nobody who goes on stage
	ConsentAsked    ConsentState = "asked"    // and has not answered
	ConsentAgreed   ConsentState = "agreed"   //
	ConsentDeclined ConsentState = "declined" // listens only
)

// Consent is how somebody of this role stands to being recorded. A host has made the room, and what is recorded of it is the host's own will; a
// producer is never on stage.
func (f Facts) Consent(p PersonID, r Role) ConsentState {
	switch {
	case f.Tape != TapeOn, r != CoHost && r != Speaker:
		return ConsentFree
	}
	c, answered := f.Consents[p]
	switch {
	case !answered:
		return ConsentAsked
	case c.Agreed:
		return ConsentAgreed
	}
	return ConsentDeclined
}

// MayBeHeard reports whether somebody who stands so may go on air. An answer to an older question counts: a new one is asked of those who come
// from then on, and takes nobody off the air.
func (s ConsentState) MayBeHeard() bool { return s == ConsentFree || s == ConsentAgreed }

// ConsentText is the version of the question that is asked in this room.
func (f *Facts) ConsentText() int {
	if f.Tracks {
		return TracksText
	}
	return ConsentText
}

// TapesTracks reports whether the room is taped, and its speakers also apart.
func (f *Facts) TapesTracks() bool { return f.Tape == TapeOn && f.Tracks }

// TapesTrack reports whether somebody of this role is taped apart: the host, whose wish it is, and who agreed to that. Who agreed only to
// be recorded, by an older question or an encoder that knows no other, is in the mix alone.
func (f *Facts) TapesTrack(p PersonID, r Role) bool {
	if !f.TapesTracks() || f.IsRemoved(p) {
		return false
	}
	c, answered := f.Consents[p]
	if !answered {
		return r == Host
	}
	return c.Agreed && c.Text >= TracksText
}

// Answer keeps an answer, and reports whether it says anything new.
func (f *Facts) Answer(p PersonID, c Consent) (news bool, err error) {
	last, answered := f.Consents[p]
	switch {
	case ConsentTexts[c.Text] == nil:
		return false, ErrConsentText
	case answered && last.Agreed == c.Agreed && last.Text == c.Text && last.By == c.By:
		return false, nil
	case last.N >= MaxAnswers:
		return false, ErrManyAnswers
	}
	c.At, c.N = c.At.UTC().Truncate(time.Millisecond), last.N+1
	if !c.At.After(last.At) {
		c.At = last.At.Add(time.Millisecond) // answers are told apart by their time, and the clock may have been set back
	}
	f.setConsent(p, c)
	return true, nil
}

// setConsent leaves what readers of facts may hold untouched.
func (f *Facts) setConsent(p PersonID, c Consent) {
	all := map[PersonID]Consent{}
	maps.Copy(all, f.Consents)
	all[p] = c
	f.Consents = all
}

// TakeAnswers takes over what was answered in a room whose conversation goes on in this one, of those who have not answered here: nobody falls off
// the stage in the middle of a sentence to be asked again what they were asked.
func (f *Facts) TakeAnswers(from Facts) {
	for p, c := range from.Consents {
		if _, answered := f.Consents[p]; !answered {
			c.N = 1
			f.setConsent(p, c)
		}
	}
}

// keepHostsConsent notes, as of the making of the room, that its host agreed to what is recorded: who hands the room over stays on air.
func (f *Facts) keepHostsConsent(host PersonID) {
	if _, answered := f.Consents[host]; !answered && f.Tape == TapeOn {
		f.setConsent(host, Consent{Agreed: true, Text: f.ConsentText(), At: f.Created.UTC().Truncate(time.Millisecond), By: host, N: 1})
	}
}

// JoinConsents joins what two know of the answers in one room: of each person the later one.
func JoinConsents(a, b map[PersonID]Consent) map[PersonID]Consent {
	if len(b) == 0 {
		return a
	}
	all := maps.Clone(a)
	if all == nil {
		all = map[PersonID]Consent{}
	}
	for p, c := range b {
		if known, ok := all[p]; !ok || c.At.After(known.At) {
			all[p] = c
		}
	}
	return all
}

// ConsentRecord is an answer as it is kept with the room.
type ConsentRecord struct {
	Person PersonID
	Name   string // as the person was invited; empty: the host, or unknown
	Consent
}
