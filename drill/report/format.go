package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// count writes 1234567 as 1,234,567.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// short writes a figure for an axis: 950, 1.5k, 30k, 1M.
func short(v float64) string {
	for _, step := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= step.size {
			return trim(v/step.size) + step.name
		}
	}
	return trim(v)
}

// trim writes at most three digits, without zeros at the end.
func trim(v float64) string {
	if v == 0 {
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	s := strconv.FormatFloat(v, 'f', min(max(digits, 0), 6), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// size writes bytes: 340 B, 2.3 kB, 6.7 GB.
func size(v float64) string {
	for _, step := range []struct {
		size float64
		name string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if math.Abs(v) >= step.size {
			return trim(v/step.size) + " " + step.name
		}
	}
	return trim(v) + " B"
}

// span writes a time that somebody waits: 380 µs, 41 ms, 1.2 s.
func span(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return trim(float64(d)/1e3) + " µs"
	case d < time.Second:
		return trim(float64(d)/1e6) + " ms"
	}
	return trim(d.Seconds()) + " s"
}

// share writes a part of a whole in percent. Only nothing is 0 %, and only everything is 100 %.
func share(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	p := 100 * float64(part) / float64(whole)
	switch {
	case part > 0 && p < 0.01:
		return "< 0.01 %"
	case part < whole && p > 99.99:
		return "> 99.99 %"
	}
	return trimShare(p) + " %"
}

func trimShare(p float64) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(p, 'f', 2, 64), "0"), ".")
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("1 %s", one)
	}
	return count(n) + " " + many
}

// figure writes a value of any size with its unit, such as a verdict's.
func figure(v float64, unit string) string {
	s := trim(v)
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		s = count(int64(v))
	}
	switch unit {
	case "":
		return s
	case "us":
		return s + " µs"
	}
	return s + " " + unit
}
