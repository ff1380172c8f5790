package offline

import (
	"errors"
	"math"

	"github.com/gnomon-dev/gnomon/driftlib/calibration"
)

// Calibration is how far the probabilities can be believed.
type Calibration struct {
	EqualWidth Error `json:"ece_equal_width"`
	EqualMass  Error `json:"ece_equal_mass"`
	Debiased   Error `json:"ece_debiased"` // of the equal-width bins
	MCE        Error `json:"mce"`
	// Expected is what the equal-width error would be, on average, of a perfectly
	// calibrated model; Z, the excess in standard deviations, is above 1.645 in 5 %
	// of such models. Judge by it.
	Expected  Error   `json:"ece_expected"`
	Z         float64 `json:"z"`
	ClassWise *Error  `json:"ece_classwise,omitempty"` // of all classes' probabilities
	Adaptive  *Error  `json:"ace,omitempty"`
	Brier     Brier   `json:"brier_decomposition"` // over the equal-width bins
	// Temperature is what the logits would be divided by to be calibrated; absent
	// where none fits.
	Temperature *Temperature  `json:"temperature,omitempty"`
	Reliability []Reliability `json:"reliability"`
}

// Error is a calibration error over a number of bins.
type Error struct {
	Value float64 `json:"value"`
	Bins  int     `json:"bins"`
}

// Brier is a Brier score taken apart: score = reliability - resolution +
// uncertainty + within_bin.
type Brier struct {
	Score       float64 `json:"score"`
	Reliability float64 `json:"reliability"`
	Resolution  float64 `json:"resolution"`
	Uncertainty float64 `json:"uncertainty"`
	WithinBin   float64 `json:"within_bin"`
}

// Temperature is the best one and the log-loss without and with it.
type Temperature struct {
	Value  float64 `json:"value"`
	Before float64 `json:"log_loss_before"`
	After  float64 `json:"log_loss_after"`
}

// Reliability is one equal-width bin that is not empty: its accuracy with the 95 %
// interval, and where the accuracy of a calibrated model would lie.
type Reliability struct {
	Lower            float64 `json:"lower"`
	Upper            float64 `json:"upper"`
	Count            int     `json:"count"`
	MeanConfidence   float64 `json:"mean_confidence"`
	Accuracy         float64 `json:"accuracy"`
	AccuracyLower    float64 `json:"accuracy_lower"`
	AccuracyUpper    float64 `json:"accuracy_upper"`
	ConsistencyLower float64 `json:"consistency_lower"`
	ConsistencyUpper float64 `json:"consistency_upper"`
}

// calibrate fills in the calibration.
func (g *Group) calibrate(confidence []float64, correct []bool, bins int) error {
	if len(confidence) == 0 {
		return nil
	}
	width, err := calibration.EqualWidth(confidence, correct, bins)
	if err != nil {
		return err
	}
	mass, err := calibration.EqualMass(confidence, correct, bins)
	if err != nil {
		return err
	}
	d := width.Brier
	c := &Calibration{EqualWidth: Error{width.ECE, bins}, EqualMass: Error{mass.ECE, len(mass.Bins)}, Debiased: Error{width.Debiased, bins}, MCE: Error{width.MCE, bins},
		Expected: Error{width.Expected, bins}, Z: width.Z, Brier: Brier{d.Score, d.Reliability, d.Resolution, d.Uncertainty, d.WithinBin}}
	for _, b := range width.Bins {
		if b.Count == 0 {
			continue
		}
		r := Reliability{Lower: b.Lower, Upper: b.Upper, Count: b.Count, MeanConfidence: b.MeanConfidence(), Accuracy: b.Accuracy()}
		r.AccuracyLower, r.AccuracyUpper = b.Interval()
		r.ConsistencyLower, r.ConsistencyUpper = b.Consistency()
		c.Reliability = append(c.Reliability, r)
	}
	g.Calibration = c
	return nil
}

// calibrateClasses adds what needs the probabilities of all classes.
func (g *Group) calibrateClasses(of [][]float64, actual []int, bins int) error {
	if g.Calibration == nil {
		return nil
	}
	classes, err := calibration.Classwise(of, actual, bins)
	if err != nil {
		return err
	}
	g.Calibration.ClassWise, g.Calibration.Adaptive = &Error{classes.Static, bins}, &Error{classes.Adaptive, bins}
	return g.temper(of, actual)
}

// temper finds the temperature of the logarithms of the probabilities, as good as
// logits.
func (g *Group) temper(of [][]float64, actual []int) error {
	logits := make([][]float64, len(of))
	for i, row := range of {
		logits[i] = make([]float64, len(row))
		for k, p := range row {
			logits[i][k] = math.Log(max(p, 1e-15)) // as scikit-learn clips: 0 would be a loss without end
		}
	}
	t, err := calibration.FitTemperature(logits, actual)
	if errors.Is(err, calibration.ErrTemperature) {
		return nil // every prediction right, or a single answer: none fits
	}
	if err != nil {
		return err
	}
	g.Calibration.Temperature = &Temperature{t.T, t.Before, t.After}
	return nil
}

// temperBinary is temper of the probability of the positive class.
func (g *Group) temperBinary(score []float64, positive []bool) error {
	if g.Calibration == nil {
		return nil
	}
	of, actual := make([][]float64, len(score)), make([]int, len(score))
	for i, p := range score {
		of[i] = []float64{1 - p, p}
		if positive[i] {
			actual[i] = 1
		}
	}
	return g.temper(of, actual)
}
