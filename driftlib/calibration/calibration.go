// Package calibration says how far a classifier's confidence can be believed:
// of the predictions made with confidence 0.8, are eight in ten right?
package calibration

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Errors of bad input.
var (
	// ErrEmpty: no predictions.
	ErrEmpty = errors.New("no predictions")
	// ErrLength: slices that belong together differ in length, or there are no bins.
	ErrLength = errors.New("lengths differ")
	// ErrConfidence: NaN, or outside [0, 1].
	ErrConfidence = errors.New("confidence out of range")
	// ErrClass: a class that a row of probabilities does not have.
	ErrClass = errors.New("no such class")
	// ErrTemperature: no finite temperature is best.
	ErrTemperature = errors.New("no temperature fits")
)

// Bin is one bin of a reliability diagram.
type Bin struct {
	Lower, Upper float64 // confidence in (Lower, Upper], 0 in the first
	Count        int
	Correct      int
	Confidence   float64 // sum
	variance     float64 // sum of c (1 - c)
	squared      float64 // sum of (c - y)²
}

// MeanConfidence and Accuracy are 0 for an empty bin.
func (b Bin) MeanConfidence() float64 { return ratio(b.Confidence, b.Count) }

// Accuracy is the share of correct predictions.
func (b Bin) Accuracy() float64 { return ratio(float64(b.Correct), b.Count) }

func ratio(sum float64, n int) float64 {
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// Report is the calibration of a set of predictions.
type Report struct {
	// ECE is the expected calibration error sum_b (n_b/N) |accuracy_b -
	// confidence_b|, 0 to 1 (Guo et al. 2017).
	ECE float64
	// Expected is what ECE would be, on average, if the model were perfectly
	// calibrated: sum_b (n_b/N) s_b sqrt(2/pi), s_b the standard error of the
	// bin's accuracy. The binned error is biased upwards by about this.
	Expected float64
	// Debiased is sqrt(max(0, ECE² - Expected²)).
	Debiased float64
	// Z is (ECE - Expected) over its standard deviation under perfect
	// calibration: above 1.645 in some 5 % of calibrated samples. Judge by it.
	Z float64
	// MCE is the largest difference of a bin (Naeini et al. 2015).
	MCE float64
	// SquaredL2 is the debiased squared error sum_b (n_b/N) ((conf-acc)² -
	// acc (1-acc)/(n_b-1)) over bins of more than one (Kumar et al. 2019). It can
	// be negative.
	SquaredL2 float64
	// Brier is the Brier score, taken apart over these bins.
	Brier Decomposition
	Bins  []Bin
	N     int
}

// EqualWidth takes the calibration over bins of equal width on [0, 1], each
// (lower, upper], 0 in the first: 15 by default in the field. confidence[i] is
// the probability of what correct[i] says was so: of the predicted class and
// "it was right" (TopLabel), or of one class and "it happened". ErrEmpty,
// ErrLength, ErrConfidence where one is not in [0, 1].
func EqualWidth(confidence []float64, correct []bool, bins int) (Report, error) {
	if bins < 1 {
		return Report{}, fmt.Errorf("%w: %d bins", ErrLength, bins)
	}
	if err := check(confidence, correct); err != nil {
		return Report{}, err
	}
	out := make([]Bin, bins)
	for i := range out {
		out[i].Lower, out[i].Upper = float64(i)/float64(bins), float64(i+1)/float64(bins)
	}
	for i, c := range confidence {
		out[Index(c, bins)].add(c, correct[i])
	}
	return report(out, len(confidence)), nil
}

// Index is the equal-width bin of a confidence in [0, 1]: (i/bins, (i+1)/bins].
func Index(confidence float64, bins int) int {
	n := float64(bins)
	i := min(max(int(math.Ceil(confidence*n))-1, 0), bins-1)
	// The product is rounded: 0.2 * 15 is above 3. The edges decide.
	if i > 0 && confidence <= float64(i)/n {
		i--
	} else if i < bins-1 && confidence > float64(i+1)/n {
		i++
	}
	return i
}

// EqualMass takes the calibration over bins that hold (nearly) the same number
// of predictions; equal confidences stay together.
func EqualMass(confidence []float64, correct []bool, bins int) (Report, error) {
	if bins < 1 {
		return Report{}, fmt.Errorf("%w: %d bins", ErrLength, bins)
	}
	if err := check(confidence, correct); err != nil {
		return Report{}, err
	}
	order := make([]int, len(confidence))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case confidence[a] < confidence[b]:
			return -1
		case confidence[a] > confidence[b]:
			return 1
		}
		return 0
	})
	var out []Bin
	lower, n := 0.0, len(order)
	for at := 0; at < n; {
		end := max((len(out)+1)*n/bins, at+1)
		for end < n && confidence[order[end]] == confidence[order[end-1]] {
			end++
		}
		b := Bin{Lower: lower, Upper: confidence[order[end-1]]}
		for _, i := range order[at:end] {
			b.add(confidence[i], correct[i])
		}
		out = append(out, b)
		lower, at = b.Upper, end
	}
	return report(out, n), nil
}

func check(confidence []float64, correct []bool) error {
	if len(confidence) != len(correct) {
		return fmt.Errorf("%w: %d confidences, %d outcomes", ErrLength, len(confidence), len(correct))
	}
	if len(confidence) == 0 {
		return ErrEmpty
	}
	for i, c := range confidence {
		if !(c >= 0 && c <= 1) {
			return fmt.Errorf("%w: %v at index %d", ErrConfidence, c, i)
		}
	}
	return nil
}

func (b *Bin) add(c float64, correct bool) {
	b.Count++
	b.Confidence += c
	b.variance += c * (1 - c)
	if correct {
		b.Correct++
		c = 1 - c
	}
	b.squared += c * c
}

func report(bins []Bin, n int) Report {
	r := Report{Bins: bins, N: n}
	var spread float64
	for _, b := range bins {
		if b.Count == 0 {
			continue
		}
		share := float64(b.Count) / float64(n)
		gap := math.Abs(b.Accuracy() - b.MeanConfidence())
		s := math.Sqrt(b.variance) / float64(b.Count)
		r.ECE += share * gap
		r.Expected += share * s * math.Sqrt(2/math.Pi)
		spread += share * share * s * s * (1 - 2/math.Pi)
		r.MCE = max(r.MCE, gap)
		if b.Count > 1 {
			a := b.Accuracy()
			r.SquaredL2 += share * (gap*gap - a*(1-a)/float64(b.Count-1))
		}
	}
	r.Debiased = math.Sqrt(max(0, r.ECE*r.ECE-r.Expected*r.Expected))
	if spread > 0 {
		r.Z = (r.ECE - r.Expected) / math.Sqrt(spread)
	}
	r.Brier = decompose(bins)
	return r
}

// Brier is the mean squared difference of confidence and outcome (1 correct, 0
// wrong), 0 to 1, 0 perfect; always saying 1/2 gives 0.25.
//
// Source: Brier, Monthly Weather Review 78 (1950), in its binary form.
func Brier(confidence []float64, correct []bool) (float64, error) {
	if err := check(confidence, correct); err != nil {
		return 0, err
	}
	var sum float64
	for i, c := range confidence {
		if correct[i] {
			c = 1 - c
		}
		sum += c * c
	}
	return sum / float64(len(confidence)), nil
}

// smallest is the probability that a logarithm takes for 0 (scikit-learn's).
const smallest = 2.220446049250313e-16

// LogLoss is the mean of -ln of the probability given to what happened
// (confidence where correct, else 1 - confidence), in nats, 0 perfect;
// probabilities are clipped to [2.2e-16, 1 - 2.2e-16].
//
// Source: Good, "Rational decisions", J. Royal Stat. Soc. B 14 (1952).
func LogLoss(confidence []float64, correct []bool) (float64, error) {
	if err := check(confidence, correct); err != nil {
		return 0, err
	}
	var sum float64
	for i, c := range confidence {
		sum += logLoss(c, correct[i])
	}
	return sum / float64(len(confidence)), nil
}

func logLoss(c float64, correct bool) float64 {
	if !correct {
		c = 1 - c
	}
	return -math.Log(min(max(c, smallest), 1-smallest))
}
