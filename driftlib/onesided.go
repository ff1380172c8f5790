package driftlib

import (
	"fmt"
	"math"
)

// Alternative is what a one-sided test looks for.
type Alternative int

// The alternatives, of the distribution functions F of the first and G of the
// second sample. Greater: F lies above G somewhere, so that the first sample's
// values tend to be the smaller ones; Less: below.
const (
	Greater Alternative = iota
	Less
)

// String is "greater" or "less".
func (a Alternative) String() string {
	if a == Less {
		return "less"
	}
	return "greater"
}

// KolmogorovSmirnovOneSided is the one-sided two-sample test:
// D+ = sup (F - G) for Greater, D- = sup (G - F) for Less, 0 to 1. Its p-value
// is exact, by counting lattice paths, while both samples hold at most
// ExactKSLimit values, and asymptotic beyond. It asks "have latencies grown?"
// where the two-sided test asks "have they changed?". NaN is ErrValue, an empty
// sample ErrEmpty, an unknown alternative ErrValue. It is scipy's ks_2samp with
// alternative "greater" or "less".
//
// Source: Hodges, "The significance probability of the Smirnov two-sample
// test", Arkiv för Matematik 3 (1958).
func KolmogorovSmirnovOneSided(x, y []float64, a Alternative) (KS, error) {
	if a != Greater && a != Less {
		return KS{}, fmt.Errorf("%w: alternative %d", ErrValue, a)
	}
	first, second, err := twoSorted(x, y)
	if err != nil {
		return KS{}, err
	}
	n, m := len(first), len(second)
	above, below := ksExtremes(first, second)
	r := KS{D: float64(above) / (float64(n) * float64(m)), N: n, M: m}
	if a == Less {
		r.D = float64(-below) / (float64(n) * float64(m))
	}
	if max(n, m) <= ExactKSLimit {
		r.PValue, r.Exact = KSExactOneSidedPValue(r.D, n, m), true
	} else {
		r.PValue = KSAsymptoticOneSidedPValue(r.D, float64(n), float64(m))
	}
	return r, nil
}

// KSExactOneSidedPValue is P(D+ >= d) for samples of n and m values of one
// continuous law: the share of lattice paths from (0, 0) to (n, m) that touch
// i/n - j/m = d. Samples of one size have the closed form C(2n, n+h) / C(2n, n),
// h = d n; others cost about n m / 2 steps. Every term is positive, so that the
// smallest p-value is as exact as the largest. NaN for sizes below 1.
func KSExactOneSidedPValue(d float64, n, m int) float64 {
	if n <= 0 || m <= 0 || math.IsNaN(d) {
		return math.NaN()
	}
	h := int64(math.Round(d * float64(n) * float64(m)))
	if h <= 0 {
		return 1
	}
	if n == m {
		p := 1.0
		for k := range int((h + int64(n) - 1) / int64(n)) {
			p *= float64(n-k) / float64(n+k+1)
		}
		return p
	}
	inverse := reciprocals(n + m)
	left := make([]float64, m+1) // the share of paths to (i, j) that have touched
	nn, mm := int64(n), int64(m)
	for i := int64(1); i <= nn; i++ {
		from := 1
		if over := i*mm - h; over >= 0 { // up to this j the line is touched
			j := int(min(over/nn, mm))
			left[j] = 1
			from = j + 1
		}
		for j := from; j <= m; j++ {
			left[j] = (float64(i)*left[j] + float64(j)*left[j-1]) * inverse[int(i)+j]
		}
	}
	return min(left[m], 1)
}

// KSAsymptoticOneSidedPValue is P(D+ >= d) for large samples, by Hodges'
// correction of exp(-2 z²), z = d sqrt(nm / (n+m)), n the larger sample:
// exp(-2 z² - 2 z (n + 2 m) / (3 sqrt(nm (n+m)))).
//
// Source: Hodges (1958), equation 5.3.
func KSAsymptoticOneSidedPValue(d, n, m float64) float64 {
	if math.IsNaN(d) || !(n > 0) || !(m > 0) {
		return math.NaN()
	}
	n, m = max(n, m), min(n, m)
	z := d * math.Sqrt(n*m/(n+m))
	return min(1, math.Exp(-2*z*z-2*z*(n+2*m)/(3*math.Sqrt(n*m*(n+m)))))
}
