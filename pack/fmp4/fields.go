package fmp4

import "bytes"

// fields reads the fields of a box one behind the other. A field that is not there is zero and sets bad.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) take(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.bad = true
		f.b = nil
		return make([]byte, min(max(n, 0), 8))
	}
	p := f.b[:n]
	f.b = f.b[n:]
	return p
}

func (f *fields) skip(n int) {
	if n > len(f.b) {
		f.bad, n = true, len(f.b)
	}
	f.b = f.b[n:]
}

func (f *fields) u8() uint8   { return f.take(1)[0] }
func (f *fields) u16() uint16 { return be.Uint16(f.take(2)) }
func (f *fields) u32() uint32 { return be.Uint32(f.take(4)) }
func (f *fields) u64() uint64 { return be.Uint64(f.take(8)) }

// text reads a string that ends with a zero byte.
func (f *fields) text() string {
	n := bytes.IndexByte(f.b, 0)
	if n < 0 {
		f.bad = true
		f.b = nil
		return ""
	}
	s := string(f.b[:n])
	f.b = f.b[n+1:]
	return s
}

// box reads the next box within a box. It returns false at the end, or with bad set when the box does not fit.
func (f *fields) box() (kind string, contents []byte, ok bool) {
	if len(f.b) == 0 {
		return "", nil, false
	}
	size := int64(f.u32())
	kind = string(f.take(4))
	if f.bad || size < boxHeader || size-boxHeader > int64(len(f.b)) {
		f.bad = true
		return "", nil, false
	}
	return kind, f.take(int(size) - boxHeader), true
}
