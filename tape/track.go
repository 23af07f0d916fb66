package tape

import "strings"

// Tracks is the channel of the speakers' own tracks: each of its variants is one speaker. Only those who tape hear it. A frame that is not
// there is a silent one.
const Tracks Channel = "tracks"

// Voice is a speaker's track in Opus at 64 kbit/s, as it is on tape.
const Voice Variant = "opus-64"

// trackMark tells a speaker's variant from the other tokens of a channel: it is in none of them and in no person's ID.
const trackMark = "v-"

// TrackOf is the variant of Tracks that is a speaker's. It is not ok where the ID is empty or too long for a seal.
func TrackOf(person string) (v Variant, ok bool) {
	v = Variant(trackMark + person)
	return v, person != "" && len(v) <= maxVariantName
}

// Speaker is whose track a variant of Tracks is.
func (v Variant) Speaker() (person string, ok bool) {
	person, ok = strings.CutPrefix(string(v), trackMark)
	return person, ok && person != ""
}

// WantTracks is what who needs Tracks says that he needs.
const WantTracks Variant = "tracks"
