package summary

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib"
)

func ExampleWide() {
	w, _ := NewWide([][]float32{{1, 0}, {2, 0}, {3, 0}, {4, 0}})
	m := w.NewRankMoments()
	_ = w.Add(m, []float32{9, 0}) // above all, and as always
	fmt.Println(m.First, m.N)
	// Output: [0.5 0] 1
}

func vectors(r *rand.Rand, n, width int, value func(k int, z float64) float64) [][]float32 {
	out := make([][]float32, n)
	for i := range out {
		out[i] = make([]float32, width)
		for k := range out[i] {
			out[i][k] = float32(value(k, r.NormFloat64()))
		}
	}
	return out
}

// TestWideSees: shifts and changes of scale of single elements out of 1,000,
// and quiet ones, also where most values are 0 or all of them the same.
func TestWideSees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const width = 1000
	kind := func(k int, z float64) float64 {
		switch k % 4 {
		case 1:
			return max(z, 0) // as after a rectifier
		case 2:
			return 3
		case 3:
			return math.Exp(2 * z)
		}
		return z
	}
	w, err := NewWide(vectors(r, 2000, width, kind))
	if err != nil {
		t.Fatal(err)
	}
	m, half := w.NewRankMoments(), w.NewRankMoments()
	for i, row := range vectors(r, 500, width, func(k int, z float64) float64 {
		switch k {
		case 0:
			z += .5
		case 4:
			z *= 1.5
		case 5:
			z += .5
		case 6:
			return 3.1
		case 7:
			z -= .5
		}
		return kind(k, z)
	}) {
		to := m
		if i%2 == 0 {
			to = half
		}
		if err := w.Add(to, row); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Merge(half); err != nil || m.N != 500 {
		t.Fatal(err, m.N)
	}
	small, changed := 0, map[int]bool{0: true, 4: true, 5: true, 6: true, 7: true}
	for k, p := range w.PValues(m) {
		switch {
		case changed[k]:
			if !(p < 1e-6) {
				t.Errorf("element %d has changed, p is %v", k, p)
			}
		case k%4 == 2:
			if p != 1 {
				t.Errorf("element %d is constant, p is %v", k, p)
			}
		case p < .01:
			small++
		}
	}
	if small > 18 { // of 745: 7.5 +- 2.7
		t.Errorf("%d of 745 elements that have not changed are below 0.01", small)
	}
}

func TestWideRefuses(t *testing.T) {
	if _, err := NewWide([][]float32{{1}}); !errors.Is(err, driftlib.ErrLength) {
		t.Error(err)
	}
	if _, err := NewWide([][]float32{{1}, {1, 2}}); !errors.Is(err, ErrWidth) {
		t.Error(err)
	}
	if _, err := NewWide([][]float32{{}, {}}); !errors.Is(err, ErrWidth) {
		t.Error(err)
	}
	nan := float32(math.NaN())
	w, err := NewWide([][]float32{{nan, 1}, {nan, 2}})
	if err != nil {
		t.Fatal(err)
	}
	m := w.NewRankMoments()
	if err := w.Add(m, []float32{1}); !errors.Is(err, ErrWidth) {
		t.Error(err)
	}
	if err := w.Add(m, []float32{5, nan}); err != nil || !reflect.DeepEqual(m.First, []float64{0, -.5}) {
		t.Errorf("%v, %v", err, m.First)
	}
	if err := m.Merge(&RankMoments{}); !errors.Is(err, ErrWidth) {
		t.Error(err)
	}
}
