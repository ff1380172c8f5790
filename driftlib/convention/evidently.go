package convention

import (
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib"
	"gonum.org/v1/gonum/stat/distuv"
)

// evidently is Evidently's default column test.
//
// PSI, KL and JS: bins of equal width by Sturges over both samples where the
// reference has more than 20 distinct values, else one bin a value. Empty bins
// get 1e-4 (a millionth of the smallest share where that is at most 1e-4), not
// renormalised; natural logarithms; KL is KL(reference || current); JS is not
// filled. Wasserstein is divided by the reference's standard deviation, at
// least 0.001. The test: up to 1,000 reference rows a p-value below 0.05 of KS,
// chi-square (goodness of fit to the reference's shares) or, of two values, a z
// test; beyond, a normed Wasserstein or JS distance of at least 0.1.
func evidently(a, b *Column, _ int) Result {
	r := Result{Statistics: map[string]float64{}}
	n, m := a.len(), b.len()
	cells, values := evidentlyCells(a, b)
	p, q := cells.shares(n, m)
	r.Statistics["js_distance_nats"] = jensenShannon(p, q, math.E)
	r.Statistics["js_distance"] = jensenShannon(p, q, 2)
	if a.numeric() {
		evidentlyNumeric(a, b, r.Statistics)
	} else {
		r.Statistics["hellinger"] = hellinger(p, q)
	}
	var all counted
	if a.numeric() && values > 5 {
		values = max(values, 6)
	} else if a.numeric() {
		all, _ = byValue(a, b)
	} else {
		all = cells
	}
	if all.reference != nil && values > 2 {
		r.Statistics["chi2"], r.Statistics["chi2_pvalue"] = goodnessOfFit(all, n, m)
		r.Statistics["chi2_dof"] = float64(len(all.reference) - 1)
	}
	p, q = slices.Clone(p), slices.Clone(q)
	fill(p)
	fill(q)
	r.Statistics["psi"], r.Statistics["kl"] = psi(p, q), entropy(p, q)
	decideEvidently(&r, a.numeric(), n, values, all, m)
	return r
}

// evidentlyCells are the cells of PSI, KL and JS, and how many distinct values
// both sides have together.
func evidentlyCells(a, b *Column) (counted, int) {
	if !a.numeric() {
		c, names := byCategory(a, b)
		return c, len(names)
	}
	byNumber, values := byValue(a, b)
	x := sorted(a.Numbers)
	if distinct(x) <= 20 {
		return byNumber, len(values)
	}
	y := sorted(b.Numbers)
	both := sorted(append(slices.Clone(x), y...))
	edges := sturges(both, a.Integer && b.Integer)
	return counted{histogram(x, edges), histogram(y, edges)}, len(values)
}

func evidentlyNumeric(a, b *Column, out map[string]float64) {
	x, y := sorted(a.Numbers), sorted(b.Numbers)
	_, values := byValue(a, b)
	edges := sturges(values, a.Integer && b.Integer)
	p, q := counted{histogram(x, edges), histogram(y, edges)}.shares(len(x), len(y))
	out["hellinger"] = hellinger(p, q)
	if ks, err := driftlib.KolmogorovSmirnovSorted(x, y); err == nil {
		out["ks"], out["ks_pvalue"] = ks.D, ks.PValue
	}
	w := driftlib.WassersteinSorted(x, y)
	out["wasserstein"], out["wasserstein_normalized"] = w, w/max(population(x), .001)
}

func population(x []float64) float64 {
	var mean, variance float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x))
	}
	return math.Sqrt(variance)
}

// fill gives empty cells a small share.
func fill(p []float64) {
	least := math.Inf(1)
	for _, v := range p {
		if v > 0 {
			least = min(least, v)
		}
	}
	floor := 1e-4
	if least <= 1e-4 {
		floor = least / 1e6
	}
	for i, v := range p {
		if v == 0 {
			p[i] = floor
		}
	}
}

func psi(p, q []float64) (sum float64) {
	for i := range p {
		sum += (p[i] - q[i]) * math.Log(p[i]/q[i])
	}
	return sum
}

// entropy is scipy's relative entropy: both sides are normalised first.
func entropy(p, q []float64) (sum float64) {
	var sp, sq float64
	for i := range p {
		sp, sq = sp+p[i], sq+q[i]
	}
	for i := range p {
		sum += p[i] / sp * math.Log(p[i]/sp/(q[i]/sq))
	}
	return sum
}

// goodnessOfFit takes the reference as exact; a cell that it has not is
// impossible.
func goodnessOfFit(c counted, n, m int) (statistic, p float64) {
	for i, r := range c.reference {
		expected := r * float64(m) / float64(n)
		if expected == 0 {
			return math.Inf(1), 0
		}
		statistic += (c.current[i] - expected) * (c.current[i] - expected) / expected
	}
	return statistic, distuv.ChiSquared{K: float64(len(c.reference) - 1)}.Survival(statistic)
}

// twoProportions is the z test of the share of the smaller of two values.
func twoProportions(first, m1 float64, second, m2 float64) float64 {
	p1, p2 := first/m1, second/m2
	pooled := (first + second) / (m1 + m2)
	z := (p1 - p2) / math.Sqrt(pooled*(1-pooled)*(1/m1+1/m2))
	if math.IsNaN(z) {
		return 1
	}
	return 2 * distuv.UnitNormal.Survival(math.Abs(z))
}

func decideEvidently(r *Result, numeric bool, n, values int, all counted, m int) {
	r.Threshold = .05
	switch {
	case n <= 1000 && numeric && values > 5:
		r.Test, r.Score = "K-S p_value", r.Statistics["ks_pvalue"]
		r.Drifted = r.Score <= r.Threshold
	case n <= 1000 && values > 2:
		r.Test, r.Score = "chi-square p_value", r.Statistics["chi2_pvalue"]
		r.Drifted = r.Score < r.Threshold
	case n <= 1000:
		r.Test = "Z-test p_value"
		r.Score = twoProportions(all.reference[0], float64(n), all.current[0], float64(m))
		r.Drifted = r.Score < r.Threshold
	case numeric && values > 5:
		r.Threshold = .1
		r.Test, r.Score = "Wasserstein distance (normed)", r.Statistics["wasserstein_normalized"]
		r.Drifted = r.Score >= r.Threshold
	default:
		r.Threshold = .1
		r.Test, r.Score = "Jensen-Shannon distance", r.Statistics["js_distance_nats"]
		r.Drifted = r.Score >= r.Threshold
	}
	relation := "below"
	if n > 1000 {
		relation = "at least"
	}
	r.Reason = reason(r, relation)
}
