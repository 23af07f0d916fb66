// Package crowd is very many listeners in one process: real sockets, a few event loops, and no goroutine of a listener's own. Each listener
// sends the request of a stranger, and checks what it is sent as closely as the plan says, without a copy of the sound.
//
// # Who owns what
//
// A listener belongs to one loop, and a loop to one goroutine. Its counts are guarded by the loop's mutex, which the loop holds while it
// works and not while it waits. Only TLS handshakes leave the loop: a bounded number of goroutines computes them, fed by the loop.
//
// # What is checked
//
// At the level frames and above: the answer's chunks, the structure of its boxes or pages, frame numbers strictly consecutive within
// an answer and over resumes, sequence numbers, an mdat as long as its packets. An ideal player, which began with the first fragment and
// plays 20 ms of sound in 20 ms, says when it has nothing left: a stall. At the level packets also every packet's first bytes: Opus, 20 ms,
// and whether it is the silence that stands for a hole. At the level chunks the framing only; at the level bytes the kernel counts.
package crowd
