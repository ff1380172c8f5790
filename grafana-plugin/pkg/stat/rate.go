package stat

import "math"

// Wilson is the 95 % score interval of a share of k in n, in [0, 1]; the whole
// range where n is 0.
//
// Source: Wilson, J. American Stat. Assoc. 22 (1927).
func Wilson(k, n float64) (lower, upper float64) {
	if n <= 0 {
		return 0, 1
	}
	const z = 1.959963984540054
	p := min(max(k/n, 0), 1)
	centre, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, (centre-half)/(1+z*z/n)), min(1, (centre+half)/(1+z*z/n))
}

// Sequence is the confidence sequence of a share of k in n: an interval that
// holds the truth at all times at once with probability 1 - alpha, however
// often one looks and whenever one stops. It is the set of all p with
//
//	B(1/2+k, 1/2+n-k) / (B(1/2, 1/2) p^k (1-p)^(n-k)) < 1/alpha
//
// (Ville's inequality for the mixture likelihood ratio under Jeffreys' prior).
// k and n may be fractional, as increases of counters are.
//
// Source: Robbins, Annals of Math. Stat. 41 (1970); Howard et al., Annals of
// Stat. 49 (2021).
func Sequence(k, n, alpha float64) (lower, upper float64) {
	if n <= 0 {
		return 0, 1
	}
	k = min(max(k, 0), n)
	mixture := logBeta(.5+k, .5+n-k) - logBeta(.5, .5)
	inside := func(p float64) bool {
		l := mixture
		if k > 0 {
			l -= k * math.Log(p)
		}
		if n-k > 0 {
			l -= (n - k) * math.Log1p(-p)
		}
		return l < -math.Log(alpha)
	}
	centre := k / n
	lower, upper = 0, 1
	if k > 0 {
		lower = bisect(0, centre, inside)
	}
	if k < n {
		upper = 1 - bisect(0, 1-centre, func(q float64) bool { return inside(1 - q) })
	}
	return lower, upper
}

// bisect finds where inside begins between a point outside and one inside.
func bisect(out, in float64, inside func(float64) bool) float64 {
	for range 60 {
		if mid := (out + in) / 2; inside(mid) {
			in = mid
		} else {
			out = mid
		}
	}
	return out
}

func logBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}
