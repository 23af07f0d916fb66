// Package e2e tests the whole as a person would: the real binary, real browsers, real players, over the public protocol only.
package e2e
