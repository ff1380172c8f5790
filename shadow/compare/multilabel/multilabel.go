// Package multilabel compares answers that are sets of labels.
package multilabel

import (
	"math"
	"sync"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Kind implements compare.Kind: every element of the output is the probability
// of one label, set from Threshold (0.5) on. Two answers agree where the same
// labels are set; their similarity is the Jaccard index of the two sets, 1
// where both are empty. The value of a prediction is how many labels are set, its
// confidence the probability that every label is right, as if they were
// independent: the product of max(p, 1-p).
//
// Elements outside [0, 1] are logits, and so are all outputs from then on.
type Kind struct {
	o compare.Options

	mu    sync.Mutex
	logit bool
}

// New returns a Kind.
func New(o compare.Options) compare.Kind {
	if o.Threshold == 0 {
		o.Threshold = .5
	}
	return &Kind{o: o, logit: o.Softmax == compare.Always}
}

// Decision says in words how outputs are read.
func (k *Kind) Decision() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.logit {
		return "a logit a label: the logistic function applied"
	}
	return "a probability a label"
}

// Read reads the labels' probabilities.
func (k *Kind) Read(outputs []tensor.Tensor) (compare.Prediction, error) {
	t, err := compare.Pick(outputs, k.o.Output)
	if err != nil {
		return compare.Prediction{}, err
	}
	v, err := compare.Finite(t)
	if err != nil {
		return compare.Prediction{}, err
	}
	if k.logits(v) {
		for i, x := range v {
			v[i] = 1 / (1 + math.Exp(-x))
		}
	}
	p := compare.Prediction{Class: -1, Confidence: 1, Probabilities: v, Labels: []int{}}
	for i, x := range v {
		if x >= k.o.Threshold {
			p.Value++
			p.Labels = append(p.Labels, i)
		}
		p.Confidence *= min(max(x, 1-x), 1)
	}
	return p, nil
}

func (k *Kind) logits(v []float64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, x := range v {
		k.logit = k.logit || k.o.Softmax != compare.Never && (x < 0 || x > 1)
	}
	return k.logit
}

// Compare holds the two sets against each other.
func (k *Kind) Compare(primary, shadow compare.Answer) compare.Delta {
	d := compare.Raw(primary, shadow, k.o.Output)
	a, b := primary.Prediction.Probabilities, shadow.Prediction.Probabilities
	both, either := 0, 0
	for i := range max(len(a), len(b)) {
		x := i < len(a) && a[i] >= k.o.Threshold
		y := i < len(b) && b[i] >= k.o.Threshold
		if x && y {
			both++
		}
		if x || y {
			either++
		}
	}
	d.Similarity = 1
	if either > 0 {
		d.Similarity = float64(both) / float64(either)
	}
	d.Agree = both == either
	return d
}
