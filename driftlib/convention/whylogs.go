package convention

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// whylogs is the drift report of whylogs: KS over 100 quantiles of either side,
// chi-square against the reference's shares for categories; drift where the
// p-value is below 0.05. whylogs takes its quantiles from a sketch, so that
// beyond some hundred rows its figures differ by the sketch's error; these are
// of the values themselves.
func whylogs(a, b *Column, _ int) Result {
	r := Result{Statistics: map[string]float64{}, Threshold: .05}
	if a.numeric() {
		x, y := sorted(a.Numbers), sorted(b.Numbers)
		d := quantileKS(x, y)
		r.Statistics["ks"] = d
		r.Test, r.Score = "K-S p-value", roundedKS(d, len(x), len(y))
		r.Statistics["ks_pvalue"] = r.Score
		p, q := counted{sketchHistogram(x, x, y), sketchHistogram(y, x, y)}.shares(len(x), len(y))
		r.Statistics["hellinger"] = euclidean(p, q)
	} else {
		c, _ := byCategory(a, b)
		r.Test = "chi-square p-value"
		r.Statistics["chi2"], r.Statistics["chi2_dof"], r.Score = truncatedChiSquare(c, a.len(), b.len())
		r.Statistics["chi2_pvalue"] = r.Score
	}
	r.Drifted = r.Score < r.Threshold
	r.Reason = reason(&r, "below")
	return r
}

// quantileKS looks at the distribution functions at 100 quantiles of each side.
// The functions count values below, as the sketch's do.
func quantileKS(x, y []float64) float64 {
	const quantiles = 100
	most := 0.0
	below := func(s []float64, v float64) float64 {
		i, _ := slices.BinarySearch(s, v)
		return float64(i) / float64(len(s))
	}
	for _, s := range [2][]float64{x, y} {
		for k := range quantiles {
			i := int(math.Floor(float64(k) / (quantiles - 1) * float64(len(s))))
			v := s[min(i, len(s)-1)]
			most = max(most, math.Abs(below(x, v)-below(y, v)))
		}
	}
	return most
}

// sketchHistogram counts values in at most 30 bins over both sides, four values
// a bin or more.
func sketchHistogram(values, x, y []float64) []float64 {
	low, high := min(x[0], y[0]), max(x[len(x)-1], y[len(y)-1])
	if high == 0 {
		high = 1e-7
	} else {
		high += math.Abs(high) * 1e-7
	}
	n := max(min(int(math.Ceil(float64(len(x)+len(y))/4)), 30), 2)
	return histogram(values, equalWidth(low, high, n))
}

func euclidean(p, q []float64) float64 {
	sum := 0.0
	for i := range p {
		d := math.Sqrt(p[i]) - math.Sqrt(q[i])
		sum += d * d
	}
	return math.Sqrt(sum / 2)
}

// truncatedChiSquare expects whole numbers; a category that the reference has
// not is impossible.
func truncatedChiSquare(c counted, n, m int) (statistic, dof, p float64) {
	present := 0
	for i, observed := range c.current {
		if observed > 0 {
			present++
		}
		expected := math.Trunc(c.reference[i] / float64(n) * float64(m))
		if expected == 0 {
			statistic = math.Inf(1)
			continue
		}
		statistic += (observed - expected) * (observed - expected) / expected
	}
	dof = max(float64(present-1), 1)
	if math.IsInf(statistic, 1) {
		return statistic, dof, 0
	}
	return statistic, dof, distuv.ChiSquared{K: dof}.Survival(statistic)
}
