package convention

import (
	"math"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/driftlib"
)

// deepchecks is Deepchecks' feature drift: KS of numbers, Cramér's V of
// categories, its bias corrected, over the smaller of both sizes and with
// categories below 1 % of the reference in one; drift from 0.2 on. PSI has a
// floor of 0.01.
func deepchecks(a, b *Column, _ int) Result {
	r := Result{Statistics: map[string]float64{}, Threshold: .2}
	if a.numeric() {
		r.Test, r.Score = "K-S statistic", driftlib.KSStatisticSorted(sorted(a.Numbers), sorted(b.Numbers))
		r.Statistics["ks"] = r.Score
		r.Statistics["wasserstein"] = driftlib.WassersteinSorted(sorted(a.Numbers), sorted(b.Numbers))
	} else {
		c, names := byCategory(a, b)
		c = foldSmall(c, names, .01)
		r.Test, r.Score = "Cramer's V", cramersV(c)
		r.Statistics["cramers_v"] = r.Score
		p, q := c.shares(a.len(), b.len())
		for i := range p {
			p[i], q[i] = max(p[i], .01), max(q[i], .01)
		}
		r.Statistics["psi"] = psi(p, q)
	}
	r.Drifted = r.Score >= r.Threshold
	r.Reason = reason(&r, "at least")
	return r
}

// foldSmall puts categories with less than a share of the reference into one,
// which is dropped where it is small on both sides itself.
func foldSmall(c counted, names []string, share float64) counted {
	var n, m float64
	for i := range c.reference {
		n, m = n+c.reference[i], m+c.current[i]
	}
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(names[i], names[j]) })
	var out counted
	var otherA, otherB float64
	for _, i := range order {
		if c.reference[i] < n*share {
			otherA, otherB = otherA+c.reference[i], otherB+c.current[i]
			continue
		}
		out.reference, out.current = append(out.reference, c.reference[i]), append(out.current, c.current[i])
	}
	if otherA > share*n || otherB > share*m {
		out.reference, out.current = append(out.reference, otherA), append(out.current, otherB)
	}
	return out
}

// cramersV is Cramér's V with Bergsma's correction of its bias.
func cramersV(c counted) float64 {
	if len(c.reference) < 2 {
		return 0
	}
	var n, m float64
	for i := range c.reference {
		n, m = n+c.reference[i], m+c.current[i]
	}
	scale := func(counts []float64, own, other float64) []float64 {
		out := slices.Clone(counts)
		for i := range out {
			if own > other {
				out[i] *= other / own
			}
			out[i] = math.RoundToEven(out[i])
		}
		return out
	}
	small := counted{scale(c.reference, n, m), scale(c.current, m, n)}
	chi2, dof, _ := contingency(small)
	total := 0.0
	for i := range small.reference {
		total += small.reference[i] + small.current[i]
	}
	if dof == 0 || total < 2 {
		return 0
	}
	k := dof + 1
	phi := max(0, chi2/total-dof/(total-1))
	rows, columns := 2-1/(total-1), k-dof*dof/(total-1)
	return math.Sqrt(phi / min(columns-1, rows-1))
}
