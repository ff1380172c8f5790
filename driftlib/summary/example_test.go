package summary_test

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib/summary"
)

func ExampleImageNames() {
	fmt.Println(summary.ImageNames()[0])
	// Output: mean
}
