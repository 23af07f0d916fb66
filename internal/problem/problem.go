// Package problem writes refusals as application/problem+json (RFC 9457): what happened, a stable code for programs, and a
// sentence for people that says what to do.
package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// ContentType is what a problem is served as.
const ContentType = "application/problem+json"

// Code is the stable name of a refusal. Programs decide by it; status and words may get better.
type Code string

// The refusals that exist. A code is never renamed, and never used for something else.
const (
	RoomUnknown      Code = "room_unknown"       // 404
	RoomNotOpen      Code = "room_not_open"      // 425: nothing to hear yet
	RoomEnded        Code = "room_ended"         // 410
	RoomMoved        Code = "room_moved"         // 307: it goes on elsewhere, where Location says
	ChannelUnknown   Code = "channel_unknown"    // 404
	NoTape           Code = "no_tape"            // 404: nothing of the room is on tape here
	NotOffered       Code = "not_offered"        // 404: the server was built or set up without it
	Full             Code = "full"               // 503: no seat, come again
	StageFull        Code = "stage_full"         // 503: everybody on stage has a place already
	TokenMissing     Code = "token_missing"      // 401
	TokenMalformed   Code = "token_malformed"    // 401
	TokenForged      Code = "token_forged"       // 401
	TokenExpired     Code = "token_expired"      // 401
	TokenWrongRoom   Code = "token_wrong_room"   // 403
	Removed          Code = "removed"            // 403: this person was removed from the room
	InvitationNeeded Code = "invitation_needed"  // 401: the room is heard with a seat token only
	InvitationVoid   Code = "invitation_void"    // 403: the seat token was withdrawn
	InvitationFull   Code = "invitation_full"    // 403: as many listen with this seat token as may
	Forbidden        Code = "forbidden"          // 403: the role may not do this
	HostOnly         Code = "host_only"          // 401: needs the host's cookie
	ClaimUsed        Code = "claim_used"         // 410
	ClaimUnknown     Code = "claim_unknown"      // 403
	NotFound         Code = "not_found"          // 404
	SentBack         Code = "sent_back"          // 403: back in the audience until called up again
	ConsentNeeded    Code = "consent_needed"     // 403: the room is taped, and this person has not agreed
	LeadHeld         Code = "lead_held"          // 409: the room has a host
	CoHostsFull      Code = "cohosts_full"       // 409: there are as many co-hosts as may be
	HandsClosed      Code = "hands_closed"       // 409: the stage takes no hands now
	HandsFull        Code = "hands_full"         // 503: very many hands are raised already
	HandUnknown      Code = "hand_unknown"       // 404
	NotBackstage     Code = "not_backstage"      // 409: needs a connection backstage first
	OnStage          Code = "on_stage"           // 409: on stage, which has to be left first
	BackstageFull    Code = "backstage_full"     // 503
	NoEar            Code = "no_ear"             // 409: nobody can speak to this person alone now
	EarTaken         Code = "ear_taken"          // 409: another one speaks to this person
	MountInUse       Code = "mount_in_use"       // 403: another encoder sends with this password
	CueUnknown       Code = "cue_unknown"        // 404
	PersonUnknown    Code = "person_unknown"     // 404
	SessionUnknown   Code = "session_unknown"    // 404
	MethodNotAllowed Code = "method_not_allowed" // 405
	BadRequest       Code = "bad_request"        // 400
	BadOffer         Code = "bad_offer"          // 400: the SDP cannot be answered
	BadFragment      Code = "bad_fragment"       // 400: the trickle fragment cannot be read
	WrongType        Code = "wrong_type"         // 415
	TooLarge         Code = "too_large"          // 413
	StepImpossible   Code = "step_impossible"    // 409
	PlanChanged      Code = "plan_changed"       // 409: another change came first
	NothingToDump    Code = "nothing_to_dump"    // 409: all of it has gone out
	BadCaptions      Code = "bad_captions"       // 400: the file of captions cannot be read; the detail names the line
	CaptionDumped    Code = "caption_dumped"     // 409: what was said there was dumped
	NotMadeHere      Code = "not_made_here"      // 409: another node makes the room's sound, or nobody yet
	VersionMissing   Code = "version_missing"    // 428: If-Match is needed
	VersionStale     Code = "version_stale"      // 412: If-Match names an older ICE session
	TooMany          Code = "too_many"           // 429
	Busy             Code = "busy"               // 503: too many come at this moment
	Draining         Code = "draining"           // 503: this server hands its listeners over to others
	ShuttingDown     Code = "shutting_down"      // 503
	NotKept          Code = "not_kept"           // 503: the database takes nothing now, and without it this cannot be done
	Internal         Code = "internal"           // 500
)

// Problem is one refusal.
type Problem struct {
	Status     int           // HTTP status
	Code       Code          // stable
	Title      string        // the kind of refusal in a few words; the table's words when empty
	Detail     string        // a sentence that says what to do
	RetryAfter time.Duration // when waiting helps: how long; 0 says nothing
	Location   string        // where to ask instead; empty says nothing
	Inside     int           // seats of the room on all edges, for who has none; 0 says nothing
}

// Error makes a Problem an error, so that it can travel up to the handler that writes it.
func (p Problem) Error() string {
	p = p.complete()
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}

// New returns the refusal that the table keeps for code, with a sentence for this case.
func New(code Code, detail string) Problem {
	return Problem{Code: code, Detail: detail}.complete()
}

// NoRoom is what is said of a room that is not there, and of one of which strangers are not told that it is.
var NoRoom = New(RoomUnknown, "There is no such room here. Check the link.")

// wire is the JSON form. The members' order is that of docs/PROTOCOL.md.
type wire struct {
	Type         string `json:"type"`
	Title        string `json:"title"`
	Status       int    `json:"status"`
	Code         Code   `json:"code"`
	Detail       string `json:"detail,omitempty"`
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"`
	Inside       int    `json:"inside,omitempty"`
}

// Write answers a request with p. Status and title that p leaves out come from the table of codes; an unknown code without a
// status is an internal error. It must be called before anything else is written to w.
func Write(w http.ResponseWriter, p Problem) {
	p = p.complete()
	h := w.Header()
	for _, f := range p.fields() {
		h.Set(f.name, f.value)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(p.body()) // the reader may be gone; nobody is left to tell
}

// Answer is p as a whole HTTP/1.1 response, after which the connection is closed: for who has no http.ResponseWriter. A page of any site may
// read it. The zero time leaves out the date.
func (p Problem) Answer(now time.Time) []byte {
	p = p.complete()
	body := p.body()
	dst := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %d\r\nAccess-Control-Allow-Origin: *\r\n",
		p.Status, http.StatusText(p.Status), len(body))
	if !now.IsZero() {
		dst = fmt.Appendf(dst, "Date: %s\r\n", now.UTC().Format(http.TimeFormat))
	}
	for _, f := range p.fields() {
		dst = fmt.Appendf(dst, "%s: %s\r\n", f.name, f.value)
	}
	return append(append(dst, "\r\n"...), body...)
}

type field struct{ name, value string }

// fields are the header fields that say what p is.
func (p Problem) fields() []field {
	fields := []field{{"Content-Type", ContentType}, {"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}}
	if p.Location != "" {
		fields = append(fields, field{"Location", p.Location})
	}
	if p.RetryAfter > 0 {
		// The header has whole seconds: rounded up, so that nobody comes back too early.
		fields = append(fields, field{"Retry-After", strconv.FormatInt(int64((p.RetryAfter+time.Second-1)/time.Second), 10)})
	}
	return fields
}

func (p Problem) body() []byte {
	body, err := json.Marshal(wire{
		Type: "about:blank", Title: p.Title, Status: p.Status, Code: p.Code, Detail: p.Detail,
		RetryAfterMS: p.RetryAfter.Milliseconds(), Inside: p.Inside,
	})
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	return append(body, '\n')
}

func (p Problem) complete() Problem {
	known, ok := table[p.Code]
	if !ok {
		known = table[Internal]
	}
	if p.Code == "" {
		p.Code = Internal
	}
	if p.Status == 0 {
		p.Status = known.status
	}
	if p.Title == "" {
		p.Title = known.title
	}
	return p
}
