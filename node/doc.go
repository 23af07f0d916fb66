// Package node builds the parts of Epidaurus from a configuration, connects them, and shuts them down in order.
//
// Parts do not know each other: each declares the small interface it needs, and the adapters between them are here.
//
// So is what concerns several parts at once: rooms take the steps whose time has come (life.go), a leader's decisions hold before the database has them
// (ledger.go), listeners are taken to another room and run-throughs kept from strangers (relocate.go), rooms by invitation are kept on every address
// (seats.go), lights look at all that has to be well (lights.go), and Export writes a replay as a site.
package node
