package fmp4

import "github.com/epidaurus-live/epidaurus/tape"

// Init returns the head of a stream: ftyp and moov with one mono Opus track at timescale 48000, whose samples are frames of 960.
// preSkip is the encoder's look-ahead in samples.
func Init(preSkip uint16) []byte {
	dst := appendBox(nil, "ftyp", func(b []byte) []byte {
		b = append(b, "iso6"...)
		b = be.AppendUint32(b, 0)
		return append(b, "iso6mp41"...)
	})
	return appendBox(dst, "moov", func(b []byte) []byte {
		b = appendMovieHeader(b)
		b = appendBox(b, "trak", func(b []byte) []byte {
			b = appendTrackHeader(b)
			return appendBox(b, "mdia", func(b []byte) []byte { return appendMedia(b, preSkip) })
		})
		return appendBox(b, "mvex", appendTrackExtends)
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

func appendMedia(b []byte, preSkip uint16) []byte {
	b = appendFullHeader(b, 32, "mdhd", 0, 0)
	b = appendZeros(b, 8)
	b = be.AppendUint32(b, tape.SampleRate)
	b = be.AppendUint32(b, 0)
	b = be.AppendUint16(b, 0x55c4) // language "und"
	b = be.AppendUint16(b, 0)
	b = appendBox(b, "hdlr", func(b []byte) []byte {
		b = appendZeros(b, 4+4)
		b = append(b, handlerSound...)
		b = appendZeros(b, 12)
		return append(b, "sound\x00"...)
	})
	return appendBox(b, "minf", func(b []byte) []byte {
		b = appendFullHeader(b, 16, "smhd", 0, 0)
		b = appendZeros(b, 4)
		b = appendBox(b, "dinf", func(b []byte) []byte {
			b = appendFullHeader(b, 28, "dref", 0, 0)
			b = be.AppendUint32(b, 1)
			const selfContained = 1
			return appendFullHeader(b, 12, "url ", 0, selfContained)
		})
		return appendBox(b, "stbl", func(b []byte) []byte { return appendSampleTable(b, preSkip) })
	})
}

// appendSampleTable appends the description of the samples, and the tables of samples, which are empty in a fragmented stream.
func appendSampleTable(b []byte, preSkip uint16) []byte {
	b = appendBox(b, "stsd", func(b []byte) []byte {
		b = appendZeros(b, 4)
		b = be.AppendUint32(b, 1)
		return appendBox(b, sampleEntry, func(b []byte) []byte {
			b = appendZeros(b, 6)
			b = be.AppendUint16(b, 1) // data reference
			b = appendZeros(b, 8)
			b = be.AppendUint16(b, 1)  // channels
			b = be.AppendUint16(b, 16) // bits a sample
			b = appendZeros(b, 4)
			b = be.AppendUint32(b, tape.SampleRate<<16)
			return appendOpusSpecific(b, preSkip)
		})
	})
	for _, kind := range []string{"stts", "stsc", "stco"} {
		b = appendFullHeader(b, fullBoxHeader+4, kind, 0, 0)
		b = appendZeros(b, 4)
	}
	b = appendFullHeader(b, fullBoxHeader+8, "stsz", 0, 0)
	return appendZeros(b, 8)
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

// appendTrackExtends appends the defaults of a fragment's samples, so that a fragment has to say sizes only.
func appendTrackExtends(b []byte) []byte {
	const dependsOnNoOther = 0x02000000
	b = appendFullHeader(b, 32, "trex", 0, 0)
	b = be.AppendUint32(b, trackID)
	b = be.AppendUint32(b, 1) // sample description
	b = be.AppendUint32(b, tape.FrameSamples)
	b = be.AppendUint32(b, 0) // size
	return be.AppendUint32(b, dependsOnNoOther)
}
