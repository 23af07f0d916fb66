package tape

import "slices"

// terms answers which term a frame number belongs to. It is ordered by term, and First rises with it: a takeover that begins at or
// before an older one leaves nothing of the older one to ask for.
type terms []Takeover

// add records a takeover and reports whether it was news.
func (t *terms) add(next Takeover) bool {
	if i := slices.IndexFunc(*t, func(o Takeover) bool { return o.Term >= next.Term }); i >= 0 {
		// An old takeover that arrives late may still own frames before the newer one begins.
		newer := (*t)[i]
		if newer.Term == next.Term || newer.First <= next.First {
			return false
		}
		*t = slices.Insert(*t, i, next)
	} else {
		*t = append(*t, next)
	}
	*t = slices.DeleteFunc(*t, func(o Takeover) bool { return o.Term < next.Term && o.First >= next.First })
	return true
}

// owner is the term that makes frame n; ok is false before the first takeover known.
func (t terms) owner(n Number) (_ Term, ok bool) {
	for i := len(t) - 1; i >= 0; i-- {
		if t[i].First <= n {
			return t[i].Term, true
		}
	}
	return 0, false
}

// newest is the term of the last takeover known, or 0.
func (t terms) newest() Term {
	if len(t) == 0 {
		return 0
	}
	return t[len(t)-1].Term
}

// forget drops what no number from oldest on can ask for.
func (t *terms) forget(oldest Number) {
	for len(*t) > 1 && (*t)[1].First <= oldest {
		*t = slices.Delete(*t, 0, 1)
	}
}
