package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Range and precision of every histogram: microseconds to one hour, three digits.
const (
	lowest  = 1
	highest = int64(time.Hour / time.Microsecond)
	digits  = 3
)

// Histogram is an HDR histogram of durations, 1 µs to 1 h (what lies outside is counted at the bound) with three significant digits. The
// zero value is empty and takes no memory; one that is used takes about 200 KB, so have one per agent, not one per listener.
// Its JSON holds readable quantiles in milliseconds, and in "hdr" the whole in the V2 format that other HDR tools read.
type Histogram struct {
	h *hdrhistogram.Histogram
}

// Record counts one duration.
func (h *Histogram) Record(d time.Duration) { h.RecordN(d, 1) }

// RecordN counts n equal durations.
func (h *Histogram) RecordN(d time.Duration, n int64) {
	if n <= 0 {
		return
	}
	if h.h == nil {
		h.h = hdrhistogram.New(lowest, highest, digits)
	}
	us := min(max(int64(d/time.Microsecond), lowest), highest)
	err := h.h.RecordValues(us, n)
	if err != nil {
		panic(fmt.Sprintf("result: %d µs is outside of a range that it was put into: %v", us, err))
	}
}

// Add counts everything that other counted. Other keeps what it has.
func (h *Histogram) Add(other Histogram) {
	if other.Count() == 0 {
		return
	}
	if h.h == nil {
		h.h = hdrhistogram.New(lowest, highest, digits)
	}
	h.h.Merge(other.h)
}

// Count is how many were recorded.
func (h Histogram) Count() int64 {
	if h.h == nil {
		return 0
	}
	return h.h.TotalCount()
}

// Quantile returns the duration that a share q, from 0 to 1, does not exceed. Zero when nothing was recorded.
func (h Histogram) Quantile(q float64) time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.ValueAtQuantile(q*100)) * time.Microsecond
}

// Max returns the longest duration.
func (h Histogram) Max() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.Max()) * time.Microsecond
}

// Bar is how many durations lie from From to To, both within.
type Bar struct {
	From, To time.Duration
	Count    int64
}

// Bars returns what was counted, shortest first, without empty ones.
func (h Histogram) Bars() []Bar {
	if h.h == nil {
		return nil
	}
	var bars []Bar
	for _, b := range h.h.Distribution() {
		if b.Count > 0 {
			bars = append(bars, Bar{time.Duration(b.From) * time.Microsecond, time.Duration(b.To) * time.Microsecond, b.Count})
		}
	}
	return bars
}

type histogramJSON struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
	HDR   string  `json:"hdr,omitempty"`
}

// Millis returns a duration in milliseconds.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// MarshalJSON implements [json.Marshaler].
func (h Histogram) MarshalJSON() ([]byte, error) {
	out := histogramJSON{
		Count: h.Count(), P50: Millis(h.Quantile(0.5)), P99: Millis(h.Quantile(0.99)), P999: Millis(h.Quantile(0.999)), Max: Millis(h.Max()),
	}
	if out.Count > 0 {
		text, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			return nil, err
		}
		out.HDR = string(text)
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements [json.Unmarshaler]. It reads "hdr" and believes nothing else.
func (h *Histogram) UnmarshalJSON(text []byte) error {
	var in histogramJSON
	err := json.Unmarshal(text, &in)
	if err != nil {
		return err
	}
	h.h = nil
	if in.HDR == "" {
		if in.Count != 0 {
			return errors.New("a histogram says that it counted, but has no hdr")
		}
		return nil
	}
	got, err := hdrhistogram.Decode([]byte(in.HDR))
	if err != nil {
		return fmt.Errorf("hdr: %w", err)
	}
	if got.LowestTrackableValue() != lowest || got.HighestTrackableValue() != highest || got.SignificantFigures() != digits {
		return errors.New("hdr: not of 1 µs to 1 h with three digits, so not written by a drill")
	}
	if got.TotalCount() > 0 {
		h.h = got
	}
	return nil
}
