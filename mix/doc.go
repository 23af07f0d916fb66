// Package mix makes one sound of many voices.
//
// Each voice goes the same way: RTP payloads wait in a jitter buffer, are decoded (or recovered, or concealed), drawn through a
// resampler that follows the sender's clock, levelled to one loudness, and faded where they begin and end. The sum passes a limiter.
// One Tick makes 20 ms.
//
// The package is pure: the caller gives the time of each packet and of each tick, on one monotonic clock, and a Decoder per voice.
// Inside, time is counted in samples at 48 kHz, so that arrivals, timestamps and buffers are all of one unit.
package mix
