// Package epidaurus is the root of a program that carries one live conversation to an audience of any size. It holds no code: the folders
// tell the story, in the order in which sound passes them.
//
//	room/     what a room, its people and its life are
//	stage/    speakers in, by WebRTC and WHIP
//	mix/      many voices into one, every 20 ms
//	channel/  the frames of a room by its lease and its clock
//	codec/    Opus and AAC behind small types
//	tape/     frames, their clock, the ring of the last minute
//	bus/      node to node
//	edge/     seats: the same bytes to very many sockets
//	cast/     rooms as HLS, for players that pull, caches and plain web servers
//	replay/   tapes over HTTP
//	pack/     frames as players accept them
//	web/      the listener's page and the desk
//	api/      the host's side of the wire
//	store/    what survives a restart
//	node/     builds and connects all of it
//	drill/    who listens as a stranger would, one or a crowd; what came of it
//	bench/    the commands behind docs/BENCHMARKS.md
//	cmd/      the program
package epidaurus
