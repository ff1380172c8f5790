package summary

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func ExampleImage() {
	s := Image(nil, []float32{0, 0, 0, 1}, 1, 2, 2)
	for i, name := range ImageNames() {
		fmt.Printf("%s %.3f\n", name, s[i])
	}
	// Output:
	// mean 0.250
	// std 0.433
	// zero_ratio 0.750
	// max_ratio 0.250
	// sharpness 2.828
	// border_mean 0.250
}

func TestImageSpecialCases(t *testing.T) {
	for _, v := range Image(nil, nil, 0, 0, 0) {
		if !math.IsNaN(v) {
			t.Errorf("empty image: %v", v)
		}
	}
	if s := Image(nil, []float32{2, 2, 2, 2}, 1, 2, 2); s[1] != 0 || s[4] != 0 || s[3] != 1 {
		t.Errorf("constant image: %v", s)
	}
	if s := Image(nil, []float32{1, float32(math.NaN()), 1, 1}, 1, 2, 2); !math.IsNaN(s[0]) || !math.IsNaN(s[4]) {
		t.Errorf("NaN among the pixels: %v", s)
	}
}

// TestSharpnessIsFreeOfScale: contrast changes std, not sharpness.
func TestSharpnessIsFreeOfScale(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	a, b := make([]float32, 192), make([]float32, 192)
	for i := range a {
		a[i] = rng.Float32()
		b[i] = 3 * a[i]
	}
	x, y := Image(nil, a, 3, 8, 8), Image(nil, b, 3, 8, 8)
	if math.Abs(x[4]-y[4]) > 1e-6 || math.Abs(3*x[1]-y[1]) > 1e-6 {
		t.Errorf("%v and %v", x, y)
	}
}
