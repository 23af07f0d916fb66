// Package channel makes a room's channel: whoever holds its lease ticks the mix every 20 ms by the room's clock, encodes each frame once per
// variant, and publishes frames and events with their numbers.
//
// A maker goes on where the one before stopped: the frames between are a declared gap, which is silence, so a listener's timeline never breaks.
package channel
