//go:build linux

// Package frames makes the sound of benches: packets that are a function of their number, so that all edges of a bench serve the same
// bytes and every listener can tell a wrong one.
package frames

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Sizes are the bytes of a packet in each of tape.Variants.
type Sizes [3]int

// Usual are those of 48, 24 and 12 kbit/s.
var Usual = Sizes{120, 60, 30}

// cycle is after how many frames packets repeat.
const cycle = 1000

// Book holds all packets, so that no frame costs an allocation.
type Book struct{ packets [][][]byte }

// NewBook makes the packets of the given sizes.
func NewBook(sizes Sizes) *Book {
	b := &Book{}
	for v := range tape.Variants {
		var all [][]byte
		for n := range cycle {
			p := bytes.Repeat([]byte{byte(n)*7 + byte(v)}, max(sizes[v], 4))
			p[0] = 0xf8 // fullband CELT, 20 ms, mono
			binary.BigEndian.PutUint16(p[1:], uint16(n))
			p[3] = byte(v)
			all = append(all, p)
		}
		b.packets = append(b.packets, all)
	}
	return b
}

// Packet is what frame n carries in a variant.
func (b *Book) Packet(v int, n tape.Number) []byte { return b.packets[v][n%cycle] }

// Right reports whether p is frame n in some variant.
func (b *Book) Right(n tape.Number, p []byte) bool {
	return slices.ContainsFunc(b.packets, func(all [][]byte) bool { return bytes.Equal(all[n%cycle], p) })
}

// epoch keeps numbers small enough to read.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Now is the frame that is running: the same on every process of the machine.
func Now() tape.Number { return tape.Number(time.Since(epoch) / tape.FrameDuration) }

// Room names a room of a bench.
func Room(i int) room.ID { return room.ID(fmt.Sprintf("bench-%d", i)) }

// Rooms are the facts of the rooms of a bench.
type Rooms map[room.ID]room.Facts

// NewRooms makes n of them, all live.
func NewRooms(n int) Rooms {
	rooms := make(Rooms, n)
	for i := range n {
		rooms[Room(i)] = room.Facts{ID: Room(i), Title: "Bench", Language: "en", State: room.Live}
	}
	return rooms
}

// Facts implements edge.Rooms.
func (r Rooms) Facts(id room.ID) (room.Facts, bool) {
	f, ok := r[id]
	return f, ok
}
