package labels

import (
	"math"

	"github.com/gnomon-dev/gnomon/driftlib/cbpe"
)

// Answer is the model's answer to a reference row whose truth is known.
type Answer struct {
	Class, Truth string
	Confidence   float64 // NaN where unknown
	Scores       []float32
}

// NewReference draws from the answers to labelled reference rows what the
// estimates without labels need. Detector and Threshold are the caller's.
// positive is the index of the positive class of two.
func NewReference(answers []Answer, class func(i int) string, positive int) Reference {
	r := Reference{Rows: len(answers), Labels: map[string]int{}, Lowest: math.Inf(1), Highest: math.Inf(-1)}
	var confidence, score []float64
	var correct, truth []bool
	right := 0
	var inOrder []string
	for i := range answers {
		a := &answers[i]
		r.Labels[a.Truth]++
		inOrder = append(inOrder, a.Truth)
		ok := a.Class == a.Truth
		if ok {
			right++
		}
		if math.IsNaN(a.Confidence) {
			continue
		}
		confidence, correct = append(confidence, a.Confidence), append(correct, ok)
		r.Lowest, r.Highest = min(r.Lowest, a.Confidence), max(r.Highest, a.Confidence)
		if len(a.Scores) == 2 {
			score, truth = append(score, float64(a.Scores[positive])), append(truth, a.Truth == class(positive))
		}
	}
	r.Dependence = Dependence(inOrder)
	if len(answers) > 0 {
		r.Accuracy = float64(right) / float64(len(answers))
	}
	if c, err := cbpe.Fit(confidence, correct); err == nil {
		r.Calibrator = c
	}
	if c, err := cbpe.Fit(score, truth); err == nil {
		r.Positive = c
	}
	return r
}
