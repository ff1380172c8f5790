package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/driftlib/calibration"
	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// Two deciles, the first in three pieces; by hand.
func TestCompareByHand(t *testing.T) {
	b := &Bins{
		Labels:    []string{"00 -Inf", "01a (-inf, 1)", "01b [1, 2]", "01c (2, 3]", "02 (3, inf)", "91 nan"},
		Reference: []float64{0, 0, 10, 40, 50, 0},
		Current:   []float64{0, 20, 20, 10, 40, 10},
	}
	d := Compare(b)
	near(t, "rows", d.CurrentRows, 100, 0)
	// Deciles: .5 and .5 against .5, .4 and nan .1; the floor lifts nan's 0 to 1e-4.
	psi := (.4-.5)*math.Log(.4/.5) + (.1-1e-4)*math.Log(.1/1e-4)
	near(t, "PSI", d.PSI.Value, psi, 1e-12)
	near(t, "KL", d.KL, .4*math.Log(.4/.5)+.1*math.Log(.1/1e-4), 1e-12)
	// Ordered shares: 0, .1, .4, .5 against 2/9, 2/9, 1/9, 4/9; F - G at the edges:
	// -2/9, -.3444, -.0556, 0.
	near(t, "KS", d.KS, 4./9-.1, 1e-12)
	// Inside (-inf, 1): max(0-0, 2/9-0); [1, 2]: max(.1-2/9, 4/9-0) = 4/9; (2, 3]: max(.5-4/9, 5/9-.1) = .4556; (3, inf): max(1-5/9, 1-.5) = .5.
	near(t, "KS upper", d.KSUpper, .5, 1e-12)
}

func TestCompareWithoutRows(t *testing.T) {
	d := Compare(&Bins{Labels: []string{"01 (-inf, 1]", "02 (1, inf)"}, Reference: []float64{5, 5}, Current: []float64{0, 0}})
	for name, v := range map[string]float64{"psi": d.PSI.Value, "ks": d.KS, "kl": d.KL, "js": d.JS, "chi2": d.ChiSquare, "p": d.PValue} {
		near(t, name, v, math.NaN(), 0)
	}
	c := Compare(&Bins{Labels: []string{"c01 a", "c02 b", "92 missing"}, Reference: []float64{5, 5, 0}, Current: []float64{5, 0, 5}})
	near(t, "KS of categories", c.KS, math.NaN(), 0)
	if math.IsNaN(c.JS) || c.JS <= 0 {
		t.Error("categories have a distance: ", c.JS)
	}
}

// What is computed from the bins of a real profile agrees with what driftlib
// says of the same rows, and the bound holds the true KS distance.
func TestAgreesWithDriftlib(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, shift := range []float64{0, .1, .5, 2} {
		t.Run(fmt.Sprint(shift), func(t *testing.T) {
			reference, current := make([]float64, 4000), make([]float64, 1500)
			for i := range reference {
				reference[i] = r.NormFloat64()
			}
			for i := range current {
				current[i] = r.NormFloat64() + shift
				if i%7 == 0 {
					current[i] = 0
				}
			}
			b, want := viaProfile(t, reference, current)
			got := Compare(b)
			near(t, "PSI", got.PSI.Value, want.PSI.Value, 1e-9)
			near(t, "PSI lower", got.PSI.Lower, want.PSI.Lower, 1e-9)
			near(t, "KL", got.KL, want.KL, 1e-9)
			near(t, "JS", got.JS, want.JSDistance, 1e-9)
			near(t, "chi2", got.ChiSquare, want.ChiSquare, 1e-6)
			near(t, "p", got.PValue, want.ChiSquarePValue, 1e-9)
			slices.Sort(reference)
			slices.Sort(current)
			d := driftlib.KSStatisticSorted(reference, current)
			if d < got.KS-1e-9 || d > got.KSUpper+1e-9 {
				t.Errorf("the true KS %v is not in [%v, %v]", d, got.KS, got.KSUpper)
			}
			for _, name := range []string{"psi", "kl", "js", "ks", "chi2", "p_value"} {
				full := map[string]float64{"psi": got.PSI.Value, "kl": got.KL, "js": got.JS, "ks": got.KS, "chi2": got.ChiSquare, "p_value": got.PValue}[name]
				near(t, "Statistic "+name, b.Statistic(name), full, 1e-12)
			}
		})
	}
}

func viaProfile(t *testing.T, reference, current []float64) (*Bins, verdict.Result) {
	t.Helper()
	p, err := profile.FromColumns([]profile.Column{{Name: "x", Kind: profile.Numeric, Floats: reference}}, profile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := p.Feature("x")
	f.Tau, f.TauBins = 1, 1
	ref, err := verdict.NewReference(f)
	if err != nil {
		t.Fatal(err)
	}
	s := verdict.Sample{Counts: make([]float64, ref.Binner.Len())}
	for _, v := range current {
		s.Counts[ref.Binner.Index(v)]++
	}
	b := &Bins{Reference: ref.Counts, Current: s.Counts, DesignEffect: 1}
	for i := range ref.Counts {
		b.Labels = append(b.Labels, ref.Binner.Label(i))
	}
	return b, verdict.Compare(ref, s)
}

// The calibration of counters is driftlib's of the rows.
func TestCalibrateAgreesWithDriftlib(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	confidence, correct := make([]float64, 3000), make([]bool, 3000)
	for i := range confidence {
		confidence[i] = .4 + .6*r.Float64()
		correct[i] = r.Float64() < confidence[i]-.07
	}
	want, err := calibration.EqualWidth(confidence, correct, 15)
	if err != nil {
		t.Fatal(err)
	}
	var bins []ReliabilityBin
	for _, b := range want.Bins {
		bins = append(bins, ReliabilityBin{Count: float64(b.Count), Correct: float64(b.Correct), Confidence: b.Confidence})
	}
	got := Calibrate(bins)
	near(t, "ECE", got.ECE, want.ECE, 1e-12)
	near(t, "debiased", got.Debiased, want.Debiased, 1e-3)
	near(t, "MCE", got.MCE, want.MCE, 1e-12)
	near(t, "over + under", got.Over+got.Under, got.ECE, 1e-12)
	near(t, "nothing", Calibrate(nil).ECE, math.NaN(), 0)
}

func TestWilson(t *testing.T) {
	// statsmodels.stats.proportion.proportion_confint(90, 100, method="wilson")
	lower, upper := Wilson(90, 100)
	near(t, "lower", lower, 0.8256343384950865, 1e-12)
	near(t, "upper", upper, 0.9447708629393249, 1e-12)
	if lower, upper := Wilson(0, 0); lower != 0 || upper != 1 {
		t.Error("without rows: ", lower, upper)
	}
}

// The sequence holds the truth at all of 2,000 looks in at least 95 % of runs,
// which the Wilson interval does not.
func TestSequenceHoldsAtAllTimes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const runs, looks, p = 300, 2000, .1
	missed, wilson := 0, 0
	for range runs {
		k, out, outWilson := 0., false, false
		for n := 1.; n <= looks; n++ {
			if r.Float64() < p {
				k++
			}
			if int(n)%10 != 0 {
				continue
			}
			lower, upper := Sequence(k, n, .05)
			out = out || p < lower || p > upper
			lower, upper = Wilson(k, n)
			outWilson = outWilson || p < lower || p > upper
		}
		if out {
			missed++
		}
		if outWilson {
			wilson++
		}
	}
	if missed > runs*5/100+5 {
		t.Errorf("missed in %d of %d runs", missed, runs)
	}
	if wilson < 2*missed {
		t.Errorf("an interval for one look missed in only %d runs: the test looks at nothing", wilson)
	}
	for _, c := range [][2]float64{{0, 0}, {0, 10}, {10, 10}, {3.7, 8.2}, {12, 10}} {
		lower, upper := Sequence(c[0], c[1], .05)
		if !(0 <= lower && lower <= upper && upper <= 1) {
			t.Errorf("%v: [%v, %v]", c, lower, upper)
		}
	}
}
