package room

// Kinds of events that ride in band with the sound. An event states how something is from its frame on: the last
// one of a kind is the whole truth about it. The wire form is in docs/PROTOCOL.md.
const (
	KindRoom      = "room"
	KindStage     = "stage"
	KindSpeaking  = "speaking"
	KindListening = "listening"
	KindSeat      = "seat"
	KindEdges     = "edges"
	KindMoved     = "moved"
	KindChapter   = "chapter"
	KindCaption   = "caption"
)

// RoomEvent says what the room is called and where in its life it is.
type RoomEvent struct {
	Kind     string `json:"t"`
	ID       ID     `json:"id"`
	Title    string `json:"title"`
	Language string `json:"lang"`
	State    State  `json:"state"`
	Tape     bool   `json:"tape,omitempty"`  // it is taped, and can be heard from its beginning
	Start    int64  `json:"start,omitempty"` // at the doors: when it is to begin, in Unix milliseconds, where that was announced
}

// StageEvent says who is on stage.
type StageEvent struct {
	Kind   string   `json:"t"`
	People []Person `json:"people"`
}

// SpeakingEvent says who speaks now.
type SpeakingEvent struct {
	Kind string     `json:"t"`
	IDs  []PersonID `json:"ids"`
}

// ListeningEvent says how many seats are taken. A seat is an open response, not a person.
type ListeningEvent struct {
	Kind string `json:"t"`
	N    int    `json:"n"`
}

// ChapterEvent says which chapter one is in. Without an ID it is none: the chapter that was is not one any more.
type ChapterEvent struct {
	Kind  string `json:"t"`
	ID    int    `json:"id,omitempty"`
	At    int64  `json:"at,omitempty"` // where it began
	Title string `json:"title,omitempty"`
}

// SeatEvent tells one player what it was granted, and what of that changes; it is not part of the channel.
type SeatEvent struct {
	Kind      string `json:"t"`
	DepthMS   int    `json:"depth_ms"`          // how far behind the newest frame the ear should be
	GrowMS    int    `json:"grow_ms,omitempty"` // time to get there, where the depth has grown: by playing slow
	CadenceMS int    `json:"cadence_ms"`        // between two writes, from now on
	Variant   string `json:"variant"`           // of the sound that follows
}
