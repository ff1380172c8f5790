package convention

import (
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib"
	"gonum.org/v1/gonum/stat/distuv"
)

// nannyml is NannyML's default univariate method: the JS distance, base 2, over
// bins of the reference (Doane's rule; a category each), what falls outside in
// a bin of its own; an alert where it exceeds the mean and three standard
// deviations of ten chunks of the reference against the reference.
func nannyml(a, b *Column, _ int) Result {
	r := Result{Statistics: map[string]float64{}, Test: "Jensen-Shannon distance"}
	var count func(*Column) []float64
	if a.numeric() {
		x := sorted(a.Numbers)
		edges := doane(x, false)
		count = func(c *Column) []float64 { return histogram(sorted(c.Numbers), edges) }
		nannymlNumeric(x, sorted(b.Numbers), r.Statistics)
	} else {
		c, names := byCategory(a, &Column{})
		count = func(c *Column) []float64 { return countKnown(c, names) }
		_ = c
		all, _ := byCategory(a, b)
		p, q := all.shares(a.len(), b.len())
		r.Statistics["l_infinity"] = largest(p, q)
		r.Statistics["chi2"], r.Statistics["chi2_dof"], r.Statistics["chi2_pvalue"] = contingency(all)
	}
	reference := count(a)
	distances := func(c *Column) (js, h float64) {
		p, q := counted{reference, count(c)}.shares(a.len(), c.len())
		left := 1.0
		for _, v := range q {
			left -= v
		}
		if left > 0 {
			p, q = append(p, 0), append(q, left)
		}
		return jensenShannon(p, q, 2), hellinger(p, q)
	}
	r.Score, r.Statistics["hellinger"] = distances(b)
	r.Statistics["js_distance"] = r.Score
	r.Threshold = threshold(a, func(c *Column) float64 { js, _ := distances(c); return js })
	r.Drifted = r.Score > r.Threshold
	r.Reason = reason(&r, "above")
	return r
}

func nannymlNumeric(x, y []float64, out map[string]float64) {
	out["ks"] = driftlib.KSStatisticSorted(x, y)
	out["wasserstein"] = driftlib.WassersteinSorted(x, y)
}

func countKnown(c *Column, names []string) []float64 {
	index := make(map[string]int, len(names))
	for i, n := range names {
		index[n] = i
	}
	out := make([]float64, len(names))
	for _, s := range c.Strings {
		if i, ok := index[s]; ok {
			out[i]++
		}
	}
	return out
}

// threshold is the mean and three population standard deviations of ten chunks.
func threshold(a *Column, statistic func(*Column) float64) float64 {
	const chunks = 10
	n := a.len()
	size := max(n/chunks, 1)
	var values []float64
	for from := 0; from < n; from += size {
		to := min(from+size, n)
		if n-to < size && n-to > 0 && len(values) == chunks-1 {
			to = n // the rest belongs to the last chunk
		}
		c := Column{}
		if a.numeric() {
			c.Numbers = a.Numbers[from:to]
		} else {
			c.Strings = a.Strings[from:to]
		}
		values = append(values, statistic(&c))
		if to == n {
			break
		}
	}
	var mean float64
	for _, v := range values {
		mean += v / float64(len(values))
	}
	return mean + 3*population(slices.Clone(values))
}

// contingency is scipy's chi2_contingency: with Yates' correction where there
// are two columns.
func contingency(c counted) (statistic, dof, p float64) {
	var n, m float64
	columns := 0
	for i := range c.reference {
		n, m = n+c.reference[i], m+c.current[i]
		if c.reference[i]+c.current[i] > 0 {
			columns++
		}
	}
	if columns < 2 {
		return 0, 0, 1
	}
	for i := range c.reference {
		both := c.reference[i] + c.current[i]
		if both == 0 {
			continue
		}
		for _, side := range [2][2]float64{{c.reference[i], n}, {c.current[i], m}} {
			expected := both * side[1] / (n + m)
			d := math.Abs(side[0] - expected)
			if columns == 2 {
				d = max(0, d-.5)
			}
			statistic += d * d / expected
		}
	}
	dof = float64(columns - 1)
	return statistic, dof, distuv.ChiSquared{K: dof}.Survival(statistic)
}
