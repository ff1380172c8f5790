package driftlib

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Floor is the share that smaller shares are lifted to before a logarithm is
// taken; shares are not renormalised afterwards.
const Floor = 1e-4

// shares divides counts by their sum.
func shares(counts []float64) ([]float64, error) {
	var sum float64
	for i, c := range counts {
		if !(c >= 0) || math.IsInf(c, 0) {
			return nil, fmt.Errorf("%w: count %v of bin %d", ErrValue, c, i)
		}
		sum += c
	}
	switch {
	case sum <= 0:
		return nil, ErrEmpty
	case math.IsInf(sum, 0):
		return nil, fmt.Errorf("%w: the counts add up to more than a float64 holds", ErrValue)
	}
	out := make([]float64, len(counts))
	for i, c := range counts {
		out[i] = c / sum
	}
	return out, nil
}

func bothShares(reference, current []float64) (p, q []float64, err error) {
	if len(reference) != len(current) {
		return nil, nil, fmt.Errorf("%w: %d bins of the reference, %d of the current sample", ErrLength, len(reference), len(current))
	}
	if p, err = shares(reference); err != nil {
		return nil, nil, fmt.Errorf("reference: %w", err)
	}
	if q, err = shares(current); err != nil {
		return nil, nil, fmt.Errorf("current sample: %w", err)
	}
	return p, q, nil
}

// PSI is the population stability index of binned samples:
// sum (q - p) ln(q / p), natural logarithm, p the shares of the reference and q
// of the current sample, each lifted to at least floor. 0 where the shares are
// equal; unbounded above. Symmetric.
//
// Source: Siddiqi, Credit Risk Scorecards (2006); it is the symmetric
// Kullback-Leibler (Jeffreys) divergence.
func PSI(reference, current []float64, floor float64) (float64, error) {
	p, q, err := bothShares(reference, current)
	if err != nil {
		return 0, err
	}
	var sum float64
	for i := range p {
		a, b := max(p[i], floor), max(q[i], floor)
		if a != b { // also keeps 0/0 out where floor is 0
			sum += (b - a) * math.Log(b/a)
		}
	}
	return sum, nil
}

// KL is the Kullback-Leibler divergence KL(q || p) = sum q ln(q / p) in nats of
// the current sample q from the reference p, shares lifted to at least floor.
// With floor 0 it is +Inf where the current sample has mass and the reference
// none.
func KL(reference, current []float64, floor float64) (float64, error) {
	p, q, err := bothShares(reference, current)
	if err != nil {
		return 0, err
	}
	var sum float64
	for i := range p {
		if a, b := max(p[i], floor), max(q[i], floor); b > 0 {
			sum += b * math.Log(b/a)
		}
	}
	return sum, nil
}

// JSDistance is the Jensen-Shannon distance sqrt((KL2(p||m) + KL2(q||m)) / 2),
// m = (p + q) / 2, logarithm to base 2: a metric, 0 to 1. No floor is needed.
//
// Source: Endres and Schindelin, "A new metric for probability distributions",
// IEEE Trans. Inf. Theory 49 (2003).
func JSDistance(reference, current []float64) (float64, error) {
	p, q, err := bothShares(reference, current)
	if err != nil {
		return 0, err
	}
	return math.Sqrt(jsDivergence(p, q) / math.Ln2), nil
}

// JSDistanceNats is JSDistance with the natural logarithm, 0 to
// sqrt(ln 2) = 0.8326: what scipy and Evidently give by default.
func JSDistanceNats(reference, current []float64) (float64, error) {
	p, q, err := bothShares(reference, current)
	if err != nil {
		return 0, err
	}
	return math.Sqrt(jsDivergence(p, q)), nil
}

// jsDivergence in nats.
func jsDivergence(p, q []float64) float64 {
	var sum float64
	for i := range p {
		m := (p[i] + q[i]) / 2
		if m == 0 { // nothing, or the least that a float64 holds
			continue
		}
		if p[i] > 0 {
			sum += p[i] * math.Log(p[i]/m)
		}
		if q[i] > 0 {
			sum += q[i] * math.Log(q[i]/m)
		}
	}
	return max(sum/2, 0)
}

// Hellinger is the Hellinger distance sqrt(1 - sum sqrt(p q)), 0 to 1.
func Hellinger(reference, current []float64) (float64, error) {
	p, q, err := bothShares(reference, current)
	if err != nil {
		return 0, err
	}
	var sum float64
	for i := range p {
		d := math.Sqrt(p[i]) - math.Sqrt(q[i])
		sum += d * d
	}
	return math.Sqrt(sum / 2), nil
}

// TotalVariation is sum |p - q| / 2, 0 to 1.
func TotalVariation(reference, current []float64) (float64, error) {
	p, q, err := bothShares(reference, current)
	if err != nil {
		return 0, err
	}
	var sum float64
	for i := range p {
		sum += math.Abs(p[i] - q[i])
	}
	return sum / 2, nil
}

// LInfinity is max |p - q|, 0 to 1: the largest change of any one share.
func LInfinity(reference, current []float64) (float64, error) {
	p, q, err := bothShares(reference, current)
	if err != nil {
		return 0, err
	}
	var most float64
	for i := range p {
		most = max(most, math.Abs(p[i]-q[i]))
	}
	return most, nil
}

// ChiSquare is the result of a two-sample chi-square test.
type ChiSquare struct {
	Statistic float64
	DoF       int // bins with any observation, less one
	PValue    float64
	// SmallestExpected is the smallest expected count of any cell: below 5 the
	// p-value is rough, and PoolSmall or more rows are called for. 0 where there
	// are fewer than two bins.
	SmallestExpected float64
}

// mostRows bounds the sum of counts that a chi-square statistic is taken of:
// squares of larger ones are beyond a float64.
const mostRows = 1e100

// ChiSquareTest compares two binned samples as a 2 x B contingency table: both
// sides are random, as they are (a goodness-of-fit test that takes the
// reference as exact alarms too often).
//
//	X2 = sum over both samples and bins of (observed - expected)^2 / expected
//
// Bins that are empty on both sides are left out. With fewer than two bins
// left, the statistic is 0 and the p-value 1. No continuity correction. The
// approximation is good where expected counts are at least 5; PoolSmall joins
// bins until they are.
// Counts that add up to more than 1e100, or of which a bin's expected count is
// below what a float64 holds, are ErrValue.
func ChiSquareTest(reference, current []float64) (ChiSquare, error) {
	if len(reference) != len(current) {
		return ChiSquare{}, fmt.Errorf("%w: %d bins of the reference, %d of the current sample", ErrLength, len(reference), len(current))
	}
	if _, _, err := bothShares(reference, current); err != nil {
		return ChiSquare{}, err
	}
	var n, m float64
	for i := range reference {
		n, m = n+reference[i], m+current[i]
	}
	if n+m > mostRows {
		return ChiSquare{}, fmt.Errorf("%w: the counts add up to more than %v", ErrValue, mostRows)
	}
	r := ChiSquare{DoF: -1, SmallestExpected: math.Inf(1)}
	for i := range reference {
		both := reference[i] + current[i]
		if both == 0 {
			continue
		}
		r.DoF++
		for _, side := range [2][2]float64{{reference[i], n}, {current[i], m}} {
			expected := both * (side[1] / (n + m))
			if expected == 0 {
				return ChiSquare{}, fmt.Errorf("%w: bin %d is so small beside the others that its expected count is 0", ErrValue, i)
			}
			r.SmallestExpected = min(r.SmallestExpected, expected)
			r.Statistic += (side[0] - expected) * (side[0] - expected) / expected
		}
	}
	if r.DoF < 1 {
		return ChiSquare{PValue: 1}, nil
	}
	r.PValue = distuv.ChiSquared{K: float64(r.DoF)}.Survival(r.Statistic)
	return r, nil
}

// PoolSmall joins neighbouring bins until the expected count of each, on both
// sides, is at least least; what is left over at the end joins the last. The
// order of the bins is kept, so it suits ordered bins as well as categories.
func PoolSmall(reference, current []float64, least float64) (pooledReference, pooledCurrent []float64) {
	var n, m float64
	for i := range reference {
		n, m = n+reference[i], m+current[i]
	}
	smaller := min(n, m) / (n + m)
	var a, b float64
	for i := range reference {
		a, b = a+reference[i], b+current[i]
		if (a+b)*smaller >= least {
			pooledReference, pooledCurrent = append(pooledReference, a), append(pooledCurrent, b)
			a, b = 0, 0
		}
	}
	if k := len(pooledReference); k > 0 {
		pooledReference[k-1] += a
		pooledCurrent[k-1] += b
	} else {
		pooledReference, pooledCurrent = []float64{a}, []float64{b}
	}
	return pooledReference, pooledCurrent
}

// Wasserstein is the Wasserstein-1 (earth mover's) distance of two samples,
// the area between their distribution functions, in the unit of the values.
// Infinities are ErrValue.
func Wasserstein(x, y []float64) (float64, error) {
	a, err := sorted(x)
	if err != nil {
		return 0, fmt.Errorf("first sample: %w", err)
	}
	b, err := sorted(y)
	if err != nil {
		return 0, fmt.Errorf("second sample: %w", err)
	}
	for _, s := range [][]float64{a, b} {
		if math.IsInf(s[0], 0) || math.IsInf(s[len(s)-1], 0) {
			return 0, fmt.Errorf("%w: an infinity has no distance", ErrValue)
		}
	}
	return WassersteinSorted(a, b), nil
}

// WassersteinSorted is Wasserstein of sorted, finite, non-empty samples. One of
// equal values goes first, over a piece of no width, so that ties need no care
// and the merge no branch.
func WassersteinSorted[F float32 | float64](x, y []F) float64 {
	n, m := len(x), len(y)
	last := min(x[0], y[0])
	diff := 0 // i m - j n
	var area float64
	i, j := 0, 0
	for i < n && j < m {
		a, b := x[i], y[j]
		v := min(a, b)
		area += math.Abs(float64(diff)) * (float64(v) - float64(last))
		last = v
		first := 0
		if a <= b {
			first = 1
		}
		i += first
		j += 1 - first
		diff += first*(m+n) - n
	}
	for ; i < n; i++ {
		area += math.Abs(float64(diff)) * (float64(x[i]) - float64(last))
		last = x[i]
		diff += m
	}
	for ; j < m; j++ {
		area += math.Abs(float64(diff)) * (float64(y[j]) - float64(last))
		last = y[j]
		diff -= n
	}
	return area / (float64(n) * float64(m))
}
