// Package raw compares answers element by element.
package raw

import (
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Kind implements compare.Kind on the named output, else on all of them. Two
// elements agree where they differ by at most Absolute, by at most Tolerance
// relative to the larger, or where at most ULPs representable numbers of their
// type lie between them; answers agree where all elements do and types and
// shapes are the same. NaN agrees with NaN. The value of a prediction is the
// mean of its elements.
type Kind struct{ o compare.Options }

// New returns a Kind.
func New(o compare.Options) compare.Kind { return Kind{o} }

// Decision says in words how outputs are read.
func (k Kind) Decision() string {
	if k.o.Output == "" {
		return "raw elements of every output"
	}
	return "raw elements of the output"
}

// Read takes the mean of the elements.
func (k Kind) Read(outputs []tensor.Tensor) (compare.Prediction, error) {
	t, err := compare.Pick(outputs, k.o.Output)
	if err != nil {
		return compare.Prediction{}, err
	}
	var sum float64
	for i := range t.Len() {
		sum += t.Float64At(i)
	}
	p := compare.Prediction{Class: -1, Confidence: math.NaN(), Value: sum / float64(t.Len())}
	if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
		p.Value = 0 // a value to watch must be a number; the comparison sees the elements
	}
	return p, nil
}

// Compare holds all elements against each other.
func (k Kind) Compare(primary, shadow compare.Answer) compare.Delta {
	d := compare.Raw(primary, shadow, k.o.Output)
	d.Agree = len(primary.Outputs) > 0
	for _, x := range primary.Outputs {
		if k.o.Output != "" && x.Name != k.o.Output {
			continue
		}
		i := slices.IndexFunc(shadow.Outputs, func(t tensor.Tensor) bool { return t.Name == x.Name })
		if i < 0 && len(primary.Outputs) == 1 && len(shadow.Outputs) == 1 {
			i = 0 // the one output of each, whatever it is called
		}
		if i < 0 {
			d.Agree = false
			continue
		}
		k.tensors(&d, x, shadow.Outputs[i])
	}
	return d
}

func (k Kind) tensors(d *compare.Delta, x, y tensor.Tensor) {
	if x.Type != y.Type || !slices.Equal(x.Shape, y.Shape) {
		d.Agree = false
		return
	}
	if x.Type == tensor.Bytes {
		d.Agree = d.Agree && slices.EqualFunc(x.Strings, y.Strings, slices.Equal)
		return
	}
	for i := range x.Len() {
		a, b := x.Float64At(i), y.Float64At(i)
		if a == b || math.IsNaN(a) && math.IsNaN(b) {
			continue
		}
		abs := math.Abs(a - b)
		rel, ulps := abs/max(math.Abs(a), math.Abs(b)), distance(x.Type, a, b)
		if math.IsNaN(rel) {
			rel = math.Inf(1)
		}
		d.MaxRel, d.MaxULP = max(d.MaxRel, rel), max(d.MaxULP, ulps)
		if !(abs <= k.o.Absolute || rel <= k.o.Tolerance || ulps <= k.o.ULPs) {
			d.Agree = false
		}
	}
}

// distance is how many representable numbers of a type lie between two of
// them, the second counted: 0 for equal ones (also for 0 and -0), the largest
// number for a NaN. Integers count one by one.
func distance(t tensor.DataType, a, b float64) uint64 {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.MaxUint64
	}
	var x, y int64
	switch t {
	case tensor.Float32:
		x, y = ordered(uint64(math.Float32bits(float32(a))), 31), ordered(uint64(math.Float32bits(float32(b))), 31)
	case tensor.Float16:
		x, y = ordered(uint64(tensor.Float32ToFloat16(float32(a))), 15), ordered(uint64(tensor.Float32ToFloat16(float32(b))), 15)
	case tensor.BFloat16:
		x, y = ordered(uint64(math.Float32bits(float32(a))>>16), 15), ordered(uint64(math.Float32bits(float32(b))>>16), 15)
	case tensor.Float64:
		x, y = ordered(math.Float64bits(a), 63), ordered(math.Float64bits(b), 63)
	default:
		return uint64(math.Abs(a - b))
	}
	if x > y {
		x, y = y, x
	}
	return uint64(y) - uint64(x)
}

// ordered turns sign and magnitude into a number that grows with the value.
func ordered(bits uint64, sign uint) int64 {
	magnitude := int64(bits &^ (1 << sign))
	if bits>>sign&1 == 1 {
		return -magnitude
	}
	return magnitude
}
