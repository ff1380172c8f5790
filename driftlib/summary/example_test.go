package summary_test

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib/summary"
)

func ExampleImageNames() {
	fmt.Println(summary.ImageNames()[0])
	// Output: mean
}

func ExampleTextNames() {
	fmt.Println(summary.TextNames())
	// Output: [length entropy likelihood token_length non_ascii_ratio upper_ratio digit_ratio empty]
}

func ExampleFitTrigrams() {
	model := summary.FitTrigrams([]string{"the cat sat on the mat", "the dog sat on the cat"})
	fmt.Println(model.LogLikelihood("the cat") > model.LogLikelihood("tqz xkw"))
	// Output: true
}
