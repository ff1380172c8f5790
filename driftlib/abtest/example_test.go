package abtest_test

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib/abtest"
)

func ExampleMcNemar() {
	r, _ := abtest.McNemar(8, 17, 200) // of 200 requests, A alone got 8 right, B alone 17
	fmt.Printf("%+.3f [%.3f, %.3f], p = %.3f\n", r.Effect, r.Lower, r.Upper, r.PValue)
	// Output: +0.045 [-0.004, 0.094], p = 0.108
}

func ExampleWelch() {
	r, _ := abtest.Welch([]float64{12, 15, 11, 14, 13}, []float64{16, 18, 15, 17, 19})
	fmt.Printf("%+.1f [%.2f, %.2f], p = %.4f\n", r.Effect, r.Lower, r.Upper, r.PValue)
	// Output: +4.0 [1.69, 6.31], p = 0.0039
}

func ExampleMannWhitney() {
	r, _ := abtest.MannWhitney([]float64{1, 2, 3, 4, 5}, []float64{4, 6, 7, 8, 9})
	fmt.Printf("U = %.1f, p = %.3f, P(y > x) = %.2f\n", r.Statistic, r.PValue, r.Effect+.5)
	// Output: U = 1.5, p = 0.028, P(y > x) = 0.94
}

func ExampleSampleRatioMismatch() {
	r, _ := abtest.SampleRatioMismatch([]int{5200, 4800}, []float64{1, 1})
	fmt.Printf("p = %.5f\n", r.PValue) // below 0.001: the split is broken
	// Output: p = 0.00006
}

func ExampleCUPED() {
	_, reduction, _ := abtest.CUPED([]float64{10, 12, 15, 19}, []float64{1, 2, 3, 5})
	fmt.Printf("%.3f of the variance is gone\n", reduction)
	// Output: 0.994 of the variance is gone
}

func ExampleAnytimeMcNemar() {
	p, _ := abtest.AnytimeMcNemar(10, 30) // looked at after every request
	fmt.Printf("%.4f\n", p)
	// Output: 0.0427
}

func ExampleShare() {
	lower, upper, _ := abtest.Share(90, 100, .05)
	fmt.Printf("%.3f to %.3f\n", lower, upper)
	// Output: 0.772 to 0.971
}

func ExampleSequence() {
	r, _ := abtest.Sequence{}.TwoProportions(450, 5000, 600, 5000)
	fmt.Printf("%+.3f [%.3f, %.3f], p = %.5f at any time\n", r.Effect, r.Lower, r.Upper, r.PValue)
	// Output: +0.030 [0.011, 0.049], p = 0.00005 at any time
}
