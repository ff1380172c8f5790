package labels

import (
	"fmt"
	"math"

	"github.com/gnomon-dev/gnomon/driftlib/cbpe"
	"github.com/gnomon-dev/gnomon/exporter/monitor/performance"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

const (
	minReference = 200 // labelled reference rows to calibrate on
	minPredicted = 100
	// fallenBy is how far the estimate's upper end must be below the
	// reference's accuracy to say that accuracy is expected to have fallen.
	fallenBy = .02
	// voidSigma is the error of the estimate, in its standard deviations, at
	// which it is called void.
	voidSigma = 4
)

// estimate is the performance that the confidence of the latest predictions
// promises, whether or not they are labelled; nil without a labelled
// reference.
func (v *view) estimate() *result.Estimate {
	r := v.ref
	if r == nil || r.Calibrator == nil {
		return nil
	}
	e := &result.Estimate{N: len(v.recent), Reference: r.Rows, Baseline: &r.Accuracy}
	if len(v.recent) < minPredicted {
		e.Accuracy.Undefined = fmt.Sprintf("fewer than %d predictions with a confidence", minPredicted)
		return e
	}
	p := make([]float64, len(v.recent))
	outside := 0
	for i, s := range v.recent {
		p[i] = r.Calibrator.At(s.confidence)
		if s.confidence < r.Lowest || s.confidence > r.Highest {
			outside++
		}
	}
	mean, sigma := promise(p, r.Rows)
	e.Accuracy = interval(mean, sigma, len(p))
	e.Fallen = mean+1.96*sigma < r.Accuracy-fallenBy
	v.binary(e)
	v.realised(e)
	v.conditions(e, float64(outside)/float64(len(v.recent)))
	return e
}

// promise is the mean of calibrated probabilities, and the standard deviation
// of what it leaves open: the labels' own, sum p (1 - p) / n², and that of the
// calibration on so many reference rows, mean p (1 - p) / rows.
func promise(p []float64, rows int) (mean, sigma float64) {
	own := 0.0
	for _, q := range p {
		mean += q
		own += q * (1 - q)
	}
	n := float64(len(p))
	return mean / n, math.Sqrt(own/(n*n) + own/n/float64(max(rows, 1)))
}

func interval(value, sigma float64, n int) result.Metric {
	lower, upper := max(value-1.96*sigma, 0), min(value+1.96*sigma, 1)
	return result.Metric{Value: &value, Lower: &lower, Upper: &upper, N: n}
}

// binary estimates F1 and AUC of two classes.
func (v *view) binary(e *result.Estimate) {
	if v.ref.Positive == nil {
		return
	}
	var score, p []float64
	for _, s := range v.recent {
		if !math.IsNaN(s.positive) {
			score, p = append(score, s.positive), append(p, v.ref.Positive.At(s.positive))
		}
	}
	if len(score) < minPredicted {
		return
	}
	est, err := cbpe.Binary(score, p, .5)
	if err != nil {
		return // cannot be: probabilities come from a calibrator
	}
	f1, auc := metric(est.F1), metric(est.ROCAUC)
	e.F1, e.AUC = &f1, &auc
}

// realised holds the estimate against labels, of the same predictions.
func (v *view) realised(e *result.Estimate) {
	list, _ := v.judged()
	var p []float64
	right := 0
	for _, o := range list[max(0, len(list)-v.s.Window):] {
		if o.Kind() != performance.Class || math.IsNaN(o.Confidence) {
			continue
		}
		p = append(p, v.ref.Calibrator.At(o.Confidence))
		if o.Correct() {
			right++
		}
	}
	if len(p) < performance.MinOutcomes {
		return
	}
	mean, sigma := promise(p, v.ref.Rows)
	same := interval(mean, sigma, len(p))
	value := float64(right) / float64(len(p))
	lower, upper := Wilson(right, len(p))
	e.SameRows = &same
	e.Realised = &result.Metric{Value: &value, Lower: &lower, Upper: &upper, N: len(p)}
	off := mean - value
	e.Error = &off
	if sigma > 0 {
		away := off / sigma
		e.ErrorSigma = &away
	}
}

// conditions are what the estimate rests on, and whether each holds.
func (v *view) conditions(e *result.Estimate, outside float64) {
	add := func(name string, holds bool, words string, args ...any) {
		e.Conditions = append(e.Conditions, result.Condition{Name: name, Holds: holds, Words: fmt.Sprintf(words, args...)})
	}
	add("calibrated_on_reference", v.ref.Rows >= minReference, "probabilities are calibrated on %d labelled rows of the reference (at least %d are wanted); rows that the model was trained on make them too high", v.ref.Rows, minReference)
	add("confidence_in_range", outside <= .05, "%.1f %% of the predictions have a confidence that the reference does not show (at most 5 %%)", 100*outside)
	switch {
	case e.Error == nil:
		add("labels_mean_the_same", true, "no labels yet to check it: if what makes a label has changed (concept drift), the estimate is void and does not show it")
	case e.ErrorSigma != nil && math.Abs(*e.ErrorSigma) > voidSigma && math.Abs(*e.Error) > fallenBy:
		add("labels_mean_the_same", false, "labels say otherwise: on the same predictions the estimate is off by %+.3f, %.1f standard deviations; what makes a label has changed, or confidence has come apart", *e.Error, *e.ErrorSigma)
	default:
		add("labels_mean_the_same", true, "labels agree: on the same predictions the estimate is off by %+.3f", *e.Error)
	}
	e.Valid = true
	for _, c := range e.Conditions {
		e.Valid = e.Valid && c.Holds
	}
}
