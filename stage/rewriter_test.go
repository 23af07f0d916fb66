package stage

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"pgregory.net/rapid"
)

// in is a packet as it comes, and what becomes of it.
type in struct {
	source uint64
	seq    uint16
	ts     uint32
	atMS   int

	sent   bool
	outSeq uint16
	outTS  uint32
	marker bool
}

func TestRewriter(t *testing.T) {
	tests := []struct {
		name    string
		packets []in
	}{
		{"one source keeps its numbers, gaps and disorder", []in{
			{1, 100, 1000, 0, true, 100, 1000, true},
			{1, 102, 2920, 40, true, 102, 2920, false},
			{1, 101, 1960, 41, true, 101, 1960, false},
			{1, 105, 5800, 100, true, 105, 5800, false},
		}},
		{"another source follows without a gap, as much later as it came", []in{
			{1, 100, 1000, 0, true, 100, 1000, true},
			{2, 9000, 77, 60, true, 101, 1000 + 60*48, true},
			{2, 9001, 77 + 960, 80, true, 102, 1000 + 80*48, false},
		}},
		{"a source that follows at once is one packet later", []in{
			{1, 100, 1000, 0, true, 100, 1000, true},
			{2, 9000, 77, 0, true, 101, 1960, true},
		}},
		{"late packets of the source that was left are dropped", []in{
			{1, 100, 1000, 0, true, 100, 1000, true},
			{2, 9000, 77, 20, true, 101, 1960, true},
			{1, 101, 1960, 21, false, 0, 0, false},
		}},
		{"a packet from before the source's first would overwrite the last source's", []in{
			{1, 100, 1000, 0, true, 100, 1000, true},
			{2, 9000, 5000, 20, true, 101, 1960, true},
			{2, 8999, 4040, 21, false, 0, 0, false},
			{2, 9001, 5960, 40, true, 102, 2920, false},
		}},
		{"numbers wrap around", []in{
			{1, 65535, 4294967000, 0, true, 65535, 4294967000, true},
			{1, 0, 664, 20, true, 0, 664, false},
			{2, 65535, 0, 40, true, 1, 664 + 960, true},
			{2, 0, 960, 60, true, 2, 664 + 1920, false},
		}},
		{"a source that jumps far begins anew", []in{
			{1, 100, 1000, 0, true, 100, 1000, true},
			{1, 5000, 9000000, 1000, true, 101, 1000 + 48000, true},
			{1, 5001, 9000960, 1020, true, 102, 1000 + 48960, false},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r rewriter
			for i, p := range tt.packets {
				h := rtp.Header{SequenceNumber: p.seq, Timestamp: p.ts}
				sent := r.rewrite(&h, p.source, time.Duration(p.atMS)*time.Millisecond)
				if sent != p.sent {
					t.Fatalf("packet %d: sent = %v, want %v", i, sent, p.sent)
				}
				if sent && (h.SequenceNumber != p.outSeq || h.Timestamp != p.outTS || h.Marker != p.marker) {
					t.Errorf("packet %d: got %d %d %v, want %d %d %v",
						i, h.SequenceNumber, h.Timestamp, h.Marker, p.outSeq, p.outTS, p.marker)
				}
			}
		})
	}
}

// Whatever sources do one after another, each packet without loss within its source goes out one number after the last, for
// as long as it lasts, and time never goes backwards.
func TestRewriterIsContinuous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r rewriter
		var last rtp.Header
		at := time.Duration(0)
		begun := false
		for source := range uint64(rapid.IntRange(1, 8).Draw(t, "sources")) {
			seq, ts := rapid.Uint16().Draw(t, "seq"), rapid.Uint32().Draw(t, "ts")
			for range rapid.IntRange(1, 40000).Draw(t, "packets") {
				h := rtp.Header{SequenceNumber: seq, Timestamp: ts}
				if !r.rewrite(&h, source+1, at) {
					t.Fatalf("source %d: packet %d dropped", source, seq)
				}
				if begun && (h.SequenceNumber != last.SequenceNumber+1 || int32(h.Timestamp-last.Timestamp) <= 0) {
					t.Fatalf("source %d: %d/%d follows %d/%d", source, h.SequenceNumber, h.Timestamp, last.SequenceNumber, last.Timestamp)
				}
				last, begun = h, true
				seq, ts, at = seq+1, ts+packetSamples, at+20*time.Millisecond
			}
			at += time.Duration(rapid.IntRange(0, 5000).Draw(t, "pause")) * time.Millisecond
		}
	})
}

func BenchmarkRewrite(b *testing.B) {
	var r rewriter
	for i := range b.N {
		h := rtp.Header{SequenceNumber: uint16(i), Timestamp: uint32(i * packetSamples)}
		r.rewrite(&h, 1, time.Duration(i)*20*time.Millisecond)
	}
}
