package driftlib

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func ExampleAutocorrelationTime() {
	rng := rand.New(rand.NewPCG(1, 1))
	var x []float64 // every value four times: four rows say what one says
	for range 5000 {
		v := rng.NormFloat64()
		x = append(x, v, v, v, v)
	}
	fmt.Printf("%.0f\n", AutocorrelationTime(x))
	// Output: 4
}

func ExampleIndicatorAutocorrelationTimes() {
	rng := rand.New(rand.NewPCG(1, 1))
	var sequence []int // classes come in runs of three
	for range 5000 {
		c := rng.IntN(2)
		sequence = append(sequence, c, c, c)
	}
	tau, _ := IndicatorAutocorrelationTimes(sequence, 2)
	fmt.Printf("%.0f %.0f\n", tau[0], tau[1])
	// Output: 3 3
}

// plainTime is the definition, term by term.
func plainTime(x []float64) float64 {
	n := len(x)
	mean := 0.0
	for _, v := range x {
		mean += v / float64(n)
	}
	covariance := func(lag int) (s float64) {
		for i := lag; i < n; i++ {
			s += (x[i] - mean) * (x[i-lag] - mean) / float64(n)
		}
		return s
	}
	c0, sum := covariance(0), 0.0
	if c0 <= 0 {
		return 1
	}
	for m := 0; 2*m+1 < min(400, n/10); m++ {
		pair := (covariance(2*m) + covariance(2*m+1)) / c0
		if pair <= 0 {
			break
		}
		sum += pair
	}
	return max(2*sum-1, 1)
}

// TestAutocorrelationTimeIsItsDefinition: AR(1) series of every length parity.
func TestAutocorrelationTimeIsItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	for _, n := range []int{3, 4, 5, 40, 101, 1000, 1001} {
		for _, phi := range []float64{-.5, 0, .3, .9} {
			x := make([]float64, n)
			for i := 1; i < n; i++ {
				x[i] = phi*x[i-1] + rng.NormFloat64()
			}
			want := 1.0
			if n >= 4 {
				want = plainTime(x)
			}
			if got := AutocorrelationTime(x); math.Abs(got-want) > 1e-9*want {
				t.Errorf("n = %d, phi = %v: %v, want %v", n, phi, got, want)
			}
		}
	}
}

// TestIndicatorsAreTheirSeries: counted for all classes at once, or each as a
// series of its own.
func TestIndicatorsAreTheirSeries(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 2))
	for _, n := range []int{3, 50, 777, 2000} {
		sequence := make([]int, n)
		for i := 1; i < n; i++ {
			sequence[i] = sequence[i-1]
			if rng.Float64() < .3 {
				sequence[i] = rng.IntN(5)
			}
		}
		got, err := IndicatorAutocorrelationTimes(sequence, 6)
		if err != nil {
			t.Fatal(err)
		}
		for j := range got {
			x := make([]float64, n)
			for i, c := range sequence {
				if c == j {
					x[i] = 1
				}
			}
			if want := AutocorrelationTime(x); math.Abs(got[j]-want) > 1e-9*want {
				t.Errorf("n = %d, class %d: %v, want %v", n, j, got[j], want)
			}
		}
	}
	if _, err := IndicatorAutocorrelationTimes([]int{0, 6}, 6); !errors.Is(err, ErrValue) {
		t.Error(err)
	}
}
