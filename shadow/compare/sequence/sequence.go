// Package sequence compares answers that are sequences of tokens.
package sequence

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Kind implements compare.Kind. Tokens are an integer output's elements, the
// largest of the last dimension's scores at each place of an output of real
// numbers, or the words of a string. Tokens equal to Pad at the end do not
// count. The similarity is the share of places with the same token, of the
// longer sequence's; answers agree where it is at least 1 - Tolerance. The
// value of a prediction is how many tokens it has.
type Kind struct{ o compare.Options }

// New returns a Kind.
func New(o compare.Options) compare.Kind { return Kind{o} }

// Decision says in words how outputs are read.
func (Kind) Decision() string {
	return "tokens: integers as they are, scores by the largest, strings by their words"
}

// Read counts the tokens.
func (k Kind) Read(outputs []tensor.Tensor) (compare.Prediction, error) {
	tokens, err := k.tokens(outputs)
	if err != nil {
		return compare.Prediction{}, err
	}
	return compare.Prediction{Class: -1, Confidence: math.NaN(), Value: float64(len(tokens))}, nil
}

// Compare holds the tokens against each other, place by place.
func (k Kind) Compare(primary, shadow compare.Answer) compare.Delta {
	d := compare.Delta{JS: math.NaN()}
	a, errA := k.tokens(primary.Outputs)
	b, errB := k.tokens(shadow.Outputs)
	if errA != nil || errB != nil {
		return d
	}
	same := 0
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			same++
		}
	}
	d.Similarity = 1
	if n := max(len(a), len(b)); n > 0 {
		d.Similarity = float64(same) / float64(n)
	}
	d.Agree = d.Similarity >= 1-k.o.Tolerance
	return d
}

func (k Kind) tokens(outputs []tensor.Tensor) ([]string, error) {
	t, err := k.pick(outputs)
	if err != nil {
		return nil, err
	}
	var out []string
	switch {
	case t.Type == tensor.Bytes:
		for _, s := range t.Strings {
			for _, word := range bytes.Fields(s) {
				out = append(out, string(word))
			}
		}
		return out, nil
	case t.Type == tensor.Float16 || t.Type == tensor.BFloat16 || t.Type == tensor.Float32 || t.Type == tensor.Float64:
		out, err = largest(t)
	default:
		for i := range t.Len() {
			out = append(out, strconv.FormatInt(int64(t.Float64At(i)), 10))
		}
	}
	pad := strconv.FormatInt(k.o.Pad, 10)
	for k.o.Pad >= 0 && len(out) > 0 && out[len(out)-1] == pad {
		out = out[:len(out)-1]
	}
	return out, err
}

func (k Kind) pick(outputs []tensor.Tensor) (tensor.Tensor, error) {
	text := func(t tensor.Tensor) bool { return t.Type == tensor.Bytes }
	if i := slices.IndexFunc(outputs, text); k.o.Output == "" && i >= 0 && !slices.ContainsFunc(outputs, func(t tensor.Tensor) bool { return !text(t) }) {
		return outputs[i], nil
	}
	return compare.Pick(outputs, k.o.Output)
}

// largest is, at each place, which score of the last dimension is the largest.
func largest(t tensor.Tensor) ([]string, error) {
	if len(t.Shape) < 2 || t.Shape[len(t.Shape)-1] < 1 {
		return nil, fmt.Errorf("%w: %q has shape %v; scores of tokens have the vocabulary as the last dimension", compare.ErrOutput, t.Name, t.Shape)
	}
	v, err := t.AppendFloat64s(nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", compare.ErrOutput, err)
	}
	var out []string
	for row := range slices.Chunk(v, int(t.Shape[len(t.Shape)-1])) {
		best := 0
		for i, x := range row {
			if x > row[best] {
				best = i
			}
		}
		out = append(out, strconv.Itoa(best))
	}
	return out, nil
}
