package convention

import (
	"math"
	"slices"
)

// tfdv is TensorFlow Data Validation: the Jensen-Shannon divergence, base 2, of
// two histograms of ten bins, brought to common edges, for numbers; the largest
// difference of shares for categories. TFDV has no threshold of its own, so
// nothing drifts.
func tfdv(a, b *Column, _ int) Result {
	r := Result{Statistics: map[string]float64{}, Threshold: math.Inf(1), Reason: "TensorFlow Data Validation has no default threshold"}
	if a.numeric() {
		x, y := sorted(a.Numbers), sorted(b.Numbers)
		const bins = 10
		first, second := equalWidth(x[0], x[len(x)-1], bins), equalWidth(y[0], y[len(y)-1], bins)
		p, q := rebucket(histogram(x, first), first, histogram(y, second), second)
		d := jensenShannon(p, q, 2)
		r.Test, r.Score = "Jensen-Shannon divergence", d*d
		r.Statistics["js_divergence"], r.Statistics["js_distance"] = d*d, d
		return r
	}
	c, _ := byCategory(a, b)
	p, q := c.shares(a.len(), b.len())
	r.Test, r.Score = "L-infinity", largest(p, q)
	r.Statistics["l_infinity"] = r.Score
	return r
}

// rebucket spreads two histograms over the union of their edges, evenly inside
// each bin.
func rebucket(a, edgesA, b, edgesB []float64) (p, q []float64) {
	edges := slices.Clone(edgesA)
	edges = append(edges, edgesB...)
	slices.Sort(edges)
	edges = slices.Compact(edges)
	spread := func(counts, own []float64) []float64 {
		out := make([]float64, len(edges)-1)
		for k := range out {
			for i, n := range counts {
				overlap := min(edges[k+1], own[i+1]) - max(edges[k], own[i])
				if overlap > 0 && own[i+1] > own[i] {
					out[k] += n * overlap / (own[i+1] - own[i])
				}
			}
		}
		return out
	}
	return spread(a, edgesA), spread(b, edgesB)
}
