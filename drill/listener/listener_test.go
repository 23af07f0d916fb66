package listener

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

const start = tape.Number(12_000) // of a room that has lived for four minutes

func TestContinuous(t *testing.T) {
	for _, c := range []Container{MP4, Ogg} {
		t.Run(string(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := Config{URL: "http://room.test/r/x/live." + string(c), Variant: tape.Opus24}
				r, err := hear(t, t.Context(), config, func(_ int, w http.ResponseWriter, r *http.Request) {
					if got := r.URL.RawQuery; got != "variant=opus-24" {
						t.Errorf("query %q", got)
					}
					a := begin(w, c, start)
					a.sound(start, start+204)
					a.live(start+204, start+324)
					if c == Ogg {
						a.write(ogg.AppendEnd(nil, 7, start+324, 312))
					}
				}, nil)
				if err != nil || r.End != EndRoom {
					t.Fatalf("end %q, error %v", r.End, err)
				}
				if !r.Faultless() || r.Frames != 324 || r.First != start || r.Next != start+324 {
					t.Errorf("%+v", r)
				}
				// 4.08 s of burst, and 0.24 s every 0.24 s.
				if r.JoinMS != 0 || r.SpacingMaxMS != 240 || r.HeldMinMS != 3840 || r.HeldMS != 4080 || r.Stalls != 0 || r.ListenedMS != 2400 {
					t.Errorf("times %+v", r)
				}
				if r.Bitrate < 20e3 || r.Bitrate > 80e3 {
					t.Errorf("bitrate %.0f", r.Bitrate)
				}
			})
		})
	}
}

// TestFaults: what a server does wrong, and what is said about it.
func TestFaults(t *testing.T) {
	type want struct {
		frames, gaps, gapFrames, repeated, undecodable int64
		fault                                          string
		faults                                         int64
	}
	event := func(at tape.Number, kind, data string) tape.Event {
		return tape.Event{At: at, Kind: kind, Data: []byte(data)}
	}
	sequence := func(n uint32) []byte {
		b := fmp4.AppendFragment(nil, start+12, frames(start+12, start+24), nil)
		binary.BigEndian.PutUint32(b[moofHead-4:], n)
		return b
	}
	for _, test := range []struct {
		name string
		c    Container
		more func(a *answerWriter) // behind the frames start to start+12
		want want
	}{
		{"a hole", MP4, func(a *answerWriter) { a.sound(start+20, start+24) },
			want{frames: 16, gaps: 1, gapFrames: 8, fault: "frames 12012 to 12019 never came", faults: 1}},
		// The page that should follow is missing as well.
		{"a hole", Ogg, func(a *answerWriter) { a.sound(start+24, start+36) },
			want{frames: 24, gaps: 1, gapFrames: 12, fault: "frames 12012 to 12023 never came", faults: 2}},
		{"a damaged packet", MP4, func(a *answerWriter) { a.packets(start+12, [][]byte{{0x03}}) },
			want{frames: 13, undecodable: 1, fault: "the packet of frame 12012 cannot be decoded", faults: 1}},
		{"an empty packet", MP4, func(a *answerWriter) { a.packets(start+12, [][]byte{{}}) },
			want{frames: 13, undecodable: 1, fault: "the packet of frame 12012", faults: 1}},
		{"a short packet", MP4, func(a *answerWriter) { a.packets(start+12, [][]byte{{0xf0, 0xff, 0xfe}}) },
			want{frames: 13, undecodable: 1, fault: "has 480 samples, not 960", faults: 1}},
		// Its sequence number does not grow, either.
		{"a fragment again", MP4, func(a *answerWriter) { a.sound(start, start+12) },
			want{frames: 12, repeated: 12, fault: "frame 12000 came again or late; frame 12012 was due", faults: 2}},
		{"a fragment again", Ogg, func(a *answerWriter) { a.sound(start, start+12) },
			want{frames: 12, repeated: 12, fault: "frame 12000 came again or late; frame 12012 was due", faults: 2}},
		{"a fragment half again", MP4, func(a *answerWriter) { a.sound(start+6, start+18) },
			want{frames: 18, repeated: 6, fault: "frame 12006 came again or late; frame 12012 was due", faults: 1}},
		{"a sequence number again", MP4, func(a *answerWriter) { a.write(sequence(uint32(start) + 1)) },
			want{frames: 24, fault: "fragment number 12001 does not come after 12001", faults: 1}},
		{"an event that is no object", MP4, func(a *answerWriter) {
			a.packets(start+12, frames(start+12, start+24), event(start+12, "stage", "[1]"))
		}, want{frames: 24, fault: "no JSON object", faults: 1}},
		{"an event without a kind", MP4, func(a *answerWriter) {
			a.packets(start+12, frames(start+12, start+24), event(start+12, "", "{}"))
		}, want{frames: 24, fault: "no kind", faults: 1}},
		{"an event of another shape", MP4, func(a *answerWriter) {
			a.packets(start+12, frames(start+12, start+24), event(start+12, "listening", `{"t":"listening","n":"many"}`))
		}, want{frames: 24, fault: `a "listening" event of frame 12012 cannot be read`, faults: 1}},
		{"an event ahead of its time", MP4, func(a *answerWriter) {
			a.packets(start+12, frames(start+12, start+24), event(start+24, "listening", `{"t":"listening","n":1}`))
		}, want{frames: 24, fault: "stands in front of sound that ends before", faults: 1}},
		{"an event of a kind of tomorrow", MP4, func(a *answerWriter) {
			a.packets(start+12, frames(start+12, start+24), event(start+12, "laughter", `{"t":"laughter","loud":true}`))
		}, want{frames: 24}},
		{"bytes between pages", Ogg, func(a *answerWriter) { a.write([]byte(strings.Repeat("no page", 9))); a.sound(start+12, start+24) },
			want{frames: 24, fault: "bytes between the pages", faults: 1}},
	} {
		t.Run(test.name+" in "+string(test.c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := Config{URL: "http://room.test/r/x/live." + string(test.c)}
				r, err := hear(t, t.Context(), config, func(_ int, w http.ResponseWriter, _ *http.Request) {
					a := begin(w, test.c, start)
					a.sound(start, start+12)
					test.more(a)
				}, nil)
				if err != nil || r.End != EndRoom {
					t.Fatalf("end %q, error %v", r.End, err)
				}
				w := test.want
				got := want{r.Frames, r.GapCount, r.GapFrames, r.Repeated, r.Undecodable, w.fault, r.FaultCount}
				if got != w {
					t.Errorf("got %+v, want %+v; %q", got, w, r.Faults)
				}
				if !slices.ContainsFunc(r.Faults, func(s string) bool { return strings.Contains(s, w.fault) }) && w.fault != "" {
					t.Errorf("no fault says %q: %q", w.fault, r.Faults)
				}
				if whole := w.gaps+w.repeated+w.undecodable == 0; r.Gapless() != whole || r.Faultless() != (w.faults == 0) {
					t.Errorf("gapless %t, faultless %t", r.Gapless(), r.Faultless())
				}
			})
		})
	}
}

// TestResume: an answer breaks off after 24 frames, within a fragment.
func TestResume(t *testing.T) {
	for _, test := range []struct {
		name             string
		from             tape.Number // where the second answer begins
		overlap, missing int64
	}{
		{"at the next frame", start + 24, 0, 0},
		{"with frames that were heard", start + 12, 12, 0},
		{"too late", start + 30, 0, 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events []Kind
				r, err := hear(t, t.Context(), Config{}, func(n int, w http.ResponseWriter, r *http.Request) {
					switch n {
					case 0:
						if r.URL.RawQuery != "" {
							t.Errorf("query %q, want none", r.URL.RawQuery)
						}
						a := begin(w, MP4, start)
						a.sound(start, start+24)
						half := fmp4.AppendFragment(nil, start+24, frames(start+24, start+36), nil)
						a.write(half[:len(half)/2])
						cut()
					case 1:
						if r.URL.RawQuery != "from=12024" {
							t.Errorf("query %q, want from=12024", r.URL.RawQuery)
						}
						begin(w, MP4, test.from).sound(test.from, start+48)
					}
				}, func(e Event) { events = append(events, e.Kind) })
				if err != nil || r.End != EndRoom {
					t.Fatalf("end %q, error %v", r.End, err)
				}
				if r.Answers != 2 || r.Overlap != test.overlap || r.GapFrames != test.missing || r.Repeated != 0 ||
					r.FaultCount != min(test.missing, 1) || r.Frames+r.GapFrames != 48 {
					t.Errorf("%+v", r)
				}
				if want := []Kind{Joined, Sound, Cut, Joined, Sound, Ended}; !slices.Equal(events, want) {
					t.Errorf("events %v, want %v", events, want)
				}
			})
		})
	}
}

// TestTimelineGoesBack: a room whose clock was lost does not leave its listeners deaf.
func TestTimelineGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := hear(t, t.Context(), Config{}, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 0 {
				begin(w, MP4, start).sound(start, start+24)
				cut()
			}
			begin(w, MP4, 24).sound(24, 48)
		}, nil)
		if err != nil || r.Gapless() || r.Frames != 48 || r.Repeated != 24 || r.Next != 48 {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for _, test := range []struct {
		name    string
		headers map[string]string
		body    string
		want    time.Duration
	}{
		{"seconds", map[string]string{"Retry-After": "7"}, "", 7 * time.Second},
		{"a date", map[string]string{"Date": "Mon, 23 Nov 2026 20:00:00 GMT", "Retry-After": "Mon, 23 Nov 2026 20:00:11 GMT"}, "", 11 * time.Second},
		{"milliseconds in the body", map[string]string{"Retry-After": "2", "Content-Type": "application/problem+json"},
			`{"code":"full","detail":"Every seat is taken.","retry_after_ms":1250}`, 1250 * time.Millisecond},
		{"none", nil, "", firstRetry / 2},
		{"nonsense", map[string]string{"Retry-After": "soon"}, "", firstRetry / 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var refused, again time.Time
				var refusal *Refusal
				r, err := hear(t, t.Context(), Config{}, func(n int, w http.ResponseWriter, _ *http.Request) {
					if n == 0 {
						refused = time.Now()
						for k, v := range test.headers {
							w.Header().Set(k, v)
						}
						w.WriteHeader(http.StatusServiceUnavailable)
						_, _ = w.Write([]byte(test.body))
						return
					}
					again = time.Now()
					begin(w, MP4, start).sound(start, start+12)
				}, func(e Event) {
					if e.Kind == Cut && !errors.As(e.Err, &refusal) {
						t.Errorf("cut by %v", e.Err)
					}
				})
				if err != nil || !r.Faultless() || r.Refusals != 1 || r.Answers != 1 {
					t.Errorf("%v, %+v", err, r)
				}
				if got := again.Sub(refused); got != test.want {
					t.Errorf("came again after %s, want %s", got, test.want)
				}
				if test.body != "" && refusal.Error() != "Every seat is taken." {
					t.Errorf("says %q", refusal)
				}
			})
		})
	}
}

// TestBackoff: tries that fail are spread further and further, within bounds.
func TestBackoff(t *testing.T) {
	for _, random := range []float64{0, 0.5, 0.999} {
		b := backoff{random: func() float64 { return random }}
		step := firstRetry
		for range 10 {
			if got := b.next(); got < step/2 || got > step {
				t.Errorf("waits %s, want %s to %s", got, step/2, step)
			}
			step = min(2*step, lastRetry)
		}
		b.reset()
		if got := b.next(); got > firstRetry {
			t.Errorf("waits %s after sound, want at most %s", got, firstRetry)
		}
	}
}

// TestEndsWithoutSound: what leads nowhere ends in a sentence.
func TestEndsWithoutSound(t *testing.T) {
	html := func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>Hello</title>"))
	}
	junk := func(c Container, b string) script {
		return func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "audio/"+string(c))
			_, _ = w.Write([]byte(strings.Repeat(b, 100)))
		}
	}
	for _, test := range []struct {
		name string
		link string
		s    script
		want string
	}{
		{"a web page", "", html, "the address answers with a web page; give the link of a room"},
		{"no type", "", func(_ int, w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil }, "give the link of a room"},
		{"junk", "", junk(MP4, "What a piece of work."), "this is not the sound of a room"},
		{"junk", "http://room.test/r/x/live.ogg", junk(Ogg, "What a piece of work."), "this is not the sound of a room"},
		{"a refusal", "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"code":"room_unknown","title":"No such room","detail":"There is no such room here. Check the link."}`))
		}, "There is no such room here. Check the link."},
		{"a bare refusal", "", func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, "418 I'm a teapot"},
		{"full for ever", "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, "no sound for 2m0s, and the last try failed: the server answers 503"},
		{"an HTTP header that never ends", "", func(_ int, w http.ResponseWriter, r *http.Request) {
			conn, out, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for err == nil {
				_, err = out.WriteString("X-More: " + strings.Repeat("x", 4000) + "\r\n")
			}
		}, "no sound for 2m0s"},
		{"a box without end", "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "audio/mp4")
			_, _ = w.Write([]byte("\xff\xff\xff\xffmoov"))
		}, "this is not the sound of a room"},
		{"boxes without end", "", func(_ int, w http.ResponseWriter, r *http.Request) {
			a := begin(w, MP4, 0)
			for r.Context().Err() == nil {
				a.write([]byte("\x00\x00\x00\x08free"))
				time.Sleep(time.Second)
			}
		}, "no sound for 2m0s, and the last try failed: the connection is open, but no sound comes"},
		{"pages without sound", "http://room.test/r/x/live.ogg", func(_ int, w http.ResponseWriter, r *http.Request) {
			a := begin(w, Ogg, 0)
			for r.Context().Err() == nil {
				a.write(ogg.AppendHeaders(nil, 7, ogg.Head{}))
				time.Sleep(time.Second)
			}
		}, "the connection is open, but no sound comes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := hear(t, t.Context(), Config{URL: test.link}, test.s, nil)
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q", err, test.want)
				}
				if r.End != EndFailed || r.Gapless() || r.Frames != 0 || r.ListenedMS > 150_000 {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// TestEndedRoom: a room that ended while nobody was connected.
func TestEndedRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := hear(t, t.Context(), Config{}, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 0 {
				begin(w, MP4, start).sound(start, start+12)
				cut()
			}
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusGone)
			_, _ = w.Write([]byte(`{"code":"room_ended","detail":"This conversation is over."}`))
		}, nil)
		if err != nil || r.End != EndRoom || !r.Faultless() {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

// TestSilentConnection: an answer that stays open without sound is given up, and nothing is lost.
func TestSilentConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var why error
		r, err := hear(t, t.Context(), Config{}, func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 0 {
				begin(w, MP4, start).sound(start, start+204)
				<-r.Context().Done()
				return
			}
			begin(w, MP4, start+204).sound(start+204, start+216)
		}, func(e Event) {
			if e.Kind == Cut {
				why = e.Err
			}
		})
		if err != nil || !r.Faultless() || !errors.Is(why, errSilent) {
			t.Errorf("%v, cut by %v, %+v", err, why, r)
		}
		// 20 s of patience and half of the first retry, less the 4.08 s that were held.
		if r.Stalls != 1 || r.StalledMS != 20_000+125-4080 || r.HeldMinMS != 0 {
			t.Errorf("%d stalls, %d ms, %d held", r.Stalls, r.StalledMS, r.HeldMinMS)
		}
	})
}

// TestStop: the listener has had enough.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		news := 0
		r, err := hear(t, ctx, Config{From: start}, func(_ int, w http.ResponseWriter, r *http.Request) {
			if got := r.URL.RawQuery; got != "from=12000" {
				t.Errorf("query %q", got)
			}
			a := begin(w, MP4, start)
			a.packets(start, frames(start, start+12), tape.Event{At: start - 500, Kind: "listening", Data: []byte(`{"t":"listening","n":3}`)})
			for n := start + 12; r.Context().Err() == nil; n += 12 {
				a.live(n, n+12)
			}
		}, func(e Event) {
			if e.Kind == News && string(e.Room.Data) == `{"t":"listening","n":3}` {
				news++
			}
		})
		if err != nil || r.End != EndStopped || !r.Faultless() || r.ListenedMS != 30_000 || news != 1 || r.Events != 1 {
			t.Errorf("%v, %d news, %+v", err, news, r)
		}
	})
}

func TestTarget(t *testing.T) {
	for _, test := range []struct {
		link      string
		from      tape.Number
		variant   tape.Variant
		want      string // empty: refused
		container Container
	}{
		{"http://h:8080/r/room", -1, "", "http://h:8080/r/room/live.mp4", MP4},
		{" https://h/r/room/ ", -1, "", "https://h/r/room/live.mp4", MP4},
		{"http://h/r/room#t", 0, "", "http://h/r/room/live.mp4?from=0", MP4},
		{"http://h/r/room/live.ogg", 99, tape.Opus12, "http://h/r/room/live.ogg?from=99&variant=opus-12", Ogg},
		{"http://h/r/room/fr/live.mp4?variant=opus-24", -1, "", "http://h/r/room/fr/live.mp4?variant=opus-24", MP4},
		{"http://h/behind/a/proxy/r/room", -1, "", "http://h/behind/a/proxy/r/room/live.mp4", MP4},
		{"http://h/", -1, "", "", ""},
		{"http://h/r/", -1, "", "", ""},
		{"http://h/r/room/live.mp3", -1, "", "", ""},
		{"h:8080/r/room", -1, "", "", ""},
		{"ftp://h/r/room", -1, "", "", ""},
		{"http:///r/room", -1, "", "", ""},
		{"http://h/%zz", -1, "", "", ""},
		{"", -1, "", "", ""},
	} {
		to, err := parseTarget(test.link, test.variant)
		if test.want == "" {
			if !errors.Is(err, errAddress) {
				t.Errorf("%q: error %v", test.link, err)
			}
			continue
		}
		if err != nil || to.request(test.from) != test.want || to.container != test.container {
			t.Errorf("%q: %v, %v", test.link, to, err)
		}
	}
}
