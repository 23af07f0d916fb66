// Package node builds the parts of Epidaurus from a configuration, connects them, and shuts them down in order.
//
// Parts do not know each other: each declares the small interface it needs, and the adapters between them are here.
package node
