package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxBytes bounds the file that [Read] accepts: a day of a drill with ten agents.
const maxBytes = 256 << 20

// maxAt is a second far beyond every clock.
const maxAt = 1 << 40

// Write writes the result as indented JSON.
func (r Result) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(r)
}

// Read reads what [Result.Write] wrote, and checks it.
func Read(from io.Reader) (Result, error) {
	var r Result
	text, err := io.ReadAll(io.LimitReader(from, maxBytes+1))
	if err != nil {
		return Result{}, err
	}
	if len(text) > maxBytes {
		return Result{}, fmt.Errorf("a drill's result is at most %d MB", maxBytes>>20)
	}
	err = json.Unmarshal(text, &r)
	if err != nil {
		return Result{}, fmt.Errorf("not a drill's result: %w", err)
	}
	if r.Format != Format {
		return Result{}, fmt.Errorf("this program reads results of format %d, and this is one of %d: run the drill again", Format, r.Format)
	}
	err = r.check()
	if err != nil {
		return Result{}, fmt.Errorf("not a drill's result: %w", err)
	}
	return r, nil
}

func (r Result) check() error {
	if r.Took < 0 {
		return errors.New("it took less than nothing")
	}
	if r.Valid != (len(r.Invalid) == 0) {
		return errors.New("valid and invalid contradict each other")
	}
	for i, s := range r.Seconds {
		if s.At < 0 || s.At > maxAt {
			return errors.New("its seconds are of no clock")
		}
		if i > 0 && s.At <= r.Seconds[i-1].At {
			return errors.New("its seconds are not in order")
		}
		for _, n := range []int64{s.Due, s.Begun, s.Seated, s.Left, s.Seats, s.Bytes, s.Frames, s.Gaps, s.Silent, s.Stalls, s.Wrong, s.Cuts,
			s.Resumed} {
			if n < 0 {
				return fmt.Errorf("second %d counts less than nothing", s.At)
			}
		}
	}
	for _, e := range r.Edges {
		for _, s := range e.Seconds {
			err := s.Check()
			if err != nil {
				return fmt.Errorf("edge %s: %w", e.URL, err)
			}
		}
	}
	for _, p := range r.Projections {
		if p.Kind != Modelled && p.Kind != Extrapolated {
			return fmt.Errorf("the projection of %s is %q, neither modelled nor extrapolated", p.Figure, p.Kind)
		}
	}
	return nil
}
