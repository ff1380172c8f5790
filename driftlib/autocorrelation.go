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
	return integratedTime(n, func(lag int) (even, odd float64) { return covariances(x, mean, lag) })
}

// integratedTime sums the pairs of covariances at lags 2m and 2m+1 of n values.
func integratedTime(n int, pair func(lag int) (even, odd float64)) float64 {
	limit := min(400, n/10)
	c0, odd := pair(0)
	if !(c0 > 0) {
		return 1
	}
	even := c0
	var sum float64
	for m := 0; 2*m+1 < limit; m++ {
		if m > 0 {
			even, odd = pair(2 * m)
		}
		both := (even + odd) / c0
		if both <= 0 || math.IsNaN(both) {
			break
		}
		sum += both
	}
	return max(2*sum-1, 1)
}

// covariances are those at lag and lag+1, in one pass. Two partial sums each,
// so that an addition need not wait for the one before.
func covariances(x []float64, mean float64, lag int) (even, odd float64) {
	n := len(x)
	if lag >= n {
		return 0, 0
	}
	even = (x[lag] - mean) * (x[0] - mean)
	a, b := x[lag+1:], x[1:n-lag] // a[i] is lag after b[i], lag+1 after before
	before := x[0] - mean
	var even2, odd2 float64
	i := 0
	for ; i+1 < len(a) && i+1 < len(b); i += 2 {
		now, next := a[i]-mean, a[i+1]-mean
		first, second := b[i]-mean, b[i+1]-mean
		even += now * first
		odd += now * before
		even2 += next * second
		odd2 += next * first
		before = second
	}
	for ; i < len(a); i++ {
		now := a[i] - mean
		odd += now * before
		before = b[i] - mean
		even += now * before
	}
	return (even + even2) / float64(n), (odd + odd2) / float64(n)
}

// IndicatorAutocorrelationTimes is the AutocorrelationTime of every series "is
// in class j" of a sequence of classes 0 to classes-1, all of them at once: one
// pass a lag counts for all classes how often a class comes back after it. A
// class that is never there, or always, has 1. Classes out of range are
// ErrValue.
func IndicatorAutocorrelationTimes(sequence []int, classes int) ([]float64, error) {
	n := len(sequence)
	out := make([]float64, max(classes, 0))
	counts := make([]float64, len(out))
	for j := range out {
		out[j] = 1
	}
	for _, c := range sequence {
		if c < 0 || c >= len(out) {
			return nil, ErrValue
		}
		counts[c]++
	}
	if n < 4 {
		return out, nil
	}
	var table []([]float64) // covariances by lag, made when the first class asks for them
	at := func(lag int) []float64 {
		for len(table) <= lag {
			table = append(table, returns(sequence, counts, len(table)))
		}
		return table[lag]
	}
	for j := range out {
		out[j] = integratedTime(n, func(lag int) (even, odd float64) { return at(lag)[j], at(lag + 1)[j] })
	}
	return out, nil
}

// returns are the covariances of all indicators at a lag: with M the number of
// rows whose class was there lag rows before, head and tail the rows without
// the first and the last lag ones,
// n c = M - mean (head + tail) + (n - lag) mean².
func returns(sequence []int, counts []float64, lag int) []float64 {
	n := len(sequence)
	out := make([]float64, len(counts))
	if lag >= n {
		return out
	}
	if lag == 0 {
		copy(out, counts)
	} else {
		again := make([]int, len(counts))
		before := sequence[:n-lag]
		for i, c := range sequence[lag:] {
			same := 0 // without a branch: whether a class comes back is not predictable
			if before[i] == c {
				same = 1
			}
			again[c] += same
		}
		for j, m := range again {
			out[j] = float64(m)
		}
	}
	edges := make([]float64, len(counts))
	for i := range lag {
		edges[sequence[i]]++
		edges[sequence[n-1-i]]++
	}
	for j, c := range counts {
		mean := c / float64(n)
		out[j] = (out[j] - mean*(2*c-edges[j]) + float64(n-lag)*mean*mean) / float64(n)
	}
	return out
}
