package abtest

import (
	"math"
	"testing"
)

// FuzzTests: whatever is given, a test is refused or its p-value is one and its
// interval holds its effect.
func FuzzTests(f *testing.F) {
	f.Add(1.0, 2.0, 3.0, 4, 5, .05)
	f.Add(math.NaN(), math.Inf(1), 0.0, -1, 0, 2.0)
	f.Add(math.MaxFloat64, -math.MaxFloat64, 5e-324, math.MaxInt, 1<<62, 1e-300)
	f.Fuzz(func(t *testing.T, a, b, c float64, k, n int, alpha float64) {
		x, y := []float64{a, b, c}, []float64{c, a, a, b}
		s := Sequence{Alpha: alpha, Tuned: a, Start: n}
		for name, f := range map[string]func() (Result, error){
			"proportions": func() (Result, error) { return TwoProportions(k, n, n, k) }, "McNemar": func() (Result, error) { return McNemar(k%5000, n%5000, k) },
			"Welch": func() (Result, error) { return Welch(x, y) }, "Mann-Whitney": func() (Result, error) { return MannWhitney(x, y) },
			"ratio":             func() (Result, error) { return SampleRatioMismatch([]int{k, n}, []float64{a, b}) },
			"anytime Welch":     func() (Result, error) { return s.Welch(x, y) },
			"anytime ranks":     func() (Result, error) { return s.MannWhitney(x, y) },
			"anytime shares":    func() (Result, error) { return s.TwoProportions(k, n, k, n) },
			"anytime McNemar":   func() (Result, error) { return s.McNemar(k%5000, n%5000, k) },
			"default sequences": func() (Result, error) { return Sequence{}.Welch(x, y) },
		} {
			r, err := f()
			if err == nil && (!(r.PValue >= 0 && r.PValue <= 1) || r.Lower > r.Upper) {
				t.Errorf("%s of %v, %v, %v, %d, %d at %v: %+v", name, a, b, c, k, n, alpha, r)
			}
		}
		if low, high, err := Share(k, n, alpha); err == nil && !(low >= 0 && low <= high && high <= 1) {
			t.Errorf("%d of %d: %v to %v", k, n, low, high)
		}
		if p, err := AnytimeMcNemar(k, n); err == nil && !(p >= 0 && p <= 1) {
			t.Errorf("p = %v of %d and %d", p, k, n)
		}
		_, _, _ = CUPED(x, []float64{b, c, a})
	})
}
