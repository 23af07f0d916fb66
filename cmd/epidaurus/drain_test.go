package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func TestDrainCommand(t *testing.T) {
	var asked []string
	seats := 3
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI())
		_, _ = fmt.Fprintf(w, `{"draining":true,"seats":%d}`, seats)
		seats--
	}))
	defer server.Close()
	var out bytes.Buffer
	c := drainCommand{Private: strings.TrimPrefix(server.URL, "http://"), Over: 90 * time.Second}
	err := c.Run(&program{ctx: t.Context(), stdout: &out, stderr: os.Stderr})
	if err != nil || out.String() != "No seat is left.\n" {
		t.Errorf("said %q (%v)", out.String(), err)
	}
	if got := strings.Join(asked, ", "); got != "POST /drain?over=1m30s, GET /drain, GET /drain, GET /drain" {
		t.Errorf("asked %s", got)
	}
	asked, seats, c.Force = nil, 0, true
	err = c.Run(&program{ctx: t.Context(), stdout: &out, stderr: os.Stderr})
	if err != nil || strings.Join(asked, ", ") != "POST /drain?force=1&over=1m30s" {
		t.Errorf("asked %v (%v)", asked, err)
	}
}

func TestDrainCommandFails(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte(`{"detail":"This node seats no listeners."}`))
	}))
	addr := strings.TrimPrefix(server.URL, "http://")
	for _, want := range []string{"409 This node seats no listeners.", "run this on its machine"} {
		err := drainCommand{Private: addr}.Run(&program{ctx: t.Context(), stdout: &bytes.Buffer{}, stderr: os.Stderr})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
		server.Close()
	}
}
