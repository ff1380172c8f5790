package cbpe

import (
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/internal/vectors"
)

// TestVector: values of an independent implementation.
func TestVector(t *testing.T) {
	var in struct {
		Score       []float64
		Probability []float64 `json:"calibrated_probability"`
		Threshold   float64
	}
	want := map[string]float64{}
	vectors.Read(t, "detection.json", "cbpe_binary", &in, &want)
	e, err := Binary(in.Score, in.Probability, in.Threshold)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{"tp": e.TP, "fp": e.FP, "fn": e.FN, "tn": e.TN, "accuracy": e.Accuracy.Value, "precision": e.Precision.Value, "recall": e.Recall.Value, "f1": e.F1.Value, "roc_auc": e.ROCAUC.Value}
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			t.Errorf("no %s", name)
			continue
		}
		vectors.Near(t, name, g, w, 1e-9)
	}
}
