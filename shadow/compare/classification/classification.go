// Package classification compares answers by their top class.
package classification

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Kind implements compare.Kind. Two answers agree where their top class is the
// same.
//
// The rule of compare.Auto: an output is probabilities where every element lies
// in [0, 1] and every row sums to 1 within 1 %; a single column in [0, 1] is the
// probability of the second of two classes; everything else is logits, and gets
// a softmax (a single column: a logistic function). The first 20 outputs
// decide, logits as soon as one says so; Decision has it in words.
type Kind struct {
	o compare.Options

	mu    sync.Mutex
	seen  int
	logit bool
}

// autoRows is how many outputs are looked at before the rule is settled.
const autoRows = 20

// New returns a Kind.
func New(o compare.Options) compare.Kind { return &Kind{o: o, logit: o.Softmax == compare.Always} }

// Decision says in words how outputs are read.
func (k *Kind) Decision() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.o.Softmax == compare.Always:
		return "logits, as configured: softmax applied"
	case k.o.Softmax == compare.Never:
		return "probabilities, as configured"
	case k.logit:
		return "logits: softmax applied, because elements lie outside [0, 1] or do not sum to 1"
	case k.seen == 0:
		return "undecided: no output seen yet"
	default:
		return fmt.Sprintf("probabilities: the first %d outputs lie in [0, 1] and sum to 1", k.seen)
	}
}

// Read reads the class and its probabilities.
func (k *Kind) Read(outputs []tensor.Tensor) (compare.Prediction, error) {
	t, err := compare.Pick(outputs, k.o.Output)
	if err != nil {
		return compare.Prediction{}, err
	}
	scores, err := compare.Finite(t)
	if err != nil {
		return compare.Prediction{}, err
	}
	return k.classify(t, scores), nil
}

// Compare holds the top classes against each other, and the probabilities.
func (k *Kind) Compare(primary, shadow compare.Answer) compare.Delta {
	d := compare.Raw(primary, shadow, k.o.Output)
	a, b := primary.Prediction, shadow.Prediction
	d.Agree = a.Class == b.Class
	if len(a.Probabilities) > 0 && len(a.Probabilities) == len(b.Probabilities) {
		d.JS = compare.JSDistance(a.Probabilities, b.Probabilities)
	}
	return d
}

func (k *Kind) classify(t tensor.Tensor, scores []float64) compare.Prediction {
	// A label and nothing else: a class without probabilities.
	if len(scores) == 1 && (t.Type == tensor.Int64 || t.Type == tensor.Int32) {
		return compare.Prediction{Class: int(scores[0]), Confidence: math.NaN(), Value: math.NaN()}
	}
	if k.logits(scores) {
		scores = softmax(scores)
	} else if len(scores) == 1 {
		scores = []float64{1 - scores[0], scores[0]}
	}
	p := compare.Prediction{Probabilities: scores, Value: math.NaN()}
	for i, v := range scores {
		if v > scores[p.Class] {
			p.Class = i
		}
	}
	p.Confidence = min(scores[p.Class], 1)
	return p
}

// logits settles, by the rule, whether the scores need a softmax.
func (k *Kind) logits(scores []float64) bool {
	if k.o.Softmax != compare.Auto && k.o.Softmax != "" {
		return k.o.Softmax == compare.Always
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.logit && k.seen < autoRows {
		k.seen++
		k.logit = !probabilities(scores)
	}
	return k.logit
}

func probabilities(scores []float64) bool {
	var sum float64
	for _, v := range scores {
		if v < 0 || v > 1 {
			return false
		}
		sum += v
	}
	return len(scores) == 1 || math.Abs(sum-1) <= .01
}

// softmax of several scores; of one, the logistic function as two classes.
func softmax(x []float64) []float64 {
	if len(x) == 1 {
		p := 1 / (1 + math.Exp(-x[0]))
		return []float64{1 - p, p}
	}
	most := slices.Max(x)
	out := make([]float64, len(x))
	var sum float64
	for i, v := range x {
		out[i] = math.Exp(v - most)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}
