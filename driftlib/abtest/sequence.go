package abtest

import (
	"fmt"
	"math"
)

// What may be looked at after every observation, and acted upon as soon as it
// says so: the error stays below Alpha over the whole time.

// Sequence is a confidence sequence for the mean of a stream: intervals that
// all hold the mean at once with probability 1 - Alpha (asymptotically, from
// Start observations on),
//
//	mean -/+ sqrt(variance 2 (n r + 1) / (n² r) ln(sqrt(n r + 1) / alpha)),
//	r = (-2 ln alpha + ln(-2 ln alpha) + 1) / tuned.
//
// Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central
// limit theory and asymptotic confidence sequences", Annals of Statistics 52
// (2024).
type Sequence struct {
	Alpha float64 // 0.05 where 0; at most 0.5
	Tuned float64 // observations at which the interval is narrowest; 1,000 where 0
	Start int     // 200 where 0
}

// mostAlpha is the largest error that a sequence can be tuned for.
const mostAlpha = .5

func (s Sequence) withDefaults() Sequence {
	if s.Alpha == 0 {
		s.Alpha = .05
	}
	if s.Tuned == 0 {
		s.Tuned = 1000
	}
	if s.Start == 0 {
		s.Start = 200
	}
	return s
}

// Interval is the interval of a mean of n observations with a sample variance.
// Before Start it is infinite: nothing is known yet.
func (s Sequence) Interval(mean, variance float64, n int) (lower, upper float64, err error) {
	s = s.withDefaults()
	switch {
	case !(s.Alpha > 0 && s.Alpha <= mostAlpha) || !(s.Tuned > 0):
		return 0, 0, fmt.Errorf("%w: alpha %v, tuned for %v observations", ErrValue, s.Alpha, s.Tuned)
	case math.IsNaN(mean) || !(variance >= 0):
		return 0, 0, fmt.Errorf("%w: mean %v, variance %v", ErrValue, mean, variance)
	case n < s.Start:
		return math.Inf(-1), math.Inf(1), nil
	}
	r, t := s.rate(), float64(n)
	e := math.Sqrt(variance * 2 * (t*r + 1) / (t * t * r) * math.Log(math.Sqrt(t*r+1)/s.Alpha))
	return mean - e, mean + e, nil
}

// Difference is the interval of mean B less mean A on split traffic.
func (s Sequence) Difference(meanA, varianceA float64, n int, meanB, varianceB float64, m int) (lower, upper float64, err error) {
	if s.Tuned == 0 {
		s.Tuned = 2000
	}
	if n < 2 || m < 2 {
		return math.Inf(-1), math.Inf(1), nil
	}
	t := float64(n + m)
	return s.Interval(meanB-meanA, t*(varianceA/float64(n)+varianceB/float64(m)), n+m)
}

// AnytimeMcNemar is McNemar's test for looking at after every request: the
// p-value min(1, 1/E) of the evidence
//
//	E = B(1/2 + b, 1/2 + c) / B(1/2, 1/2) 2^(b + c)
//
// of b requests that only A got right and c that only B did. While both are
// equally good it falls below alpha, ever, with probability at most alpha.
func AnytimeMcNemar(onlyA, onlyB int) (pvalue float64, err error) {
	if onlyA < 0 || onlyB < 0 {
		return 0, fmt.Errorf("%w: %d and %d", ErrValue, onlyA, onlyB)
	}
	b, c := float64(onlyA), float64(onlyB)
	evidence := logBeta(.5+b, .5+c) - logBeta(.5, .5) + (b+c)*math.Ln2
	return min(1, math.Exp(-evidence)), nil
}

func logBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

// Share is the confidence sequence of a share of k of n, for looking at after
// every observation: {p : B(a + k, a + n - k) / B(a, a) < p^k (1-p)^(n-k) /
// alpha}, a = 1/2.
//
// Source: Robbins, "Statistical methods related to the law of the iterated
// logarithm", Ann. Math. Statist. 41 (1970).
func Share(k, n int, alpha float64) (lower, upper float64, err error) {
	if k < 0 || k > n || !(alpha > 0 && alpha < 1) {
		return 0, 0, fmt.Errorf("%w: %d of %d at alpha %v", ErrValue, k, n, alpha)
	}
	if n == 0 {
		return 0, 1, nil
	}
	s, f := float64(k), float64(n-k)
	limit := logBeta(.5+s, .5+f) - logBeta(.5, .5) + math.Log(alpha)
	inside := func(p float64) bool {
		l := 0.0
		if s > 0 {
			l += s * math.Log(p)
		}
		if f > 0 {
			l += f * math.Log1p(-p)
		}
		return l > limit
	}
	bisect := func(out, in float64) float64 {
		for range 60 {
			if mid := (out + in) / 2; inside(mid) {
				in = mid
			} else {
				out = mid
			}
		}
		return out
	}
	centre := s / float64(n)
	lower, upper = 0, 1
	if s > 0 {
		lower = bisect(0, centre)
	}
	if f > 0 {
		upper = bisect(1, centre)
	}
	return lower, upper, nil
}
