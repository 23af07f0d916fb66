//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// report is what a page says at its end.
type report struct {
	Row      int       `json:"row"`
	Requests []float64 `json:"requests"` // when, in Unix ms
	Behind   []float64 `json:"behind"`   // ms
	Stalls   int       `json:"stalls"`
	Time     float64   `json:"time"` // played, in s
	Errors   string    `json:"errors"`
}

const page = `<!doctype html><meta charset="utf-8"><title>wire</title><audio id="audio"></audio><script src="hls.js"></script><script>
const query = new URLSearchParams(location.search), audio = document.getElementById("audio"), hls = new Hls();
const said = { row: Number(query.get("row")), requests: [], behind: [], stalls: 0, time: 0, errors: "" };
new PerformanceObserver((list) => {
	for (const e of list.getEntries()) if (!e.name.endsWith("/hls.js")) said.requests.push(performance.timeOrigin + e.startTime);
}).observe({ type: "resource", buffered: true });
hls.on(Hls.Events.MANIFEST_PARSED, () => audio.play());
hls.on(Hls.Events.ERROR, (_, e) => {
	said.errors += e.details + " ";
	if (e.fatal) setTimeout(() => hls.loadSource(query.get("src")), 1000);
});
let at = 0, moved = Date.now(), stalled = false;
setInterval(() => {
	if (audio.currentTime !== at) {
		[at, moved, stalled] = [audio.currentTime, Date.now(), false];
		if (hls.playingDate) said.behind.push(Date.now() - hls.playingDate);
	} else if (at && !stalled && Date.now() - moved > 1000) said.stalls += stalled = true;
}, 200);
hls.loadSource(query.get("src"));
hls.attachMedia(audio);
setTimeout(() => {
	said.time = audio.currentTime;
	fetch("/said", { method: "POST", body: JSON.stringify(said) });
}, Number(query.get("after")));
</script>`

// servePage serves the page, and hands on what pages say.
func servePage(ctx context.Context, hlsjs string) (<-chan report, error) {
	script, err := os.ReadFile(hlsjs)
	if err != nil {
		return nil, fmt.Errorf("hls.js (npm ci in web brings it): %w", err)
	}
	reports := make(chan report, 16)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page)) // the page is gone
	})
	mux.HandleFunc("GET /hls.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script) // as above
	})
	mux.HandleFunc("POST /said", func(w http.ResponseWriter, r *http.Request) {
		var said report
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<22)).Decode(&said)
		if err == nil {
			reports <- said
		}
	})
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", fmt.Sprintf(":%d", portPage))
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.Serve(ln) }() // ends with the process
	return reports, nil
}
