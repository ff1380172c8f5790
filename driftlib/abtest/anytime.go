package abtest

import (
	"fmt"
	"math"
	"sort"
)

// The tests of abtest.go in a form that may be looked at after every
// observation. Each is a confidence sequence of the effect; the p-value is below
// Alpha exactly where the interval leaves 0 out. Before Start observations,
// a quarter of them on either side, nothing is known: the p-value is 1 and the
// interval the whole range.

// rate is r of the sequence: what Tuned and Alpha make it narrowest at.
func (s Sequence) rate() float64 {
	log := -2 * math.Log(s.Alpha)
	return (log + math.Log(log) + 1) / s.Tuned
}

// pvalue is the smallest alpha whose interval leaves 0 out, at the same r.
func (s Sequence) pvalue(effect, variance float64, n int) float64 {
	switch {
	case n < s.Start || effect == 0 || math.IsInf(variance, 1):
		return 1
	case variance == 0:
		return 0
	}
	t, r := float64(n), s.rate()
	return min(1, math.Sqrt(t*r+1)*math.Exp(-effect*effect*t*t*r/(2*variance*(t*r+1))))
}

// split is the result of an effect on split traffic with squared standard error
// se2, inside [low, high].
func (s Sequence) split(effect, se2 float64, n, m int, low, high float64) (Result, error) {
	if s.Tuned == 0 {
		s.Tuned = 2000
	}
	s = s.withDefaults()
	if min(n, m) < s.Start/4 {
		se2 = math.Inf(1) // one side is too small to know its own variance
	}
	t := float64(n + m)
	lower, upper, err := s.Interval(effect, t*se2, n+m)
	if err != nil {
		return Result{}, err
	}
	r := Result{Effect: effect, Lower: max(lower, low), Upper: min(upper, high), N: n, M: m, PValue: s.pvalue(effect, t*se2, n+m)}
	if se2 > 0 {
		r.Statistic = effect / math.Sqrt(se2)
	}
	return r, nil
}

// TwoProportions is the always-valid form of TwoProportions. A share's variance
// is taken at (k + 1/2) / (n + 1), so that it is never 0.
func (s Sequence) TwoProportions(k, n, l, m int) (Result, error) {
	if _, err := TwoProportions(k, n, l, m); err != nil {
		return Result{}, err
	}
	variance := func(k, n int) float64 {
		p := (float64(k) + .5) / (float64(n) + 1)
		return p * (1 - p)
	}
	effect := float64(l)/float64(m) - float64(k)/float64(n)
	return s.split(effect, variance(k, n)/float64(n)+variance(l, m)/float64(m), n, m, -1, 1)
}

// Welch is the always-valid form of Welch: the difference of two means on split
// traffic, without a law for the values.
func (s Sequence) Welch(x, y []float64) (Result, error) {
	n, meanX, varX, err := moments(x)
	if err != nil {
		return Result{}, fmt.Errorf("first sample: %w", err)
	}
	m, meanY, varY, err := moments(y)
	if err != nil {
		return Result{}, fmt.Errorf("second sample: %w", err)
	}
	return s.split(meanY-meanX, varX/n+varY/m, len(x), len(y), math.Inf(-1), math.Inf(1))
}

// MannWhitney is the always-valid form of MannWhitney. The effect P(y > x) + P(y
// = x)/2 - 1/2 is, asymptotically, a mean of the placements (the share of the
// other sample below a value), whose variances give its own; unlike the p-value
// of MannWhitney it does not need the two laws to be of one shape.
//
// Source: the sequence of Waudby-Smith et al. (2024) for an asymptotically
// linear estimator; the variance of DeLong, DeLong and Clarke-Pearson (1988).
func (s Sequence) MannWhitney(x, y []float64) (Result, error) {
	fixed, err := MannWhitney(x, y)
	if err != nil {
		return Result{}, err
	}
	if len(x) < 2 || len(y) < 2 {
		return Result{Statistic: fixed.Statistic, PValue: 1, Effect: fixed.Effect, Lower: -.5, Upper: .5, N: len(x), M: len(y)}, nil
	}
	_, _, a, err := moments(placements(x, y))
	if err != nil {
		return Result{}, err
	}
	_, _, b, err := moments(placements(y, x))
	if err != nil {
		return Result{}, err
	}
	r, err := s.split(fixed.Effect, a/float64(len(x))+b/float64(len(y)), len(x), len(y), -.5, .5)
	r.Statistic = fixed.Statistic
	return r, err
}

// placements are, of each value of x, the share of y below it, ties half.
func placements(x, y []float64) []float64 {
	sorted := append([]float64{}, y...)
	sort.Float64s(sorted)
	out := make([]float64, len(x))
	for i, v := range x {
		low := sort.SearchFloat64s(sorted, v)
		high := low + sort.Search(len(sorted)-low, func(k int) bool { return sorted[low+k] > v })
		out[i] = float64(low+high) / 2 / float64(len(y))
	}
	return out
}

// McNemar is the always-valid form of McNemar: the p-value is AnytimeMcNemar's,
// which holds at any number of requests; the interval is the sequence of the
// mean difference, (onlyB - onlyA) / n.
func (s Sequence) McNemar(onlyA, onlyB, n int) (Result, error) {
	fixed, err := McNemar(onlyA, onlyB, n)
	if err != nil {
		return Result{}, err
	}
	p, err := AnytimeMcNemar(onlyA, onlyB)
	if err != nil {
		return Result{}, err
	}
	share := (float64(onlyA+onlyB) + .5) / (float64(n) + 1)
	lower, upper, err := s.Interval(fixed.Effect, max(0, share-fixed.Effect*fixed.Effect), n)
	if err != nil {
		return Result{}, err
	}
	return Result{Statistic: fixed.Statistic, PValue: p, Effect: fixed.Effect, Lower: max(lower, -1), Upper: min(upper, 1), N: n, M: n}, nil
}
