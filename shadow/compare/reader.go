package compare

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// ErrOutput: an output that does not hold what it should.
var ErrOutput = errors.New("output cannot be read")

// Softmax says whether an output holds logits.
type Softmax string

// Auto looks at the first outputs and decides by a rule, see Reader.
const (
	Auto   Softmax = "auto"
	Always Softmax = "always"
	Never  Softmax = "never"
)

// Options say what a model's outputs mean.
type Options struct {
	Kind    string  // "classification" or "regression"
	Output  string  // name of the output to read; "" is the widest numeric one
	Softmax Softmax // of a classification's output
	// Tolerance is the relative difference up to which two values agree.
	Tolerance float64
}

// Reader reads predictions out of outputs. Safe for concurrent use.
//
// The rule of Auto: an output is probabilities where every element lies in
// [0, 1] and every row sums to 1 within 1 %; a single column in [0, 1] is the
// probability of the second of two classes; everything else is logits, and gets
// a softmax (a single column: a logistic function). The first 20 outputs
// decide, logits as soon as one says so; Decision has it in words.
type Reader struct {
	o Options

	mu    sync.Mutex
	seen  int
	logit bool
}

// autoRows is how many outputs are looked at before the rule is settled.
const autoRows = 20

// NewReader returns a Reader.
func NewReader(o Options) *Reader { return &Reader{o: o, logit: o.Softmax == Always} }

// Decision says in words how outputs are read.
func (r *Reader) Decision() string {
	if r.o.Kind == "regression" {
		return "value: the output's first element"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.o.Softmax == Always:
		return "logits, as configured: softmax applied"
	case r.o.Softmax == Never:
		return "probabilities, as configured"
	case r.logit:
		return "logits: softmax applied, because elements lie outside [0, 1] or do not sum to 1"
	case r.seen == 0:
		return "undecided: no output seen yet"
	default:
		return fmt.Sprintf("probabilities: the first %d outputs lie in [0, 1] and sum to 1", r.seen)
	}
}

// Read reads the prediction of one record. A NaN or an infinity among the
// scores is ErrOutput.
func (r *Reader) Read(outputs []tensor.Tensor) (Prediction, error) {
	t, err := r.pick(outputs)
	if err != nil {
		return Prediction{}, err
	}
	scores, err := t.AppendFloat64s(nil)
	if err != nil {
		return Prediction{}, fmt.Errorf("%w: %w", ErrOutput, err)
	}
	if len(scores) == 0 {
		return Prediction{}, fmt.Errorf("%w: %q is empty", ErrOutput, t.Name)
	}
	for i, v := range scores {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Prediction{}, fmt.Errorf("%w: element %d of %q is %v", ErrOutput, i, t.Name, v)
		}
	}
	if r.o.Kind == "regression" {
		return Prediction{Class: -1, Confidence: math.NaN(), Value: scores[0]}, nil
	}
	return r.classify(t, scores), nil
}

// pick finds the output to read: the named one, else the widest numeric one
// (probabilities rather than the label that scikit-learn puts first).
func (r *Reader) pick(outputs []tensor.Tensor) (tensor.Tensor, error) {
	if r.o.Output != "" {
		i := slices.IndexFunc(outputs, func(t tensor.Tensor) bool { return t.Name == r.o.Output })
		if i < 0 {
			return tensor.Tensor{}, fmt.Errorf("%w: there is no output %q", ErrOutput, r.o.Output)
		}
		return outputs[i], nil
	}
	best := -1
	for i, t := range outputs {
		if t.Type.Numeric() && (best < 0 || t.Len() > outputs[best].Len()) {
			best = i
		}
	}
	if best < 0 {
		return tensor.Tensor{}, fmt.Errorf("%w: there is no numeric output", ErrOutput)
	}
	return outputs[best], nil
}

func (r *Reader) classify(t tensor.Tensor, scores []float64) Prediction {
	// A label and nothing else: a class without probabilities.
	if len(scores) == 1 && (t.Type == tensor.Int64 || t.Type == tensor.Int32) {
		return Prediction{Class: int(scores[0]), Confidence: math.NaN(), Value: math.NaN()}
	}
	if r.logits(scores) {
		scores = softmax(scores)
	} else if len(scores) == 1 {
		scores = []float64{1 - scores[0], scores[0]}
	}
	p := Prediction{Probabilities: scores, Value: math.NaN()}
	for i, v := range scores {
		if v > scores[p.Class] {
			p.Class = i
		}
	}
	p.Confidence = min(scores[p.Class], 1)
	return p
}

// logits settles, by the rule, whether the scores need a softmax.
func (r *Reader) logits(scores []float64) bool {
	if r.o.Softmax != Auto && r.o.Softmax != "" {
		return r.o.Softmax == Always
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.logit && r.seen < autoRows {
		r.seen++
		r.logit = !probabilities(scores)
	}
	return r.logit
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

// Comparer says how two answers differ. Immutable, safe for concurrent use.
type Comparer struct{ o Options }

// NewComparer returns a Comparer.
func NewComparer(o Options) Comparer { return Comparer{o} }

// Compare takes the differences of two answers to the same input. Classes
// agree where they are the same; values where they differ by at most Tolerance
// relative to the larger. Raw outputs are compared element by element where
// both have the output that is read, in the same size.
func (c Comparer) Compare(primary, shadow Answer) Delta {
	a, b := primary.Prediction, shadow.Prediction
	d := Delta{JS: math.NaN()}
	if c.o.Kind == "regression" {
		d.Agree = math.Abs(a.Value-b.Value) <= c.o.Tolerance*max(math.Abs(a.Value), math.Abs(b.Value))
	} else {
		d.Agree = a.Class == b.Class
	}
	if len(a.Probabilities) > 0 && len(a.Probabilities) == len(b.Probabilities) {
		d.JS = jsDistance(a.Probabilities, b.Probabilities)
	}
	r := Reader{o: c.o}
	x, errX := r.pick(primary.Outputs)
	y, errY := r.pick(shadow.Outputs)
	if errX == nil && errY == nil {
		d.MaxAbs, d.MeanAbs = differences(x, y)
	}
	return d
}

func differences(x, y tensor.Tensor) (most, mean float64) {
	n := x.Len()
	if n == 0 || n != y.Len() {
		return 0, 0
	}
	for i := range n {
		d := math.Abs(x.Float64At(i) - y.Float64At(i))
		if math.IsNaN(d) {
			continue
		}
		most = max(most, d)
		mean += d / float64(n)
	}
	return most, mean
}

// jsDistance is the Jensen-Shannon distance to base 2 of two sets of
// probabilities.
func jsDistance(p, q []float64) float64 {
	var sum float64
	for i := range p {
		m := (p[i] + q[i]) / 2
		if p[i] > 0 {
			sum += p[i] * math.Log2(p[i]/m)
		}
		if q[i] > 0 {
			sum += q[i] * math.Log2(q[i]/m)
		}
	}
	return math.Sqrt(min(max(sum/2, 0), 1))
}
