package disk

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// tapeUntilKilled is the child of TestKilledWhileTaping: it tapes as fast as it can, and tells each segment that is written.
func tapeUntilKilled(dir string) {
	h := &house{bus: &memoryBus{}}
	var err error
	h.cfg, err = Config{
		Dir: dir, Bus: h.bus, PreSkip: codec.OpusPreSkip, Log: slog.New(slog.DiscardHandler),
		NewDecoder: func() (Decoder, error) { return codec.NewOpusDecoder() },
	}.withDefaults()
	if err != nil {
		panic(err)
	}
	h.start()
	h.tapeSpeakers()
	h.state(0, room.Live)
	ada := []voice{{"ada", func(tape.Number) bool { return true }}}
	for n := tape.Number(0); ; n += tape.SegmentFrames {
		h.hear(n, n+tape.SegmentFrames)
		h.speak(n, n+tape.SegmentFrames, ada, nil)
		h.s.look(context.Background())
		fmt.Println(h.s.next)
	}
}

// What was on disk before kill -9 plays, here and in ffmpeg, and the next process goes on with it.
func TestKilledWhileTaping(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, enough := range []tape.Number{960, 4800, 9600} {
		h.cfg.Dir = t.TempDir()
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "EPIDAURUS_TAPE_CHILD="+h.cfg.Dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		err = child.Start()
		if err != nil {
			t.Fatal(err)
		}
		told := tape.Number(0)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
			if err != nil {
				break // cut off
			}
			told = tape.Number(n)
			if told >= enough {
				_ = child.Process.Kill() // SIGKILL, in the middle of the next write
			}
		}
		_ = child.Wait() // says that it was killed
		h.start()
		h.s.log = h.cfg.Log
		tp, err := load(h.dir())
		if err != nil {
			t.Fatal(err)
		}
		spans := tp.Spans()
		if len(spans) != 1 || spans[0].To < told || told < enough {
			t.Fatalf("%d frames were written, and on tape are %v", told, spans)
		}
		check(t, withoutSilence(tp))
		plays(t, tp.soundFile(tape.Opus48), told)
		track := filepath.Join(h.cfg.Dir, string(testRoom), "tracks", "ada")
		own, err := load(track)
		if err != nil || len(own.Spans()) != 1 || own.Spans()[0].To < told {
			t.Fatalf("%d frames of a track were written, and on it are %v, %v", told, own.Spans(), err)
		}
		plays(t, own.soundFile(tape.Voice), told)
		goOn(t, h, spans[0].To)
		w, err := openWriter(track, openFile, Meta{}) // what was cut in the middle is cut off
		if err != nil || w.next()%tape.SegmentFrames != 0 {
			t.Fatalf("the track goes on at %d, %v", w.next(), err)
		}
		err = w.finish(noon)
		if err != nil {
			t.Fatal(err)
		}
		plays(t, own.soundFile(tape.Voice), told)
	}
}

// goOn tapes another two segments.
func goOn(t *testing.T, h *house, from tape.Number) {
	t.Helper()
	h.state(0, room.Live)
	from -= from % tape.SegmentFrames
	h.hear(from, from+3*tape.SegmentFrames)
	h.look()
	h.s.stop()
	tp, err := load(h.dir())
	if err != nil {
		t.Fatal(err)
	}
	if spans := tp.Spans(); len(spans) != 1 || spans[0].To != from+3*tape.SegmentFrames {
		t.Fatalf("after the next start, on tape are %v", spans)
	}
	plays(t, tp.soundFile(tape.Opus12), from)
}

// plays checks that ffmpeg decodes a file without a complaint, and finds so many frames at least.
func plays(t *testing.T, name string, least tape.Number) {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", name, "-f", "s16le", "-ar", "48000", "-")
	var complaint strings.Builder
	cmd.Stderr = &complaint
	pcm, err := cmd.Output()
	if err != nil || complaint.Len() > 0 {
		t.Fatalf("ffmpeg does not play %s: %v\n%s", name, err, &complaint)
	}
	if got := len(pcm) / 2; got < int(least.Samples())-960 {
		t.Fatalf("ffmpeg plays %d samples, and %d were taped", got, least.Samples())
	}
}
