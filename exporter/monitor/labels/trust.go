package labels

import (
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib/calibration"
	"github.com/gnomon-dev/gnomon/exporter/monitor/performance"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// A calibration finding needs both: an error that chance does not make (four
// standard deviations: the window is looked at again and again), and one that
// matters.
const (
	calibrationZ     = 4
	calibrationError = .05
)

// calibrate is the calibration of the predicted class's confidence.
func calibrate(list []*performance.Outcome, classes []string) (*result.Calibration, *result.Trust) {
	var confidence []float64
	var correct []bool
	var sure []*performance.Outcome
	for _, o := range list {
		if k := o.Kind(); (k == performance.Class || k == performance.MultiLabel) && o.Confidence >= 0 && o.Confidence <= 1 {
			confidence, correct, sure = append(confidence, o.Confidence), append(correct, o.Correct()), append(sure, o)
		}
	}
	if len(confidence) < performance.MinOutcomes {
		return nil, nil
	}
	width, err := calibration.EqualWidth(confidence, correct, Bins)
	if err != nil {
		return nil, nil // cannot be: confidences were looked at
	}
	mass, _ := calibration.EqualMass(confidence, correct, Bins)
	brier, _ := calibration.Brier(confidence, correct)
	c := &result.Calibration{ECEEqualWidth: &width.ECE, ECEEqualMass: &mass.ECE, ECEDebiased: &width.Debiased, MCE: &width.MCE, Brier: &brier, Bins: Bins,
		Alarm: width.Z > calibrationZ && width.Debiased > calibrationError}
	for _, b := range width.Bins {
		c.Reliability = append(c.Reliability, result.ReliabilityBin{Lower: b.Lower, Upper: b.Upper, Count: int64(b.Count), MeanConfidence: b.MeanConfidence(), Accuracy: b.Accuracy()})
	}
	t := takeApart(width)
	mend(t, sure, classes)
	return c, t
}

// takeApart splits the calibration error into over- and underconfidence: its
// bins where confidence is above accuracy, and the others. The parts of the
// Brier score are driftlib's, over the same bins.
func takeApart(r calibration.Report) *result.Trust {
	var over, under float64
	for _, b := range r.Bins {
		share := float64(b.Count) / float64(r.N)
		gap := b.MeanConfidence() - b.Accuracy()
		over += share * max(gap, 0)
		under += share * max(-gap, 0)
	}
	b := r.Brier
	return &result.Trust{Reliability: &b.Reliability, Resolution: &b.Resolution, Uncertainty: &b.Uncertainty, WithinBins: &b.WithinBin, Overconfident: &over, Underconfident: &under}
}

// mend finds the temperature that would make the confidence right, and what is
// left of the calibration error then. Where not every class's probability is
// known, it is that of the predicted class against the rest.
func mend(t *result.Trust, list []*performance.Outcome, classes []string) {
	rows, actual := make([][]float64, 0, len(list)), make([]int, 0, len(list))
	for _, o := range list {
		row, at := logits(o, classes)
		if at < 0 {
			return // a label of a class that the model does not know
		}
		rows, actual = append(rows, row), append(actual, at)
	}
	fit, err := calibration.FitTemperature(rows, actual)
	if err != nil {
		return // all are right, or all wrong: nothing mends it
	}
	confidence, correct := make([]float64, len(list)), make([]bool, len(list))
	for i, o := range list {
		confidence[i], correct[i] = min(slices.Max(fit.Apply(rows[i])), 1), o.Correct()
		if len(rows[i]) == 2 && len(o.Scores) != 2 {
			confidence[i] = min(fit.Apply(rows[i])[0], 1)
		}
	}
	if r, err := calibration.EqualWidth(confidence, correct, Bins); err == nil {
		t.Temperature, t.MendedECE = &fit.T, &r.ECE
	}
}

// logits are the logarithms of a prediction's probabilities, and the place of
// the actual class; -1 where it has none.
func logits(o *performance.Outcome, classes []string) (row []float64, actual int) {
	const least = 1e-12
	if len(o.Scores) > 1 && len(o.Scores) == len(classes) && !o.Multi {
		for _, s := range o.Scores {
			row = append(row, math.Log(max(float64(s), least)))
		}
		return row, slices.Index(classes, o.Actual)
	}
	c := min(max(o.Confidence, least), 1-least)
	row = []float64{math.Log(c), math.Log(1 - c)}
	if o.Correct() {
		return row, 0
	}
	return row, 1
}
