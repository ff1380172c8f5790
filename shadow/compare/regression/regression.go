// Package regression compares answers by their value.
package regression

import (
	"math"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Kind implements compare.Kind. Two values agree where they differ by at most
// Tolerance relative to the larger.
type Kind struct{ o compare.Options }

// New returns a Kind.
func New(o compare.Options) compare.Kind { return Kind{o} }

// Decision says in words how outputs are read.
func (Kind) Decision() string { return "value: the output's first element" }

// Read reads the output's first element.
func (k Kind) Read(outputs []tensor.Tensor) (compare.Prediction, error) {
	t, err := compare.Pick(outputs, k.o.Output)
	if err != nil {
		return compare.Prediction{}, err
	}
	v, err := compare.Finite(t)
	if err != nil {
		return compare.Prediction{}, err
	}
	return compare.Prediction{Class: -1, Confidence: math.NaN(), Value: v[0]}, nil
}

// Compare holds the values against each other.
func (k Kind) Compare(primary, shadow compare.Answer) compare.Delta {
	d := compare.Raw(primary, shadow, k.o.Output)
	a, b := primary.Prediction.Value, shadow.Prediction.Value
	d.Agree = math.Abs(a-b) <= k.o.Tolerance*max(math.Abs(a), math.Abs(b))
	return d
}
