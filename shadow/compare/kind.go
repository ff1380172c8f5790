package compare

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// ErrOutput: an output that does not hold what it should.
var ErrOutput = errors.New("output cannot be read")

// Softmax says whether an output holds logits.
type Softmax string

// Auto looks at the first outputs and decides by a rule, see the kind.
const (
	Auto   Softmax = "auto"
	Always Softmax = "always"
	Never  Softmax = "never"
)

// Options say what a model's outputs mean. Each kind reads those that concern
// it.
type Options struct {
	Kind    string  // a row of kinds.Table
	Output  string  // name of the output to read; "" is the widest numeric one
	Softmax Softmax // of a classification's output, and of a multi-label's logistic function
	// Tolerance is the relative difference up to which two values agree; of a
	// similarity, how far it may be from 1.
	Tolerance float64
	// Absolute is the absolute difference up to which raw elements agree.
	Absolute float64
	// ULPs is how many representable numbers apart raw elements may be.
	ULPs uint64
	// Threshold is the probability from which a label is set or a box counts.
	Threshold float64
	// IoU is the intersection over union from which two boxes are the same.
	IoU float64
	// Boxes, Scores and Classes name a detector's outputs; all empty where one
	// output has rows of x1, y1, x2, y2, score, class.
	Boxes, Scores, Classes string
	// Centres: boxes are centre x, centre y, width, height; else x1, y1, x2, y2.
	Centres bool
	// Pad is the token that fills sequences up; -1 for none.
	Pad int64
}

// Kind reads one kind of answers and says how two of them differ. Safe for
// concurrent use.
type Kind interface {
	// Read reads the prediction of one record. ErrOutput where the outputs do
	// not hold one.
	Read(outputs []tensor.Tensor) (Prediction, error)
	// Compare takes the differences of two answers to the same input.
	Compare(primary, shadow Answer) Delta
	// Decision says in words how outputs are read.
	Decision() string
}

// Pick finds the output to read: the named one, else the widest numeric one
// (probabilities rather than the label that scikit-learn puts first).
func Pick(outputs []tensor.Tensor, name string) (tensor.Tensor, error) {
	if name != "" {
		i := slices.IndexFunc(outputs, func(t tensor.Tensor) bool { return t.Name == name })
		if i < 0 {
			return tensor.Tensor{}, fmt.Errorf("%w: there is no output %q", ErrOutput, name)
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

// Finite are a tensor's elements, at least one; a NaN or an infinity among
// them is ErrOutput.
func Finite(t tensor.Tensor) ([]float64, error) {
	v, err := t.AppendFloat64s(nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOutput, err)
	}
	if len(v) == 0 {
		return nil, fmt.Errorf("%w: %q is empty", ErrOutput, t.Name)
	}
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("%w: element %d of %q is %v", ErrOutput, i, t.Name, x)
		}
	}
	return v, nil
}

// Raw starts a delta: the raw differences of the output that is read, element
// by element, where both have it in the same size.
func Raw(primary, shadow Answer, output string) Delta {
	d := Delta{JS: math.NaN(), Similarity: math.NaN()}
	x, errX := Pick(primary.Outputs, output)
	y, errY := Pick(shadow.Outputs, output)
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
		if math.IsNaN(d) || math.IsInf(d, 0) {
			continue
		}
		most = max(most, d)
		mean += d / float64(n)
	}
	return most, mean
}

// JSDistance is the Jensen-Shannon distance to base 2 of two sets of
// probabilities.
func JSDistance(p, q []float64) float64 {
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
