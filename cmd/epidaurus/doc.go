// Epidaurus carries one live conversation to an audience of any size.
//
//	epidaurus demo              hear it at once
//	epidaurus serve             the real thing, empty; prints a one-time link for the first host
//	epidaurus speak LINK FILE   put a sound file on stage
//	epidaurus listen LINK       take a seat and check every fragment
//	epidaurus drill LINK        take very many seats by a plan, and tell how it went
//	epidaurus doctor            what this machine can hold, and what to change
//	epidaurus plan              what an audience needs
//	epidaurus drain             send a node's listeners to other edges
//	epidaurus export ROOM       write a replay as a site of its own
//	epidaurus host-link         a new one-time link for a host
//
// Ports: 8080 listeners, 8081 the stage (TCP: pages, WHIP, media; UDP: media), 8082 on localhost health, metrics and profiles.
// Signals: SIGINT and SIGTERM end in order, a second one at once. Exit codes: 0 done, 1 failed (listen: there was a gap; doctor:
// something must be changed), 2 the command line or the configuration is wrong, 3 a drill is invalid. The help of every command is in
// docs/cli.md.
package main
