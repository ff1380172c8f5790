package offline

import (
	"math"
	"slices"
	"sort"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
)

// scratch is memory that one column after another is compared in.
type scratch struct {
	profile.Scratch
	current []float64
}

// count bins a column, and returns its finite values in ascending order, in s.
func count(ref *verdict.Reference, c profile.Column, s *scratch) (counts, sorted []float64) {
	b := ref.Binner
	counts = make([]float64, b.Len())
	absent := func(i int) bool { return c.Missing != nil && c.Missing[i] }
	if c.Kind == profile.Categorical {
		for i, s := range c.Strings {
			if absent(i) {
				counts[b.Missing()]++
			} else {
				counts[b.CategoryIndex(s)]++
			}
		}
		return counts, nil
	}
	sorted = slices.Grow(s.current[:0], len(c.Floats))
	for i, v := range c.Floats {
		switch {
		case absent(i):
			counts[b.Missing()]++
		case v-v != 0: // NaN and the infinities
			counts[b.Index(v)]++
		default:
			sorted = append(sorted, v)
		}
	}
	s.current = sorted
	s.Sort(sorted)
	b.CountSorted(sorted, counts)
	return counts, sorted
}

// bins are the bins of a report.
func bins(ref *verdict.Reference, counts, sorted []float64) Bins {
	if ref.Feature.Kind == profile.Categorical {
		return categories(ref, counts)
	}
	b := ref.Binner
	out := Bins{}
	special := &Special{}
	before := -1
	for i := range counts {
		lower, upper := b.Ends(i)
		switch {
		case math.IsNaN(lower):
			special.add(specialName(ref.Feature.Bins[i].Code), ref.Counts[i], counts[i])
			continue
		case b.Group(i) == before:
			last := len(out.Current) - 1
			out.Reference[last] += ref.Counts[i]
			out.Current[last] += counts[i]
			out.Edges[last+1] = upper
			continue
		case before < 0:
			out.Edges = append(out.Edges, lower)
		}
		before = b.Group(i)
		out.Edges = append(out.Edges, upper)
		out.Reference, out.Current = append(out.Reference, ref.Counts[i]), append(out.Current, counts[i])
	}
	out.close(ref.Sorted, sorted)
	out.Special = special.orNil()
	return out
}

// close gives the outer bins the ends of the data.
func (b *Bins) close(samples ...[]float64) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range samples {
		if len(s) > 0 {
			low, high = min(low, s[0]), max(high, s[len(s)-1])
		}
	}
	last := len(b.Edges) - 1
	if low > high { // no finite value on either side
		b.Edges, b.Reference, b.Current = nil, []float64{}, []float64{}
		return
	}
	if last > 1 {
		low, high = min(low, b.Edges[1]), max(high, b.Edges[last-1])
	}
	b.Edges[0], b.Edges[last] = low, high
}

// categories are bins by label, the most frequent of the reference first.
func categories(ref *verdict.Reference, counts []float64) Bins {
	out := Bins{Labels: []string{}, Reference: []float64{}, Current: []float64{}}
	special := &Special{}
	var order []int
	for i := range counts {
		if ref.Feature.Bins[i].Category == nil {
			special.add(specialName(ref.Feature.Bins[i].Code), ref.Counts[i], counts[i])
		} else {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return ref.Counts[order[a]] > ref.Counts[order[b]] })
	for _, i := range order {
		out.Labels = append(out.Labels, *ref.Feature.Bins[i].Category)
		out.Reference, out.Current = append(out.Reference, ref.Counts[i]), append(out.Current, counts[i])
	}
	out.Special = special.orNil()
	return out
}

func specialName(code string) string {
	return map[string]string{profile.CodeNegInf: "-Inf", profile.CodePosInf: "+Inf", profile.CodeNaN: "NaN", profile.CodeMissing: "missing", profile.CodeOther: "other"}[code]
}

func (s *Special) add(label string, reference, current float64) {
	if reference > 0 || current > 0 {
		s.Labels = append(s.Labels, label)
		s.Reference, s.Current = append(s.Reference, reference), append(s.Current, current)
	}
}

func (s *Special) orNil() *Special {
	if slices.Max(append([]float64{0}, append(s.Reference, s.Current...)...)) == 0 {
		return nil
	}
	return s
}
