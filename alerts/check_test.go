package alerts

import (
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/alerts/exposition"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// TestMissing: file, line, reason and fix of a metric that nothing exports.
func TestMissing(t *testing.T) {
	exported, err := exposition.Load("../exporter/metrics/testdata/exposition.txt")
	if err != nil {
		t.Fatal(err)
	}
	f, err := spec.Parse("slo.yaml", []byte(`slos:
  - {name: accuracy, kind: accuracy, objective: 90}
  - {name: price, kind: cost, objective: 95}
  - {name: own, kind: threshold, objective: 99, threshold: "1", op: lt, query: "max by (model, model_version) (gnomon_brier_scores)"}
`))
	if err != nil {
		t.Fatal(err)
	}
	err = f.Missing("slo.yaml", exported)
	if err == nil {
		t.Fatal("nothing is missing")
	}
	for _, want := range []string{
		"slo.yaml:3: slos[1] price: reads gnomon_cost_total, which is not in the exposition; fix: give the sidecar a price",
		"slo.yaml:4: slos[2] own: reads gnomon_brier_scores, which is not in the exposition; fix: correct the name (gnomon_brier_score is the nearest)",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "accuracy") {
		t.Errorf("accuracy is there: %v", err)
	}
	quiet, err := QuietAlerts(f, exported)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, q := range quiet {
		names[q.Alert] = true
	}
	if !names["GPUOOM"] || names["FeatureDrift"] {
		t.Errorf("%v", quiet)
	}
}
