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
	"slices"
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

// Calibrator maps scores to probabilities: the isotonic (never falling) function
// that is nearest to the labels of a reference in squares, found by pooling
// adjacent violators: constant over each pool of scores, linear between two
// pools, as scikit-learn's IsotonicRegression. Immutable, safe for concurrent use.
type Calibrator struct{ scores, probabilities []float64 }

// scored is a score with a label or a probability.
type scored struct{ score, p float64 }

// byScore is the order of scores, of which none is NaN.
func byScore(a, b scored) int {
	switch {
	case a.score < b.score:
		return -1
	case a.score > b.score:
		return 1
	}
	return 0
}

// Fit finds the calibrator of labelled scores. ErrLength, ErrEmpty, ErrValue
// where a score is NaN.
//
// Source: Barlow, Bartholomew, Bremner and Brunk, "Statistical inference under
// order restrictions" (1972).
func Fit(score []float64, positive []bool) (*Calibrator, error) {
	switch {
	case len(score) != len(positive):
		return nil, fmt.Errorf("%w: %d scores, %d labels", ErrLength, len(score), len(positive))
	case len(score) == 0:
		return nil, ErrEmpty
	}
	sorted := make([]scored, len(score))
	for i, s := range score {
		if math.IsNaN(s) {
			return nil, fmt.Errorf("%w: the score at index %d is NaN", ErrValue, i)
		}
		sorted[i].score = s
		if positive[i] {
			sorted[i].p = 1
		}
	}
	slices.SortFunc(sorted, byScore)
	type block struct{ lowest, highest, sum, n float64 }
	var blocks []block
	for i := 0; i < len(sorted); {
		b := block{lowest: sorted[i].score, highest: sorted[i].score}
		for ; i < len(sorted) && sorted[i].score == b.lowest; i++ {
			b.n++
			b.sum += sorted[i].p
		}
		blocks = append(blocks, b)
		for k := len(blocks) - 1; k > 0 && blocks[k-1].sum*blocks[k].n >= blocks[k].sum*blocks[k-1].n; k-- {
			blocks[k-1].highest = blocks[k].highest
			blocks[k-1].sum += blocks[k].sum
			blocks[k-1].n += blocks[k].n
			blocks = blocks[:k]
		}
	}
	c := &Calibrator{}
	for _, b := range blocks {
		c.add(b.lowest, b.sum/b.n)
		if b.highest > b.lowest {
			c.add(b.highest, b.sum/b.n)
		}
	}
	return c, nil
}

func (c *Calibrator) add(score, probability float64) {
	c.scores, c.probabilities = append(c.scores, score), append(c.probabilities, probability)
}

// At is the probability of a score; that of the lowest pool below all, of the
// highest above. A calibrator that Fit has not made, and a score of NaN, give NaN.
func (c *Calibrator) At(score float64) float64 {
	if len(c.scores) == 0 || math.IsNaN(score) {
		return math.NaN()
	}
	i := sort.SearchFloat64s(c.scores, score)
	switch {
	case i == len(c.scores):
		return c.probabilities[i-1]
	case i == 0 || c.scores[i] == score:
		return c.probabilities[i]
	}
	low, high := c.scores[i-1], c.scores[i]
	p, q := c.probabilities[i-1], c.probabilities[i]
	if width := high - low; p < q && !math.IsInf(width, 0) {
		return min(max(p+(q-p)*((score-low)/width), p), q)
	}
	return p
}
