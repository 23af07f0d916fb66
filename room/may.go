package room

import (
	"fmt"
	"slices"
)

// Action is something that somebody wants to do in a room.
type Action string

// What there is to do. Every request that acts on a room is one of these, and asks May.
const (
	ActSee            Action = "see"
	ActWatch          Action = "watch"
	ActSpeak          Action = "speak"
	ActMuteSelf       Action = "mute_self"
	ActRename         Action = "rename"
	ActConsent        Action = "consent"
	ActCheck          Action = "check"
	ActMuteOther      Action = "mute_other"
	ActMuteAll        Action = "mute_all"
	ActSendBack       Action = "send_back"
	ActCallUp         Action = "call_up"
	ActRemove         Action = "remove"
	ActBlock          Action = "block"
	ActHands          Action = "hands"
	ActInvite         Action = "invite"
	ActInviteCoHost   Action = "invite_cohost"
	ActInviteProducer Action = "invite_producer"
	ActHandOver       Action = "hand_over"
	ActTakeLead       Action = "take_lead"
	ActSeeConsents    Action = "see_consents"
	ActDelay          Action = "delay"
	ActDump           Action = "dump"
	ActCarts          Action = "carts"
	ActLights         Action = "lights"
	ActPlan           Action = "plan"
	ActMove           Action = "move"
	ActDoors          Action = "doors"
	ActEnd            Action = "end"
	ActDeleteTape     Action = "delete_tape"
	ActRelocate       Action = "relocate"
	ActRunThrough     Action = "run_through"
	ActChapters       Action = "chapters"
	ActTracks         Action = "tracks"
	ActEdit           Action = "edit_replay"
	ActRaiseHand      Action = "raise_hand"
	ActAccess         Action = "access"
	ActSeats          Action = "seats"
	ActPicture        Action = "picture"
	ActBackstage      Action = "backstage"
	ActTalkback       Action = "talkback"
	ActCue            Action = "cue"
	ActTakeCue        Action = "take_cue"
	ActChat           Action = "chat"
	ActCaption        Action = "caption"

	ActInviteCaptioner Action = "invite_captioner"
)

// Rule says who may do something, and when.
type Rule struct {
	Action Action
	Words  string // behind "may": "end the room"
	Who    []Role
	Before bool // also before the room's doors open
	After  bool // also when the room has ended
}

var (
	onlyHost  = []Role{Host}
	leaders   = []Role{Host, CoHost, Producer}
	onStage   = []Role{Host, CoHost, Speaker}
	backstage = []Role{Host, CoHost, Producer, Speaker}

	known = []Role{Host, CoHost, Producer, Speaker, Captioner}

	successors = []Role{CoHost, Producer}
)

// Rules is the whole table of permissions: docs/PROTOCOL.md shows it, and no request decides by anything else but whom it concerns (MayTo).
// It is never changed.
var Rules = []Rule{
	{ActSee, "see the room", known, true, true},
	{ActWatch, "follow the stage", backstage, true, false},
	{ActSpeak, "go on stage", onStage, false, false},
	{ActMuteSelf, "mute themselves", backstage, true, false},
	{ActRename, "choose their name", backstage, true, false},
	{ActConsent, "agree to be recorded, or not", onStage, true, false},
	{ActCheck, "have their voice checked", onStage, true, false},
	{ActMuteOther, "mute somebody else", leaders, true, false},
	{ActMuteAll, "mute everybody", leaders, true, false},
	{ActSendBack, "send somebody back to the audience", leaders, true, false},
	{ActCallUp, "call somebody up again", leaders, true, false},
	{ActRemove, "remove somebody", leaders, true, false},
	{ActBlock, "block somebody", leaders, true, false},
	{ActHands, "see and answer raised hands", leaders, true, false},
	{ActInvite, "invite a speaker", leaders, true, false},
	{ActInviteCoHost, "invite a co-host", onlyHost, true, false},
	{ActInviteProducer, "invite a producer", onlyHost, true, false},
	{ActInviteCaptioner, "invite a captioner", leaders, true, false},
	{ActHandOver, "hand over the room", onlyHost, true, false},
	{ActTakeLead, "take a room whose host is gone", successors, false, false},
	{ActSeeConsents, "see who agreed to be recorded", leaders, true, true},
	{ActBackstage, "talk backstage", backstage, true, false},
	{ActTalkback, "talk into somebody's ear", leaders, true, false},
	{ActCue, "send a cue", leaders, true, false},
	{ActTakeCue, "acknowledge a cue", backstage, true, false},
	{ActChat, "read and write the backstage chat", backstage, true, false},
	{ActDelay, "change the delay", leaders, true, false},
	{ActDump, "dump", leaders, true, true},
	{ActCarts, "play and change carts", leaders, true, false},
	{ActLights, "see the lights", leaders, true, true},
	{ActPlan, "change the plan", leaders, true, false},
	{ActAccess, "say who may hear the room", onlyHost, true, true},
	{ActSeats, "invite listeners", leaders, true, true},
	{ActPicture, "change the picture", leaders, true, true},
	{ActMove, "take the room's next step", leaders, true, true},
	{ActDoors, "close the doors", leaders, true, true},
	{ActEnd, "end the room", onlyHost, true, true},
	{ActDeleteTape, "delete the tape", onlyHost, true, true},
	{ActRelocate, "move the listeners to another room", onlyHost, false, false},
	{ActRunThrough, "hold a run-through and delete its recording", onlyHost, true, true},
	{ActChapters, "mark and change chapters", leaders, false, true},
	{ActTracks, "download the speakers' own tracks", leaders, true, true},
	{ActEdit, "edit the replay", onlyHost, true, true},
	{ActCaption, "write captions", []Role{Captioner}, false, false},
	{ActRaiseHand, "raise a hand", []Role{Listener}, false, false},
}

// Denial is why somebody may not do something. It is an error whose words are a sentence without its full stop.
type Denial struct {
	Role   Role
	Action Action
	Over   bool // nobody may, since the room has ended
	Early  bool // the role may, but not before the doors are open
	Target Role // the role may, but not to somebody of this one
}

func (d Denial) Error() string {
	words := ruleOf(d.Action).Words
	switch {
	case d.Over:
		return "the room has ended"
	case d.Early && d.Action == ActSpeak:
		return "the stage opens with the doors: whoever runs the desk can open them now"
	case d.Early:
		return "the doors of this room are not open yet"
	case d.Target != "" && d.Action == ActHandOver:
		return "a room is handed over to a co-host: invite the person as one first"
	case d.Target != "":
		return fmt.Sprintf("a %s may not %s who is a %s", d.Role.word(), words, d.Target.word())
	}
	return fmt.Sprintf("a %s may not %s: ask the host", d.Role.word(), words)
}

// May says whether a role may do something in a room of this state: nil, or a Denial. What the table does not know nobody may do.
func May(r Role, a Action, in State) error {
	rule := ruleOf(a)
	over := in == Ended || in == Replay
	if over && !rule.After {
		return Denial{Role: r, Action: a, Over: true}
	}
	if !slices.Contains(rule.Who, r) {
		return Denial{Role: r, Action: a}
	}
	if !rule.Before && !over && !in.Open() {
		return Denial{Role: r, Action: a, Early: true}
	}
	return nil
}

// MayTo says whether a role that may do something may do it to a person of this role. A host cannot be taken off the room, co-hosts and
// producers by the host only, who alone takes it back; a room goes from its host to a co-host.
func MayTo(r Role, a Action, target Role) error {
	refused := false
	switch a {
	case ActSendBack, ActCallUp, ActRemove, ActBlock:
		refused = target == Host || target != Speaker && target != Captioner && r != Host
	case ActHandOver:
		refused = target != CoHost
	}
	if refused {
		return Denial{Role: r, Action: a, Target: target}
	}
	return nil
}

func ruleOf(a Action) Rule {
	i := slices.IndexFunc(Rules, func(r Rule) bool { return r.Action == a })
	if i < 0 {
		return Rule{Words: string(a)}
	}
	return Rules[i]
}

// word is what people call the role.
func (r Role) word() string {
	if r == CoHost {
		return "co-host"
	}
	return string(r)
}
