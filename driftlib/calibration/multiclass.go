package calibration

import (
	"fmt"
	"math"
)

// TopLabel turns rows of class probabilities into the confidence of the
// predicted class (the first of the highest) and whether it was the actual one:
// the usual input of EqualWidth for more than two classes. actual is the index
// of the class that happened. ErrLength where the numbers of rows or of classes
// differ, ErrConfidence where a probability is not in [0, 1], ErrClass where a
// row has no such class.
func TopLabel(rows [][]float64, actual []int) (confidence []float64, correct []bool, err error) {
	if err := checkRows(rows, actual); err != nil {
		return nil, nil, err
	}
	confidence, correct = make([]float64, len(rows)), make([]bool, len(rows))
	for i, row := range rows {
		best := 0
		for k, p := range row {
			if p > row[best] {
				best = k
			}
		}
		confidence[i], correct[i] = row[best], best == actual[i]
	}
	return confidence, correct, nil
}

func checkRows(rows [][]float64, actual []int) error {
	switch {
	case len(rows) != len(actual):
		return fmt.Errorf("%w: %d rows, %d outcomes", ErrLength, len(rows), len(actual))
	case len(rows) == 0:
		return ErrEmpty
	}
	for i, row := range rows {
		if len(row) != len(rows[0]) {
			return fmt.Errorf("%w: %d classes in row %d, %d in the first", ErrLength, len(row), i, len(rows[0]))
		}
		if actual[i] < 0 || actual[i] >= len(row) {
			return fmt.Errorf("%w: class %d of %d in row %d", ErrClass, actual[i], len(row), i)
		}
		for _, p := range row {
			if !(p >= 0 && p <= 1) {
				return fmt.Errorf("%w: %v in row %d", ErrConfidence, p, i)
			}
		}
	}
	return nil
}

// Classes is the calibration of every class's probability, not only of the one
// that was predicted.
type Classes struct {
	// Static is the class-wise ECE (static calibration error), the mean over
	// classes of the equal-width ECE of "class k happens", 0 to 1 (Nixon et al.,
	// "Measuring calibration in deep learning", 2019; Kull et al. 2019).
	Static float64
	// Adaptive is ACE, the mean over classes and over bins of equal mass of
	// |accuracy - confidence| (Nixon et al. 2019).
	Adaptive float64
	// ByClass are the equal-width reports.
	ByClass []Report
}

// Classwise takes the calibration class by class. Errors are those of TopLabel;
// ErrLength where bins is below 1.
func Classwise(rows [][]float64, actual []int, bins int) (Classes, error) {
	if err := checkRows(rows, actual); err != nil {
		return Classes{}, err
	}
	var out Classes
	size := len(rows[0])
	p, is := make([]float64, len(rows)), make([]bool, len(rows))
	for k := range size {
		for i, row := range rows {
			p[i], is[i] = row[k], actual[i] == k
		}
		r, err := EqualWidth(p, is, bins)
		if err != nil {
			return Classes{}, err
		}
		ace, err := ACE(p, is, bins)
		if err != nil {
			return Classes{}, err
		}
		out.Static += r.ECE / float64(size)
		out.Adaptive += ace / float64(size)
		out.ByClass = append(out.ByClass, r)
	}
	return out, nil
}

// ACE is the adaptive calibration error of one probability: the plain mean over
// bins of equal mass of |accuracy - confidence|, 0 to 1. It is EqualMass's ECE
// where no confidences are tied. Errors are those of EqualMass.
//
// Source: Nixon, Dusenberry, Zhang, Jerfel and Tran, "Measuring calibration in
// deep learning", CVPR workshops 2019.
func ACE(confidence []float64, correct []bool, bins int) (float64, error) {
	r, err := EqualMass(confidence, correct, bins)
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, b := range r.Bins {
		sum += math.Abs(b.Accuracy() - b.MeanConfidence())
	}
	return sum / float64(len(r.Bins)), nil
}
