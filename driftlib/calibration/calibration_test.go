package calibration

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func ExampleEqualWidth() {
	r, _ := EqualWidth([]float64{.9, .9, .9, .6}, []bool{true, true, false, true}, 2)
	fmt.Printf("ECE %.3f\n", r.ECE)
	// Output: ECE 0.075
}

func ExampleBrier() {
	b, _ := Brier([]float64{.9, .6}, []bool{true, false})
	fmt.Printf("%.3f\n", b)
	// Output: 0.185
}

// splitmix is the generator of the shared vector.
func splitmix(seed uint64) func() float64 {
	return func() float64 {
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		return float64(z>>11) * 0x1p-53
	}
}

// TestFamilyVector: expected values of an independent implementation in double
// precision: 300 predictions, 15 equal-width bins.
func TestFamilyVector(t *testing.T) {
	theta := splitmix(77)
	var c []float64
	var y []bool
	for range 300 {
		a, b := theta(), theta()
		c, y = append(c, .5+.5*a), append(y, b < .5+.4*a)
	}
	r, err := EqualWidth(c, y, 15)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct{ got, want float64 }{
		{r.ECE, 0.06566596105099022}, {r.Expected, 0.05123802406822492}, {r.Debiased, 0.04106925042332972},
		{r.Z, 0.9980587608654863}, {r.SquaredL2, 0.0009418124522061289},
	} {
		if math.Abs(v.got-v.want) > 1e-9 {
			t.Errorf("%.15g, want %.15g", v.got, v.want)
		}
	}
}

// TestZUnderCalibration: a calibrated model is called miscalibrated in about
// one sample in twenty.
func TestZUnderCalibration(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	alarms := 0
	const runs = 400
	for range runs {
		c, y := make([]float64, 1000), make([]bool, 1000)
		for i := range c {
			c[i] = .5 + rng.Float64()/2
			y[i] = rng.Float64() < c[i]
		}
		if r, _ := EqualWidth(c, y, 15); r.Z > 1.645 {
			alarms++
		}
	}
	if share := float64(alarms) / runs; share > .09 || share < .02 {
		t.Errorf("called miscalibrated in %.3f of calibrated samples", share)
	}
}

func TestEqualMassHoldsAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + rng.IntN(60)
		c, y := make([]float64, n), make([]bool, n)
		for i := range c {
			c[i] = float64(rng.IntN(8)) / 7
			y[i] = rng.IntN(2) == 0
		}
		r, err := EqualMass(c, y, 15)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, b := range r.Bins {
			sum += b.Count
			if b.Count == 0 {
				t.Error("empty bin")
			}
		}
		if sum != n || r.ECE < 0 || r.ECE > 1 || r.MCE < r.ECE-1e-12 {
			t.Errorf("%d of %d predictions, ECE %v, MCE %v", sum, n, r.ECE, r.MCE)
		}
	}
}

func TestBadInput(t *testing.T) {
	if _, err := EqualWidth(nil, nil, 15); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
	if _, err := EqualMass([]float64{.5}, nil, 15); !errors.Is(err, ErrLength) {
		t.Error(err)
	}
	if _, err := Brier([]float64{math.NaN()}, []bool{true}); !errors.Is(err, ErrConfidence) {
		t.Error(err)
	}
	if _, err := EqualWidth([]float64{1.5}, []bool{true}, 15); !errors.Is(err, ErrConfidence) {
		t.Error(err)
	}
	if _, err := EqualWidth([]float64{.5}, []bool{true}, 0); !errors.Is(err, ErrLength) {
		t.Error(err)
	}
}
