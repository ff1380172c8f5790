package driftlib

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Weighted is a sample whose values carry weights: importance or sampling
// weights, or the counts of bins at the bins' positions. Weights nil: each
// value weighs 1. A value of weight 0 is not there.
type Weighted struct{ Values, Weights []float64 }

// EffectiveSize is Kish's (sum w)² / sum w²: how many values of equal weight
// say as much. The number of values where all weigh the same. Errors are those
// of a bad sample.
//
// Source: Kish, Survey Sampling (1965).
func (s Weighted) EffectiveSize() (float64, error) {
	points, err := s.points()
	if err != nil {
		return 0, err
	}
	var sum, squares float64
	for _, p := range points {
		sum += p.share
		squares += p.share * p.share
	}
	return sum * sum / squares, nil
}

// point is a value with its share of the sample.
type point struct{ value, share float64 }

// points are the values with a weight, ascending, with their shares.
func (s Weighted) points() ([]point, error) {
	if s.Weights != nil && len(s.Weights) != len(s.Values) {
		return nil, fmt.Errorf("%w: %d values, %d weights", ErrLength, len(s.Values), len(s.Weights))
	}
	largest := 0.0
	for i, w := range s.Weights {
		if !(w >= 0) || math.IsInf(w, 0) {
			return nil, fmt.Errorf("%w: weight %v at index %d", ErrValue, w, i)
		}
		largest = max(largest, w)
	}
	out := make([]point, 0, len(s.Values))
	var sum float64
	for i, v := range s.Values {
		w := 1.0
		if s.Weights != nil {
			if w = s.Weights[i] / largest; !(w > 0) { // scaled: the sum of huge weights stays finite
				continue
			}
		}
		if math.IsNaN(v) {
			return nil, fmt.Errorf("%w: NaN at index %d", ErrValue, i)
		}
		out = append(out, point{v, w})
		sum += w
	}
	if len(out) == 0 {
		return nil, ErrEmpty
	}
	for i := range out {
		out[i].share /= sum
	}
	slices.SortFunc(out, func(a, b point) int { return cmp.Compare(a.value, b.value) })
	return out, nil
}

func (s Weighted) finite() ([]point, error) {
	p, err := s.points()
	if err == nil && (math.IsInf(p[0].value, 0) || math.IsInf(p[len(p)-1].value, 0)) {
		err = fmt.Errorf("%w: an infinity has no distance", ErrValue)
	}
	return p, err
}

// bothPoints prepares two samples by f.
func bothPoints(x, y Weighted, f func(Weighted) ([]point, error)) (a, b []point, err error) {
	if a, err = f(x); err != nil {
		return nil, nil, fmt.Errorf("first sample: %w", err)
	}
	if b, err = f(y); err != nil {
		return nil, nil, fmt.Errorf("second sample: %w", err)
	}
	return a, b, nil
}

// steps walks through the distinct values of both samples and tells how much of
// each lies there.
func steps(a, b []point, each func(value, ofA, ofB float64)) {
	for i, j := 0, 0; i < len(a) || j < len(b); {
		v := math.Inf(1)
		if i < len(a) {
			v = a[i].value
		}
		if j < len(b) {
			v = min(v, b[j].value)
		}
		var p, q float64
		for ; i < len(a) && a[i].value == v; i++ {
			p += a[i].share
		}
		for ; j < len(b) && b[j].value == v; j++ {
			q += b[j].share
		}
		each(v, p, q)
	}
}

func effective(p []point) float64 {
	var squares float64
	for _, v := range p {
		squares += v.share * v.share
	}
	return 1 / squares
}

// WeightedKS is the result of a Kolmogorov-Smirnov test of weighted samples; N
// and M are their effective sizes.
type WeightedKS struct{ D, PValue, N, M float64 }

// KolmogorovSmirnovWeighted is the two-sample Kolmogorov-Smirnov test of
// weighted samples: D = sup |F - G|, 0 to 1, of the weighted distribution
// functions; the p-value is asymptotic at the effective sizes (an
// approximation, for which it takes some thirty effective values a side). With
// equal weights D is that of KolmogorovSmirnov. Infinities are values like
// others. Errors: ErrEmpty, ErrLength, ErrValue for NaN and bad weights.
//
// Source: Monahan, Numerical Methods of Statistics (2011), section 12.
func KolmogorovSmirnovWeighted(x, y Weighted) (WeightedKS, error) {
	a, b, err := bothPoints(x, y, Weighted.points)
	if err != nil {
		return WeightedKS{}, err
	}
	r := WeightedKS{N: effective(a), M: effective(b)}
	var f, g float64
	steps(a, b, func(_, p, q float64) {
		f, g = f+p, g+q
		r.D = max(r.D, math.Abs(f-g))
	})
	r.D = min(r.D, 1)
	r.PValue = KSAsymptoticPValue(r.D, r.N, r.M)
	return r, nil
}

// CramerVonMisesWeighted is the two-sample Cramér-von Mises test of weighted
// samples:
//
//	T = n m / (n + m) integral (F - G)² dH, H = (n F + m G) / (n + m),
//
// n and m the effective sizes, the p-value that of CramerVonMises at them. With
// equal weights and no ties T is that of CramerVonMises. Errors are those of
// KolmogorovSmirnovWeighted.
func CramerVonMisesWeighted(x, y Weighted) (TestResult, error) {
	a, b, err := bothPoints(x, y, Weighted.points)
	if err != nil {
		return TestResult{}, err
	}
	n, m := effective(a), effective(b)
	var f, g, t float64
	steps(a, b, func(_, p, q float64) {
		f, g = f+p, g+q
		t += (f - g) * (f - g) * (n*p + m*q)
	})
	t *= n * m / (n + m) / (n + m)
	return TestResult{t, cramerVonMisesPValue(t, n, m)}, nil
}

// WassersteinWeighted is Wasserstein of weighted samples: the area between
// their distribution functions, in the unit of the values; scipy's
// wasserstein_distance with weights. Bins are compared by giving their
// positions as values and their counts as weights. Infinite values are
// ErrValue.
func WassersteinWeighted(x, y Weighted) (float64, error) {
	a, b, err := bothPoints(x, y, Weighted.finite)
	if err != nil {
		return 0, err
	}
	return between(a, b, math.Abs), nil
}

// EnergyDistanceWeighted is EnergyDistance of weighted samples; scipy's
// energy_distance with weights. Bins as in WassersteinWeighted.
func EnergyDistanceWeighted(x, y Weighted) (float64, error) {
	a, b, err := bothPoints(x, y, Weighted.finite)
	if err != nil {
		return 0, err
	}
	return math.Sqrt(2 * between(a, b, func(d float64) float64 { return d * d })), nil
}

// between is the integral of of(F - G).
func between(a, b []point, of func(d float64) float64) float64 {
	var f, g, before, sum float64
	first := true
	steps(a, b, func(v, p, q float64) {
		if !first && f != g {
			sum += of(f-g) * (v - before)
		}
		f, g = f+p, g+q
		before, first = v, false
	})
	return sum
}

// BinnedKS is what the counts of ordered bins say of a Kolmogorov-Smirnov
// test.
type BinnedKS struct {
	// D is the statistic at the bins' ends, Upper the largest that the values
	// inside the bins may have: the true D lies between them.
	D, Upper float64
	// PValue is that of D, asymptotic: no smaller than that of the true D.
	PValue float64
	N, M   float64 // observations of the reference and of the current sample
}

// KolmogorovSmirnovCounts bounds the Kolmogorov-Smirnov test of two samples of
// which only the counts in ordered bins are known. The true D of the values is
// in [D, Upper], Upper = D at most more by the largest share that either sample
// has in one bin where they differ, in the sharper form
// max over bins of max(F_k - G_(k-1), G_k - F_(k-1)). Errors: ErrLength,
// ErrEmpty, ErrValue for counts that are negative or not finite.
func KolmogorovSmirnovCounts(reference, current []float64) (BinnedKS, error) {
	p, q, err := bothShares(reference, current)
	if err != nil {
		return BinnedKS{}, err
	}
	var r BinnedKS
	var f, g float64
	for k := range p {
		r.N, r.M = r.N+reference[k], r.M+current[k]
		if p[k] == 0 && q[k] == 0 {
			continue
		}
		// Inside the bin all of one side may come before all of the other.
		r.Upper = max(r.Upper, f+p[k]-g, g+q[k]-f)
		f, g = f+p[k], g+q[k]
		r.D = max(r.D, math.Abs(f-g))
	}
	r.D = min(r.D, 1)
	r.Upper = min(max(r.Upper, r.D), 1)
	r.PValue = KSAsymptoticPValue(r.D, r.N, r.M)
	return r, nil
}

// CramerVonMisesCounts is CramerVonMises of two samples of which only the
// counts in ordered bins are known; all values of a bin are ties at their mean
// rank. Errors are those of KolmogorovSmirnovCounts.
func CramerVonMisesCounts(reference, current []float64) (TestResult, error) {
	if _, _, err := bothShares(reference, current); err != nil {
		return TestResult{}, err
	}
	var s rankSquares
	for k := range reference {
		s.add(reference[k], current[k])
	}
	r := s.result()
	if math.IsNaN(r.Statistic) || math.IsInf(r.Statistic, 0) {
		return TestResult{}, fmt.Errorf("%w: counts beyond 1e70", ErrValue)
	}
	return r, nil
}

// BinCounts counts values into the bins (e[i-1], e[i]] of ascending edges, the
// first (-Inf, e[0]], the last (e[last], +Inf), each value with its weight.
// There is one bin more than edges. NaN values are counted apart, in nan.
// Errors: ErrValue for edges that do not ascend and for bad weights, ErrLength.
func BinCounts(s Weighted, edges []float64) (counts []float64, nan float64, err error) {
	for i, e := range edges {
		if math.IsNaN(e) || (i > 0 && !(e > edges[i-1])) {
			return nil, 0, fmt.Errorf("%w: edge %d, %v, is not above the one before", ErrValue, i, e)
		}
	}
	if s.Weights != nil && len(s.Weights) != len(s.Values) {
		return nil, 0, fmt.Errorf("%w: %d values, %d weights", ErrLength, len(s.Values), len(s.Weights))
	}
	counts = make([]float64, len(edges)+1)
	for i, v := range s.Values {
		w := 1.0
		if s.Weights != nil {
			if w = s.Weights[i]; !(w >= 0) || math.IsInf(w, 0) {
				return nil, 0, fmt.Errorf("%w: weight %v at index %d", ErrValue, w, i)
			}
		}
		if math.IsNaN(v) {
			nan += w
			continue
		}
		k, _ := slices.BinarySearch(edges, v)
		counts[k] += w
	}
	return counts, nan, nil
}
