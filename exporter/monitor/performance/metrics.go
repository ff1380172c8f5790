package performance

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// MinOutcomes is the fewest labelled predictions that metrics are said of.
const MinOutcomes = 30

// Options say how outcomes are read.
type Options struct {
	// Classes are the names by index of the scores.
	Classes []string
	// Positive is the class that precision, recall and AUC are of where there
	// are two.
	Positive string
}

// Metrics are all metrics that the outcomes allow, by name. Those that are
// undefined are there, with the reason.
func Metrics(list []*Outcome, o Options) map[string]result.Metric {
	var classes, numbers, labels, images []*Outcome
	for _, x := range list {
		switch x.Kind() {
		case Class:
			classes = append(classes, x)
		case Number:
			numbers = append(numbers, x)
		case MultiLabel:
			labels = append(labels, x)
		case Boxes:
			images = append(images, x)
		}
	}
	m := metrics{}
	switch {
	case len(images) > 0:
		m.detection(images)
	case len(labels) > 0:
		m.multiLabel(labels)
	case len(classes) > 0:
		m.classification(classes, o)
	case len(numbers) > 0:
		m.regression(numbers)
	}
	m.figures(list)
	return m
}

type metrics map[string]result.Metric

func (m metrics) set(name string, v performance.Metric) {
	if !v.Defined() {
		m[name] = result.Metric{Undefined: v.Undefined}
		return
	}
	out := result.Metric{N: v.N}
	out.Value, out.Lower, out.Upper = result.Known(v.Value), result.Known(v.Lower), result.Known(v.Upper)
	if out.Value == nil {
		out = result.Metric{Undefined: "not a finite number"}
	}
	m[name] = out
}

// try sets a metric, or why its input does not allow it.
func (m metrics) try(name string, v performance.Metric, err error) {
	if err != nil {
		v = performance.Metric{Undefined: err.Error()}
	}
	m.set(name, v)
}

func (m metrics) classification(list []*Outcome, o Options) {
	c, err := performance.NewConfusion()
	if err != nil {
		return // cannot be: no labels were given
	}
	weighted, even := 0.0, true
	var weights, squares float64
	for _, x := range list {
		if err := c.Observe(x.Actual, x.Predicted); err != nil {
			m["accuracy"] = result.Metric{Undefined: err.Error()}
			return
		}
		weights += x.Weight
		squares += x.Weight * x.Weight
		even = even && x.Weight == 1
		if x.Correct() {
			weighted += x.Weight
		}
	}
	m.set("accuracy", c.Accuracy())
	if !even {
		m.set("weighted_accuracy", weightedShare(weighted, weights, squares))
	}
	m.set("balanced_accuracy", c.BalancedAccuracy())
	m.set("macro_precision", c.AveragePrecisionOfLabels(performance.Macro))
	m.set("macro_recall", c.AverageRecall(performance.Macro))
	m.set("macro_f1", c.AverageF1(performance.Macro))
	m.set("weighted_f1", c.AverageF1(performance.Weighted))
	m.set("mcc", c.MCC())
	m.set("kappa", c.Kappa())
	if p, ok := positive(c.Labels(), o); ok {
		m.set("precision", c.Precision(p))
		m.set("recall", c.Recall(p))
		m.set("specificity", c.Specificity(p))
		m.set("f1", c.F1(p))
		m.binary(list, p, o)
	}
	m.scored(list, o)
}

// weightedShare is a share of unequal weights with the Wilson interval at
// Kish's effective number, (sum w)² / sum w².
func weightedShare(right, all, squares float64) performance.Metric {
	if all <= 0 {
		return performance.Metric{Undefined: "all weights are 0"}
	}
	n := all * all / squares
	p, err := performance.Proportion(int(math.Round(right/all*n)), int(math.Round(n)))
	if err != nil {
		return performance.Metric{Undefined: err.Error()}
	}
	p.Value = right / all
	return p
}

// positive is the class that a binary classifier looks for: the one that was
// configured, else the second of two by index, else by name.
func positive(seen []string, o Options) (string, bool) {
	names := o.Classes
	if len(names) != 2 {
		names = slices.Clone(seen)
		slices.Sort(names)
	}
	switch {
	case len(names) > 2 || len(seen) > 2:
		return "", false
	case o.Positive != "":
		return o.Positive, true
	case len(names) == 2:
		return names[1], true
	case len(names) == 1 && (names[0] == "0" || names[0] == "1"):
		return "1", true // only one class so far
	}
	return "", false
}

func index(classes []string, class string) int { return slices.Index(classes, class) }

func (m metrics) binary(list []*Outcome, class string, o Options) {
	at := index(o.Classes, class)
	var score []float64
	var truth []bool
	for _, x := range list {
		if at >= 0 && at < len(x.Scores) {
			score, truth = append(score, float64(x.Scores[at])), append(truth, x.Actual == class)
		}
	}
	if len(score) == 0 {
		return
	}
	v, err := performance.ROCAUC(score, truth)
	m.try("roc_auc", v, err)
	v, err = performance.AveragePrecision(score, truth)
	m.try("average_precision", v, err)
	v, err = performance.Brier(score, truth)
	m.try("brier", v, err)
}

// scored are the metrics of all classes' probabilities.
func (m metrics) scored(list []*Outcome, o Options) {
	var rows [][]float64
	var actual []int
	var likelihood []float64
	for _, x := range list {
		at := index(o.Classes, x.Actual)
		if at < 0 || at >= len(x.Scores) {
			continue
		}
		row := make([]float64, len(x.Scores))
		for i, s := range x.Scores {
			row[i] = float64(s)
		}
		rows, actual, likelihood = append(rows, row), append(actual, at), append(likelihood, row[at])
	}
	if len(rows) == 0 {
		return
	}
	v, err := performance.LogLoss(likelihood)
	m.try("log_loss", v, err)
	if len(rows[0]) > 2 && even(rows) {
		v, err = performance.BrierMulticlass(rows, actual)
		m.try("brier", v, err)
		if len(rows[0]) > 3 {
			v, err = performance.TopK(rows, actual, 3)
			m.try("top_3_accuracy", v, err)
		}
	}
}

func even(rows [][]float64) bool {
	for _, r := range rows {
		if len(r) != len(rows[0]) {
			return false
		}
	}
	return true
}

func (m metrics) regression(list []*Outcome) {
	actual, predicted := make([]float64, len(list)), make([]float64, len(list))
	for i, x := range list {
		actual[i], predicted[i] = x.ActualValue, x.Value
	}
	r, err := performance.Regress(actual, predicted)
	for name, v := range map[string]performance.Metric{"mae": r.MAE, "rmse": r.RMSE, "mape": r.MAPE, "median_ae": r.MedianAE, "bias": r.Bias, "r2": r.R2} {
		m.try(name, v, err)
	}
}

// detection: precision, recall and F1 of boxes, and COCO's average precision.
func (m metrics) detection(list []*Outcome) {
	images := make([]performance.Image, len(list))
	for i, x := range list {
		images[i] = performance.Image{Found: x.Found, Objects: x.Objects}
	}
	d, err := performance.Detect(images)
	for name, v := range map[string]performance.Metric{"precision": d.Precision, "recall": d.Recall, "f1": d.F1, "map_50": d.AP50, "map_50_95": d.AP} {
		m.try(name, v, err)
	}
}

// multiLabel: subset accuracy, Hamming loss, and precision, recall and F1 over
// all labels together (micro) and averaged over labels (macro).
func (m metrics) multiLabel(list []*Outcome) {
	exact := 0
	names := map[string]bool{}
	for _, x := range list {
		if x.Correct() {
			exact++
		}
		for _, l := range append(slices.Clone(x.Classes), x.ActualLabels...) {
			names[l] = true
		}
	}
	v, err := performance.Proportion(exact, len(list))
	m.try("subset_accuracy", v, err)
	if len(names) == 0 || len(names) > performance.MaxLabels {
		return
	}
	all, _ := performance.NewConfusion("yes", "no") // two labels always fit
	var f1, recall, precision []float64
	wrong := make([]float64, len(list))
	for name := range names {
		one, _ := performance.NewConfusion("yes", "no")
		for i, x := range list {
			a, p := word(slices.Contains(x.ActualLabels, name)), word(slices.Contains(x.Classes, name))
			_ = one.Observe(a, p)
			if a != p {
				wrong[i] += 1 / float64(len(names))
			}
		}
		_ = all.Merge(one)
		for _, q := range []struct {
			to *[]float64
			v  performance.Metric
		}{{&f1, one.F1("yes")}, {&recall, one.Recall("yes")}, {&precision, one.Precision("yes")}} {
			if q.v.Defined() {
				*q.to = append(*q.to, q.v.Value)
			} else {
				*q.to = append(*q.to, 0) // as scikit-learn's zero_division=0
			}
		}
	}
	v, err = performance.Mean(wrong)
	m.try("hamming_loss", v, err)
	m.set("micro_precision", all.Precision("yes"))
	m.set("micro_recall", all.Recall("yes"))
	m.set("micro_f1", all.F1("yes"))
	for name, values := range map[string][]float64{"macro_f1": f1, "macro_recall": recall, "macro_precision": precision} {
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		mean := sum / float64(len(values))
		m[name] = result.Metric{Value: &mean, N: len(list)}
	}
}

func word(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// figures are the means of the business figures.
func (m metrics) figures(list []*Outcome) {
	values := map[string][]float64{}
	for _, x := range list {
		for k, v := range x.KPI {
			values[k] = append(values[k], v)
		}
	}
	names := make([]string, 0, len(values))
	for k := range values {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(values[b]), len(values[a])), cmp.Compare(a, b))
	})
	const most = 16
	for _, k := range names[:min(len(names), most)] {
		v, err := performance.Mean(values[k])
		m.try("kpi_"+k, v, err)
	}
}

// Few says that there are too few outcomes for metrics; empty where not.
func Few(n int) string {
	if n >= MinOutcomes {
		return ""
	}
	return fmt.Sprintf("fewer than %d labelled predictions", MinOutcomes)
}
