package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"github.com/epidaurus-live/epidaurus/tape"
)

// ErrUnmade says that there is no AAC of a tape, or not yet.
var ErrUnmade = errors.New("there is no AAC of this tape, or not yet")

// Units are the access units of AAC of what may be heard of a tape.
type Units struct {
	Sizes   []uint16 // of each, in bytes; they are never changed
	Skip    int64    // samples that a decoder gives first and that are not heard
	Samples int64    // that are heard behind them
	Sound   *File    // the units one behind the other
}

// The files in which the units of a closed tape lie. The second is there only when the first is whole.
const (
	unitsFile = "aac-64.units"
	sizesFile = "aac-64.sizes"
	sizesHead = "epidaurus units1"
	draftOf   = ".new"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// pressing is what sizesFile says. It is never changed.
type pressing struct {
	first   tape.Number // of the tape that the units are of
	frames  int
	sizes   []uint16
	offsets []int64 // in unitsFile: where each segment begins, and where the last one ends
}

func newPressing(first tape.Number, frames int, sizes []uint16) *pressing {
	p := &pressing{first: first, frames: frames, sizes: sizes}
	at := int64(0)
	for i, s := range sizes {
		if i%tape.SegmentUnits == 0 && i/tape.SegmentUnits <= frames/tape.SegmentFrames {
			p.offsets = append(p.offsets, at)
		}
		at += int64(s)
	}
	p.offsets = append(p.offsets, at)
	return p
}

// append appends the contents of sizesFile: the head, the first frame in 8 bytes, frames in 8, units in 4, the size of each in 2, and CRC-32C of all
// that; big-endian.
func (p *pressing) append(b []byte) []byte {
	b = append(b, sizesHead...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.first))
	b = binary.BigEndian.AppendUint64(b, uint64(p.frames))
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.sizes)))
	for _, s := range p.sizes {
		b = binary.BigEndian.AppendUint16(b, s)
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parsePressing reads what append wrote. The error is ErrUnmade.
func parsePressing(b []byte) (*pressing, error) {
	const fixed = len(sizesHead) + 8 + 8 + 4
	if len(b) < fixed+4 || string(b[:len(sizesHead)]) != sizesHead || crc32.Checksum(b[:len(b)-4], castagnoli) != binary.BigEndian.Uint32(b[len(b)-4:]) {
		return nil, ErrUnmade
	}
	b = b[len(sizesHead) : len(b)-4]
	first, frames, count := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint32(b[16:])
	b = b[20:]
	if first > uint64(never) || frames > 1<<40 || int64(count)*2 != int64(len(b)) || int(count) != unitsFor(int(frames)+1)+unitsLead {
		return nil, ErrUnmade
	}
	sizes := make([]uint16, count)
	for i := range sizes {
		sizes[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return newPressing(tape.Number(first), int(frames), sizes), nil
}

// pressed finds the units of a closed tape. The error is ErrUnmade where there are none.
func (t *Tape) pressed() (*pressing, error) {
	if !t.Closed() {
		return nil, ErrUnmade
	}
	t.pressMu.Lock()
	defer t.pressMu.Unlock()
	if t.press != nil {
		return t.press, nil
	}
	text, err := os.ReadFile(filepath.Join(t.dir, sizesFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrUnmade
	}
	if err != nil {
		return nil, fmt.Errorf("read the units of the tape: %w", err)
	}
	p, err := parsePressing(text)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(filepath.Join(t.dir, unitsFile))
	spans := t.Spans()
	if err != nil || info.Size() != p.offsets[len(p.offsets)-1] || len(spans) == 0 || p.first != spans[0].From || p.frames != frames(spans) {
		return nil, ErrUnmade
	}
	t.press = p
	return p, nil
}

// strip is all of the tape.
func (t *Tape) strip() strip {
	spans := t.Spans()
	return strip{
		read:  func(from, to tape.Number) ([][]byte, error) { return t.Read(unitsSource, from, to) },
		spans: spans, to: frames(spans), next: tape.SilencePacket,
	}
}

// edges are the segments that are other ones because their host has cut: they are made anew when they are asked for, and remembered for one cut.
type edges struct {
	from, to int
	made     map[int][][]byte
}

// cutUnits makes the segments that a cut changes: those with silence in the place of what was cut, or before them, and the last one.
func (t *Tape) cutUnits(s strip, whole int, transcoder func() (Transcoder, error)) (map[int][][]byte, error) {
	t.pressMu.Lock()
	defer t.pressMu.Unlock()
	if e := t.edges; e != nil && e.from == s.from && e.to == s.to {
		return e.made, nil
	}
	var which []int
	k := s.from / tape.SegmentFrames
	if s.from > 0 {
		which = append(which, k)
		if (k+1)*tape.SegmentFrames-unitsBefore < s.from {
			which = append(which, k+1)
		}
	}
	if s.to < whole {
		which = append(which, s.last())
	}
	made := map[int][][]byte{}
	for _, k := range which {
		if made[k] != nil || k > s.last() {
			continue
		}
		tr, err := transcoder()
		if err != nil {
			return nil, err
		}
		made[k], err = s.segment(tr, k)
		if err != nil {
			return nil, err
		}
	}
	t.edges = &edges{s.from, s.to, made}
	return made, nil
}

// HasUnits reports whether all of the tape was made into AAC.
func (v *View) HasUnits() bool {
	_, err := v.pressed()
	return err == nil
}

// Units are what may be heard as AAC, when all of the tape was made into AAC; else the error is ErrUnmade. What a cut changes is made now: three
// segments at most.
func (v *View) Units(transcoder func() (Transcoder, error)) (*Units, error) {
	p, err := v.pressed()
	if err != nil {
		return nil, err
	}
	s := v.strip()
	whole := s.to
	s.from, s.to = place(s.spans, v.within.From), place(s.spans, v.within.To)
	if s.from >= s.to {
		return nil, ErrNoTape
	}
	made, err := v.cutUnits(s, whole, transcoder)
	if err != nil {
		return nil, err
	}
	// Unit u of the tape is sizes[u+unitsLead]. A decoder comes into step with those before the first that is heard.
	first := s.from * tape.GroupUnits / tape.GroupFrames
	u := &Units{Skip: v.skip(s.from), Samples: tape.Number(s.to - s.from).Samples(), Sound: &File{}}
	for k := s.from / tape.SegmentFrames; k <= s.last(); k++ {
		without := max(0, first-k*tape.SegmentUnits)
		if units, ok := made[k]; ok {
			u.add(units[without:])
			continue
		}
		at := k*tape.SegmentUnits + without
		sizes := p.sizes[at : k*tape.SegmentUnits+s.unitsOf(k)]
		from := p.offsets[k]
		for _, size := range p.sizes[k*tape.SegmentUnits : at] {
			from += int64(size)
		}
		to := p.offsets[k+1]
		u.Sizes = append(u.Sizes, sizes...)
		u.Sound.add(int(to-from), func() ([]byte, error) { return v.readFile(filepath.Join(v.dir, unitsFile), from, to) })
	}
	return u, nil
}

// skip is how many samples stand before frame from, in a file that begins with the unit unitsLead before its own: and what the encoder of Opus
// holds back.
func (v *View) skip(from int) int64 {
	return unitsLead*tape.UnitSamples + tape.Number(from).Samples()%tape.UnitSamples + int64(v.Meta().PreSkip)
}

// add adds units that are in memory.
func (u *Units) add(units [][]byte) {
	for _, unit := range units {
		u.Sizes = append(u.Sizes, uint16(len(unit)))
	}
	u.Sound.addBytes(slices.Concat(units...))
}

// ClipUnits is a stretch as AAC, exact to a sample, made now: 30 ms of a core for each second. It is a pure function of the frames of the stretch,
// of those just before it and the one behind. The error is ErrNoTape where not all of it is on tape.
func (v *View) ClipUnits(at tape.Stretch, transcoder func() (Transcoder, error)) (*Units, error) {
	lead, next, err := v.around(unitsSource, at)
	if err != nil {
		return nil, err
	}
	tr, err := transcoder()
	if err != nil {
		return nil, err
	}
	s := strip{
		read:  func(from, to tape.Number) ([][]byte, error) { return v.Read(unitsSource, from, to) },
		spans: []tape.Stretch{at}, to: at.Len(), next: next,
	}
	s.lead, err = v.Read(unitsSource, at.From-lead, at.From)
	if err != nil {
		return nil, err
	}
	u := &Units{Skip: v.skip(0), Samples: tape.Number(at.Len()).Samples(), Sound: &File{}}
	for k := range s.last() + 1 {
		units, err := s.segment(tr, k)
		if err != nil {
			return nil, err
		}
		u.add(units)
	}
	return u, nil
}

// pressTo makes the units of a closed tape, and calls after behind each segment with how many frames are done: it may wait, and end the work by an
// error. The names are there when all of it is on disk, and nothing is left when it is not.
func (t *Tape) pressTo(open opener, transcoder Transcoder, after func(done, of int) error) (err error) {
	s := t.strip()
	if !t.Closed() || s.to == 0 {
		return ErrUnmade
	}
	name := filepath.Join(t.dir, unitsFile)
	draft, err := open(name + draftOf)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(name+draftOf), remove(filepath.Join(t.dir, sizesFile+draftOf)))
		}
	}()
	sizes, err := pressSegments(draft, s, transcoder, after)
	if err == nil {
		err = draft.Sync()
	}
	err = errors.Join(err, draft.Close())
	if err != nil {
		return err
	}
	err = os.Rename(name+draftOf, name)
	if err == nil {
		err = syncDir(t.dir) // the units before what says that they are there
	}
	if err == nil {
		err = writeWhole(open, filepath.Join(t.dir, sizesFile), newPressing(s.spans[0].From, s.to, sizes).append(nil))
	}
	return errors.Join(err, syncDir(t.dir))
}

func pressSegments(draft file, s strip, transcoder Transcoder, after func(done, of int) error) (sizes []uint16, err error) {
	err = draft.Truncate(0) // of a process that was killed
	at := int64(0)
	for k := 0; k <= s.last() && err == nil; k++ {
		var units [][]byte
		units, err = s.segment(transcoder, k)
		if err != nil {
			return nil, err
		}
		for _, u := range units {
			sizes = append(sizes, uint16(len(u)))
		}
		sound := slices.Concat(units...)
		_, err = draft.WriteAt(sound, at)
		at += int64(len(sound))
		if err == nil {
			err = after(min((k+1)*tape.SegmentFrames, s.to), s.to)
		}
	}
	return sizes, err
}

// writeWhole writes a file, all of it or nothing.
func writeWhole(open opener, name string, body []byte) error {
	f, err := open(name + draftOf)
	if err != nil {
		return err
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(body, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(name+draftOf, name)
	}
	return err
}

// remove removes a file, if it is there.
func remove(name string) error {
	err := os.Remove(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
