package abtest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/internal/vectors"
)

// TestSequenceVectors: values of an independent implementation.
func TestSequenceVectors(t *testing.T) {
	const file = "detection.json"
	for _, name := range []string{"betabinomial_cs_0_of_10", "betabinomial_cs_90_of_100", "betabinomial_cs_900_of_1000", "betabinomial_cs_10_of_10", "betabinomial_cs_1_of_100000"} {
		var in struct {
			Successes, N int
			Alpha        float64
		}
		var want [2]float64
		vectors.Read(t, file, name, &in, &want)
		lower, upper, err := Share(in.Successes, in.N, in.Alpha)
		if err != nil {
			t.Fatal(err)
		}
		vectors.Near(t, name+" lower", lower, want[0], 1e-9)
		vectors.Near(t, name+" upper", upper, want[1], 1e-9)
	}
	for _, name := range []string{"mcnemar_e", "mcnemar_e_null"} {
		var in struct{ B, C int }
		var want float64
		vectors.Read(t, file, name, &in, &want)
		p, err := AnytimeMcNemar(in.B, in.C)
		if err != nil {
			t.Fatal(err)
		}
		vectors.Near(t, name, -math.Log(p), want, 1e-9)
	}
	var in struct {
		Variance, Alpha float64
		N               int
		TOpt            float64 `json:"t_opt"`
	}
	var want float64
	vectors.Read(t, file, "asymptotic_cs", &in, &want)
	lower, upper, err := Sequence{Alpha: in.Alpha, Tuned: in.TOpt}.Interval(.4, in.Variance, in.N)
	if err != nil {
		t.Fatal(err)
	}
	vectors.Near(t, "lower", lower, .4-want, 1e-9)
	vectors.Near(t, "upper", upper, .4+want, 1e-9)
}

// TestSplitSequences: over split traffic that is looked at all the time (every 50 requests, every 150 for ranks),
// the always-valid tests miss and reject in at most 5 % of the streams, up to
// chance, where the fixed ones reject in a large part of them; and they see a
// difference. The p-value and the interval say the same.
func TestSplitSequences(t *testing.T) {
	const streams, length = 120, 1500
	rng := rand.New(rand.NewPCG(12, 7))
	tests := map[string][2]func(x, y []float64) (Result, error){
		"Welch":        {Sequence{}.Welch, Welch},
		"Mann-Whitney": {Sequence{}.MannWhitney, MannWhitney},
		"proportions":  {proportions(Sequence{}.TwoProportions), proportions(TwoProportions)},
	}
	limit := int(streams * (.05 + 3*math.Sqrt(.05*.95/streams)))
	for _, name := range []string{"Welch", "Mann-Whitney", "proportions"} {
		f, step := tests[name], 50
		if name == "Mann-Whitney" {
			step = 150
		}
		var missed, fixed, found int
		for range streams {
			x, y, z := make([]float64, length), make([]float64, length), make([]float64, length)
			for i := range x {
				x[i], y[i], z[i] = rng.ExpFloat64(), rng.ExpFloat64(), 1.3*rng.ExpFloat64()
			}
			wrong := [2]bool{}
			for n := step; n <= length; n += step {
				for k := range f {
					r, err := f[k](x[:n], y[:n])
					if err != nil {
						t.Fatal(err)
					}
					if k == 0 && (r.PValue < .05) != (r.Lower > 0 || r.Upper < 0) {
						t.Fatalf("%s: p = %v, yet the interval is %v to %v", name, r.PValue, r.Lower, r.Upper)
					}
					wrong[k] = wrong[k] || r.PValue < .05
				}
			}
			if wrong[0] {
				missed++
			}
			if wrong[1] {
				fixed++
			}
			if r, _ := f[0](x, z); r.PValue < .05 && r.Effect > 0 {
				found++
			}
		}
		t.Logf("%s: of %d streams %d wrong, the fixed test in %d; a difference found in %d", name, streams, missed, fixed, found)
		if missed > limit || fixed < 2*missed || found < streams*3/4 {
			t.Errorf("%s: want at most %d wrong", name, limit)
		}
	}
}

// proportions takes the share of values above 1.
func proportions(f func(k, n, l, m int) (Result, error)) func(x, y []float64) (Result, error) {
	above := func(x []float64) (k int) {
		for _, v := range x {
			if v > 1 {
				k++
			}
		}
		return k
	}
	return func(x, y []float64) (Result, error) { return f(above(x), len(x), above(y), len(y)) }
}

// TestSequencesBeforeTheirTime: nothing is claimed of a few requests.
func TestSequencesBeforeTheirTime(t *testing.T) {
	few := []float64{1, 2, 3}
	many := make([]float64, 500)
	for name, f := range map[string]func() (Result, error){
		"few":          func() (Result, error) { return Sequence{}.Welch(few, few) },
		"one-sided":    func() (Result, error) { return Sequence{}.Welch(few, many) },
		"ranks":        func() (Result, error) { return Sequence{}.MannWhitney(few, many) },
		"a single one": func() (Result, error) { return Sequence{}.MannWhitney(few[:1], many) },
		"shares":       func() (Result, error) { return Sequence{}.TwoProportions(0, 10, 10, 10) },
	} {
		if r, err := f(); err != nil || r.PValue != 1 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	r, err := Sequence{}.McNemar(30, 10, 2000)
	if p, _ := AnytimeMcNemar(30, 10); err != nil || r.PValue != p || r.Upper < -.01 || r.Lower > -.01 {
		t.Errorf("%+v, %v", r, err)
	}
}
