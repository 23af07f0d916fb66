//go:build linux

package edge

import "bytes"

// sealMost is how much is encrypted for a seat before its socket is asked: it bounds what is kept for one that takes nothing, since what
// is encrypted cannot be skipped or shared.
const sealMost = 32 << 10

// sendSealed is send for a seat under TLS. Nothing new is encrypted while the socket has not taken what was.
func (s *section) sendSealed(st *seat, p []byte) (n int, done bool, err error) {
	done, err = s.drainRecords(st)
	for err == nil && done && n < len(p) {
		part := p[n:min(n+sealMost, len(p))]
		_, err = st.wire.tls.Write(part)
		if err != nil {
			s.records = s.records[:0]
			return n, false, err
		}
		n += len(part)
		done, err = s.drainRecords(st)
	}
	return n, done && err == nil, err
}

// drainRecords sends the records that crypto/tls wrote for a seat, behind those that its socket has not taken before, and keeps what it does
// not take now. It reports whether the socket took all.
func (s *section) drainRecords(st *seat) (done bool, err error) {
	w, fresh := st.wire, s.records
	s.records = s.records[:0]
	if len(w.rest) > 0 {
		w.rest = append(w.rest, fresh...)
		n, err := s.push(st, w.rest)
		w.rest = w.rest[n:]
		if len(w.rest) == 0 {
			w.rest = nil
		}
		return w.rest == nil, err
	}
	if len(fresh) == 0 {
		return true, nil
	}
	n, err := s.push(st, fresh)
	if n < len(fresh) {
		w.rest = bytes.Clone(fresh[n:])
	}
	return w.rest == nil, err
}

// drained sends what a seat's socket did not take of an answer to its listener, and reports whether the seat can have more.
func (s *section) drained(st *seat) bool {
	done, err := s.drainRecords(st)
	switch {
	case err != nil:
		s.close(st, &s.tally.left)
		return false
	case !done:
		s.arm(st, true)
	}
	return done
}

// hearSealed is hear for a seat under TLS. Besides throwing away it answers what the protocol wants answered. It reads until there is nothing
// more: what crypto/tls holds back makes no socket readable.
func (s *section) hearSealed(st *seat) {
	w := st.wire
	for {
		w.read = 0
		n, err := w.tls.Read(s.input[:])
		// What was read before the seat was taken is counted as it is decrypted, what came since as it was sent.
		got := max(int32(n), w.read)
		s.tally.bytesIn.Add(uint64(got))
		st.input += got
		if st.input > maxInput {
			s.records = s.records[:0]
			drop(st.fd)
			s.close(st, &s.tally.talkative)
			return
		}
		if err == nil {
			continue
		}
		// There may be an answer to a change of keys, or an alert.
		_, open := err.(notNow)
		s.drained(st)
		if !open && s.slots[st.slot] == st {
			s.close(st, &s.tally.left)
		}
		return
	}
}

// farewell tells a listener under TLS that nothing follows, if its socket takes that.
func (s *section) farewell(st *seat) {
	if st.wire == nil {
		return
	}
	// A lost farewell is one more connection that breaks off behind the last chunk.
	_ = st.wire.tls.CloseWrite()
	_, _ = s.drainRecords(st)
}
