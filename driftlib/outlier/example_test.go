package outlier_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/gnomon-dev/gnomon/driftlib/outlier"
)

func ExampleFit() {
	rng := rand.New(rand.NewPCG(1, 1))
	var rows [][]float64
	for range 400 {
		x := rng.NormFloat64()
		rows = append(rows, []float64{x, x + .1*rng.NormFloat64()}) // the two go together
	}
	d, _ := outlier.Fit(rows)
	for _, row := range [][]float64{{1, 1}, {1, -1}} {
		distance, _ := d.Distance(make([]float64, d.Features()), row)
		fmt.Printf("%v: p = %.3f\n", row, d.PValue(distance))
	}
	// Output:
	// [1 1]: p = 0.443
	// [1 -1]: p = 0.005
}
