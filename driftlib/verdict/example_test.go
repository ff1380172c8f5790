package verdict_test

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib/verdict"
)

func ExampleAdjust() {
	results := []verdict.Result{
		{Name: "age", PValue: .001, Reference: 1000, Current: 500},
		{Name: "income", PValue: .03, Reference: 1000, Current: 500},
		{Name: "city", PValue: .4, Reference: 1000, Current: 12},
	}
	results[0].PSI.Adjusted, results[1].PSI.Adjusted = .08, .2
	verdict.Adjust(results, verdict.Defaults())
	for _, r := range results {
		fmt.Printf("%s: %s, adjusted p %.3f\n", r.Name, r.Verdict, r.Adjusted)
	}
	// Output:
	// age: drift, adjusted p 0.003
	// income: no_drift, adjusted p 0.060
	// city: insufficient_data, adjusted p 0.400
}
