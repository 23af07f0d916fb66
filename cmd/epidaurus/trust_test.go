package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTrust(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	dir := t.TempDir()
	good, junk := filepath.Join(dir, "good.pem"), filepath.Join(dir, "junk.pem")
	for file, text := range map[string][]byte{good: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), junk: []byte("junk")} {
		err := os.WriteFile(file, text, 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := trust{CA: good}.client()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	c.CloseIdleConnections()
	for file, want := range map[string]string{junk: "there is no certificate in " + junk, filepath.Join(dir, "none"): "ca: open "} {
		_, err := trust{CA: file}.client()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if c, err := (trust{}).client(); c != nil || err != nil {
		t.Errorf("without a certificate it is %v (%v)", c, err)
	}
}
