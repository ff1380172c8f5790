package schema

import (
	"math"
	"slices"
	"sort"
)

// Kolmogorov-Smirnov distances of ringSize values from a reference: beyond
// strange chance is 1e-9, within alike it is above 1e-3.
const (
	strange = 0.41
	alike   = 0.244
	// mostStrange bounds the pairs that are compared.
	mostStrange = 64
)

// orders says, of each column whose last values are not its own but another
// one's, whose they are. Two that are exchanged, or three and more that are
// somebody else's, are columns out of order; a single one may have drifted.
func orders(columns []*column) map[string]string {
	var odd []*column
	values := map[*column][]float64{}
	for _, c := range columns {
		if c.ignored || len(odd) == mostStrange {
			continue
		}
		if c.text {
			if c.filled == ringSize && c.share(c) < .1 {
				odd = append(odd, c)
			}
			continue
		}
		if !c.away() {
			continue // nearly always
		}
		v := c.ordered()
		if v != nil && distance(v, c.sample) > strange {
			odd = append(odd, c)
			values[c] = v
		}
	}
	if len(odd) < 2 {
		return nil
	}
	match := map[*column]*column{}
	for _, c := range odd {
		if m := closest(c, values[c], odd); m != nil {
			match[c] = m
		}
	}
	out := map[string]string{}
	for c, m := range match {
		if match[m] == c || len(match) >= 3 {
			out[c.name] = m.name
		}
	}
	return out
}

// away is a quick look at whether the last values can be as far from their
// reference as strange is: at the reference's eighths, which are never further
// than one eighth from where the distance is largest.
func (c *column) away() bool {
	if c.filled < ringSize || len(c.eighths) == 0 {
		return false
	}
	var upto [7]int
	for _, v := range c.recent {
		for k, e := range c.eighths {
			if v <= e {
				upto[k]++
			}
		}
	}
	for k, n := range upto {
		if math.Abs(float64(n)/ringSize-float64(k+1)/8) > strange-1.0/8 {
			return true
		}
	}
	return false
}

// closest is the one other column whose reference the values fit.
func closest(c *column, values []float64, odd []*column) *column {
	var best *column
	least := alike
	for _, other := range odd {
		if other == c || other.text != c.text {
			continue
		}
		d := 1 - c.share(other)
		if !c.text {
			d = distance(values, other.sample)
		}
		if d < least {
			best, least = other, d
		}
	}
	return best
}

// share is the share of the last texts that the other column knows.
func (c *column) share(other *column) float64 {
	n := 0
	for _, v := range c.recent {
		if other.known[math.Float64bits(v)] {
			n++
		}
	}
	return float64(n) / ringSize
}

// distance is the Kolmogorov-Smirnov statistic of two ascending samples.
func distance(a, b []float64) float64 {
	d := 0.0
	for i := 0; i < len(a); {
		j := i
		for j < len(a) && a[j] == a[i] {
			j++
		}
		below := float64(sort.SearchFloat64s(b, a[i])) / float64(len(b))
		k, _ := slices.BinarySearchFunc(b, a[i], func(x, v float64) int {
			if x <= v {
				return -1
			}
			return 1
		})
		upto := float64(k) / float64(len(b))
		d = max(d, math.Abs(below-float64(i)/float64(len(a))), math.Abs(upto-float64(j)/float64(len(a))))
		i = j
	}
	return d
}
