package driftlib_test

import (
	"math"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib"
)

// odd are the values that arithmetic stumbles over.
func odd(f *testing.F) {
	f.Add(1.0, 2.0, 3.0, 4.0)
	f.Add(math.NaN(), 1.0, math.Inf(1), math.Inf(-1))
	f.Add(5e-324, math.MaxFloat64, -math.MaxFloat64, 0.0)
	f.Add(0.0, 0.0, 0.0, 0.0)
	f.Add(-1.0, 1e300, 1e-300, 1e15)
	f.Add(math.MaxFloat64, math.MaxFloat64, math.MaxFloat64, math.MaxFloat64)
	f.Add(1e300, 2e300, 3e300, 1e299)
	f.Add(1e99, 1.0, 1e-300, 5e-324)
	f.Add(1e160, 1e155, 1.0, 0.0)
}

// FuzzCounts: whatever counts are given, a distance is an error or a number in its
// range, never NaN and never a panic.
func FuzzCounts(f *testing.F) {
	odd(f)
	distances := map[string]struct {
		f    func(a, b []float64) (float64, error)
		most float64
	}{
		"PSI": {func(a, b []float64) (float64, error) { return driftlib.PSI(a, b, driftlib.Floor) }, math.Inf(1)},
		"KL":  {func(a, b []float64) (float64, error) { return driftlib.KL(a, b, driftlib.Floor) }, math.Inf(1)},
		"JS":  {driftlib.JSDistance, 1}, "JS, nats": {driftlib.JSDistanceNats, math.Sqrt(math.Ln2)},
		"Hellinger": {driftlib.Hellinger, 1}, "total variation": {driftlib.TotalVariation, 1}, "L-infinity": {driftlib.LInfinity, 1},
		"Cramér's V": {driftlib.CramersV, 1},
	}
	f.Fuzz(func(t *testing.T, a, b, c, d float64) {
		for _, s := range [][2][]float64{{{a, b, c}, {b, c, d}}, {{a}, {b}}, {{a, b}, {c}}, {nil, nil}} {
			for name, of := range distances {
				v, err := of.f(s[0], s[1])
				// A floor takes shares away from no one: KL may come out below 0.
				if err == nil && (math.IsNaN(v) || (name != "KL" && v < -1e-12) || v > of.most+1e-9) {
					t.Errorf("%s of %v is %v", name, s, v)
				}
			}
			for name, test := range map[string]func(a, b []float64) (driftlib.ChiSquare, error){"chi-square": driftlib.ChiSquareTest, "G": driftlib.GTest} {
				if r, err := test(s[0], s[1]); err == nil && !(r.PValue >= 0 && r.PValue <= 1) {
					t.Errorf("%s of %v: %+v", name, s, r)
				}
			}
		}
	})
}

// FuzzSamples: likewise for samples.
func FuzzSamples(f *testing.F) {
	odd(f)
	f.Fuzz(func(t *testing.T, a, b, c, d float64) {
		for _, s := range [][2][]float64{{{a, b, c}, {b, c, d}}, {{a}, {b}}, {{a, b, c, d}, {d, d}}, {nil, {a}}} {
			for name, of := range map[string]func(a, b []float64) (float64, error){"Wasserstein": driftlib.Wasserstein, "energy": driftlib.EnergyDistance} {
				if v, err := of(s[0], s[1]); err == nil && !(v >= 0) {
					t.Errorf("%s of %v is %v", name, s, v)
				}
			}
			for name, of := range map[string]func(a, b []float64) (driftlib.TestResult, error){"Cramér-von Mises": driftlib.CramerVonMises, "Kuiper": driftlib.Kuiper} {
				if r, err := of(s[0], s[1]); err == nil && !(r.PValue >= 0 && r.PValue <= 1) {
					t.Errorf("%s of %v: %+v", name, s, r)
				}
			}
			if v := driftlib.AutocorrelationTime(append(s[0], s[1]...)); !(v >= 1) {
				t.Errorf("autocorrelation time of %v is %v", s, v)
			}
		}
	})
}
