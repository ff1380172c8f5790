package driftlib

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestTwoSampleOracles: scipy 1.17.
func TestTwoSampleOracles(t *testing.T) {
	x := []float64{-0.6, -1.65, 0.5, 1.84, 3.27, 1.22, -0.11, -0.57, 2.5, 4.27, 1.55, -1.47, -0.92, 4.2, 1.41}
	y := []float64{0.27, 1.92, 0.84, 1.37, 1.51, 1.29, 2.55, 1.94, 1.41, 2.41, 2.83, 0.36}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.IsNaN(got) || math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	c, err := CramerVonMises(x, y)
	if err != nil {
		t.Fatal(err)
	}
	near("Cramér-von Mises", c.Statistic, 0.24027777777777803)
	near("its p-value", c.PValue, 0.20801467344141555)
	e, err := EnergyDistance(x, y)
	if err != nil {
		t.Fatal(err)
	}
	near("energy distance", e, 0.7157203053955894)
	g, err := GTest([]float64{30, 40, 30}, []float64{45, 35, 10})
	if err != nil {
		t.Fatal(err)
	}
	near("G", g.Statistic, 13.292311545952908)
	near("p of G", g.PValue, 0.001299006194058837)
	v, err := CramersV([]float64{200, 800}, []float64{400, 600})
	if err != nil {
		t.Fatal(err)
	}
	near("Cramér's V", v, math.Sqrt((0.21821789023599242*0.21821789023599242-1./1999)/(1-1./1999))) // scipy's, its bias taken off
}

// TestTwoSampleLevels: under no change the p-values are uniform, and a shift is
// seen.
func TestTwoSampleLevels(t *testing.T) {
	const runs, n = 400, 120
	rng := rand.New(rand.NewPCG(6, 7))
	draw := func(shift, scale float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = shift + scale*rng.NormFloat64()
		}
		return out
	}
	for name, c := range map[string]struct {
		test         func(x, y []float64) (TestResult, error)
		shift, scale float64
	}{
		"Cramér-von Mises": {CramerVonMises, .5, 1},
		"Kuiper":           {Kuiper, 0, 2},
	} {
		alarms, found := 0, 0
		for range runs {
			r, err := c.test(draw(0, 1), draw(0, 1))
			if err != nil {
				t.Fatal(err)
			}
			s, err := c.test(draw(0, 1), draw(c.shift, c.scale))
			if err != nil {
				t.Fatal(err)
			}
			if r.PValue < .05 {
				alarms++
			}
			if s.PValue < .05 {
				found++
			}
		}
		if float64(alarms)/runs > .05+3*math.Sqrt(.05*.95/runs) || found < runs*9/10 {
			t.Errorf("%s: %d alarms without a change, %d with one, of %d", name, alarms, found, runs)
		}
	}
}

func TestTwoSampleRefusals(t *testing.T) {
	nan := []float64{math.NaN()}
	one := []float64{1}
	for name, got := range map[string]error{
		"Cramér-von Mises": second(CramerVonMises(nan, one)), "Kuiper": second(Kuiper(one, nan)),
		"energy": second(EnergyDistance(nan, one)), "energy of infinity": second(EnergyDistance(one, []float64{math.Inf(1)})),
		"V": second(CramersV([]float64{-1}, one)), "G": second(GTest([]float64{-1}, one)),
	} {
		if !errors.Is(got, ErrValue) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, got := range map[string]error{"Cramér-von Mises": second(CramerVonMises(nil, one)), "Kuiper": second(Kuiper(one, nil)), "energy": second(EnergyDistance(nil, nil))} {
		if !errors.Is(got, ErrEmpty) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if v, err := CramersV(one, one); v != 0 || err != nil {
		t.Errorf("one bin: %v, %v", v, err)
	}
}

func ExampleCramerVonMises() {
	r, _ := CramerVonMises([]float64{1, 2, 3, 4}, []float64{5, 6, 7, 8})
	fmt.Printf("%.4f\n", r.Statistic)
	// Output: 0.6875
}

func ExampleKuiper() {
	r, _ := Kuiper([]float64{1, 2, 3, 4}, []float64{5, 6, 7, 8})
	fmt.Println(r.Statistic)
	// Output: 1
}

func ExampleEnergyDistance() {
	d, _ := EnergyDistance([]float64{0, 1}, []float64{0, 1})
	fmt.Println(d)
	// Output: 0
}

func ExampleGTest() {
	r, _ := GTest([]float64{50, 50}, []float64{50, 50})
	fmt.Println(r.Statistic, r.PValue)
	// Output: 0 1
}

func ExampleCramersV() {
	v, _ := CramersV([]float64{200, 800}, []float64{400, 600})
	fmt.Printf("%.2f\n", v)
	// Output: 0.22
}

// TestHugeCounts: counts whose squares are beyond a float64 are an error, never
// NaN or an infinity; large ones that are not give the figures of small ones.
func TestHugeCounts(t *testing.T) {
	for _, scale := range []float64{1e101, 1e160, 1e300} {
		a, b := []float64{scale, 2 * scale, 3 * scale}, []float64{3 * scale, 2 * scale, scale}
		_, chi := ChiSquareTest(a, b)
		_, g := GTest(a, b)
		_, v := CramersV(a, b)
		for name, err := range map[string]error{"chi-square": chi, "G": g, "Cramér's V": v} {
			if !errors.Is(err, ErrValue) {
				t.Errorf("%s at %v: %v", name, scale, err)
			}
		}
	}
	large, small := must(GTest([]float64{1e90, 2e90}, []float64{2e90, 1e90})), must(GTest([]float64{1, 2}, []float64{2, 1}))
	if near := large.Statistic / 1e90 / small.Statistic; math.Abs(near-1) > 1e-12 {
		t.Errorf("G at 1e90 is %v times that at 1", near)
	}
}
