package fmp4

import "github.com/epidaurus-live/epidaurus/tape"

// Init returns the head of a stream: ftyp and moov with one mono Opus track at timescale 48000, whose samples are frames of 960.
// preSkip is the encoder's look-ahead in samples.
func Init(preSkip uint16) []byte {
	return appendInit(sampleEntry, tape.FrameSamples, func(b []byte) []byte { return appendOpusSpecific(b, preSkip) })
}

// InitAAC is Init for units of AAC-LC, of 1024 samples. No edit list takes anything off: each unit is of the sound of its own place.
func InitAAC() []byte { return appendInit("mp4a", tape.UnitSamples, appendElementaryStream) }

// appendInit makes the head of a stream of samples of one kind: the name of their entry, what each has of sound, and what stands behind the
// fields that every kind of sound has.
func appendInit(entry string, samples uint32, specific func([]byte) []byte) []byte {
	dst := appendBox(nil, "ftyp", func(b []byte) []byte {
		b = append(b, "iso6"...)
		b = be.AppendUint32(b, 0)
		return append(b, "iso6mp41"...)
	})
	return appendBox(dst, "moov", func(b []byte) []byte {
		b = appendMovieHeader(b)
		b = appendBox(b, "trak", func(b []byte) []byte {
			b = appendTrackHeader(b)
			return appendBox(b, "mdia", func(b []byte) []byte { return appendMedia(b, entry, specific) })
		})
		return appendBox(b, "mvex", func(b []byte) []byte { return appendTrackExtends(b, samples) })
	})
}

// unity is the transformation matrix that leaves a picture as it is; every movie and track has one.
var unity = [9]uint32{0: 0x10000, 4: 0x10000, 8: 0x40000000}

func appendMatrix(b []byte) []byte {
	for _, v := range unity {
		b = be.AppendUint32(b, v)
	}
	return b
}

func appendZeros(b []byte, n int) []byte { return append(b, make([]byte, n)...) }

func appendMovieHeader(b []byte) []byte {
	b = appendFullHeader(b, 108, "mvhd", 0, 0)
	b = appendZeros(b, 8) // created, modified: a pure function has no clock
	b = be.AppendUint32(b, 1000)
	b = be.AppendUint32(b, 0)       // duration: unknown
	b = be.AppendUint32(b, 0x10000) // rate 1.0
	b = be.AppendUint16(b, 0x0100)  // volume 1.0
	b = appendZeros(b, 10)
	b = appendMatrix(b)
	b = appendZeros(b, 24)
	return be.AppendUint32(b, trackID+1) // next track
}

func appendTrackHeader(b []byte) []byte {
	const enabledInMovieAndPreview = 7
	b = appendFullHeader(b, 92, "tkhd", 0, enabledInMovieAndPreview)
	b = appendZeros(b, 8)
	b = be.AppendUint32(b, trackID)
	b = appendZeros(b, 4+4+8+4)    // reserved, duration, reserved, layer and group
	b = be.AppendUint16(b, 0x0100) // volume 1.0
	b = appendZeros(b, 2)
	b = appendMatrix(b)
	return appendZeros(b, 8) // width, height
}

func appendMedia(b []byte, entry string, specific func([]byte) []byte) []byte {
	b = appendMediaHeader(b, 0) // as long as it goes on
	b = appendHandler(b, handlerSound, "sound")
	return appendBox(b, "minf", func(b []byte) []byte {
		b = appendFullHeader(b, 16, "smhd", 0, 0)
		b = appendZeros(b, 4)
		b = appendDataReference(b)
		return appendBox(b, "stbl", func(b []byte) []byte { return appendSampleTable(b, entry, specific) })
	})
}

// appendSampleTable appends the description of the samples, and the tables of samples, which are empty in a fragmented stream.
func appendSampleTable(b []byte, entry string, specific func([]byte) []byte) []byte {
	b = appendBox(b, "stsd", func(b []byte) []byte {
		b = appendZeros(b, 4)
		b = be.AppendUint32(b, 1)
		return appendSoundEntry(b, entry, specific)
	})
	for _, kind := range []string{"stts", "stsc", "stco"} {
		b = appendFullHeader(b, fullBoxHeader+4, kind, 0, 0)
		b = appendZeros(b, 4)
	}
	b = appendFullHeader(b, fullBoxHeader+8, "stsz", 0, 0)
	return appendZeros(b, 8)
}

// appendSoundEntry appends the description of samples of mono sound, and what is specific to their kind.
func appendSoundEntry(b []byte, entry string, specific func([]byte) []byte) []byte {
	return appendBox(b, entry, func(b []byte) []byte {
		b = appendZeros(b, 6)
		b = be.AppendUint16(b, 1) // data reference
		b = appendZeros(b, 8)
		b = be.AppendUint16(b, 1)  // channels
		b = be.AppendUint16(b, 16) // bits a sample
		b = appendZeros(b, 4)
		b = be.AppendUint32(b, tape.SampleRate<<16)
		return specific(b)
	})
}

// appendOpusSpecific appends dOps: an OpusHead in big-endian order.
func appendOpusSpecific(b []byte, preSkip uint16) []byte {
	b = appendBoxHeader(b, 19, "dOps")
	b = append(b, 0, 1) // version, channels
	b = be.AppendUint16(b, preSkip)
	b = be.AppendUint32(b, tape.SampleRate)
	b = be.AppendUint16(b, 0) // output gain
	return append(b, 0)       // channel mapping family: mono or stereo
}

// appendElementaryStream appends esds: what is in the stream as MPEG-4 describes it (ISO/IEC 14496-1, 7.2.6; 14496-14, 5.6).
func appendElementaryStream(b []byte) []byte {
	const (
		esTag, configTag, specificTag, syncTag = 3, 4, 5, 6

		aac         = 0x40                // ISO/IEC 14496-3
		sound       = 5<<2 | 1            // AudioStream, and the bit that is always set
		buffer      = 6144 / 8            // the longest unit of one channel
		lc48000Mono = 2<<11 | 3<<7 | 1<<3 // AudioSpecificConfig
	)
	specific := be.AppendUint16([]byte{specificTag, 2}, lc48000Mono)
	config := []byte{configTag, byte(13 + len(specific)), aac, sound, 0, buffer >> 8, buffer & 0xff}
	config = be.AppendUint32(config, 0) // the rates vary, and are not said
	config = be.AppendUint32(config, 0)
	config = append(config, specific...)
	const predefined = 2
	sync := []byte{syncTag, 1, predefined}

	b = appendFullHeader(b, fullBoxHeader+5+len(config)+len(sync), "esds", 0, 0)
	b = append(b, esTag, byte(3+len(config)+len(sync)), 0, 0, 0)
	return append(append(b, config...), sync...)
}

// appendTrackExtends appends the defaults of a fragment's samples, so that a fragment has to say sizes only.
func appendTrackExtends(b []byte, samples uint32) []byte {
	const dependsOnNoOther = 0x02000000
	b = appendFullHeader(b, 32, "trex", 0, 0)
	b = be.AppendUint32(b, trackID)
	b = be.AppendUint32(b, 1) // sample description
	b = be.AppendUint32(b, samples)
	b = be.AppendUint32(b, 0) // size
	return be.AppendUint32(b, dependsOnNoOther)
}
