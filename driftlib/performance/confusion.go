package performance

import (
	"fmt"
	"math"
)

// MaxLabels bounds a Confusion: its memory is the square of the labels.
const MaxLabels = 1000

// Confusion counts predictions by actual and predicted label. The zero value
// is not ready; use NewConfusion. Not safe for concurrent use.
type Confusion struct {
	labels []string
	index  map[string]int
	counts [][]int64 // by actual, predicted
	rows   []float64 // actual
	cols   []float64 // predicted
	right  float64
	n      float64
}

// NewConfusion returns an empty matrix with these labels, to which new ones
// are added as they are seen.
func NewConfusion(labels ...string) (*Confusion, error) {
	c := &Confusion{index: map[string]int{}}
	for _, l := range labels {
		if _, err := c.label(l); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Confusion) label(name string) (int, error) {
	if i, ok := c.index[name]; ok {
		return i, nil
	}
	if len(c.labels) >= MaxLabels {
		return 0, fmt.Errorf("%w: %q would be number %d", ErrLabels, name, MaxLabels+1)
	}
	i := len(c.labels)
	c.index[name] = i
	c.labels = append(c.labels, name)
	for k := range c.counts {
		c.counts[k] = append(c.counts[k], 0)
	}
	c.counts = append(c.counts, make([]int64, i+1))
	c.rows, c.cols = append(c.rows, 0), append(c.cols, 0)
	return i, nil
}

// Observe counts one prediction. ErrLabels where a new label is one too many.
func (c *Confusion) Observe(actual, predicted string) error { return c.Add(actual, predicted, 1) }

// Add counts n predictions at once; ErrValue where n is negative.
func (c *Confusion) Add(actual, predicted string, n int64) error {
	if n < 0 {
		return fmt.Errorf("%w: a count of %d", ErrValue, n)
	}
	i, err := c.label(actual)
	if err != nil {
		return err
	}
	j, err := c.label(predicted)
	if err != nil {
		return err
	}
	if c.counts[i][j] > math.MaxInt64-n {
		return fmt.Errorf("%w: the count of %q as %q overflows", ErrValue, actual, predicted)
	}
	c.counts[i][j] += n
	c.rows[i] += float64(n)
	c.cols[j] += float64(n)
	c.n += float64(n)
	if i == j {
		c.right += float64(n)
	}
	return nil
}

// Merge adds another matrix up, matching labels by name.
func (c *Confusion) Merge(o *Confusion) error {
	for i, row := range o.counts {
		for j, n := range row {
			if err := c.Add(o.labels[i], o.labels[j], n); err != nil {
				return err
			}
		}
	}
	return nil
}

// Labels are the labels in the order in which they were first seen.
func (c *Confusion) Labels() []string { return append([]string(nil), c.labels...) }

// Counts are the counts by actual (row) and predicted (column) label.
func (c *Confusion) Counts() [][]int64 {
	out := make([][]int64, len(c.counts))
	for i, row := range c.counts {
		out[i] = append([]int64(nil), row...)
	}
	return out
}

// N is the number of predictions counted.
func (c *Confusion) N() int { return int(c.n) }

// Accuracy is the share of predictions that are right, with the Wilson
// interval.
func (c *Confusion) Accuracy() Metric { return proportion(c.right, c.n, "no labelled predictions") }

// Precision is the share of predictions of the label that are right, TP / (TP
// + FP), with the Wilson interval. Undefined without such predictions.
func (c *Confusion) Precision(label string) Metric {
	tp, _, predicted := c.of(label)
	return proportion(tp, predicted, "no positive predictions")
}

// Recall is the share of the label's observations that were predicted so, TP /
// (TP + FN), with the Wilson interval. Undefined without such observations.
func (c *Confusion) Recall(label string) Metric {
	tp, actual, _ := c.of(label)
	return proportion(tp, actual, "no actual positives")
}

// Specificity is the share of the other labels' observations that were not
// predicted as label, TN / (TN + FP), with the Wilson interval.
func (c *Confusion) Specificity(label string) Metric {
	tp, actual, predicted := c.of(label)
	return proportion(c.n-actual-predicted+tp, c.n-actual, "no actual negatives")
}

// F1 is the harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), 0
// to 1. It is 2 J / (1 + J) of the share J = TP / (TP + FP + FN), whose Wilson
// interval it takes over. Undefined where the label neither occurs nor is
// predicted.
func (c *Confusion) F1(label string) Metric {
	tp, actual, predicted := c.of(label)
	return f1(tp, actual+predicted-tp, int(c.n))
}

func f1(tp, union float64, n int) Metric {
	j := proportion(tp, union, "no actual and no predicted positives")
	if !j.Defined() {
		return j
	}
	double := func(j float64) float64 { return 2 * j / (1 + j) }
	return Metric{Value: double(j.Value), Lower: double(j.Lower), Upper: double(j.Upper), N: n}
}

func (c *Confusion) of(label string) (tp, actual, predicted float64) {
	i, ok := c.index[label]
	if !ok {
		return 0, 0, 0
	}
	return float64(c.counts[i][i]), c.rows[i], c.cols[i]
}
