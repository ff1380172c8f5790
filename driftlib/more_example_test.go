package driftlib_test

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib"
)

func ExampleJSDistanceNats() {
	d, _ := driftlib.JSDistanceNats([]float64{50, 50, 0}, []float64{40, 40, 20})
	fmt.Printf("%.4f\n", d) // Evidently's base
	// Output: 0.2736
}

func ExampleKSExactPValue() {
	fmt.Printf("%.4f\n", driftlib.KSExactPValue(.5, 10, 10))
	// Output: 0.1678
}

func ExampleKSAsymptoticPValue() {
	fmt.Printf("%.4f\n", driftlib.KSAsymptoticPValue(.05, 2000, 2000)) // n may be what rows count as
	// Output: 0.0130
}

func ExampleKSStatisticSorted() {
	fmt.Println(driftlib.KSStatisticSorted([]float32{1, 2, 3, 4}, []float32{3, 4, 5, 6}))
	// Output: 0.5
}

func ExampleKolmogorovSmirnovSorted() {
	r, _ := driftlib.KolmogorovSmirnovSorted([]float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10})
	fmt.Printf("%.1f, p = %.4f\n", r.D, r.PValue)
	// Output: 1.0, p = 0.0079
}

func ExamplePoolSmall() {
	reference, current := driftlib.PoolSmall([]float64{100, 90, 3, 2}, []float64{95, 80, 2, 4}, 5)
	fmt.Println(reference, current)
	// Output: [100 90 5] [95 80 6]
}

func ExampleWassersteinSorted() {
	fmt.Println(driftlib.WassersteinSorted([]float64{0, 1, 3}, []float64{5, 6, 8}))
	// Output: 5
}
