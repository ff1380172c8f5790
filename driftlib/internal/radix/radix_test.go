package radix

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func values(n int, rng *rand.Rand) []float64 {
	special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 5e-324, -5e-324, 1, -1}
	out := make([]float64, n)
	for i := range out {
		switch rng.IntN(4) {
		case 0:
			out[i] = special[rng.IntN(len(special))]
		case 1:
			out[i] = math.Float64frombits(rng.Uint64())
			if math.IsNaN(out[i]) {
				out[i] = 3
			}
		default:
			out[i] = rng.NormFloat64()
		}
	}
	return out
}

func TestSortsLikeSlices(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 399, 400, 401, 5000, 70000} {
		x := values(n, rng)
		want := slices.Clone(x)
		slices.Sort(want)
		Float64s(x, nil)
		if !slices.Equal(x, want) {
			t.Errorf("float64, n = %d: wrong order", n)
		}
		y := make([]float32, n)
		for i := range y {
			y[i] = float32(want[(i*7919)%max(n, 1)])
		}
		want32 := slices.Clone(y)
		slices.Sort(want32)
		Float32s(y, make([]float32, n))
		if !slices.Equal(y, want32) {
			t.Errorf("float32, n = %d: wrong order", n)
		}
	}
}

// TestCrowdedValues: values that differ in the lower half of their keys alone
// are sorted by all of it.
func TestCrowdedValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	for _, spread := range []float64{1e-12, 1e-6, 1e-3, 1} {
		x := make([]float64, 20_000)
		for i := range x {
			x[i] = 1.7e9 * (1 + spread*rng.Float64())
		}
		want := slices.Clone(x)
		slices.Sort(want)
		Float64s(x, nil)
		if !slices.Equal(x, want) {
			t.Errorf("spread %v: wrong order", spread)
		}
	}
}

func TestConstantInput(t *testing.T) {
	x := make([]float64, 1000)
	for i := range x {
		x[i] = -7.5
	}
	Float64s(x, nil)
	if x[0] != -7.5 || x[999] != -7.5 {
		t.Error("constants changed")
	}
}

func BenchmarkFloat64s(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	from := make([]float64, 100_000)
	for i := range from {
		from[i] = rng.NormFloat64()
	}
	x, tmp := make([]float64, len(from)), make([]float64, len(from))
	b.Run("radix", func(b *testing.B) {
		for b.Loop() {
			copy(x, from)
			Float64s(x, tmp)
		}
	})
	b.Run("slices", func(b *testing.B) {
		for b.Loop() {
			copy(x, from)
			slices.Sort(x)
		}
	})
}
