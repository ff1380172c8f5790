package driftlib

import (
	"fmt"
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib/internal/radix"
)

// KS is the result of a two-sample Kolmogorov-Smirnov test.
type KS struct {
	// D = sup_x |F_x(x) - F_y(x)|, 0 to 1, over all distinct values; ties are
	// stepped together.
	D float64
	// PValue of D under the null hypothesis that both samples follow one
	// continuous law; conservative where there are ties.
	PValue float64
	// N and M are the sizes of the first and the second sample.
	N, M int
	// Exact: PValue counts lattice paths; otherwise it is asymptotic.
	Exact bool
}

// ExactKSLimit is the largest sample for which KolmogorovSmirnov counts paths.
const ExactKSLimit = 10_000

// KolmogorovSmirnov compares two samples.
//
// The p-value is exact, by counting lattice paths, while both samples hold at
// most ExactKSLimit values, and asymptotic beyond. Infinities are values like
// others; NaN is ErrValue, an empty sample ErrEmpty.
//
// Source: Hodges, "The significance probability of the Smirnov two-sample
// test", Arkiv för Matematik 3 (1958).
func KolmogorovSmirnov(x, y []float64) (KS, error) {
	a, err := sorted(x)
	if err != nil {
		return KS{}, fmt.Errorf("first sample: %w", err)
	}
	b, err := sorted(y)
	if err != nil {
		return KS{}, fmt.Errorf("second sample: %w", err)
	}
	return KolmogorovSmirnovSorted(a, b)
}

// KolmogorovSmirnovSorted is KolmogorovSmirnov on samples that are sorted
// already: the reference need be sorted only once. It does not check the
// order.
func KolmogorovSmirnovSorted(x, y []float64) (KS, error) {
	if len(x) == 0 || len(y) == 0 {
		return KS{}, ErrEmpty
	}
	r := KS{D: KSStatisticSorted(x, y), N: len(x), M: len(y)}
	if max(r.N, r.M) <= ExactKSLimit {
		r.PValue, r.Exact = KSExactPValue(r.D, r.N, r.M), true
	} else {
		r.PValue = KSAsymptoticPValue(r.D, float64(r.N), float64(r.M))
	}
	return r, nil
}

func sorted(x []float64) ([]float64, error) {
	if len(x) == 0 {
		return nil, ErrEmpty
	}
	for i, v := range x {
		if math.IsNaN(v) {
			return nil, fmt.Errorf("%w: NaN at index %d", ErrValue, i)
		}
	}
	out := slices.Clone(x)
	radix.Float64s(out, nil)
	return out, nil
}

// KSStatisticSorted is D of two sorted, non-empty samples, by one merge in whole
// numbers. Values that both samples have are stepped together; apart from them
// the merge goes without a branch, which no predictor could guess.
func KSStatisticSorted[F float32 | float64](x, y []F) float64 {
	above, below := ksExtremes(x, y)
	return max(float64(above), float64(-below)) / (float64(len(x)) * float64(len(y)))
}

// ksExtremes are the largest and the smallest i m - j n, that is n m times
// F_x - F_y, over all values; 0 counts among them. Large samples are cut in two
// at the middle of x and both halves merged at once: a step of a merge waits for
// the step before it, and so two take hardly longer than one.
func ksExtremes[F float32 | float64](x, y []F) (above, below int) {
	n, m := len(x), len(y)
	const large = 1000
	if min(n, m) < large {
		e := ksMerge[F]{x: x, y: y, n: n, m: m}
		e.rest()
		return e.above, e.below
	}
	i, _ := slices.BinarySearch(x, x[n/2])
	j, _ := slices.BinarySearch(y, x[n/2])
	start := i*m - j*n
	low := ksMerge[F]{x: x[:i], y: y[:j], n: n, m: m}
	high := ksMerge[F]{x: x[i:], y: y[j:], n: n, m: m, diff: start, above: max(start, 0), below: min(start, 0)}
	for ksBoth(&low, &high) {
		low.tie()
		high.tie()
	}
	low.rest()
	high.rest()
	return max(low.above, high.above), min(low.below, high.below)
}

// ksMerge is a merge under way, of pieces of samples of n and m values.
type ksMerge[F float32 | float64] struct {
	x, y         []F
	n, m         int
	diff         int
	above, below int
}

// rest merges to the end of the shorter piece; what is left of the other brings
// diff to where the next piece begins, or to 0, without an extreme between.
func (e *ksMerge[F]) rest() {
	x, y, n, m := e.x, e.y, e.n, e.m
	diff, above, below := e.diff, e.above, e.below
	for i, j := 0, 0; i < len(x) && j < len(y); {
		a, b := x[i], y[j]
		if a == b {
			from, also := i, j
			i, j = i+equal(x[i:], a), j+equal(y[j:], a)
			diff += (i-from)*m - (j-also)*n
		} else {
			first := 0
			if a < b {
				first = 1
			}
			i += first
			j += 1 - first
			diff += first*(m+n) - n
		}
		above, below = max(above, diff), min(below, diff)
	}
	e.above, e.below = above, below
}

// tie takes a value that both pieces begin with, all of it.
func (e *ksMerge[F]) tie() {
	a := e.x[0]
	if a != e.y[0] {
		return
	}
	i, j := equal(e.x, a), equal(e.y, a)
	e.x, e.y = e.x[i:], e.y[j:]
	e.diff += i*e.m - j*e.n
	e.above, e.below = max(e.above, e.diff), min(e.below, e.diff)
}

// equal is how many values from the first on are a.
func equal[F float32 | float64](x []F, a F) (n int) {
	for n < len(x) && x[n] == a {
		n++
	}
	return n
}

// ksBoth merges two pairs of pieces in step until either meets a value that both
// samples have, which is true, or an end.
func ksBoth[F float32 | float64](p, q *ksMerge[F]) (tied bool) {
	n, m := p.n, p.m
	px, py, qx, qy := p.x, p.y, q.x, q.y
	pd, qd := p.diff, q.diff
	above, below := max(p.above, q.above), min(p.below, q.below)
	i, j, k, l := 0, 0, 0, 0
	for i < len(px) && j < len(py) && k < len(qx) && l < len(qy) {
		a, b, c, d := px[i], py[j], qx[k], qy[l]
		if a == b || c == d {
			tied = true
			break
		}
		first, other := 0, 0
		if a < b {
			first = 1
		}
		if c < d {
			other = 1
		}
		i += first
		j += 1 - first
		k += other
		l += 1 - other
		pd += first*(m+n) - n
		qd += other*(m+n) - n
		above, below = max(above, pd, qd), min(below, pd, qd)
	}
	p.x, p.y, p.diff, p.above, p.below = px[i:], py[j:], pd, above, below
	q.x, q.y, q.diff, q.above, q.below = qx[k:], qy[l:], qd, above, below
	return tied
}

// KSExactPValue is P(D >= d) for samples of n and m values of one continuous
// law: the share of lattice paths from (0, 0) to (n, m) that leave the band
// |i/n - j/m| < d. It adds only positive terms, so that the smallest p-value
// is as exact as the largest. Costs about 2 d n m steps.
func KSExactPValue(d float64, n, m int) float64 {
	if n <= 0 || m <= 0 || math.IsNaN(d) {
		return math.NaN()
	}
	// In whole numbers: a point is outside where |i*m - j*n| >= h.
	h := int64(math.Round(d * float64(n) * float64(m)))
	if h <= 0 {
		return 1
	}
	// left[j] is the share of paths to (i, j) that have been outside. It is 1
	// outside, and inside the mean of its two neighbours weighted by the number
	// of paths through them, i/(i+j) and j/(i+j).
	// What the band has not reached yet is outside.
	left := make([]float64, m+1)
	for j := range left {
		left[j] = 1
	}
	inverse := reciprocals(n + m)
	nn, mm := int64(n), int64(m)
	for i := int64(0); i <= nn; i++ {
		lo, hi := band(i, nn, mm, h)
		if lo > hi {
			return 1 // the band is closed: every path leaves it
		}
		if lo > 0 {
			left[lo-1] = 1
		}
		for j := lo; j <= hi; j++ {
			switch {
			case i == 0 && j == 0:
				left[j] = 0
			case i == 0:
				left[j] = left[j-1]
			case j == 0:
				// left[0] is that of (i-1, 0) already
			default:
				left[j] = (float64(i)*left[j] + float64(j)*left[j-1]) * inverse[i+j]
			}
		}
	}
	return min(left[m], 1)
}

func reciprocals(n int) []float64 {
	out := make([]float64, n+1)
	for k := 1; k <= n; k++ {
		out[k] = 1 / float64(k)
	}
	return out
}

// band is the range of j with |i*m - j*n| < h.
func band(i, n, m, h int64) (lo, hi int64) {
	if low := i*m - h; low >= 0 {
		lo = low/n + 1
	}
	hi = min((i*m+h-1)/n, m)
	return lo, hi
}

// KSAsymptoticPValue is P(D >= d) for large samples: the distribution of the
// one-sample statistic with the effective size n m / (n + m), rounded. n and m
// may themselves be effective sizes of dependent samples.
//
// Lower part by the expansion of Pelz and Good, upper tail by twice Smirnov's
// exact one-sided probability; both as in Simard and L'Ecuyer, "Computing the
// two-sided Kolmogorov-Smirnov distribution", J. Stat. Software 39 (2011).
func KSAsymptoticPValue(d, n, m float64) float64 {
	if math.IsNaN(d) || !(n > 0) || !(m > 0) {
		return math.NaN()
	}
	n, m = min(n, m), max(n, m)
	size := max(math.Round(n/(1+n/m)), 1) // n m / (n + m), which may not overflow
	switch z := d * math.Sqrt(size); {
	case d >= 1:
		return 0
	case z < 0.1:
		return 1
	case z < 1.8:
		return min(max(1-pelzGood(z, size), 0), 1)
	case z > 19.4:
		return 0 // below the smallest float: P <= 2 exp(-2 z²)
	case size > smirnovLimit:
		// Smirnov's expansion with its next term; relative error of the order of
		// z^6/size^1.5.
		tail := 2*z*z + 2*z/(3*math.Sqrt(size)) + 1/(18*size)
		return min(2*math.Exp(-tail-4./9*(z*z*z*z-z*z)/size), 1)
	default:
		return min(2*smirnov(d, size), 1)
	}
}

// smirnovLimit is the size up to which the upper tail is summed up term by
// term.
const smirnovLimit = 20_000

// pelzGood is P(D_n < z / sqrt(n)).
func pelzGood(z, n float64) float64 {
	z2 := z * z
	z4, z6 := z2*z2, z2*z2*z2
	var k0, k1, k2, k3 float64
	for k := 0.0; k < 12; k++ { // k + 1/2 and its mirror image
		h := math.Pi * math.Pi * (k + .5) * (k + .5)
		e := math.Exp(-h / (2 * z2))
		k0 += e
		k1 += (h - z2) * e
		k2 += (6*z6 + 2*z4 + h*(2*z4-5*z2) + h*h*(1-2*z2)) * e
		k3 += (h*h*h*(5-30*z2) + h*h*(-60*z2+212*z4) + h*(135*z4-96*z6) - 30*z6 - 90*z6*z2) * e
	}
	var l2, l3 float64
	for k := 1.0; k < 12; k++ {
		h := math.Pi * math.Pi * k * k
		e := math.Exp(-h / (2 * z2))
		l2 += h * e
		l3 += (3*h*z2 - h*h) * e
	}
	root := math.Sqrt(math.Pi / 2)
	z3 := z2 * z
	k0 *= 2 * root / z
	k1 *= 2 * root / (6 * z4)
	k2 = 2*root/(72*z4*z3)*k2 - 2*root/(36*z3)*l2
	k3 = 2*root/(6480*z4*z6)*k3 + 2*root/(216*z6)*l3
	return k0 + k1/math.Sqrt(n) + k2/n + k3/(n*math.Sqrt(n))
}

// smirnov is P(D_n+ >= d), one-sided, exactly: a sum of positive terms
// d C(n, j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j).
func smirnov(d, n float64) float64 {
	logN, _ := math.Lgamma(n + 1)
	var sum float64
	for j := 0.0; j <= math.Floor(n*(1-d)); j++ {
		rest := 1 - d - j/n
		if rest <= 0 {
			break
		}
		a, _ := math.Lgamma(j + 1)
		b, _ := math.Lgamma(n - j + 1)
		sum += math.Exp(logN - a - b + (j-1)*math.Log(d+j/n) + (n-j)*math.Log(rest))
	}
	return min(d*sum, 1)
}
