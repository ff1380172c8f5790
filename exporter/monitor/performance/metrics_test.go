package performance

import (
	"math"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

func close(t *testing.T, m map[string]result.Metric, name string, want float64) {
	t.Helper()
	if v := m[name].Value; v == nil || math.Abs(*v-want) > 1e-9 {
		t.Errorf("%s: %+v, want %v", name, m[name], want)
	}
}

func binary(actual, predicted string, p float32) *Outcome {
	o := &Outcome{Predicted: predicted, Value: math.NaN(), Confidence: math.Max(float64(p), 1-float64(p)), Scores: []float32{1 - p, p}, At: time.Unix(0, 0)}
	o.Label(&record.Label{Class: actual})
	return o
}

// TestBinary: scikit-learn 1.5 on y = 0 0 1 1, score = .1 .4 .35 .8, the
// example of its documentation: AUC 0.75, average precision 0.8333.
func TestBinary(t *testing.T) {
	var list []*Outcome
	for _, x := range []struct {
		y string
		s float32
	}{{"0", .125}, {"0", .4375}, {"1", .375}, {"1", .8125}} {
		predicted := "0"
		if x.s >= .5 {
			predicted = "1"
		}
		list = append(list, binary(x.y, predicted, x.s))
	}
	m := Metrics(list, Options{Classes: []string{"0", "1"}})
	close(t, m, "roc_auc", .75)
	close(t, m, "average_precision", 5./6)
	close(t, m, "accuracy", .75)
	close(t, m, "precision", 1)
	close(t, m, "recall", .5)
	close(t, m, "f1", 2./3)
	close(t, m, "balanced_accuracy", .75)
	close(t, m, "log_loss", -(math.Log(.875)+math.Log(.5625)+math.Log(.375)+math.Log(.8125))/4)
	close(t, m, "brier", (.125*.125+.4375*.4375+.625*.625+.1875*.1875)/4)
	other := Metrics(list, Options{Classes: []string{"0", "1"}, Positive: "0"})
	close(t, other, "recall", 1)
	close(t, other, "precision", 2./3)
}

// TestNoPositivePrediction: undefined stays undefined, with the reason.
func TestNoPositivePrediction(t *testing.T) {
	list := []*Outcome{binary("0", "0", .1), binary("1", "0", .2), binary("0", "0", .3)}
	m := Metrics(list, Options{Classes: []string{"0", "1"}})
	if p := m["precision"]; p.Value != nil || p.Undefined != "no positive predictions" {
		t.Errorf("precision %+v", p)
	}
	if p := m["mcc"]; p.Value != nil || p.Undefined == "" {
		t.Errorf("mcc %+v", p)
	}
	close(t, m, "recall", 0)
	one := Metrics(list[:1], Options{Classes: []string{"0", "1"}})
	if p := one["roc_auc"]; p.Value != nil || p.Undefined == "" {
		t.Errorf("AUC of one class: %+v", p)
	}
}

func TestRegressionAndFigures(t *testing.T) {
	var list []*Outcome
	for i, y := range []float64{3, -.5, 2, 7} { // scikit-learn's example: R² 0.9486, MAE 0.5, MSE 0.375
		o := &Outcome{Value: []float64{2.5, 0, 2, 8}[i], Confidence: math.NaN()}
		o.Label(&record.Label{Value: &y, KPI: map[string]float64{"revenue": float64(i)}})
		list = append(list, o)
	}
	m := Metrics(list, Options{})
	close(t, m, "mae", .5)
	close(t, m, "rmse", math.Sqrt(.375))
	close(t, m, "r2", 1-1.5/29.1875)
	close(t, m, "kpi_revenue", 1.5)
}

// TestMultiLabel: two rows of three labels, 1 0 1 / 0 1 0 in truth, 1 1 1 / 0
// 1 0 predicted: one of six is wrong.
func TestMultiLabel(t *testing.T) {
	row := func(predicted, actual []string) *Outcome {
		o := &Outcome{Multi: true, Classes: predicted, Value: math.NaN()}
		o.Label(&record.Label{Classes: actual})
		return o
	}
	m := Metrics([]*Outcome{row([]string{"a", "b", "c"}, []string{"a", "c"}), row([]string{"b"}, []string{"b"})}, Options{})
	close(t, m, "subset_accuracy", .5)
	close(t, m, "hamming_loss", 1./6)
	close(t, m, "micro_precision", .75)
	close(t, m, "micro_recall", 1)
	close(t, m, "macro_precision", (1+.5+1)/3.)
	close(t, m, "macro_f1", (1+2./3+1)/3)
	none := row([]string{}, []string{})
	if none.Kind() != MultiLabel || !none.Correct() {
		t.Error("no label at all is an answer too")
	}
}

func TestWeights(t *testing.T) {
	right, wrong := binary("1", "1", .9), binary("1", "0", .1)
	right.Weight = 3
	m := Metrics([]*Outcome{right, wrong}, Options{})
	close(t, m, "accuracy", .5)
	close(t, m, "weighted_accuracy", .75)
}
