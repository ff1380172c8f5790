package cost

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestPairedDifference: the value and the interval of a hand-made case, and the
// ends.
func TestPairedDifference(t *testing.T) {
	m := PairedDifference(20, 6, 98)
	// p = 21/100, q = 7/100: 0.14 +- 1.96 sqrt((0.28 - 0.0196)/100)
	if math.Abs(m.Value-14./98) > 1e-12 || math.Abs(m.Lower-(.14-1.959963984540054*math.Sqrt(.2604/100))) > 1e-12 || m.N != 98 {
		t.Errorf("%v", m)
	}
	if m := PairedDifference(0, 0, 1000); m.Value != 0 || m.Lower >= 0 || m.Upper <= 0 || m.Upper > .005 {
		t.Errorf("no differences in 1000: %v", m)
	}
	for _, bad := range [][3]int{{0, 0, 0}, {-1, 0, 5}, {3, 3, 5}} {
		if m := PairedDifference(bad[0], bad[1], bad[2]); m.Defined() {
			t.Errorf("%v: %v", bad, m)
		}
	}
}

// TestPairedDifferenceCovers: 95 % intervals hold the truth in 93.5 % to 97.5 %
// of 2,000 draws, for small and large differences and few records.
func TestPairedDifferenceCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		a, b float64
		n    int
	}{{.02, .01, 400}, {.1, .02, 60}, {.05, .05, 200}} {
		held := 0
		for range 2000 {
			var a, b int
			for range c.n {
				switch u := r.Float64(); {
				case u < c.a:
					a++
				case u < c.a+c.b:
					b++
				}
			}
			if m := PairedDifference(a, b, c.n); m.Lower <= c.a-c.b && m.Upper >= c.a-c.b {
				held++
			}
		}
		if rate := float64(held) / 2000; rate < .935 || rate > .985 {
			t.Errorf("%+v: %v", c, rate)
		}
	}
}

func TestSavedShare(t *testing.T) {
	primary := []float64{10, 12, 9, 11, 10}
	candidate := make([]float64, len(primary))
	for i := range primary {
		candidate[i] = primary[i] * .25
	}
	if m := SavedShare(candidate, primary); math.Abs(m.Value-.75) > 1e-12 || math.Abs(m.Upper-m.Lower) > 1e-9 || m.N != 5 {
		t.Errorf("%v", m)
	}
	if m := SavedShare([]float64{1, 0}, []float64{2, 2}); m.Defined() {
		t.Errorf("%v", m)
	}
}
