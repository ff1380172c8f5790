package driftlib

import "math"

// AutocorrelationTime is the integrated autocorrelation time
// 1 + 2 sum_k rho_k of a series in the order of time: by how much dependence
// lengthens it. A mean over n values is as good as one over n / time
// independent ones. At least 1; 1 for a constant or short (below 4) series.
//
// The sum runs over pairs of lags while they are positive (the initial positive
// sequence), at most to lag min(400, n/10).
//
// Source: Geyer, "Practical Markov chain Monte Carlo", Statistical Science 7
// (1992).
func AutocorrelationTime(x []float64) float64 {
	n := len(x)
	if n < 4 {
		return 1
	}
	var mean float64
	for _, v := range x {
		mean += v / float64(n)
	}
	limit := min(400, n/10)
	covariance := func(lag int) float64 {
		var s float64
		for i := lag; i < n; i++ {
			s += (x[i] - mean) * (x[i-lag] - mean)
		}
		return s / float64(n)
	}
	c0 := covariance(0)
	if !(c0 > 0) {
		return 1
	}
	var sum float64
	for m := 0; 2*m+1 < limit; m++ {
		even := c0
		if m > 0 {
			even = covariance(2 * m)
		}
		pair := (even + covariance(2*m+1)) / c0
		if pair <= 0 || math.IsNaN(pair) {
			break
		}
		sum += pair
	}
	return max(2*sum-1, 1)
}
