package problem

import (
	"maps"
	"net/http"
	"slices"
)

// Codes lists all refusals, by name.
func Codes() []Code { return slices.Sorted(maps.Keys(table)) }

// table holds status and title of each code.
var table = map[Code]struct {
	status int
	title  string
}{
	RoomUnknown:      {http.StatusNotFound, "No such room"},
	RoomNotOpen:      {http.StatusTooEarly, "The room is not open yet"},
	RoomEnded:        {http.StatusGone, "The room has ended"},
	RoomMoved:        {http.StatusTemporaryRedirect, "The room goes on elsewhere"},
	ChannelUnknown:   {http.StatusNotFound, "No such channel"},
	NoTape:           {http.StatusNotFound, "Not on tape"},
	NotOffered:       {http.StatusNotFound, "Not offered here"},
	Full:             {http.StatusServiceUnavailable, "Every seat is taken"},
	StageFull:        {http.StatusServiceUnavailable, "The stage is full"},
	TokenMissing:     {http.StatusUnauthorized, "A stage token is needed"},
	TokenMalformed:   {http.StatusUnauthorized, "The token is damaged"},
	TokenForged:      {http.StatusUnauthorized, "The token is not from this server"},
	TokenExpired:     {http.StatusUnauthorized, "The token has expired"},
	TokenWrongRoom:   {http.StatusForbidden, "The token is for another room"},
	Removed:          {http.StatusForbidden, "Removed from the room"},
	InvitationNeeded: {http.StatusUnauthorized, "By invitation"},
	InvitationVoid:   {http.StatusForbidden, "The invitation was withdrawn"},
	InvitationFull:   {http.StatusForbidden, "The invitation is in use"},
	Forbidden:        {http.StatusForbidden, "Not allowed"},
	HostOnly:         {http.StatusUnauthorized, "Only for the host"},
	ClaimUsed:        {http.StatusGone, "The link was used already"},
	ClaimUnknown:     {http.StatusForbidden, "The link is not known"},
	NotFound:         {http.StatusNotFound, "Not found"},
	SentBack:         {http.StatusForbidden, "Back in the audience"},
	ConsentNeeded:    {http.StatusForbidden, "Consent is needed"},
	LeadHeld:         {http.StatusConflict, "The room has a host"},
	CoHostsFull:      {http.StatusConflict, "No more co-hosts"},
	HandsClosed:      {http.StatusConflict, "No hands now"},
	HandsFull:        {http.StatusServiceUnavailable, "Very many hands"},
	HandUnknown:      {http.StatusNotFound, "No such hand"},
	NotBackstage:     {http.StatusConflict, "Not backstage"},
	OnStage:          {http.StatusConflict, "On stage"},
	BackstageFull:    {http.StatusServiceUnavailable, "Backstage is full"},
	NoEar:            {http.StatusConflict, "Cannot be spoken to"},
	EarTaken:         {http.StatusConflict, "Another one speaks there"},
	MountInUse:       {http.StatusForbidden, "Mountpoint in use"},
	CueUnknown:       {http.StatusNotFound, "No such cue"},
	PersonUnknown:    {http.StatusNotFound, "Not on stage"},
	SessionUnknown:   {http.StatusNotFound, "No such session"},
	MethodNotAllowed: {http.StatusMethodNotAllowed, "Method not allowed"},
	BadRequest:       {http.StatusBadRequest, "The request cannot be read"},
	BadOffer:         {http.StatusBadRequest, "The offer cannot be answered"},
	BadFragment:      {http.StatusBadRequest, "The fragment cannot be read"},
	WrongType:        {http.StatusUnsupportedMediaType, "Wrong content type"},
	TooLarge:         {http.StatusRequestEntityTooLarge, "The body is too large"},
	StepImpossible:   {http.StatusConflict, "Not possible now"},
	PlanChanged:      {http.StatusConflict, "Changed meanwhile"},
	NothingToDump:    {http.StatusConflict, "Nothing to dump"},
	BadCaptions:      {http.StatusBadRequest, "The captions cannot be read"},
	CaptionDumped:    {http.StatusConflict, "Dumped"},
	NotMadeHere:      {http.StatusConflict, "Not made here"},
	VersionMissing:   {http.StatusPreconditionRequired, "If-Match is needed"},
	VersionStale:     {http.StatusPreconditionFailed, "The session has moved on"},
	TooMany:          {http.StatusTooManyRequests, "Too many requests"},
	Busy:             {http.StatusServiceUnavailable, "Too many at once"},
	Draining:         {http.StatusServiceUnavailable, "The server hands over to others"},
	ShuttingDown:     {http.StatusServiceUnavailable, "The server is stopping"},
	NotKept:          {http.StatusServiceUnavailable, "It cannot be written down"},
	Internal:         {http.StatusInternalServerError, "The server failed"},
}
