package convention_test

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib/convention"
)

func ExampleCompare() {
	var reference, current convention.Column
	for i := range 200 {
		reference.Numbers = append(reference.Numbers, float64(i%40)/10)
		current.Numbers = append(current.Numbers, float64(i%40)/10+1)
	}
	for _, tool := range []string{"evidently", "alibi"} {
		r, _ := convention.Compare(tool, reference, current, 1)
		fmt.Printf("%s: %s %.2g, drifted %v\n", tool, r.Test, r.Score, r.Drifted)
	}
	// Output:
	// evidently: K-S p_value 6.7e-06, drifted true
	// alibi: K-S p-value 5.4e-06, drifted true
}

func ExampleDataset() {
	drifted, _ := convention.Dataset("evidently", 2, 10)
	fmt.Println(drifted)
	// Output: false
}

func ExampleNames() {
	fmt.Println(convention.Names())
	// Output: [evidently nannyml whylogs alibi tfdv deepchecks]
}
