package calibration_test

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib/calibration"
)

func ExampleEqualMass() {
	r, _ := calibration.EqualMass([]float64{.2, .4, .6, .8}, []bool{false, true, true, true}, 2)
	fmt.Printf("%.2f over %d bins\n", r.ECE, len(r.Bins))
	// Output: 0.25 over 2 bins
}

func ExampleACE() {
	e, _ := calibration.ACE([]float64{.2, .4, .6, .8}, []bool{false, true, true, true}, 2)
	fmt.Printf("%.2f\n", e)
	// Output: 0.25
}

func ExampleLogLoss() {
	l, _ := calibration.LogLoss([]float64{.9, .6}, []bool{true, false})
	fmt.Printf("%.4f\n", l)
	// Output: 0.5108
}

func ExampleIndex() {
	fmt.Println(calibration.Index(0, 10), calibration.Index(.1, 10), calibration.Index(.11, 10), calibration.Index(1, 10))
	// Output: 0 0 1 9
}
