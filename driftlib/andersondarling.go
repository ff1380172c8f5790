package driftlib

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// AndersonDarling is the result of a k-sample Anderson-Darling test.
type AndersonDarling struct {
	// Statistic is the mid-rank A²akN, Normalized (A²akN - (k-1)) / sigma_N.
	Statistic, Normalized float64
	// PValue is interpolated between the paper's critical values; where
	// AtLimit, it is only a bound: 0.25 means "at least", 0.001 "at most".
	PValue  float64
	AtLimit bool
	Samples int // k
	N       int // values of all samples
}

// AndersonDarlingTest asks whether k samples follow one law. It weighs the
// squared difference of the distribution functions by 1 / (H (1 - H)), and so
// sees changes in the tails that Kolmogorov-Smirnov and Cramér-von Mises do
// not; with k > 2 it compares the days of a week, or replicas, at once.
//
//	A²akN = (N-1)/N sum_i 1/n_i sum_j l_j/N (N M_aij - n_i B_aj)² / (B_aj (N - B_aj) - N l_j / 4)
//
// over the distinct values j of the pooled sample, l_j values being equal to the
// j-th; M and B count the values below it, and half of those at it, in sample i
// and in all. Needs two samples, none empty (ErrEmpty), four values in all of
// which two differ (ErrDegenerate). Infinities are values like others; NaN is
// ErrValue. It is scipy's anderson_ksamp.
//
// Source: Scholz and Stephens, "K-sample Anderson-Darling tests", J. American
// Stat. Ass. 82 (1987), equation 7.
func AndersonDarlingTest(samples ...[]float64) (AndersonDarling, error) {
	if len(samples) < 2 {
		return AndersonDarling{}, fmt.Errorf("%w: %d samples", ErrEmpty, len(samples))
	}
	var all []float64
	var list [][]float64
	for i, s := range samples {
		x, err := sorted(s)
		if err != nil {
			return AndersonDarling{}, fmt.Errorf("sample %d: %w", i+1, err)
		}
		list = append(list, x)
		all = append(all, x...)
	}
	all, _ = sorted(all) // of sorted, non-empty samples
	if len(all) < 4 || all[0] == all[len(all)-1] {
		return AndersonDarling{}, fmt.Errorf("%w: %d values in all", ErrDegenerate, len(all))
	}
	r := AndersonDarling{Samples: len(list), N: len(all)}
	inverse := 0.0
	for _, x := range list {
		r.Statistic += midrankSum(x, all) / float64(len(x))
		inverse += 1 / float64(len(x))
	}
	n := float64(r.N)
	r.Statistic *= (n - 1) / n
	k := float64(r.Samples)
	r.Normalized = (r.Statistic - (k - 1)) / math.Sqrt(andersonVariance(n, k, inverse))
	r.PValue, r.AtLimit = andersonPValue(r.Normalized, k-1)
	return r, nil
}

// midrankSum is the inner sum of A²akN for one sorted sample.
func midrankSum(x, all []float64) (sum float64) {
	n, total := float64(len(x)), float64(len(all))
	at := 0
	for i := 0; i < len(all); {
		j := i + 1
		for j < len(all) && all[j] == all[i] {
			j++
		}
		from := at
		for at < len(x) && x[at] == all[i] {
			at++
		}
		l := float64(j - i)
		b := float64(i) + l/2
		m := float64(from) + float64(at-from)/2
		d := total*m - b*n
		sum += l / total * d * d / (b*(total-b) - total*l/4)
		i = j
	}
	return sum
}

// andersonVariance is the variance of A²kN for k samples of n values, inverse
// the sum of the samples' 1/n_i.
func andersonVariance(n, k, inverse float64) float64 {
	var h, g float64 // g = sum over i < j of 1 / ((n - i) j)
	for i := 1.0; i < n-1; i++ {
		h += 1 / (n - i)
		g += h / (i + 1)
	}
	h++
	a := (4*g-6)*(k-1) + (10-6*g)*inverse
	b := (2*g-4)*k*k + 8*h*k + (2*g-14*h-4)*inverse - 8*h + 4*g - 6
	c := (6*h+2*g-2)*k*k + (4*h-4*g+6)*k + (2*h-6)*inverse + 4*h
	d := (2*h+6)*k*k - 4*h*k
	return (a*n*n*n + b*n*n + c*n + d) / ((n - 1) * (n - 2) * (n - 3))
}

// andersonPValue interpolates the paper's critical values: a parabola of log p,
// by least squares.
func andersonPValue(statistic, m float64) (p float64, atLimit bool) {
	levels := []float64{.25, .1, .05, .025, .01, .005, .001}
	b0 := []float64{.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085}
	b1 := []float64{-.245, .25, .678, 1.149, 1.822, 2.364, 3.615}
	b2 := []float64{-.105, -.305, -.362, -.391, -.396, -.345, -.154}
	design, logs := mat.NewDense(len(levels), 3, nil), mat.NewVecDense(len(levels), nil)
	var low, high float64
	for i, level := range levels {
		c := b0[i] + b1[i]/math.Sqrt(m) + b2[i]/m
		if i == 0 {
			low = c
		}
		high = c
		design.SetRow(i, []float64{1, c, c * c})
		logs.SetVec(i, math.Log(level))
	}
	switch {
	case statistic < low:
		return levels[0], true
	case statistic > high:
		return levels[len(levels)-1], true
	}
	var fit mat.VecDense
	if err := fit.SolveVec(design, logs); err != nil {
		return math.NaN(), true // the design is constant and has full rank
	}
	return math.Exp(fit.AtVec(0) + fit.AtVec(1)*statistic + fit.AtVec(2)*statistic*statistic), false
}
