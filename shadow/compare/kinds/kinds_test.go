package kinds

import (
	"errors"
	"math"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

func floats(name string, shape []int64, v ...float32) tensor.Tensor {
	return tensor.FromFloat32s(name, v, shape...)
}

func numbers(t *testing.T, typ tensor.DataType, v ...float64) []tensor.Tensor {
	t.Helper()
	x, err := tensor.New("y", typ, 1, int64(len(v)))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range v {
		x.SetFloat64(i, f)
	}
	return []tensor.Tensor{x}
}

func row(v ...float32) []tensor.Tensor {
	return []tensor.Tensor{floats("y", []int64{1, int64(len(v))}, v...)}
}

func boxes(v ...float32) []tensor.Tensor {
	return []tensor.Tensor{floats("boxes", []int64{int64(len(v) / 6), 6}, v...)}
}

func text(s string) []tensor.Tensor {
	return []tensor.Tensor{{Name: "y", Type: tensor.Bytes, Shape: []int64{1}, Strings: [][]byte{[]byte(s)}}}
}

func set(b, s, c []float32) []tensor.Tensor {
	n := int64(len(s))
	return []tensor.Tensor{floats("b", []int64{1, n, 4}, b...), floats("s", []int64{1, n}, s...), floats("c", []int64{1, n}, c...)}
}

// TestKinds: two answers of each kind, what the first means, how they differ.
// The expected figures follow from the definitions in the kinds' comments.
func TestKinds(t *testing.T) {
	for name, c := range map[string]struct {
		o          compare.Options
		a, b       []tensor.Tensor
		value      float64 // of a's prediction
		agree      bool
		similarity float64 // NaN: the kind has none
	}{
		"values within":        {compare.Options{Kind: "regression", Tolerance: .01}, row(100), row(100.9), 100, true, math.NaN()},
		"values apart":         {compare.Options{Kind: "regression", Tolerance: .01}, row(100), row(102), 100, false, math.NaN()},
		"labels the same":      {compare.Options{Kind: "multilabel"}, row(.9, .1, .7), row(.8, .2, .6), 2, true, 1},
		"one label of three":   {compare.Options{Kind: "multilabel"}, row(.9, .9, .1), row(.9, .1, .9), 2, false, 1. / 3},
		"no label":             {compare.Options{Kind: "multilabel"}, row(.1, .1), row(.2, .2), 0, true, 1},
		"labels as logits":     {compare.Options{Kind: "multilabel"}, row(3, -3), row(2, -1), 1, true, 1},
		"vectors":              {compare.Options{Kind: "embedding", Tolerance: .001}, row(3, 4), row(6, 8), 5, true, 1},
		"vectors at 60 degree": {compare.Options{Kind: "embedding", Tolerance: .001}, row(1, 0), row(.5, .8660254), 1, false, .5},
		"zero vectors":         {compare.Options{Kind: "embedding"}, row(0, 0), row(0, 0), 0, true, 1},
		"zero and other":       {compare.Options{Kind: "embedding"}, row(0, 0), row(1, 0), 0, false, 0},
		"boxes in any order":   {compare.Options{Kind: "detection"}, boxes(0, 0, 10, 10, .9, 1, 20, 20, 30, 30, .8, 2), boxes(20, 20, 30, 30, .7, 2, 0, 0, 10, 9, .6, 1), 2, true, 1},
		"another class":        {compare.Options{Kind: "detection"}, boxes(0, 0, 10, 10, .9, 1), boxes(0, 0, 10, 10, .9, 2), 1, false, 0},
		"one box too many":     {compare.Options{Kind: "detection"}, boxes(0, 0, 10, 10, .9, 1), boxes(0, 0, 10, 10, .9, 1, 50, 50, 60, 60, .9, 1), 1, false, 2. / 3},
		"one box twice":        {compare.Options{Kind: "detection"}, boxes(0, 0, 10, 10, .9, 1), boxes(0, 0, 10, 10, .9, 1, 0, 0, 10, 10, .9, 1), 1, false, 2. / 3},
		"overlap of a third":   {compare.Options{Kind: "detection"}, boxes(0, 0, 10, 10, .9, 1), boxes(5, 0, 15, 10, .9, 1), 1, false, 0},
		"no box":               {compare.Options{Kind: "detection"}, boxes(), boxes(0, 0, 1, 1, .1, 1), 0, true, 1},
		"boxes apart": {compare.Options{Kind: "detection", Boxes: "b", Scores: "s", Classes: "c", Centres: true},
			set([]float32{5, 5, 10, 10}, []float32{.9}, []float32{1}), set([]float32{5, 5, 10, 9, 90, 90, 5, 5}, []float32{.8, .2}, []float32{1, 1}), 1, true, 1},
		"tokens":            {compare.Options{Kind: "sequence", Pad: -1}, numbers(t, tensor.Int64, 5, 6, 7, 8), numbers(t, tensor.Int64, 5, 6, 9, 8), 4, false, .75},
		"tokens and filler": {compare.Options{Kind: "sequence", Pad: 0}, numbers(t, tensor.Int64, 5, 6, 0, 0), numbers(t, tensor.Int64, 5, 6), 2, true, 1},
		"scores of tokens": {compare.Options{Kind: "sequence", Pad: -1}, []tensor.Tensor{floats("y", []int64{1, 2, 3}, 0, 9, 1, 5, 1, 1)},
			[]tensor.Tensor{floats("y", []int64{1, 2, 3}, 1, 2, 1, 1, 5, 1)}, 2, false, .5},
		"words":           {compare.Options{Kind: "sequence", Pad: -1}, text("the cat sat"), text("the dog sat down"), 3, false, .5},
		"raw, exact":      {compare.Options{Kind: "raw"}, row(1, 2), row(1, 2), 1.5, true, math.NaN()},
		"raw, relative":   {compare.Options{Kind: "raw", Tolerance: .01}, row(1, 100), row(1, 100.5), 50.5, true, math.NaN()},
		"raw, absolute":   {compare.Options{Kind: "raw", Absolute: .1}, row(0, 1), row(.05, 1), .5, true, math.NaN()},
		"raw, too far":    {compare.Options{Kind: "raw", Tolerance: .001}, row(1, 100), row(1, 101), 50.5, false, math.NaN()},
		"raw, one ULP":    {compare.Options{Kind: "raw", ULPs: 1}, row(1), row(math.Nextafter32(1, 2)), 1, true, math.NaN()},
		"raw, two ULPs":   {compare.Options{Kind: "raw", ULPs: 1}, row(1), row(math.Nextafter32(math.Nextafter32(1, 2), 2)), 1, false, math.NaN()},
		"raw, NaN twice":  {compare.Options{Kind: "raw"}, row(float32(math.NaN())), row(float32(math.NaN())), 0, true, math.NaN()},
		"raw, NaN once":   {compare.Options{Kind: "raw", Tolerance: 1, Absolute: 9, ULPs: 9}, row(float32(math.NaN())), row(1), 0, false, math.NaN()},
		"raw, types":      {compare.Options{Kind: "raw"}, numbers(t, tensor.Int64, 1), numbers(t, tensor.Int32, 1), 1, false, math.NaN()},
		"raw, half ULP":   {compare.Options{Kind: "raw", ULPs: 1}, numbers(t, tensor.Float16, 1), numbers(t, tensor.Float16, 1.0009765625), 1, true, math.NaN()},
		"raw, minus zero": {compare.Options{Kind: "raw"}, row(0), row(float32(math.Copysign(0, -1))), 0, true, math.NaN()},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := New(c.o)
			if err != nil {
				t.Fatal(err)
			}
			p, errA := k.Read(c.a)
			q, errB := k.Read(c.b)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if p.Value != c.value || p.Class != -1 || k.Decision() == "" {
				t.Errorf("%+v, want the value %v", p, c.value)
			}
			d := k.Compare(compare.Answer{Prediction: p, Outputs: c.a}, compare.Answer{Prediction: q, Outputs: c.b})
			back := k.Compare(compare.Answer{Prediction: q, Outputs: c.b}, compare.Answer{Prediction: p, Outputs: c.a})
			same := math.IsNaN(c.similarity) && math.IsNaN(d.Similarity) || math.Abs(d.Similarity-c.similarity) < 1e-6
			if d.Agree != c.agree || back.Agree != c.agree || !same {
				t.Errorf("%+v, want agree %v, similarity %v", d, c.agree, c.similarity)
			}
			self := k.Compare(compare.Answer{Prediction: p, Outputs: c.a}, compare.Answer{Prediction: p, Outputs: c.a})
			if !self.Agree {
				t.Errorf("an answer does not agree with itself: %+v", self)
			}
		})
	}
}

// TestNothingBreaks: every kind gets what no model should answer.
func TestNothingBreaks(t *testing.T) {
	nan := float32(math.NaN())
	strange := [][]tensor.Tensor{nil, {}, row(), row(nan), row(1, nan), text(""), {floats("y", nil, 1)}, boxes(nan, nan, nan, nan, nan, nan), {floats("y", []int64{2, 0})}}
	for _, r := range Table() {
		k := r.New(compare.Options{Kind: r.Name, Pad: -1})
		for _, a := range strange {
			for _, b := range strange {
				p, err := k.Read(a)
				if err != nil && !errors.Is(err, compare.ErrOutput) {
					t.Errorf("%s: %v", r.Name, err)
				}
				if err == nil && p.Class < 0 && (math.IsNaN(p.Value) || math.IsInf(p.Value, 0)) {
					t.Errorf("%s: %v is read as %v", r.Name, a, p.Value)
				}
				k.Compare(compare.Answer{Prediction: p, Outputs: a}, compare.Answer{Outputs: b})
			}
		}
	}
	if _, err := New(compare.Options{Kind: "guess"}); err == nil {
		t.Error("a kind that does not exist")
	}
}
