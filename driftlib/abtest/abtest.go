// Package abtest compares two variants of a model: on split traffic, where each
// request is answered by one of them, and on the same requests, where a shadow
// answers everything again.
//
// Two kinds of answer. The tests of this file are for a number of observations
// that was fixed beforehand: who looks again and again until one of them is
// significant is wrong in half of all cases. What may be looked at at any time
// is in sequence.go.
package abtest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// Errors of bad input.
var (
	// ErrValue: a count or a value that cannot be.
	ErrValue = errors.New("value out of range")
	// ErrFew: fewer observations than the test needs.
	ErrFew = errors.New("too few observations")
	// ErrLength: slices that belong together differ in length.
	ErrLength = errors.New("lengths differ")
)

// Result is a two-sided test of B against A.
type Result struct {
	Statistic float64
	PValue    float64
	// Effect is B less A, with its 95 % interval; NaN where the test has none.
	Effect, Lower, Upper float64
	N, M                 int // observations of A and of B
}

const z95 = 1.959963984540054

func twoSided(z float64) float64 { return min(1, 2*distuv.UnitNormal.Survival(math.Abs(z))) }

// TwoProportions compares a share of k of n with one of l of m, by the pooled z
// test. The effect is l/m - k/n with Newcombe's interval, which stays inside
// [-1, 1]. ErrValue where a count is negative or above its total; ErrFew where
// a side is empty. Where both shares are 0, or both 1, the p-value is 1.
//
// Source: Newcombe, "Interval estimation for the difference between independent
// proportions", Statistics in Medicine 17 (1998), method 10.
func TwoProportions(k, n, l, m int) (Result, error) {
	switch {
	case k < 0 || l < 0 || k > n || l > m:
		return Result{}, fmt.Errorf("%w: %d of %d and %d of %d", ErrValue, k, n, l, m)
	case n == 0 || m == 0:
		return Result{}, fmt.Errorf("%w: %d and %d", ErrFew, n, m)
	}
	p, q := float64(k)/float64(n), float64(l)/float64(m)
	pooled := float64(k+l) / float64(n+m)
	r := Result{PValue: 1, Effect: q - p, N: n, M: m}
	if se := math.Sqrt(pooled * (1 - pooled) * (1/float64(n) + 1/float64(m))); se > 0 {
		r.Statistic = (q - p) / se
		r.PValue = twoSided(r.Statistic)
	}
	lowP, highP := wilson(p, float64(n))
	lowQ, highQ := wilson(q, float64(m))
	r.Lower = r.Effect - math.Hypot(q-lowQ, highP-p)
	r.Upper = r.Effect + math.Hypot(highQ-q, p-lowP)
	return r, nil
}

func wilson(p, n float64) (lower, upper float64) {
	centre := p + z95*z95/(2*n)
	spread := z95 * math.Sqrt(p*(1-p)/n+z95*z95/(4*n*n))
	scale := 1 + z95*z95/n
	return max(0, (centre-spread)/scale), min(1, (centre+spread)/scale)
}

// McNemar compares two variants on the same n requests: onlyA of them only A
// got right, onlyB only B. The p-value is exact (binomial); the effect is
// (onlyB - onlyA) / n with Wald's interval. Without discordant requests the
// p-value is 1.
//
// Source: McNemar, Psychometrika 12 (1947).
func McNemar(onlyA, onlyB, n int) (Result, error) {
	switch {
	case onlyA < 0 || onlyB < 0 || onlyA+onlyB > n:
		return Result{}, fmt.Errorf("%w: %d and %d of %d", ErrValue, onlyA, onlyB, n)
	case n == 0:
		return Result{}, ErrFew
	}
	discordant := onlyA + onlyB
	r := Result{Statistic: float64(min(onlyA, onlyB)), PValue: 1, N: n, M: n}
	if discordant > 0 {
		b := distuv.Binomial{N: float64(discordant), P: .5}
		r.PValue = min(1, 2*b.CDF(float64(min(onlyA, onlyB))))
	}
	b, c, size := float64(onlyA), float64(onlyB), float64(n)
	r.Effect = (c - b) / size
	e := z95 * math.Sqrt(max(0, b+c-(c-b)*(c-b)/size)) / size
	r.Lower, r.Upper = max(-1, r.Effect-e), min(1, r.Effect+e)
	return r, nil
}

// moments are count, mean and sample variance.
func moments(x []float64) (n, mean, variance float64, err error) {
	if len(x) < 2 {
		return 0, 0, 0, fmt.Errorf("%w: %d, two are needed", ErrFew, len(x))
	}
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return 0, 0, 0, fmt.Errorf("%w: %v at index %d", ErrValue, v, i)
		}
		d := v - mean
		mean += d / float64(i+1)
		variance += d * (v - mean)
	}
	if math.IsInf(variance, 0) || math.IsNaN(variance) {
		return 0, 0, 0, fmt.Errorf("%w: the squares add up to more than a float64 holds", ErrValue)
	}
	return float64(len(x)), mean, variance / float64(len(x)-1), nil
}

// Welch compares two means without taking the variances for equal. The effect
// is mean y - mean x with Student's interval of Welch's degrees of freedom.
// Where both samples are constant the p-value is 1 for equal means and 0
// otherwise.
//
// Source: Welch, Biometrika 34 (1947).
func Welch(x, y []float64) (Result, error) {
	n, meanX, varX, err := moments(x)
	if err != nil {
		return Result{}, fmt.Errorf("first sample: %w", err)
	}
	m, meanY, varY, err := moments(y)
	if err != nil {
		return Result{}, fmt.Errorf("second sample: %w", err)
	}
	r := Result{Effect: meanY - meanX, N: len(x), M: len(y), PValue: 1}
	a, b := varX/n, varY/m
	se := math.Sqrt(a + b)
	if se == 0 {
		if r.Effect != 0 {
			r.PValue, r.Statistic = 0, math.Copysign(math.MaxFloat64, r.Effect)
		}
		r.Lower, r.Upper = r.Effect, r.Effect
		return r, nil
	}
	p, q := a/(a+b), b/(a+b) // shares: their squares neither over- nor underflow
	t := distuv.StudentsT{Sigma: 1, Nu: 1 / (p*p/(n-1) + q*q/(m-1))}
	r.Statistic = r.Effect / se
	r.PValue = min(1, 2*t.Survival(math.Abs(r.Statistic)))
	e := t.Quantile(.975) * se
	r.Lower, r.Upper = r.Effect-e, r.Effect+e
	return r, nil
}

// MannWhitney compares two samples by ranks: is a value of y larger than one of
// x more often than not? Statistic is U of x (the number of pairs in which x is
// larger, ties half); the p-value is asymptotic with corrections for ties and
// continuity. The effect is P(y > x) + P(y = x)/2 - 1/2, without an interval.
//
// Source: Mann and Whitney, Ann. Math. Statist. 18 (1947).
func MannWhitney(x, y []float64) (Result, error) {
	if len(x) == 0 || len(y) == 0 {
		return Result{}, ErrFew
	}
	all := slices.Concat(x, y)
	for i, v := range all {
		if math.IsNaN(v) {
			return Result{}, fmt.Errorf("%w: NaN at index %d of both samples together", ErrValue, i)
		}
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool { return all[order[i]] < all[order[j]] })
	var ranks, ties float64 // of x
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && all[order[j]] == all[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			if k < len(x) {
				ranks += float64(i+j+1) / 2
			}
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	n, m := float64(len(x)), float64(len(y))
	r := Result{Statistic: ranks - n*(n+1)/2, PValue: 1, Lower: math.NaN(), Upper: math.NaN(), N: len(x), M: len(y)}
	r.Effect = .5 - r.Statistic/(n*m)
	size := n + m
	sd := math.Sqrt(n * m / 12 * (size + 1 - ties/(size*(size-1))))
	if sd > 0 {
		d := max(0, math.Abs(r.Statistic-n*m/2)-.5)
		r.PValue = twoSided(d / sd)
	}
	return r, nil
}

// SampleRatioMismatch tests whether traffic was split as it should have been:
// chi-square of the counts against the intended shares, which need not sum to
// 1. A small p-value (0.001 is usual) means that the split is broken and no
// comparison of the variants can be believed.
//
// Source: Fabijan et al., "Diagnosing sample ratio mismatch in online controlled
// experiments", KDD 2019.
func SampleRatioMismatch(counts []int, shares []float64) (Result, error) {
	if len(counts) != len(shares) || len(counts) < 2 {
		return Result{}, fmt.Errorf("%w: %d counts, %d shares", ErrLength, len(counts), len(shares))
	}
	var n, whole float64
	for i, c := range counts {
		if c < 0 || !(shares[i] > 0) || math.IsInf(shares[i], 0) {
			return Result{}, fmt.Errorf("%w: count %d, share %v at index %d", ErrValue, c, shares[i], i)
		}
		n += float64(c)
		whole += shares[i]
	}
	if n == 0 {
		return Result{}, ErrFew
	}
	r := Result{Effect: math.NaN(), Lower: math.NaN(), Upper: math.NaN(), N: int(n)}
	for i, c := range counts {
		expected := n * shares[i] / whole
		r.Statistic += (float64(c) - expected) * (float64(c) - expected) / expected
	}
	r.PValue = distuv.ChiSquared{K: float64(len(counts) - 1)}.Survival(r.Statistic)
	return r, nil
}

// CUPED takes from y what a covariate x of before the experiment explains:
// y - theta (x - mean x), theta = cov(x, y) / var(x), over all variants
// together. The mean stays; the variance falls by reduction, the squared
// correlation. A constant covariate explains nothing.
//
// Source: Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online
// controlled experiments by utilizing pre-experiment data", WSDM 2013.
func CUPED(y, x []float64) (adjusted []float64, reduction float64, err error) {
	if len(x) != len(y) {
		return nil, 0, fmt.Errorf("%w: %d outcomes, %d covariates", ErrLength, len(y), len(x))
	}
	n, meanX, varX, err := moments(x)
	if err != nil {
		return nil, 0, fmt.Errorf("covariate: %w", err)
	}
	_, meanY, varY, err := moments(y)
	if err != nil {
		return nil, 0, fmt.Errorf("outcome: %w", err)
	}
	adjusted = append(adjusted, y...)
	if varX == 0 || varY == 0 {
		return adjusted, 0, nil
	}
	covariance := 0.0
	for i := range x {
		covariance += (x[i] - meanX) * (y[i] - meanY) / (n - 1)
	}
	theta := covariance / varX
	for i := range adjusted {
		adjusted[i] -= theta * (x[i] - meanX)
	}
	return adjusted, covariance * covariance / (varX * varY), nil
}
