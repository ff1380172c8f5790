// Package embedding compares answers that are vectors in a space.
package embedding

import (
	"math"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Kind implements compare.Kind. The similarity is the cosine of the two
// vectors, -1 to 1; they agree where it is at least 1 - Tolerance. Two zero
// vectors are equal; one has cosine 0 with everything else. The value of a
// prediction is the vector's length.
type Kind struct{ o compare.Options }

// New returns a Kind.
func New(o compare.Options) compare.Kind { return Kind{o} }

// Decision says in words how outputs are read.
func (Kind) Decision() string { return "a vector: all elements of the output" }

// Read reads the vector's length; the vector itself stays in the outputs.
func (k Kind) Read(outputs []tensor.Tensor) (compare.Prediction, error) {
	t, err := compare.Pick(outputs, k.o.Output)
	if err != nil {
		return compare.Prediction{}, err
	}
	v, err := compare.Finite(t)
	if err != nil {
		return compare.Prediction{}, err
	}
	return compare.Prediction{Class: -1, Confidence: math.NaN(), Value: math.Sqrt(dot(v, v))}, nil
}

// Compare takes the cosine.
func (k Kind) Compare(primary, shadow compare.Answer) compare.Delta {
	d := compare.Raw(primary, shadow, k.o.Output)
	a, b := vector(primary, k.o.Output), vector(shadow, k.o.Output)
	d.Similarity = cosine(a, b)
	d.Agree = d.Similarity >= 1-k.o.Tolerance
	return d
}

func vector(a compare.Answer, output string) []float64 {
	t, err := compare.Pick(a.Outputs, output)
	if err != nil {
		return nil
	}
	v, err := compare.Finite(t)
	if err != nil {
		return nil
	}
	return v
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func cosine(a, b []float64) float64 {
	if len(a) == 0 || len(a) != len(b) {
		return 0
	}
	aa, bb := dot(a, a), dot(b, b)
	switch {
	case aa == 0 && bb == 0:
		return 1
	case aa == 0 || bb == 0:
		return 0
	}
	return min(max(dot(a, b)/math.Sqrt(aa)/math.Sqrt(bb), -1), 1)
}
