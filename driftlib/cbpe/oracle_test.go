package cbpe

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestAgainstNannyML: testdata/oracle.py runs its CBPE on the same scores.
func TestAgainstNannyML(t *testing.T) {
	data, err := os.ReadFile("testdata/oracle.json")
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		Source    string
		Threshold float64
		Reference struct {
			Score []float64
			Label []int
		}
		Analysis []float64
		Expected map[string]float64
	}
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	label := make([]bool, len(o.Reference.Label))
	for i, y := range o.Reference.Label {
		label[i] = y == 1
	}
	c, err := Fit(o.Reference.Score, label)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]float64, len(o.Analysis))
	for i, s := range o.Analysis {
		p[i] = c.At(s)
	}
	e, err := Binary(o.Analysis, p, o.Threshold)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{"accuracy": e.Accuracy.Value, "f1": e.F1.Value, "roc_auc": e.ROCAUC.Value, "precision": e.Precision.Value, "recall": e.Recall.Value}
	for name, want := range o.Expected {
		t.Logf("%s: %.12f, %s %.12f", name, got[name], o.Source, want)
		if math.Abs(got[name]-want) > 1e-8 { // its AUC differs by 3e-9, the others by 1e-16
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}
