package driftlib

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// TestResult is a statistic with its p-value.
type TestResult struct{ Statistic, PValue float64 }

// twoSorted sorts copies of two samples. Errors are ErrEmpty and ErrValue.
func twoSorted(x, y []float64) (a, b []float64, err error) {
	if a, err = sorted(x); err != nil {
		return nil, nil, err
	}
	b, err = sorted(y)
	return a, b, err
}

// pooled walks through two sorted samples value by value and tells, of every
// distinct value, how many there are of each.
func pooled(a, b []float64, each func(value float64, inA, inB int)) {
	for i, j := 0, 0; i < len(a) || j < len(b); {
		v := math.Inf(1)
		if i < len(a) {
			v = a[i]
		}
		if j < len(b) {
			v = min(v, b[j])
		}
		from, also := i, j
		for i < len(a) && a[i] == v {
			i++
		}
		for j < len(b) && b[j] == v {
			j++
		}
		each(v, i-from, j-also)
	}
}

// CramerVonMises is the two-sample Cramér-von Mises test:
//
//	T = (n sum (r_i - i)² + m sum (s_j - j)²) / (n m (n+m)) - (4 n m - 1) / (6 (n+m)),
//
// r and s the ranks of the sorted samples in the pooled one, ties at their mean.
// It sees differences along the whole law where Kolmogorov-Smirnov sees the
// largest. The p-value is asymptotic, good from some ten values a side on.
// NaN is ErrValue, an empty sample ErrEmpty.
//
// Source: Anderson, Ann. Math. Statist. 33 (1962).
func CramerVonMises(x, y []float64) (TestResult, error) {
	a, b, err := twoSorted(x, y)
	if err != nil {
		return TestResult{}, err
	}
	var s rankSquares
	pooled(a, b, func(_ float64, inA, inB int) { s.add(float64(inA), float64(inB)) })
	return s.result(), nil
}

// rankSquares adds up the squares of Cramér-von Mises, value by value in
// ascending order.
type rankSquares struct{ n, m, sumA, sumB float64 }

// add takes the next value, which inA of the first and inB of the second sample
// have.
func (s *rankSquares) add(inA, inB float64) {
	rank := s.n + s.m + (inA+inB+1)/2
	s.sumA += squaresFrom(rank-s.n, inA)
	s.sumB += squaresFrom(rank-s.m, inB)
	s.n += inA
	s.m += inB
}

// squaresFrom is the sum of (c - k)² over k from 1 to n.
func squaresFrom(c, n float64) float64 {
	middle := c - (n+1)/2
	return n * (middle*middle + (n*n-1)/12)
}

func (s *rankSquares) result() TestResult {
	n, m := s.n, s.m
	all, k := n+m, n*m
	t := (s.sumA/m+s.sumB/n)/all - (4*k-1)/(6*all)
	return TestResult{t, cramerVonMisesPValue(t, n, m)}
}

// cramerVonMisesPValue brings T to the mean and the variance of its limit.
func cramerVonMisesPValue(t, n, m float64) float64 {
	all, k := n+m, n*m
	mean := (1 + 1/all) / 6
	variance := (all + 1) * (4*k*all - 3*(n*n+m*m) - 2*k) / (45 * all * all * 4 * k)
	if !(variance > 0) {
		return 1 // one value on either side
	}
	return min(1, max(0, 1-cramerVonMisesCDF(1./6+(t-mean)/math.Sqrt(45*variance))))
}

// cramerVonMisesCDF is the limiting law of the statistic, by the series of
// Anderson and Darling (1952), equation 1.3.
func cramerVonMisesCDF(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	if x > 12 {
		return 1 // within 1e-25
	}
	sum := 0.0
	for k := range 50 {
		g, _ := math.Lgamma(float64(k) + .5)
		f, _ := math.Lgamma(float64(k) + 1)
		y := float64(4*k + 1)
		q := y * y / (16 * x)
		if q > 700 { // exp(-q) is 0, and so is the rest
			break
		}
		term := math.Exp(g-f) / (math.Pow(math.Pi, 1.5) * math.Sqrt(x)) * math.Sqrt(y) * math.Exp(-q) * besselK(.25, q)
		sum += term
		if term < 1e-12*sum {
			break
		}
	}
	return sum
}

// besselK is the modified Bessel function of the second kind, by the integral
// of exp(-x cosh t) cosh(order t) over t from 0 on.
func besselK(order, x float64) float64 {
	const step = 1. / 256
	sum := math.Exp(-x) / 2
	for t := step; t < 40; t += step { // cosh(40) is 1e17
		f := math.Exp(-x*math.Cosh(t)) * math.Cosh(order*t)
		sum += f
		if f < 1e-18*sum {
			break
		}
	}
	return sum * step
}

// EnergyDistance is sqrt(2 integral (F - G)²) of two samples' distribution
// functions, in the root of the values' unit; 0 where they are equal.
// Infinities and NaN are ErrValue.
//
// Source: Székely and Rizzo, Interstat (2004); scipy's definition.
func EnergyDistance(x, y []float64) (float64, error) {
	a, b, err := twoSorted(x, y)
	if err != nil {
		return 0, err
	}
	for _, s := range [2][]float64{a, b} {
		if math.IsInf(s[0], 0) || math.IsInf(s[len(s)-1], 0) {
			return 0, ErrValue
		}
	}
	var f, g, before, sum float64
	first := true
	pooled(a, b, func(v float64, inA, inB int) {
		if !first {
			sum += (f - g) * (f - g) * (v - before)
		}
		f += float64(inA) / float64(len(a))
		g += float64(inB) / float64(len(b))
		before, first = v, false
	})
	return math.Sqrt(2 * sum), nil
}

// Kuiper is the two-sample Kuiper test: V = sup (F - G) + sup (G - F), 0 to 2.
// It sees changes of spread and of the tails better than Kolmogorov-Smirnov,
// and is right for values on a circle (hours of the day). The p-value is
// asymptotic with Stephens' correction.
//
// Source: Stephens, J. Royal Stat. Soc. B 32 (1970).
func Kuiper(x, y []float64) (TestResult, error) {
	a, b, err := twoSorted(x, y)
	if err != nil {
		return TestResult{}, err
	}
	n, m := float64(len(a)), float64(len(b))
	var f, g, above, below float64
	pooled(a, b, func(_ float64, inA, inB int) {
		f += float64(inA)
		g += float64(inB)
		d := f/n - g/m
		above, below = max(above, d), max(below, -d)
	})
	v := above + below
	root := math.Sqrt(n * m / (n + m))
	lambda := (root + .155 + .24/root) * v
	if lambda < .4 {
		return TestResult{v, 1}, nil
	}
	p := 0.0
	for j := 1.0; j < 200; j++ {
		square := j * j * lambda * lambda
		term := 2 * (4*square - 1) * math.Exp(-2*square)
		p += term
		if math.Abs(term) < 1e-16 {
			break
		}
	}
	return TestResult{v, min(1, max(0, p))}, nil
}

// GTest is the likelihood-ratio form of ChiSquareTest: G = 2 sum observed
// ln(observed / expected) over both samples and bins.
//
// Source: Sokal and Rohlf, Biometry (1981).
func GTest(reference, current []float64) (ChiSquare, error) {
	r, err := ChiSquareTest(reference, current)
	if err != nil || r.DoF < 1 {
		return r, err
	}
	var n, m float64
	for i := range reference {
		n, m = n+reference[i], m+current[i]
	}
	r.Statistic = 0
	for i := range reference {
		both := reference[i] + current[i]
		for _, side := range [2][2]float64{{reference[i], n}, {current[i], m}} {
			if side[0] > 0 {
				if ratio := side[0] / (both * (side[1] / (n + m))); ratio > 0 { // else the term is 0 to any precision
					r.Statistic += 2 * side[0] * math.Log(ratio)
				}
			}
		}
	}
	r.Statistic = max(r.Statistic, 0) // rounding
	r.PValue = distuv.ChiSquared{K: float64(r.DoF)}.Survival(r.Statistic)
	return r, nil
}

// CramersV is the association of side and bin, 0 to 1, with Bergsma's correction
// of its bias: phi² = max(0, X²/N - (B-1)/(N-1)), V = sqrt(phi² / min(B~-1,
// R~-1)), B~ = B - (B-1)²/(N-1) for B bins and R~ likewise for the two sides. 0
// where there is a single bin, or too few rows for the correction.
//
// Source: Bergsma, J. Korean Stat. Soc. 42 (2013).
func CramersV(reference, current []float64) (float64, error) {
	r, err := ChiSquareTest(reference, current)
	if err != nil || r.DoF < 1 {
		return 0, err
	}
	n := 0.0
	for i := range reference {
		n += reference[i] + current[i]
	}
	if n < 2 {
		return 0, nil
	}
	k := float64(r.DoF)
	phi := max(0, r.Statistic/n-k/(n-1))
	least := min(k-k*k/(n-1), 1-1/(n-1))
	if !(least > 0) { // so few rows that the correction leaves nothing
		return 0, nil
	}
	return min(math.Sqrt(phi/least), 1), nil
}
