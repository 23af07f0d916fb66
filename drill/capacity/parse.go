package capacity

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// number reads a figure with one of the units behind it. Units are tried longest first, and case does not matter.
func number(text, what, example string, units []unit) (float64, error) {
	word := strings.ToLower(strings.TrimSpace(text))
	for _, u := range units {
		rest, ok := strings.CutSuffix(word, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
		if err == nil && v >= 0 && !math.IsInf(v*u.size, 0) && !math.IsNaN(v) {
			return v * u.size, nil
		}
	}
	return 0, fmt.Errorf("%q is no %s: write one such as %s", text, what, example)
}

type unit struct {
	name string
	size float64
}

// ParseCount reads 1e6, 300000, 300k or 1M.
func ParseCount(text string) (int64, error) {
	v, err := number(text, "number of listeners", "1e6 or 300k", []unit{{"k", 1e3}, {"m", 1e6}, {"", 1}})
	if err != nil || v > 1e12 || v != math.Trunc(v) {
		return 0, fmt.Errorf("%q is no number of listeners: write one such as 1e6 or 300k", text)
	}
	return int64(v), nil
}

// ParseBits reads bits per second: 24k, 10Gbit, 2.5Gbit/s.
func ParseBits(text string) (float64, error) {
	return number(strings.TrimSuffix(text, "/s"), "rate", "24k or 10Gbit", []unit{
		{"kbps", 1e3}, {"mbps", 1e6}, {"gbps", 1e9}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"tbit", 1e12}, {"bit", 1}, {"k",
			1e3}, {"m", 1e6}, {"g", 1e9}, {"", 1},
	})
}

// ParseBytes reads 32GB, 64GiB or 512MB.
func ParseBytes(text string) (float64, error) {
	return number(text, "size", "32GB", []unit{
		{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"b",
			1}, {"", 1},
	})
}

// ParseShare reads 40% or 0.4.
func ParseShare(text string) (float64, error) {
	return number(text, "share", "40%", []unit{{"%", 0.01}, {"", 1}})
}
