// Package bus carries what nodes tell each other: frames and events of channels, takeovers, the facts of rooms, seat counts, and the lease that
// says who makes a channel. It is the only user of NATS: embedded in the process, or a cluster outside.
//
// Sound goes over core NATS, because a frame that is late is of no use; leases and facts are in JetStream's key-value store.
// What a node missed all the same it fetches from any other that has it.
//
// One publisher's messages about a channel arrive in the order in which they were sent.
package bus
