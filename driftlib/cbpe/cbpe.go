// Package cbpe estimates how well a classifier does without labels, from the
// confidence of its predictions (confidence-based performance estimation): a
// prediction made with a calibrated probability of 0.8 is right in eight of ten
// cases.
//
// It holds only while the law of the label given the inputs holds and the
// probabilities stay calibrated: it sees that the data have become harder, and
// is blind to labels that have changed their meaning. Show it; never alarm on
// it alone.
//
// Source: NannyML, "Confidence-based performance estimation".
package cbpe

import (
	"errors"
	"fmt"
	"math"
	"sort"
)

// Errors of bad input.
var (
	// ErrEmpty: no predictions.
	ErrEmpty = errors.New("no predictions")
	// ErrLength: slices that belong together differ in length.
	ErrLength = errors.New("lengths differ")
	// ErrValue: a score that is NaN, or a probability outside [0, 1].
	ErrValue = errors.New("value out of range")
)

// Calibrator maps scores to probabilities: the isotonic (never falling) step
// function that is nearest to the labels of a reference in squares, found by
// pooling adjacent violators. Immutable, safe for concurrent use.
type Calibrator struct{ scores, probabilities []float64 }

// Fit finds the calibrator of labelled scores.
func Fit(score []float64, positive []bool) (*Calibrator, error) {
	switch {
	case len(score) != len(positive):
		return nil, fmt.Errorf("%w: %d scores, %d labels", ErrLength, len(score), len(positive))
	case len(score) == 0:
		return nil, ErrEmpty
	}
	order := make([]int, len(score))
	for i, s := range score {
		if math.IsNaN(s) {
			return nil, fmt.Errorf("%w: the score at index %d is NaN", ErrValue, i)
		}
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return score[order[a]] < score[order[b]] })
	type block struct{ lowest, sum, n float64 }
	var blocks []block
	for i := 0; i < len(order); {
		b := block{lowest: score[order[i]]}
		for ; i < len(order) && score[order[i]] == b.lowest; i++ {
			b.n++
			if positive[order[i]] {
				b.sum++
			}
		}
		blocks = append(blocks, b)
		for k := len(blocks) - 1; k > 0 && blocks[k-1].sum*blocks[k].n >= blocks[k].sum*blocks[k-1].n; k-- {
			blocks[k-1].sum += blocks[k].sum
			blocks[k-1].n += blocks[k].n
			blocks = blocks[:k]
		}
	}
	c := &Calibrator{}
	for _, b := range blocks {
		c.scores = append(c.scores, b.lowest)
		c.probabilities = append(c.probabilities, b.sum/b.n)
	}
	return c, nil
}

// At is the probability of a score; that of the lowest block below all.
func (c *Calibrator) At(score float64) float64 {
	i := sort.SearchFloat64s(c.scores, score)
	if i == len(c.scores) || c.scores[i] != score {
		i--
	}
	return c.probabilities[max(i, 0)]
}

// Estimate is what a binary classifier's performance is expected to be. A share
// that is undefined (no predicted positives, say) is NaN.
type Estimate struct {
	Accuracy, Precision, Recall, F1, ROCAUC float64
	TP, FP, TN, FN                          float64 // expected counts
	N                                       int
}

// Binary estimates the performance of predictions "positive where the score is
// at least threshold", given the calibrated probability of each:
//
//	TP = sum of p, FP = sum of 1 - p over the predicted positives, FN and TN
//	likewise over the others;
//	AUC = sum over pairs of p_i (1 - p_j) (1[s_i > s_j] + 1/2 1[s_i = s_j]) /
//	(sum of p * sum of 1 - p).
//
// A pair of one prediction with itself counts half, which is of no matter from
// some hundred predictions on.
func Binary(score, probability []float64, threshold float64) (Estimate, error) {
	if len(score) != len(probability) {
		return Estimate{}, fmt.Errorf("%w: %d scores, %d probabilities", ErrLength, len(score), len(probability))
	}
	if len(score) == 0 {
		return Estimate{}, ErrEmpty
	}
	e := Estimate{N: len(score)}
	for i, p := range probability {
		if !(p >= 0 && p <= 1) || math.IsNaN(score[i]) {
			return Estimate{}, fmt.Errorf("%w: score %v, probability %v at index %d", ErrValue, score[i], p, i)
		}
		if score[i] >= threshold {
			e.TP += p
			e.FP += 1 - p
		} else {
			e.FN += p
			e.TN += 1 - p
		}
	}
	e.Accuracy = (e.TP + e.TN) / float64(e.N)
	e.Precision, e.Recall = e.TP/(e.TP+e.FP), e.TP/(e.TP+e.FN)
	e.F1 = 2 * e.TP / (2*e.TP + e.FP + e.FN)
	e.ROCAUC = auc(score, probability)
	return e, nil
}

func auc(score, probability []float64) float64 {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return score[order[a]] < score[order[b]] })
	var below, pairs, positive, negative float64 // below: expected negatives of lower scores
	for i := 0; i < len(order); {
		j, p, q := i, 0.0, 0.0
		for ; j < len(order) && score[order[j]] == score[order[i]]; j++ {
			p += probability[order[j]]
			q += 1 - probability[order[j]]
		}
		pairs += p * (below + q/2)
		below += q
		positive += p
		negative += q
		i = j
	}
	return pairs / (positive * negative)
}

// Accuracy estimates the accuracy of any classifier: the mean calibrated
// probability of the predicted class.
func Accuracy(ofPredicted []float64) (float64, error) {
	if len(ofPredicted) == 0 {
		return 0, ErrEmpty
	}
	sum := 0.0
	for i, p := range ofPredicted {
		if !(p >= 0 && p <= 1) {
			return 0, fmt.Errorf("%w: probability %v at index %d", ErrValue, p, i)
		}
		sum += p
	}
	return sum / float64(len(ofPredicted)), nil
}
