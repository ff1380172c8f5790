package driftlib

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// oracle is testdata/twosample.json, which testdata/twosample.py writes with
// scipy 1.17.1.
type oracle struct {
	OneSided []struct {
		X, Y        []float64
		Alternative string
		D, P        float64
		PAsymptotic float64 `json:"p_asymptotic"`
	} `json:"one_sided"`
	Weighted []struct {
		X, Y, V, W                         []float64
		N, M, KS, CVM, Wasserstein, Energy float64
	}
	Anderson []struct {
		Samples       [][]float64
		Normalized, P float64
	}
	CramerVonMises []struct {
		X, Y []float64
		T, P float64
	} `json:"cramer_von_mises"`
	Counts []struct {
		Reference, Current                                              []float64
		CVM, KS, Wasserstein, Energy, JS, KL, TV, LInf, Hellinger, Chi2 float64
		CVMP                                                            float64 `json:"cvm_p"`
		SmallestExpected                                                float64 `json:"smallest_expected"`
	}
}

func readOracle(t *testing.T) (o oracle) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "twosample.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// near holds a figure to its oracle, relative to it where that is above 1.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want))) {
		t.Errorf("%s is %.17g, want %.17g within %g", what, got, want, tolerance)
	}
}

// must is a value that has no error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestOneSidedVectors(t *testing.T) {
	for _, v := range readOracle(t).OneSided {
		a := Greater
		if v.Alternative == "less" {
			a = Less
		}
		r := must(KolmogorovSmirnovOneSided(v.X, v.Y, a))
		near(t, v.Alternative+" D", r.D, v.D, 1e-15)
		near(t, v.Alternative+" p", r.PValue, v.P, 1e-12)
		if v.D > 0 {
			near(t, v.Alternative+" asymptotic p", KSAsymptoticOneSidedPValue(r.D, float64(r.N), float64(r.M)), v.PAsymptotic, 1e-12)
		}
	}
}

func TestWeightedVectors(t *testing.T) {
	for _, v := range readOracle(t).Weighted {
		x, y := Weighted{v.X, v.V}, Weighted{v.Y, v.W}
		ks := must(KolmogorovSmirnovWeighted(x, y))
		near(t, "D", ks.D, v.KS, 1e-13)
		near(t, "effective n", ks.N, v.N, 1e-13)
		near(t, "effective m", ks.M, v.M, 1e-13)
		near(t, "effective size", must(x.EffectiveSize()), v.N, 1e-13)
		near(t, "Cramér-von Mises", must(CramerVonMisesWeighted(x, y)).Statistic, v.CVM, 1e-12)
		near(t, "Wasserstein", must(WassersteinWeighted(x, y)), v.Wasserstein, 1e-13)
		near(t, "energy", must(EnergyDistanceWeighted(x, y)), v.Energy, 1e-13)
	}
}

func TestAndersonDarlingVectors(t *testing.T) {
	for _, v := range readOracle(t).Anderson {
		r := must(AndersonDarlingTest(v.Samples...))
		near(t, "normalized A²", r.Normalized, v.Normalized, 1e-10)
		near(t, "p", r.PValue, v.P, 1e-10)
		if r.AtLimit != (v.P == .25 || v.P == .001) {
			t.Errorf("p = %v, at its limit: %v", v.P, r.AtLimit)
		}
	}
}

func TestCramerVonMisesVectors(t *testing.T) {
	for _, v := range readOracle(t).CramerVonMises {
		r := must(CramerVonMises(v.X, v.Y))
		near(t, "T", r.Statistic, v.T, 1e-12)
		near(t, "p", r.PValue, v.P, 1e-9)
	}
}

func TestCountVectors(t *testing.T) {
	for _, v := range readOracle(t).Counts {
		c := must(CramerVonMisesCounts(v.Reference, v.Current))
		near(t, "T", c.Statistic, v.CVM, 1e-11)
		near(t, "p of T", c.PValue, v.CVMP, 1e-9)
		near(t, "D", must(KolmogorovSmirnovCounts(v.Reference, v.Current)).D, v.KS, 1e-13)
		positions := []float64{0, 1, 2, 3, 4}
		x, y := Weighted{positions, v.Reference}, Weighted{positions, v.Current}
		near(t, "Wasserstein", must(WassersteinWeighted(x, y)), v.Wasserstein, 1e-13)
		near(t, "energy", must(EnergyDistanceWeighted(x, y)), v.Energy, 1e-13)
		near(t, "JS", must(JSDistance(v.Reference, v.Current)), v.JS, 1e-13)
		near(t, "KL", must(KL(v.Reference, v.Current, 0)), v.KL, 1e-13)
		near(t, "total variation", must(TotalVariation(v.Reference, v.Current)), v.TV, 1e-14)
		near(t, "L-infinity", must(LInfinity(v.Reference, v.Current)), v.LInf, 1e-14)
		near(t, "Hellinger", must(Hellinger(v.Reference, v.Current)), v.Hellinger, 1e-13)
		chi := must(ChiSquareTest(v.Reference, v.Current))
		near(t, "chi-square", chi.Statistic, v.Chi2, 1e-12)
		near(t, "smallest expected count", chi.SmallestExpected, v.SmallestExpected, 1e-12)
	}
}
