package alerts

import (
	"flag"
	"testing"
)

var update = flag.Bool("update", false, "write the generated files anew")

// TestGenerated: what is committed is what is generated from the default.
func TestGenerated(t *testing.T) {
	o, err := Generate(mustLoad(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := o.Write("generated"); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Diff("generated"); err != nil {
		t.Errorf("%v; run go test ./alerts -update", err)
	}
}
