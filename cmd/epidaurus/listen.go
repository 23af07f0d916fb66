package main

type listenCommand struct{}

func (listenCommand) Run(*program) error { return nil }
