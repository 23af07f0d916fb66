//go:build linux

// Package figure turns what benches measured into what they print.
package figure

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"time"
)

// Print writes one JSON line to standard output.
func Print(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s\n", line)
	return err
}

// Say tells a person how far the bench is.
func Say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}

// Fail ends the program with what went wrong, after its children were stopped.
func Fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Quantile returns the value below which a part q of all lies; 0 where there are none. It sorts values.
func Quantile[T int32 | float64](values []T, q float64) T {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}

// Median is the middle of values.
func Median(values []float64) float64 { return Quantile(slices.Clone(values), 0.5) }

// Round keeps four significant digits, which is more than a noisy machine can give.
func Round(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0
	}
	scale := math.Pow(10, 4-math.Ceil(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

// Latency is a distribution of times in seconds.
type Latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_s"`
	P99   float64 `json:"p99_s"`
	Max   float64 `json:"max_s"`
}

// Latencies summarises microseconds.
func Latencies(us []int32) Latency {
	s := func(q float64) float64 { return float64(Quantile(us, q)) / 1e6 }
	return Latency{len(us), s(0.5), s(0.99), s(1)}
}
