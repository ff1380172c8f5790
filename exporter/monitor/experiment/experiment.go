// Package experiment compares two arms of a model by a key figure: two versions
// or two slices of split traffic, or a shadow with the primary on the same
// records. Its intervals hold whenever one looks (confidence sequences), so
// that a deployment tool may look every minute.
package experiment

import (
	"fmt"
	"math"
	"strconv"

	"github.com/gnomon-dev/gnomon/driftlib/abtest"
	"github.com/gnomon-dev/gnomon/exporter/monitor/performance"
)

// Accuracy and AbsoluteError are the figures that labels themselves give; any
// other KPI is a business figure that came with them.
const (
	Accuracy      = "accuracy"
	AbsoluteError = "absolute_error"
)

// Decisions.
const (
	Promote  = "promote"
	Hold     = "hold"
	RollBack = "roll_back"
)

// fewest records of an arm, below which a confidence sequence says nothing.
const fewest = 50

// mismatch is the p-value below which the arms' shares of the traffic are not
// those that were configured.
const mismatch = 0.001

// Figure is a key figure with what it must keep.
type Figure struct {
	KPI string
	// Lower: a lower figure is the better one, as of costs and errors.
	Lower bool
	// Margin is how much worse the treatment may be, in the figure's unit.
	Margin float64
}

// Observation is one labelled record of an arm.
type Observation struct {
	Outcome *performance.Outcome
	// Answer is what this arm answered, where that is not the outcome's own
	// prediction: a shadow's.
	Answer *string
}

// value is the figure of a record; false where it has none.
func (f Figure) value(o Observation) (float64, bool) {
	x := o.Outcome
	switch f.KPI {
	case Accuracy:
		return correctness(o)
	case AbsoluteError:
		predicted := x.Value
		if o.Answer != nil {
			v, err := strconv.ParseFloat(*o.Answer, 64)
			if err != nil {
				return 0, false
			}
			predicted = v
		}
		d := math.Abs(predicted - x.ActualValue)
		return d, !math.IsNaN(d) && !math.IsInf(d, 0)
	}
	v, ok := x.KPI[f.KPI]
	return v, ok && !math.IsNaN(v) && !math.IsInf(v, 0)
}

func correctness(o Observation) (float64, bool) {
	if !o.Outcome.Truth {
		return 0, false
	}
	right := o.Outcome.Correct()
	if o.Answer != nil {
		if *o.Answer == "" || o.Outcome.Actual == "" {
			return 0, false
		}
		right = *o.Answer == o.Outcome.Actual
	}
	if right {
		return 1, true
	}
	return 0, true
}

// Result is what is known of one figure.
type Result struct {
	Figure
	ControlMean, TreatmentMean float64 // NaN where there is nothing
	Control, Treatment         int     // records
	// Delta is treatment less control, with a confidence sequence: NaN and
	// infinite where nothing is known yet.
	Delta, Low, High float64
	PValue           float64 // always valid
	Reduction        float64 // share of the variance that the covariate took away
	Decision         string
	Words            string
}

// Split compares two arms that share the traffic. covariate, where given, is a
// business figure that the treatment cannot have changed; it takes its part of
// the variance away (CUPED).
func Split(f Figure, control, treatment []Observation, covariate string) Result {
	c, cx := f.values(control, covariate)
	t, tx := f.values(treatment, covariate)
	r := f.start(c, t)
	if covariate != "" && len(c)+len(t) > 0 {
		pooled := append(append([]float64{}, c...), t...)
		if adjusted, reduction, err := abtest.CUPED(pooled, append(append([]float64{}, cx...), tx...)); err == nil {
			c, t, r.Reduction = adjusted[:len(c)], adjusted[len(c):], reduction
		}
	}
	test, err := abtest.Sequence{}.Welch(c, t)
	if f.KPI == Accuracy && r.Reduction == 0 {
		test, err = abtest.Sequence{}.TwoProportions(ones(c), len(c), ones(t), len(t))
	}
	if err == nil {
		r.Delta, r.Low, r.High, r.PValue = test.Effect, test.Lower, test.Upper, test.PValue
	}
	return r.decide()
}

// Paired compares two answers to the same records.
func Paired(f Figure, control, treatment []Observation) Result {
	var c, t, d []float64
	onlyControl, onlyTreatment := 0, 0
	for i := range control {
		a, ok := f.value(control[i])
		b, both := f.value(treatment[i])
		if !ok || !both {
			continue
		}
		c, t, d = append(c, a), append(t, b), append(d, b-a)
		switch {
		case a > b:
			onlyControl++
		case b > a:
			onlyTreatment++
		}
	}
	r := f.start(c, t)
	mean, variance := moments(d)
	if low, high, err := (abtest.Sequence{}).Interval(mean, variance, len(d)); err == nil && len(d) > 1 {
		r.Delta, r.Low, r.High = mean, low, high
		if p, err := abtest.AnytimeMcNemar(onlyControl, onlyTreatment); err == nil && f.KPI == Accuracy {
			r.PValue = p
		}
	}
	return r.decide()
}

// values are an arm's figures and, where a covariate is wanted, that of the
// same records: those without it are left out.
func (f Figure) values(list []Observation, covariate string) (y, x []float64) {
	for _, o := range list {
		v, ok := f.value(o)
		if !ok {
			continue
		}
		if covariate != "" {
			c, ok := o.Outcome.KPI[covariate]
			if !ok {
				continue
			}
			x = append(x, c)
		}
		y = append(y, v)
	}
	return y, x
}

func (f Figure) start(c, t []float64) Result {
	r := Result{Figure: f, Control: len(c), Treatment: len(t), Delta: math.NaN(), Low: math.Inf(-1), High: math.Inf(1), PValue: 1}
	r.ControlMean, _ = moments(c)
	r.TreatmentMean, _ = moments(t)
	return r
}

func ones(x []float64) int {
	n := 0
	for _, v := range x {
		n += int(v)
	}
	return n
}

func moments(x []float64) (mean, variance float64) {
	if len(x) == 0 {
		return math.NaN(), 0
	}
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / math.Max(1, float64(len(x)-1))
}

// decide is a non-inferiority rule: promote when the treatment is certainly not
// worse than by the margin, roll back when it is certainly worse and may be by
// more than that.
func (r Result) decide() Result {
	low, high := r.Low, r.High // of how much better the treatment is
	if r.Lower {
		low, high = -r.High, -r.Low
	}
	name := fmt.Sprintf("%s: %.4g against %.4g, difference %.4g [%.4g, %.4g]", r.KPI, r.TreatmentMean, r.ControlMean, r.Delta, r.Low, r.High)
	switch {
	case math.IsInf(low, 0) || math.IsInf(high, 0) || math.IsNaN(r.Delta) || min(r.Control, r.Treatment) < fewest:
		r.Decision, r.Words = Hold, fmt.Sprintf("%s: too few labelled records yet (%d and %d)", r.KPI, r.Control, r.Treatment)
	case low > -r.Margin || r.Margin == 0 && low >= 0:
		r.Decision, r.Words = Promote, name+fmt.Sprintf(": not worse than by %.4g", r.Margin)
	case high < 0:
		r.Decision, r.Words = RollBack, name+": worse"
	default:
		r.Decision, r.Words = Hold, name+": not decided yet"
	}
	return r
}

// Shares tests whether the arms have the shares of the traffic that they
// should (sample ratio mismatch). The p-value is NaN where it cannot be known.
func Shares(exposures [2]int, shares [2]float64) (pvalue float64, mismatched bool) {
	if shares[0] <= 0 || shares[1] <= 0 || exposures[0]+exposures[1] == 0 {
		return math.NaN(), false
	}
	r, err := abtest.SampleRatioMismatch(exposures[:], shares[:])
	if err != nil {
		return math.NaN(), false
	}
	return r.PValue, r.PValue < mismatch
}

// Together is the decision over all figures: roll back if one says so, promote
// if all do, hold otherwise or where the traffic is not split as it should be.
func Together(list []Result, mismatched bool) string {
	decision := Promote
	for _, r := range list {
		switch {
		case r.Decision == RollBack:
			return RollBack
		case r.Decision == Hold:
			decision = Hold
		}
	}
	if mismatched || len(list) == 0 {
		return Hold
	}
	return decision
}
